#pragma once
// Proofs and bounds of index expressions over dims and extents.

#include "coulter/sizes.hpp"
#include "sizes_poly.hpp"

#include <set>

namespace coulter::detail {

/// `value >= 0`, known where every extent in `when` is at least 1.
struct Fact {
    Poly value;
    std::string dim; ///< the extent that it bounds from above
};

/// What is known of extents inside one definition.
class Prover {
public:
    Prover(Polys& polys, const Sizes& sizes, const std::vector<Fact>& facts)
        : polys_(polys), sizes_(sizes), facts_(facts) {}

    /// Loops that run: their extents are at least 1, and facts about them hold.
    void set_loops(const std::vector<std::string>& dims) { loops_ = {dims.begin(), dims.end()}; }

    /// True only if `poly >= 0` for all values of its dims and all legal extents. Gives up after a bounded search.
    [[nodiscard]] bool nonnegative(const Poly& poly);

private:
    [[nodiscard]] bool search(const Poly& poly, int depth);
    [[nodiscard]] bool others_nonnegative(const Poly& poly, const std::string& key) const;
    [[nodiscard]] bool eliminate(const Poly& poly, const std::string& key, int depth);
    [[nodiscard]] bool replaced(const Poly& poly, const std::string& key, const std::optional<Poly>& with, int depth);
    [[nodiscard]] bool eliminate_extent(const Poly& poly, const Atom& atom, const std::string& key, std::int64_t sign,
                                        int depth);
    [[nodiscard]] std::size_t rank(const Atom& atom) const;

    Polys& polys_;
    const Sizes& sizes_;
    const std::vector<Fact>& facts_;
    std::set<std::string> loops_;
    int steps_ = 0;
};

/// The lowest and highest value of an index expression over its loops, as expressions over extents; nothing where a
/// value decides (a gather that nobody clamps) or the arithmetic is beyond interval rules.
struct Interval {
    ir::Ref low;
    ir::Ref high;
};
[[nodiscard]] std::optional<Interval> interval_of(const ir::Ref& index);

} // namespace coulter::detail
