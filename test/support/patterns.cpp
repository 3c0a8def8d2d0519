#include "support/patterns.hpp"

#include <regex>

namespace coulter::test {

bool has_match(const std::string& text, const std::string& pattern) {
    return std::regex_search(text, std::regex(pattern));
}

std::string replace_matches(const std::string& text, const std::string& pattern, const std::string& with) {
    return std::regex_replace(text, std::regex(pattern), with);
}

} // namespace coulter::test
