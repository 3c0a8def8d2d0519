#pragma once
/// The reference interpreter: plain loops over the IR. It shares no code with the lowering or with sizes.hpp.

#include "coulter/array.hpp"
#include "coulter/ir.hpp"

namespace coulter {

struct InterpretOptions {
    bool in_double = false; ///< float arithmetic in f64 whatever the types say; casts to and between floats keep f64;
                            ///< float inputs may be f64 arrays, and float results are f64 arrays
    std::int64_t max_steps = 0; ///< stop with an error after so many evaluations of an expression node; 0: no limit
};

/// Evaluates a kernel.
///
/// `inputs` holds an array per Input by name (shape in the declared order; rank 0 for scalars). `extents` gives those
/// dims whose extent no Input has (output-only dims); extents that follow from constants, expressions over extents and
/// the Inputs are found here, and those of inner dims are the largest for which every checked access stays inside,
/// found by trying. Floats are evaluated in their own type, one rounding per operation (f16 and bf16 through f32).
///
/// Reduced elements are folded in the order of the loops, one rounding each. Both values of a select are evaluated, so
/// a checked access out of range is an error in either, but nothing is evaluated where a reduction's `where` is false.
/// An argmin or argmax whose every element `where` excludes has the index -1; over an empty dim it is an error. An
/// extent expression below 0 gives 0.
///
/// \returns an array per output, by name, and where `keep` lists other definitions, theirs too (a tuple's component c
/// as `name.c`).
/// \throws std::runtime_error with the name of the tensor and the index for an access out of range or a wrong shape.
[[nodiscard]] std::map<std::string, Array> interpret(const ir::Kernel& kernel,
                                                     const std::map<std::string, Array>& inputs,
                                                     const std::map<std::string, std::int64_t>& extents = {},
                                                     const InterpretOptions& options = {},
                                                     const std::vector<std::string>& keep = {});

} // namespace coulter
