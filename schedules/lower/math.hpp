#pragma once
/// Float operations that keep NaN and infinities under every schedule, as Halide expressions.

#include "coulter/ir.hpp"
#include "coulter/schedule/plan.hpp"

#include <Halide.h>

namespace coulter::lower {

/// Builds arithmetic for one numerics mode.
///
/// Halide marks ordinary float operations as free of NaN, and LLVM then drops tests for NaN on their results. So in
/// `exact` and `reassociate` every operation here is one of Halide's strict intrinsics; what may be contracted and
/// reordered is only the accumulation of sums and products (`accumulate`) and the inside of polynomials, and such a
/// result passes `barrier` before anything looks at it. The same goes for conversions between floats, and a choice
/// between floats is one between their bits, since LLVM's `select` and `fpext` carry the promise as well. In `fast`
/// everything is Halide's ordinary arithmetic.
class Math {
public:
    /// `zero` is an int32 that is 0 at run time and unknown to the compiler.
    Math(schedule::Numerics numerics, Halide::Expr zero) : numerics_(numerics), zero_(std::move(zero)) {}

    [[nodiscard]] Halide::Expr unary(ir::Op op, const Halide::Expr& a) const;
    /// \pre a and b have one type. Integers wrap, and division floors with 0 for a divisor of 0.
    [[nodiscard]] Halide::Expr binary(ir::Op op, const Halide::Expr& a, const Halide::Expr& b) const;
    [[nodiscard]] Halide::Expr call(ir::Op op, const std::vector<Halide::Expr>& args) const;
    /// Value conversion; float to integer truncates, saturates and takes NaN to 0.
    [[nodiscard]] Halide::Expr cast(Halide::Type type, const Halide::Expr& a) const;

    /// \pre of one type.
    [[nodiscard]] Halide::Expr select(const Halide::Expr& condition, const Halide::Expr& yes,
                                      const Halide::Expr& no) const;

    /// select() for a value that a sum may multiply: LLVM folds a factor into a choice of a constant, and 0 times
    /// infinity were 0.
    [[nodiscard]] Halide::Expr choose(const Halide::Expr& condition, const Halide::Expr& yes,
                                      const Halide::Expr& no) const;

    /// `accumulator + value`, contracted and reordered freely outside `exact`.
    [[nodiscard]] Halide::Expr accumulate_sum(const Halide::Expr& accumulator, const Halide::Expr& value) const;
    [[nodiscard]] Halide::Expr accumulate_product(const Halide::Expr& accumulator, const Halide::Expr& value) const;
    /// The factor `a * b` of accumulate_sum, so that it contracts to a fused multiply-add.
    [[nodiscard]] Halide::Expr relaxed_product(const Halide::Expr& a, const Halide::Expr& b) const;

    /// An integer by which floats of f32 and f64 compare: a NaN comes last or, for the sake of a minimum, first. Zeros
    /// of either sign differ.
    [[nodiscard]] Halide::Expr ordered(const Halide::Expr& a, bool nan_last) const;
    /// The float of type `type` that has this integer; some NaN for those of NaN.
    [[nodiscard]] static Halide::Expr from_ordered(const Halide::Expr& key, Halide::Type type);

    /// The same bits, of which the compiler no longer knows where they come from.
    [[nodiscard]] Halide::Expr barrier(const Halide::Expr& a) const;

    /// The same condition, from which Halide concludes nothing about the indices in it.
    [[nodiscard]] Halide::Expr opaque(const Halide::Expr& condition) const;

    /// The same index of a tensor's dim, of at least 0, of which Halide concludes nothing from a condition that it is
    /// in. It still knows the index from its loop, and what bounds the other indices of the condition.
    [[nodiscard]] Halide::Expr unbounded(const Halide::Expr& index) const;

    /// The sine or cosine of an f32 that is small enough (circular.cpp).
    [[nodiscard]] Halide::Expr near_circular32(const Halide::Expr& x, bool cosine) const;

    [[nodiscard]] schedule::Numerics numerics() const { return numerics_; }

private:
    [[nodiscard]] bool relaxed() const { return numerics_ == schedule::Numerics::fast; }
    [[nodiscard]] Halide::Expr hide(const Halide::Expr& a) const; ///< barrier, in every mode
    [[nodiscard]] Halide::Expr convert(Halide::Type type, const Halide::Expr& a) const;
    [[nodiscard]] Halide::Expr narrow(Halide::Type type, const Halide::Expr& a) const;
    [[nodiscard]] Halide::Expr magnitude(const Halide::Expr& a) const;
    [[nodiscard]] Halide::Expr min_max(bool is_max, const Halide::Expr& a, const Halide::Expr& b) const;
    [[nodiscard]] Halide::Expr polynomial(const Halide::Expr& x, const float* coefficients, int count) const;
    [[nodiscard]] Halide::Expr poly_fma(const Halide::Expr& a, const Halide::Expr& b, const Halide::Expr& c) const;
    [[nodiscard]] Halide::Expr exp32(const Halide::Expr& x) const;
    [[nodiscard]] Halide::Expr log32(const Halide::Expr& x) const;
    [[nodiscard]] Halide::Expr odd_quotient(const Halide::Expr& x, double limit, const float* top, const float* bottom,
                                            int count) const;
    [[nodiscard]] Halide::Expr tanh32(const Halide::Expr& x) const;
    [[nodiscard]] Halide::Expr erf32(const Halide::Expr& x) const;
    [[nodiscard]] Halide::Expr expm132(const Halide::Expr& x) const;

    schedule::Numerics numerics_;
    Halide::Expr zero_;
};

/// The Halide type of elements of `type`; index is int32.
[[nodiscard]] Halide::Type halide_type(Type type);

/// Identity of min (largest value or +inf) or of max.
[[nodiscard]] Halide::Expr extreme(Halide::Type type, bool highest);

} // namespace coulter::lower
