#include "coulter/tune/json.hpp"

#include <nlohmann/json.hpp>

namespace coulter::tune {

nlohmann::ordered_json parse_json(std::string_view text) {
    return nlohmann::ordered_json::parse(text, nullptr, false);
}

std::string print_json(const nlohmann::ordered_json& json, int indent) {
    return json.dump(indent, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

} // namespace coulter::tune
