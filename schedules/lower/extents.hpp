#pragma once
/// Extents as Halide expressions, and what is known of index expressions at compile time.

#include "coulter/ir.hpp"

#include <Halide.h>

#include <map>
#include <set>

namespace coulter::lower {

/// Every dim's extent: a constant, a scalar argument of the compiled function, or for dims that a schedule introduced
/// an expression over those.
class Extents {
public:
    explicit Extents(const ir::Kernel& kernel);

    [[nodiscard]] const Halide::Expr& operator[](const std::string& dim) const { return exprs_.at(dim); }
    [[nodiscard]] std::optional<std::int64_t> constant(const std::string& dim) const;
    /// Scalar arguments in the order of the calling convention: dims of the kernel's table that are not constant.
    [[nodiscard]] const std::vector<Halide::Argument>& arguments() const { return arguments_; }

private:
    [[nodiscard]] Halide::Expr lower(const ir::Ref& expression) const;

    std::map<std::string, Halide::Expr> exprs_;
    std::map<std::string, std::int64_t> constants_;
    std::vector<Halide::Argument> arguments_;
};

/// True for dims that a schedule introduced: they are no arguments, and an index made of them may pass the end.
[[nodiscard]] bool is_introduced(const std::string& dim);

struct Interval {
    std::int64_t low;
    std::int64_t high;
};

/// Range of an index expression when each loop index runs over its constant extent; nothing when it is not bounded by
/// constants. Loop indices in `open` are taken as unbounded.
[[nodiscard]] std::optional<Interval> constant_range(const ir::Ref& index, const Extents& extents,
                                                     const std::set<std::string>& open);

} // namespace coulter::lower
