#pragma once
/// Expressions of the IR as Halide expressions.

#include "extents.hpp"
#include "math.hpp"

namespace coulter::lower {

/// A tensor as the lowering sees it: something that is called with one index per dim, innermost first.
struct Source {
    std::vector<std::string> args; ///< dims, innermost first
    std::function<Halide::Expr(const std::vector<Halide::Expr>&, int component)> load;
    bool relaxed = false;               ///< its values come from relaxed arithmetic: see Math::barrier
    std::set<std::string> overrun = {}; ///< dims along which it is computed as far as its readers go
    bool has_padding = false;           ///< defined beyond its ends as its readers want it: see absorb_padding
};

/// What one definition's expressions are lowered in.
struct Scope {
    const ir::Kernel& kernel;
    const Extents& extents;
    const Math& math;
    const std::map<std::string, Source>& sources;
    std::map<std::string, Halide::Expr> indices; ///< loop index of each dim
    /// Dims whose loops may run past the extent (the last tile): reads are clamped where they depend on one.
    std::set<std::string> overrun;
    std::vector<Halide::Expr> left; ///< operands of a combine
    std::vector<Halide::Expr> right;
    /// A condition guards the reads: what a clamped read gives where the clamp does something is mostly not used, so
    /// that loops in which it does nothing need not be set apart.
    bool guarded = false;
};

class Expressions {
public:
    explicit Expressions(Scope scope) : scope_(std::move(scope)) {}

    [[nodiscard]] Halide::Expr lower(const ir::Ref& expression);
    /// As lower, for a value that a relaxed sum adds: an outermost product is relaxed too.
    [[nodiscard]] Halide::Expr lower_summand(const ir::Ref& expression);
    /// As lower, for a value that a reduction compares with its state: no relaxed arithmetic shines through, and
    /// nothing of a loop index in an i32.
    [[nodiscard]] Halide::Expr lower_compared(const ir::Ref& expression);
    /// True when relaxed arithmetic made the value.
    [[nodiscard]] bool is_relaxed(const ir::Ref& expression);

    [[nodiscard]] const Scope& scope() const { return scope_; }
    /// `placed`: the state that a bound operand means; only scans have any.
    void set_operands(std::vector<Halide::Expr> left, std::vector<Halide::Expr> right,
                      std::function<Halide::Expr(const ir::Node&)> placed = nullptr);

private:
    [[nodiscard]] Halide::Expr lower_node(const ir::Node& node);
    [[nodiscard]] Halide::Expr lower_access(const ir::Node& node);
    [[nodiscard]] Halide::Expr lowered(const ir::Ref& node) const { return done_.at(node.get()); }
    [[nodiscard]] Halide::Expr shielded(const ir::Ref& node) const;
    [[nodiscard]] bool follows_index(const ir::Ref& value) const;
    [[nodiscard]] Halide::Expr lower_comparison(const ir::Node& node, const Halide::Expr& a,
                                                const Halide::Expr& b) const;
    [[nodiscard]] bool is_index_arithmetic(const ir::Ref& side) const;
    [[nodiscard]] bool runs_past(const ir::Ref& index) const;
    [[nodiscard]] bool may_overrun(const ir::Ref& index, const std::string& dim) const;

    Scope scope_;
    std::function<Halide::Expr(const ir::Node&)> placed_;
    std::unordered_map<const ir::Node*, Halide::Expr> done_;
    std::unordered_map<const ir::Node*, bool> relaxed_;
};

} // namespace coulter::lower
