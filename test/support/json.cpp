#include "support/json.hpp"

#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <stdexcept>

namespace coulter::test {

nlohmann::json parse_json(const std::string& text) {
    return nlohmann::json::parse(text);
}

nlohmann::json read_json(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    std::stringstream text;
    text << file.rdbuf();
    if (!file) {
        throw std::runtime_error("cannot read " + path);
    }
    return parse_json(text.str());
}

} // namespace coulter::test
