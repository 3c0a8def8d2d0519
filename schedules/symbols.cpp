#include "coulter/schedule/symbols.hpp"

namespace coulter::schedule {

std::string c_name(const std::string& name) {
    std::string out;
    for (const char c : name) {
        if (c == '.' || c == '[' || c == ':') {
            out += '_';
        } else if (c != ']') {
            out += c;
        }
    }
    return out;
}

std::string main_symbol(const std::string& kernel) { return c_name(kernel) + "__main"; }

std::string pack_symbol(const std::string& kernel, const std::string& stage) {
    return c_name(kernel) + "__pack_" + c_name(stage);
}

std::string plan_symbol(const std::string& kernel) { return c_name(kernel) + "__plan"; }

} // namespace coulter::schedule
