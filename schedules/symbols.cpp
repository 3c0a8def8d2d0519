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

std::string main_symbol(const std::string& kernel, const std::string& variant) {
    return c_name(kernel) + (variant.empty() ? "__main" : "__variant_" + c_name(variant));
}

std::string pack_symbol(const std::string& kernel, const std::string& stage, const std::string& variant) {
    const std::string owner = variant.empty() ? c_name(kernel) : main_symbol(kernel, variant);
    return owner + "__pack_" + c_name(stage);
}

std::string plan_symbol(const std::string& kernel) {
    return c_name(kernel) + "__plan";
}

} // namespace coulter::schedule
