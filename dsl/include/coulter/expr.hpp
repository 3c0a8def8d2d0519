#pragma once
/// Dims and expressions: what stands on the right of a definition.
///
/// An expression is an immutable graph that remembers its mistakes; they are reported, all at once, when a Kernel is
/// constructed. Every converting constructor takes the author's line by a defaulted last argument.

#include "coulter/ir.hpp"
#include "coulter/source_loc.hpp"

#include <functional>
#include <initializer_list>
#include <memory>
#include <type_traits>

namespace coulter {

namespace detail {
struct DimState;
struct ExprNode;
struct TensorState;
struct GroupState;
using DimRef = std::shared_ptr<const DimState>;
using NodeRef = std::shared_ptr<const ExprNode>;
using TensorRef = std::shared_ptr<TensorState>;
using GroupRef = std::shared_ptr<GroupState>;
NodeRef literal_integer(std::int64_t value, bool above_i64, SourceLoc loc);
NodeRef literal_real(double value, SourceLoc loc);
NodeRef literal_bool(bool value, SourceLoc loc);
} // namespace detail

class Access;
class AccessArg;
class ArgResult;
class Binding;
class Expr;
class Padded;
class Tensor;

/// A named loop index. Two Dims of one name are the same dim of a kernel; their extents must agree.
///
/// In an expression a Dim is its loop index, of type `index`; `f32(d)` turns it into a value.
class Dim {
public:
    explicit Dim(std::string name, SourceLoc loc = SourceLoc::here());
    /// `extent`: a constant of at least 1, or an index expression over extents of other dims.
    Dim(std::string name, const Expr& extent, SourceLoc loc = SourceLoc::here());
    explicit Dim(detail::DimRef state) : state_(std::move(state)) {}

    /// In an access: this dim of the tensor is read (or scattered to) at `index`.
    [[nodiscard]] Binding operator()(const Expr& index) const;
    [[nodiscard]] const std::string& name() const;
    [[nodiscard]] const detail::DimRef& state() const { return state_; }

private:
    detail::DimRef state_;
};

template <class T>
concept Number = std::is_arithmetic_v<T>;

/// A value for each combination of its free dims.
class Expr {
public:
    /// A literal: it takes the type of the operand that it meets, and is an error where it does not fit it.
    template <Number T>
    Expr(T value, SourceLoc loc = SourceLoc::here()) : node_(literal(value, loc)), loc_(loc) {}
    Expr(const Dim& dim, SourceLoc loc = SourceLoc::here());
    Expr(const Tensor& tensor, SourceLoc loc = SourceLoc::here());
    Expr(const Access& access, SourceLoc loc = SourceLoc::here());
    Expr(const Padded& access, SourceLoc loc = SourceLoc::here());
    Expr(const ArgResult& result, SourceLoc loc = SourceLoc::here());
    Expr(detail::NodeRef node, SourceLoc loc) : node_(std::move(node)), loc_(loc) {}

    /// Rebinds dims of a bare tensor: `x(iy(2*y + ky))` where `x` is a parameter of a library function.
    template <class... Rest>
    [[nodiscard]] Expr operator()(const AccessArg& first, const Rest&... rest) const;
    /// The same for bindings whose number is known when the function runs; none leave the tensor as it is.
    [[nodiscard]] Expr operator()(const std::vector<AccessArg>& args) const;
    /// The dims that the expression depends on, in order of first appearance.
    [[nodiscard]] std::vector<Dim> dims() const;
    /// The type; nothing for a literal and where the expression is wrong.
    [[nodiscard]] std::optional<Type> type() const;

    [[nodiscard]] const detail::NodeRef& node() const { return node_; }
    [[nodiscard]] SourceLoc loc() const { return loc_; }

private:
    [[nodiscard]] Expr bind(const std::vector<AccessArg>& args) const;

    template <Number T>
    static detail::NodeRef literal(T value, SourceLoc loc) {
        if constexpr (std::is_same_v<T, bool>) {
            return detail::literal_bool(value, loc);
        } else if constexpr (std::is_floating_point_v<T>) {
            return detail::literal_real(static_cast<double>(value), loc);
        } else if constexpr (std::is_unsigned_v<T>) {
            const auto bits = static_cast<std::uint64_t>(value);
            return detail::literal_integer(static_cast<std::int64_t>(bits), (bits >> 63) != 0, loc);
        } else {
            return detail::literal_integer(static_cast<std::int64_t>(value), false, loc);
        }
    }

