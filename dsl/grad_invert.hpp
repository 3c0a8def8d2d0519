#pragma once
// The loops of a reader as functions of the element that it reads: an affine access turned round.

#include "grad_builder.hpp"

namespace coulter::gradient {

/// Which steps of a reader's loops read an element of a tensor.
struct Inverse {
    /// Index of each of the reader's loops, over the tensor's dims and `open`.
    std::map<std::string, ir::Ref> indices;
    std::vector<std::string> open;   ///< loops that the element does not determine
    std::vector<std::string> free;   ///< of the reader's loops those that no index uses
    std::vector<ir::Ref> conditions; ///< what must hold besides, over the same loops
    std::vector<ir::Into> into;      ///< dims of the tensor whose index stays one: a scatter
    std::vector<std::string> why;    ///< a scatter is needed, or where residues came in
};

/// `loops`: of the reader; `reduced`: those of them that it reduces; `where`: its condition, which may show that a
/// clamped index is inside.
///
/// Each dim of the tensor is an equation `index = element`. Linear ones with integer coefficients are solved one after
/// the other, for the loop that is most worth to be gone: of unknown extent before constant ones, longer before
/// shorter, kept before reduced. Where its coefficient is m > 1, another loop w is re-indexed by its residue, `w = r +
/// m*j` with r a function of the element, so that the loop over j has no condition on remainders. `i / m` and `i % m`
/// of one loop are two unknowns. An index without loops that are still unknown is a condition.
[[nodiscard]] Inverse invert(Builder& builder, const ir::Node& access, const std::vector<std::string>& loops,
                             const std::vector<std::string>& reduced, const ir::Ref& where);

} // namespace coulter::gradient
