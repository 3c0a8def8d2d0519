#pragma once
/// Names of targets, as in `--target`, in a `target` line and in CMake.

#include "coulter/schedule/plan.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace coulter::schedule {

/// A processor to compile for, and the interface of the GPU beside it. Names are `host`, or `x86-64` with the highest
/// instruction set appended: `x86-64-sse41`, `x86-64-avx2`, `x86-64-avx512`, `x86-64-avx512_zen4`,
/// `x86-64-avx512_sapphirerapids`; `-opencl` or `-cuda` at the end of any of them adds a device.
struct Target {
    std::string name;
    int vector_bytes = 16;
    int vector_registers = 16;
    std::string halide; ///< Halide's own name of it
    Device device = Device::none;
};

/// Nothing for an unknown name; `host` is resolved to the best name that this machine runs.
[[nodiscard]] std::optional<Target> find_target(const std::string& name);

/// Every processor that find_target knows, `host` first; without devices, whose suffixes are device_suffixes().
[[nodiscard]] std::vector<std::string> target_names();

/// `-opencl` and `-cuda`.
[[nodiscard]] std::vector<std::string> device_suffixes();

/// The device that a name of a target ends with.
[[nodiscard]] Device device_of(std::string_view name);

/// The target names in a help text: a likely one for `given`, then `what` and all of them.
[[nodiscard]] std::string target_choices(const std::string& given, const std::string& what);

/// What a variant is compiled for in a library for `library`: its own processor beside the library's device.
[[nodiscard]] Target variant_target(const Condition& when, const Target& library);

/// Where coulter-lower puts the object for `target` when it was told to write the one for `library` to `object`.
[[nodiscard]] std::string target_object(const std::string& object, const Target& target, const Target& library);

/// Whether a schedule whose `target` line says `wanted` applies when compiling for `given`: a processor that has at
/// least the wanted instruction sets, beside the wanted device where one is named.
[[nodiscard]] bool target_matches(const std::string& wanted, const std::string& given);

} // namespace coulter::schedule
