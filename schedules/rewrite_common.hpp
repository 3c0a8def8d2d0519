#pragma once
/// Shared by the rewrites of the IR: substitution of loop indices, canonical accesses, split dims.

#include "coulter/schedule/rewrite.hpp"

namespace coulter::schedule::detail {

/// The two dims that split `dim`, and the index they stand for.
struct SplitDim {
    std::string outer;
    std::string inner;
    ir::Ref index;      ///< outer * factor + inner
    bool exact = false; ///< the factor divides a constant extent: no point lies outside
};

/// Adds `<stage>:<dim>.o` and `<stage>:<dim>.i` to the kernel. \pre `dim` is a dim of the kernel, `factor` >= 1.
[[nodiscard]] SplitDim add_split_dim(ir::Kernel& kernel, const std::string& stage, const std::string& dim,
                                     std::int64_t factor);

/// Element `component` of `tensor` at the indices of the loops of the same names.
[[nodiscard]] ir::Ref read_by_name(const ir::Kernel& kernel, const std::string& tensor, int component = 0);

/// `access` with `bindings[i]` for the i-th of `tensor_dims`, in canonical form: identities left out. The name is
/// `tensor`; component, boundary and type stay.
[[nodiscard]] ir::Ref with_bindings(const ir::Node& access, const std::string& tensor,
                                    const std::vector<std::string>& tensor_dims, const std::vector<ir::Ref>& bindings,
                                    const ir::Ref& pad);

/// Every use of the loop index of a dim in `indices` becomes the index there, all at once, the bindings by name of
/// accesses included.
[[nodiscard]] ir::Ref substitute_dims(const ir::Kernel& kernel, const ir::Ref& root,
                                      const std::map<std::string, ir::Ref>& indices);

/// Accesses for which `wanted` holds become clamped, where they were checked and have an index of their own.
[[nodiscard]] ir::Ref clamp_accesses(const ir::Ref& root, const std::function<bool(const ir::Node&)>& wanted);

/// Whether an explicit index of the access uses the loop index of `dim`.
[[nodiscard]] bool uses_dim(const ir::Node& access, const std::string& dim);

/// Applies `visit` to all expressions of a definition, sharing kept.
void rewrite_definition(ir::Definition& definition,
                        const std::function<ir::Ref(const ir::Node&, const std::vector<ir::Ref>&)>& visit);

/// Gives each dim whose extent follows from accesses that extent as an expression, so that a rewrite may change the
/// accesses. A kernel without a legal size rule stays as it is.
void pin_inferred_extents(ir::Kernel& kernel);

/// Position of a definition. \pre it exists.
[[nodiscard]] std::size_t position(const ir::Kernel& kernel, const std::string& definition);

} // namespace coulter::schedule::detail
