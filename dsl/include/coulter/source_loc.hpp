#pragma once
/// Where the author wrote something.

namespace coulter {

/// A file and a line, taken where a defaulted argument `SourceLoc::here()` is evaluated: at the call, also when the
/// call is an implicit conversion. (clang 14 has no std::source_location.)
struct SourceLoc {
    const char* file = "";
    int line = 0;

    [[nodiscard]] static constexpr SourceLoc here(const char* file = __builtin_FILE(), int line = __builtin_LINE()) {
        return {file, line};
    }
};

} // namespace coulter
