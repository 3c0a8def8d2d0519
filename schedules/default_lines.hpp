#pragma once
/// The lines of a default schedule, and the names that it makes.

#include "check_model.hpp"

#include <fmt/core.h>
#include <set>

namespace coulter::schedule {

/// A directive and the reason for it.
struct Step {
    std::string text;
    std::string why;
};

/// What the writers for a processor and for a device share.
class DefaultLines {
protected:
    explicit DefaultLines(const ir::Kernel& kernel) {
        const std::vector<std::string> names = detail::tensor_names(kernel);
        names_.insert(names.begin(), names.end());
    }

    void line(const std::string& text, const std::string& why) { text_ += fmt::format("{:<58} # {}\n", text, why); }
    void open(const std::string& stage) { text_ += fmt::format("stage {} {{\n", stage); }
    void step(const std::string& text, const std::string& why) { line("  " + text, why); }
    void steps(const std::vector<Step>& list) {
        for (const Step& each : list) {
            step(each.text, each.why);
        }
    }
    void close() { text_ += "}\n"; }

    /// `stem`, or the first of `stem2`, `stem3`... that no tensor has.
    [[nodiscard]] std::string free_name(const std::string& stem) {
        std::string name = stem;
        for (int n = 2; !names_.insert(name).second; ++n) {
            name = fmt::format("{}{}", stem, n);
        }
        return name;
    }

    [[nodiscard]] const std::string& text() const { return text_; }

private:
    std::set<std::string> names_;
    std::string text_;
};

} // namespace coulter::schedule
