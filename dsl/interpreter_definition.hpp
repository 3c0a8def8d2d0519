#pragma once
/// Evaluates one definition: its loops, then map, reduction or scan.

#include "interpreter_program.hpp"

namespace coulter::interpreter {

struct World {
    const std::map<std::string, Tensor>& tensors; ///< everything that the definition reads
    const std::map<std::string, std::int64_t>& extents;
    bool in_double = false;
    Budget& budget;
};

/// One array per component of `definition`, in its working types.
/// \throws std::runtime_error for an unknown extent, an element out of range, an empty argmin or argmax.
[[nodiscard]] std::vector<Array> evaluate(const ir::Definition& definition, const World& world);

} // namespace coulter::interpreter
