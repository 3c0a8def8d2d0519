#pragma once
/// What the bodies of macros are expanded with.

#include "coulter/schedule/syntax.hpp"

#include <map>
#include <set>

namespace coulter::schedule::detail {

inline constexpr std::size_t deepest_use = 32;
inline constexpr std::size_t most_directives = 100'000;

using Bindings = std::map<std::string, Argument>;

struct Macro {
    const Statement* statement = nullptr;
    int layer = 0;
    std::string prefix; ///< of the function that carries it
};

/// What a macro's body is expanded with.
struct Scope {
    int layer = 0;
    std::string prefix; ///< of the macros that need no prefix here
    Bindings bindings;
    std::vector<Note> via;
    std::set<const Statement*> open; ///< macros that are being expanded
};

inline std::string text_of(const Argument& argument) {
    if (argument.number) {
        return argument.number->symbol.empty() ? std::to_string(argument.number->value) : argument.number->symbol;
    }
    return argument.name.text;
}

} // namespace coulter::schedule::detail
