#pragma once
/// What the environment asks of the tests that draw random cases; scripts/nightly sets both.

#include <cstdint>
#include <cstdlib>
#include <string>

namespace coulter::test {

/// Whether the long forms run: COULTER_LONG=1.
[[nodiscard]] inline bool is_long_run() {
    const char* value = std::getenv("COULTER_LONG");
    return value != nullptr && std::string(value) == "1";
}

/// What a test adds to its seeds: a million for each unit of COULTER_SEED, none without it.
[[nodiscard]] inline std::uint64_t first_seed() {
    const char* value = std::getenv("COULTER_SEED");
    return value == nullptr ? 0 : std::strtoull(value, nullptr, 10) * 1'000'000;
}

/// Ten times as many mutations of a text in a long run.
[[nodiscard]] inline std::uint64_t mutations(std::uint64_t count) {
    return is_long_run() ? 10 * count : count;
}

} // namespace coulter::test
