#pragma once
/// Names of targets, as in `--target`, in a `target` line and in CMake.

#include <optional>
#include <string>
#include <vector>

namespace coulter::schedule {

/// A processor to compile for. Names are `host`, or `x86-64` with the highest instruction set appended:
/// `x86-64-sse41`, `x86-64-avx2`, `x86-64-avx512`, `x86-64-avx512_zen4`, `x86-64-avx512_sapphirerapids`.
struct Target {
    std::string name;
    int vector_bytes = 16;
    int vector_registers = 16;
    std::string halide; ///< Halide's own name of it
};

/// Nothing for an unknown name; `host` is resolved to the best name that this machine runs.
[[nodiscard]] std::optional<Target> find_target(const std::string& name);

/// Every name that find_target knows, `host` first.
[[nodiscard]] std::vector<std::string> target_names();

/// Whether a schedule whose `target` line says `wanted` applies when compiling for `given`: the same name, or a
/// processor that has at least the wanted instruction sets.
[[nodiscard]] bool target_matches(const std::string& wanted, const std::string& given);

} // namespace coulter::schedule
