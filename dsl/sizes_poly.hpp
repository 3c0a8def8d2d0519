#pragma once
// Index expressions as polynomials with integer coefficients over atoms: dims, extents, and what is not polynomial.

#include "coulter/ir.hpp"

namespace coulter::detail {

struct Atom;
using AtomRef = std::shared_ptr<const Atom>;

/// A product of atoms, sorted by key.
using Monomial = std::vector<std::string>;

/// Sum of coefficient times monomial; no zero coefficients. The empty monomial is the constant.
struct Poly {
    std::map<Monomial, std::int64_t> terms;

    [[nodiscard]] bool is_constant() const;
    [[nodiscard]] std::int64_t constant() const; ///< the constant term
    [[nodiscard]] bool operator==(const Poly&) const = default;
};

struct Atom {
    enum class Kind : std::uint8_t { dim, extent, div, mod, min, max, select, bounded, opaque } kind = Kind::opaque;
    std::string name;               ///< dim, extent
    Poly a, b;                      ///< operands; div and mod: the numerator
    std::int64_t divisor = 1;       ///< div, mod: a constant of at least 1
    std::int64_t low = 0, high = 0; ///< bounded: a narrow integer turned into an index
    ir::Ref node;                   ///< select: its condition; bounded, opaque: the expression itself
};

/// Polynomials that share their atoms. All operations give nothing on overflow or where they grow too large.
class Polys {
public:
    [[nodiscard]] Poly convert(const ir::Ref& expression);
    [[nodiscard]] ir::Ref rebuild(const Poly& poly) const;
    [[nodiscard]] const Atom& atom(const std::string& key) const { return *atoms_.at(key); }

    [[nodiscard]] static Poly constant(std::int64_t value);
    [[nodiscard]] static std::optional<Poly> add(const Poly& a, const Poly& b, std::int64_t times_b = 1);
    [[nodiscard]] static std::optional<Poly> multiply(const Poly& a, const Poly& b);
    [[nodiscard]] Poly dim(const std::string& name);
    [[nodiscard]] Poly extent(const std::string& name);
    [[nodiscard]] Poly floor_div(const Poly& a, std::int64_t divisor);

private:
    [[nodiscard]] Poly single(const std::string& key, Atom atom);
    [[nodiscard]] Poly opaque(const ir::Ref& node);
    [[nodiscard]] Poly convert_node(const ir::Ref& node);
    [[nodiscard]] Poly extreme(bool max, const Poly& a, const Poly& b, const ir::Ref& node);
    [[nodiscard]] ir::Ref rebuild_atom(const Atom& atom) const;

    std::map<std::string, AtomRef> atoms_;
    std::unordered_map<const ir::Node*, Poly> memo_;
    std::vector<ir::Ref> kept_; ///< memo keys stay alive
    int opaque_count_ = 0;
};

} // namespace coulter::detail