    detail::NodeRef node_;
    SourceLoc loc_;
};

/// `dim(index)` in an access.
class Binding {
public:
    Binding(Dim dim, Expr index) : dim_(std::move(dim)), index_(std::move(index)) {}
    [[nodiscard]] const Dim& dim() const { return dim_; }
    [[nodiscard]] const Expr& index() const { return index_; }

private:
    Dim dim_;
    Expr index_;
};

/// `f32` and the like: both a type and a cast.
class TypeObject {
public:
    constexpr explicit TypeObject(Type type) : type_(type) {}
    constexpr operator Type() const { return type_; }
    /// A cast. Floats to integers truncate towards zero; a float becomes an index only by way of an integer type.
    [[nodiscard]] Expr operator()(const Expr& value) const;

private:
    Type type_;
};

inline constexpr TypeObject f64{Type::f64};
inline constexpr TypeObject f32{Type::f32};
inline constexpr TypeObject f16{Type::f16};
inline constexpr TypeObject bf16{Type::bf16};
inline constexpr TypeObject i8{Type::i8};
inline constexpr TypeObject i16{Type::i16};
inline constexpr TypeObject i32{Type::i32};
inline constexpr TypeObject i64{Type::i64};
inline constexpr TypeObject u8{Type::u8};
inline constexpr TypeObject u16{Type::u16};
inline constexpr TypeObject u32{Type::u32};
inline constexpr TypeObject u64{Type::u64};
inline constexpr TypeObject boolean{Type::boolean};

/// The extent of a dim, of type `index`.
[[nodiscard]] Expr extent(const Dim& dim, SourceLoc loc = SourceLoc::here());
/// An integer value as an index, for gathers; a dim as its loop index.
[[nodiscard]] Expr index(const Expr& value);
/// A value of another type; for generic code, `cast(type, x)` is `f32(x)` for `type == f32`.
[[nodiscard]] Expr cast(Type type, const Expr& value);
[[nodiscard]] Expr infinity(Type type, SourceLoc loc = SourceLoc::here());
[[nodiscard]] Expr nan(Type type, SourceLoc loc = SourceLoc::here());

[[nodiscard]] Expr operator-(const Expr& a);
[[nodiscard]] Expr operator!(const Expr& a);
[[nodiscard]] Expr operator~(const Expr& a);
[[nodiscard]] Expr operator+(const Expr& a, const Expr& b);
[[nodiscard]] Expr operator-(const Expr& a, const Expr& b);
[[nodiscard]] Expr operator*(const Expr& a, const Expr& b);
[[nodiscard]] Expr operator/(const Expr& a, const Expr& b);
[[nodiscard]] Expr operator%(const Expr& a, const Expr& b);
[[nodiscard]] Expr operator==(const Expr& a, const Expr& b);
[[nodiscard]] Expr operator!=(const Expr& a, const Expr& b);
[[nodiscard]] Expr operator<(const Expr& a, const Expr& b);
[[nodiscard]] Expr operator<=(const Expr& a, const Expr& b);
[[nodiscard]] Expr operator>(const Expr& a, const Expr& b);
[[nodiscard]] Expr operator>=(const Expr& a, const Expr& b);
[[nodiscard]] Expr operator&&(const Expr& a, const Expr& b);
[[nodiscard]] Expr operator||(const Expr& a, const Expr& b);
[[nodiscard]] Expr operator&(const Expr& a, const Expr& b);
[[nodiscard]] Expr operator|(const Expr& a, const Expr& b);
[[nodiscard]] Expr operator^(const Expr& a, const Expr& b);
[[nodiscard]] Expr operator<<(const Expr& a, const Expr& b);
[[nodiscard]] Expr operator>>(const Expr& a, const Expr& b);

/// `d == e` could mean "the same dim" or "the same loop index": write `index(d) == e` for the latter.
template <class T>
Expr operator==(const Dim& a, const T& b) = delete;
template <class T>
requires(!std::is_same_v<T, Dim>) Expr operator==(const T& a, const Dim& b) = delete;
template <class T>
Expr operator!=(const Dim& a, const T& b) = delete;
template <class T>
requires(!std::is_same_v<T, Dim>) Expr operator!=(const T& a, const Dim& b) = delete;

/// A NaN operand gives NaN.
[[nodiscard]] Expr min(const Expr& a, const Expr& b);
[[nodiscard]] Expr max(const Expr& a, const Expr& b);
/// `min(max(x, low), high)`.
[[nodiscard]] Expr clamp(const Expr& x, const Expr& low, const Expr& high);
/// Both sides have one type and may both be evaluated.
[[nodiscard]] Expr select(const Expr& condition, const Expr& yes, const Expr& no);
[[nodiscard]] Expr abs(const Expr& x);
[[nodiscard]] Expr sqrt(const Expr& x);
/// `1 / sqrt(x)`.
[[nodiscard]] Expr rsqrt(const Expr& x);
[[nodiscard]] Expr exp(const Expr& x);
[[nodiscard]] Expr log(const Expr& x);
[[nodiscard]] Expr log1p(const Expr& x);
[[nodiscard]] Expr expm1(const Expr& x);
[[nodiscard]] Expr sin(const Expr& x);
[[nodiscard]] Expr cos(const Expr& x);
[[nodiscard]] Expr tan(const Expr& x);
[[nodiscard]] Expr asin(const Expr& x);
[[nodiscard]] Expr acos(const Expr& x);
[[nodiscard]] Expr atan(const Expr& x);
[[nodiscard]] Expr atan2(const Expr& y, const Expr& x);
[[nodiscard]] Expr sinh(const Expr& x);
[[nodiscard]] Expr cosh(const Expr& x);
[[nodiscard]] Expr tanh(const Expr& x);
[[nodiscard]] Expr erf(const Expr& x);
/// `1 / (1 + exp(-x))` without overflow.
[[nodiscard]] Expr sigmoid(const Expr& x);
[[nodiscard]] Expr floor(const Expr& x);
[[nodiscard]] Expr ceil(const Expr& x);
/// Half to even.
[[nodiscard]] Expr round(const Expr& x);
[[nodiscard]] Expr trunc(const Expr& x);
[[nodiscard]] Expr pow(const Expr& x, const Expr& y);
/// `a * b + c` with one rounding.
[[nodiscard]] Expr fma(const Expr& a, const Expr& b, const Expr& c);
[[nodiscard]] Expr is_nan(const Expr& x);
[[nodiscard]] Expr is_inf(const Expr& x);
[[nodiscard]] Expr is_finite(const Expr& x);
/// `x` itself, a constant to every derivative.
[[nodiscard]] Expr stop_gradient(const Expr& x);

} // namespace coulter
