#pragma once
/// The interpreter's own way to the extents of all dims.

#include "coulter/array.hpp"
#include "coulter/ir.hpp"

namespace coulter::interpreter {

/// The extents of a kernel's dims, from constants, the inputs' shapes, `given`, expressions over extents and, for what
/// is left, by trying: the largest extent at whose ends every checked access stays inside its tensor. Indices that
/// depend on data are not considered. Dims whose extent nothing gives are left out.
///
/// \throws std::runtime_error where two sources disagree, or `given` or `inputs` name what the kernel does not have.
[[nodiscard]] std::map<std::string, std::int64_t> find_extents(const ir::Kernel& kernel,
                                                               const std::map<std::string, Array>& inputs,
                                                               const std::map<std::string, std::int64_t>& given);

} // namespace coulter::interpreter
