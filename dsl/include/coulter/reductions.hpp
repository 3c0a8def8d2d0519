#pragma once
/// Reductions and scans. Each is a tensor of its own: named by `t = ...`, or after the one definition that uses it.

#include "coulter/tensor.hpp"

namespace coulter {

/// The dims that a reduction runs over: `{ky, kx}` or a vector.
class Dims {
public:
    Dims(std::initializer_list<Dim> dims) : dims_(dims) {}
    Dims(std::vector<Dim> dims) : dims_(std::move(dims)) {}
    [[nodiscard]] const std::vector<Dim>& list() const { return dims_; }

private:
    std::vector<Dim> dims_;
};

/// What may follow the reduced value, in any order: the accumulator's type, `where(condition)`, `into(binding...)`.
class ReduceOption {
public:
    ReduceOption() = default;
    ReduceOption(Type accumulator) : type(accumulator) {}
    ReduceOption(TypeObject accumulator) : type(accumulator) {}
    std::optional<Type> type;
    detail::NodeRef where;
    std::vector<AccessArg> into;
    bool atomic = false;
};

/// Only the indices for which `condition` holds take part.
[[nodiscard]] ReduceOption where(const Expr& condition);
/// How the elements of a scatter meet that are written at one place: one after the other, in the order of the loops, or
/// in any order, which may differ from call to call.
enum class Meeting : std::uint8_t { in_order, atomic };
inline constexpr Meeting in_order = Meeting::in_order;
inline constexpr Meeting atomic = Meeting::atomic;
/// A scatter: the result's `dim` is written at `index`, which may depend on the reduced dims. `atomic` lets a schedule
/// run the loop in several threads that add to one result; else sums of floats meet in an order that is the same in
/// every call.
[[nodiscard]] ReduceOption into(const Binding& binding, Meeting meeting = in_order);

// The accumulator has the type of `value` unless a type is said. f16, bf16 and 8 and 16 bit integers must say one in
// sum, product and mean. An empty reduction gives the identity: 0, 1, +inf or the type's highest, -inf or its lowest.
[[nodiscard]] Expr sum(const Dims& dims, const Expr& value, const ReduceOption& a = {}, const ReduceOption& b = {},
                       const ReduceOption& c = {}, SourceLoc loc = SourceLoc::here());
[[nodiscard]] Expr product(const Dims& dims, const Expr& value, const ReduceOption& a = {}, const ReduceOption& b = {},
                           const ReduceOption& c = {}, SourceLoc loc = SourceLoc::here());
[[nodiscard]] Expr min(const Dims& dims, const Expr& value, const ReduceOption& a = {}, const ReduceOption& b = {},
                       const ReduceOption& c = {}, SourceLoc loc = SourceLoc::here());
[[nodiscard]] Expr min(std::initializer_list<Dim> dims, const Expr& value, const ReduceOption& a = {},
                       const ReduceOption& b = {}, const ReduceOption& c = {}, SourceLoc loc = SourceLoc::here());
[[nodiscard]] Expr max(const Dims& dims, const Expr& value, const ReduceOption& a = {}, const ReduceOption& b = {},
                       const ReduceOption& c = {}, SourceLoc loc = SourceLoc::here());
[[nodiscard]] Expr max(std::initializer_list<Dim> dims, const Expr& value, const ReduceOption& a = {},
                       const ReduceOption& b = {}, const ReduceOption& c = {}, SourceLoc loc = SourceLoc::here());
[[nodiscard]] Expr any(const Dims& dims, const Expr& value, const ReduceOption& a = {}, const ReduceOption& b = {},
                       SourceLoc loc = SourceLoc::here());
[[nodiscard]] Expr all(const Dims& dims, const Expr& value, const ReduceOption& a = {}, const ReduceOption& b = {},
                       SourceLoc loc = SourceLoc::here());

/// The index of the extreme value (i32) in an expression, and the value itself.
class ArgResult {
public:
    ArgResult(detail::TensorRef tensor, SourceLoc loc);
    [[nodiscard]] Expr index() const;
    [[nodiscard]] Expr value() const;
    /// Both, to name them: `Tensor best("best"); best = argmax({k}, x).both();`, then best[0], best[1].
    [[nodiscard]] Tuple both() const { return {tensor_, loc_}; }

private:
    detail::TensorRef tensor_;
    SourceLoc loc_;
};

/// Over exactly one dim. The smallest index wins ties; the first NaN wins over everything. An empty dim is an error of
/// the call.
[[nodiscard]] ArgResult argmin(const Dims& dims, const Expr& value, const ReduceOption& a = {},
                               SourceLoc loc = SourceLoc::here());
[[nodiscard]] ArgResult argmax(const Dims& dims, const Expr& value, const ReduceOption& a = {},
                               SourceLoc loc = SourceLoc::here());

/// log(sum(exp(value))) without overflow; -inf where all values are -inf or the reduction is empty.
[[nodiscard]] Expr logsumexp(const Dims& dims, const Expr& value, SourceLoc loc = SourceLoc::here());
/// sum / product of the extents. An empty reduction is an error of the call.
[[nodiscard]] Expr mean(const Dims& dims, const Expr& value, const ReduceOption& type = {},
                        SourceLoc loc = SourceLoc::here());
/// mean((value - mean(value))^2), the population variance, in two passes.
[[nodiscard]] Expr variance(const Dims& dims, const Expr& value, const ReduceOption& type = {},
                            SourceLoc loc = SourceLoc::here());

struct Moments {
    Expr mean;
    Expr variance;
};
/// Mean and population variance in one pass: a `reduce` over (count, mean, sum of squared deviations) that merges as
/// Chan, Golub and LeVeque do, so it may be split and vectorized like any associative reduction.
[[nodiscard]] Moments moments(const Dims& dims, const Expr& value, const ReduceOption& type = {},
                              SourceLoc loc = SourceLoc::here());

/// Combines two states. For a reduction it must be associative and commutative: in which order elements meet, and which
/// of them meet first, is the schedule's choice.
using Combine = std::function<Tuple(const Tuple&, const Tuple&)>;

/// A reduction over tuples. One identity per value: a literal, or a constant of the value's type.
[[nodiscard]] Tuple reduce(const Dims& dims, const std::vector<Expr>& identities, const std::vector<Expr>& values,
                           const Combine& combine, const ReduceOption& a = {}, const ReduceOption& b = {},
                           SourceLoc loc = SourceLoc::here());

enum class ScanEnds : std::uint8_t { inclusive, exclusive };
enum class ScanDirection : std::uint8_t { forward, reversed };
enum class ScanOrder : std::uint8_t { sequential, associative };
inline constexpr ScanEnds inclusive = ScanEnds::inclusive;
inline constexpr ScanEnds exclusive = ScanEnds::exclusive;
inline constexpr ScanDirection forward = ScanDirection::forward;
inline constexpr ScanDirection reversed = ScanDirection::reversed;
inline constexpr ScanOrder sequential = ScanOrder::sequential;
inline constexpr ScanOrder associative = ScanOrder::associative;

/// What may follow the function of a scan, in any order; without a word it is inclusive, forward and sequential.
class ScanOption {
public:
    ScanOption() = default;
    ScanOption(ScanEnds value) : ends(value) {}
    ScanOption(ScanDirection value) : direction(value) {}
    ScanOption(ScanOrder value) : order(value) {}
    std::optional<ScanEnds> ends;
    std::optional<ScanDirection> direction;
    std::optional<ScanOrder> order;
};

/// The combinations of all prefixes along `dim`, which stays a dim of the result: s[i] = combine(s[i-1], value[i]) from
/// `identities` on; an exclusive one leaves value[i] out of s[i], a reversed one begins at the end.
///
/// `associative` says that combine(combine(a, b), c) = combine(a, combine(b, c)) and that the identities change nothing
/// on the left: a schedule may then combine parts before they meet (`chunk`). A sequential scan runs in its order: the
/// identities may be any first state.
[[nodiscard]] Tuple scan(const Dim& dim, const std::vector<Expr>& identities, const std::vector<Expr>& values,
                         const Combine& combine, const ScanOption& a = {}, const ScanOption& b = {},
                         const ScanOption& c = {}, SourceLoc loc = SourceLoc::here());
/// The same over several dims at once, the last innermost: a recurrence on a grid. The function says which states it
/// reads, each a constant distance away and earlier in the order of the steps (in a reversed one: later); outside of
/// the grid a state is the identities. This works along one dim as well, `before[0](t(t - 2))`.
///
///     r = scan({i, j}, {infinity(f32)}, {cost, f32(i == 0 && j == 0)}, [&](const Tuple& before, const Tuple& step) {
///         const Expr least = min(before[0](i(i - 1)), before[0](j(j - 1)));
///         return Tuple{step[0] + select(step[1] > 0, 0, least)};
///     })[0];
///
/// A sequential scan may have more values than identities: the state has as many components as there are identities,
/// and the first values give their types.
[[nodiscard]] Tuple scan(const Dims& dims, const std::vector<Expr>& identities, const std::vector<Expr>& values,
                         const Combine& combine, const ScanOption& a = {}, const ScanOption& b = {},
                         const ScanOption& c = {}, SourceLoc loc = SourceLoc::here());
/// Prefix sums along `dim`.
[[nodiscard]] Expr cumsum(const Dim& dim, const Expr& value, const ScanOption& a = {}, const ScanOption& b = {},
                          SourceLoc loc = SourceLoc::here());

} // namespace coulter
