#pragma once
// What one access contributes to the adjoint of the tensor that it reads.

#include "grad_builder.hpp"
#include "grad_expression.hpp"

namespace coulter::gradient {

/// The loops in which adjoints of a definition's values stand.
struct Reader {
    std::string name;
    std::vector<std::string> loops;
    std::vector<std::string> reduced; ///< of them those that the definition reduces
    ir::Ref where;                    ///< only these steps take part; null: all
    std::vector<ir::Ref> support;     ///< conditions on indices of its own dims: where one fails, its adjoint is 0
    Span span;
};

/// Either `value` over the tensor's dims, or a definition of a sum.
struct Contribution {
    ir::Ref value;
    std::optional<ir::Definition> definition; ///< without a name when it may become the adjoint itself
    std::vector<ir::Definition> helpers;      ///< before it
    std::vector<ir::Ref> support;             ///< conditions on the tensor's dims: where one fails, it is 0
    GradientReport::Contribution report;
};

/// `access` and the adjoint that flows into it, over the reader's loops. `name`: of the contribution where it needs a
/// definition.
[[nodiscard]] Contribution contribute(Builder& builder, const Reader& reader, const ir::Ref& access, const Flow& flow,
                                      const std::string& name);

} // namespace coulter::gradient
