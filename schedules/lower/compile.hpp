#pragma once
/// From a checked plan to an object file, through a list of named passes.

#include "coulter/schedule/plan.hpp"

#include <functional>
#include <ostream>

namespace coulter::lower {

struct Outputs {
    std::string object;    ///< path of the object file for the library's target, see target_object; or empty
    std::string assembly;  ///< path, or empty
    std::string device;    ///< path of the source of the device's kernels, OpenCL C or PTX below its launch_comments(), or
                           ///< empty
    std::string statement; ///< path of Halide's lowered statement with the kernel's own names, or empty
};

struct Options {
    std::string target;      ///< see parse_target
    std::string print_after; ///< name of a pass, or `all`
    std::string only;        ///< compile this variant alone, or `common`; empty: all
    bool time_passes = false;
    std::ostream* log = nullptr; ///< for print_after and time_passes
};

/// Compiles every function of the common part and of its variants, to one object for each target among them. Symbols
/// are those of coulter/schedule/symbols.hpp. \throws Halide::CompileError, Halide::InternalError: the caller turns
/// them into diagnostics.
void compile(const schedule::Plan& common, const std::vector<schedule::Variant>& variants, const Options& options,
             const Outputs& outputs);

/// Names of the passes in their order.
[[nodiscard]] std::vector<std::string> pass_names();

} // namespace coulter::lower
