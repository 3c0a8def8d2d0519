#pragma once
/// A kernel of the IR as plain Halide functions at constant sizes: what someone writes who hands all scheduling to one
/// of Halide's autoschedulers. Nothing of Coulter's own lowering is in it.

#include "coulter/ir.hpp"

#include <Halide.h>

namespace coulter::bench {

struct Translated {
    std::vector<Halide::ImageParam> inputs; ///< in the kernel's order, dims innermost first
    std::vector<Halide::Func> outputs;      ///< in the kernel's order
    std::vector<Halide::Func> functions;    ///< of all definitions
};

/// Every definition becomes a function of its name, reductions as updates over an RDom; an output that is a reduction
/// is a pure function that copies it. Bounds, strides and estimates are constants, from `extents`. \throws
/// std::runtime_error for what the models have not got: scatters, scans, scalar inputs, tables of constants.
[[nodiscard]] Translated translate(const ir::Kernel& kernel, const std::map<std::string, std::int64_t>& extents);

} // namespace coulter::bench
