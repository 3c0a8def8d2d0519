#pragma once
/// What library functions refuse: whole messages as goldens.

#include "support/golden.hpp"
#include "support/patterns.hpp"

#include <coulter/coulter.h>
#include <doctest/doctest.h>
#include <functional>
#include <string>
#include <vector>

namespace coulter::test {

struct Refused {
    const char* name; ///< of the golden
    std::function<Kernel()> make;
};

/// What an author reads, without the lines of library functions and of tests, which move.
[[nodiscard]] inline std::string refusal(const std::function<Kernel()>& make) {
    try {
        (void)make();
    } catch (const LanguageError& error) {
        const std::string text =
            replace_matches(std::string(error.what()), "(models/)?library_refused_\\w+\\.cpp:[0-9]+", "model.cpp");
        return replace_matches(text, "\\.cpp:[0-9]+: ", ".cpp: ");
    } catch (const std::invalid_argument& error) {
        return error.what();
    }
    return "accepted";
}

[[nodiscard]] inline Kernel kernel_of(const Tensor& result) {
    return Kernel("refused", {result});
}

inline void check_refusals(const std::vector<Refused>& cases) {
    for (const Refused& each : cases) {
        const std::string name = each.name;
        CAPTURE(name);
        const std::string text = refusal(each.make);
        CHECK(text != "accepted");
        CHECK(golden_difference("models/refused/" + name, text) == "");
    }
}

} // namespace coulter::test
