#pragma once
// The gradient kernel while it is made: the forward kernel, the adjoint definitions so far, names, sizes, proofs.

#include "coulter/sizes.hpp"
#include "coulter/transform.hpp"
#include "sizes_bounds.hpp"
#include "sizes_poly.hpp"

#include <set>

namespace coulter::gradient {

class Builder {
public:
    /// \pre `sizes` are those of `forward`. Extents that accesses gave become expressions: the accesses may go, or turn
    /// round, and a dim keeps its meaning.
    Builder(const ir::Kernel& forward, const Sizes& sizes);

    [[nodiscard]] const ir::Kernel& forward() const { return forward_; }
    [[nodiscard]] ir::Kernel& kernel() { return kernel_; }

    /// "d", or "d2" and so on where the kernel is a gradient itself and has names with `d.`.
    [[nodiscard]] const std::string& prefix() const { return prefix_; }
    /// `d.votes`; of a component of a tuple `d.best.c1`.
    [[nodiscard]] std::string adjoint_name(const std::string& tensor, int component) const;
    /// `name`, or with `_` behind it where a tensor's adjoint is called so.
    [[nodiscard]] std::string helper_name(std::string name) const;

    /// A definition that is part of the gradient from now on: what reads it comes later.
    void add(ir::Definition definition);
    void add_input(ir::Input input);
    void add_const(ir::Const constant);
    void add_dim(ir::Dim dim); ///< \pre its extent is a constant or an expression

    [[nodiscard]] const std::vector<std::string>& dims_of(const std::string& tensor) const { return dims_.at(tensor); }
    [[nodiscard]] Type type_of(const std::string& tensor, int component) const;

    /// An element with all dims by name.
    [[nodiscard]] ir::Ref read(const std::string& tensor, int component = 0) const;
    /// An element at `indices`, by dim; others by name. Null `pad`: checked.
    [[nodiscard]] ir::Ref read_at(const std::string& tensor, int component,
                                  const std::map<std::string, ir::Ref>& indices, const ir::Ref& pad = nullptr) const;

    /// A dim for a loop that none of the kernel's dims can name: `d.<name>`. One of the same extent is used again.
    /// `taken`: what it must not be called.
    [[nodiscard]] std::string make_dim(const std::string& name, const ir::Ref& extent,
                                       const std::vector<std::string>& taken);
    /// The extent of a dim: a constant where it is known.
    [[nodiscard]] ir::Ref extent(const std::string& dim) const;
    [[nodiscard]] std::optional<std::int64_t> size(const std::string& dim) const;

    /// Whether `index >= 0` for all steps of `loops`.
    [[nodiscard]] bool nonnegative(const ir::Ref& index, const std::vector<std::string>& loops);
    /// Whether an index over `loops` stays in `dim`.
    [[nodiscard]] bool inside(const ir::Ref& index, const std::string& dim, const std::vector<std::string>& loops);
    /// Whether a comparison of indices holds for all steps of `loops`.
    [[nodiscard]] bool holds(const ir::Ref& comparison, const std::vector<std::string>& loops);
    /// An index without accesses in its shortest form: linear terms gathered, and quotients and remainders of one value
    /// put together again.
    [[nodiscard]] ir::Ref simplified(const ir::Ref& index);
    [[nodiscard]] detail::Polys& polys() { return polys_; }

private:
    [[nodiscard]] detail::Poly joined(detail::Poly poly) const;
    [[nodiscard]] detail::Poly with_formulas(detail::Poly poly);
    [[nodiscard]] bool quotients_ascend(detail::Prover& prover, const detail::Poly& poly) const;

    const ir::Kernel& forward_;
    ir::Kernel kernel_;
    Sizes sizes_;
    std::vector<detail::Fact> facts_;
    detail::Polys polys_;
    std::string prefix_;
    std::unordered_map<std::string, std::vector<std::string>> dims_;
    std::unordered_map<std::string, std::vector<Type>> types_;
};

/// `lhs - rhs - 1 >= 0` and the like: the value that is at least 0 where a comparison of indices holds; null for
/// others.
[[nodiscard]] ir::Ref slack(const ir::Node& comparison);

} // namespace coulter::gradient
