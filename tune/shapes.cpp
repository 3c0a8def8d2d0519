#include "coulter/tune/shapes.hpp"

#include <algorithm>
#include <bit>
#include <climits>
#include <cmath>
#include <numeric>

namespace coulter::tune {
namespace {

double log_of(std::int64_t extent) {
    return std::log2(static_cast<double>(std::max<std::int64_t>(extent, 1)));
}

/// How far a number is from the geometric mean of two others, as a logarithm.
double distance(std::int64_t number, std::int64_t low, std::int64_t high) {
    return std::abs(log_of(number) - (log_of(low) + log_of(high)) / 2);
}

/// The order in which groups are tried, and what tells each from those behind it.
class Regions {
public:
    explicit Regions(const std::vector<Shape>& shapes) : shapes_(shapes) {
        for (const Shape& each : shapes) {
            if (std::ranges::find(groups_, each.group) == groups_.end()) {
                groups_.push_back(each.group);
            }
        }
    }

    std::vector<Region> run() {
        const auto largest = std::ranges::max_element(shapes_, {}, &Shape::operations);
        for (const std::size_t last : groups_) {
            std::vector<std::size_t> rest;
            for (const std::size_t each : groups_) {
                if (each != last) {
                    rest.push_back(each);
                }
            }
            arrange(rest, last, largest->group == last);
        }
        return std::move(best_);
    }

private:
    /// A box and how well it stands apart.
    struct Box {
        std::vector<Bound> bounds;
        double gap = 0; ///< the least, as a logarithm
    };

    // Few enough groups are tried in every order, more in that of their smallest shapes.
    static constexpr std::size_t most_permuted = 5;

    void arrange(std::vector<std::size_t> order, std::size_t last, bool has_largest) {
        const auto smallest = [&](std::size_t group) {
            double least = INFINITY;
            for (const Shape& each : shapes_) {
                least = each.group == group ? std::min(least, each.operations) : least;
            }
            return least;
        };
        std::ranges::stable_sort(order, {}, smallest);
        std::vector<std::size_t> places(order.size());
        std::iota(places.begin(), places.end(), 0);
        do {
            std::vector<Region> regions;
            std::size_t count = 0;
            double gap = INFINITY;
            for (const std::size_t place : places) {
                for (const Box& box : boxes(order[place], order, places, place, last)) {
                    count += box.bounds.size();
                    gap = std::min(gap, box.gap);
                    regions.push_back({order[place], box.bounds});
                }
            }
            regions.push_back({last, {}});
            const Rank rank{count, regions.size(), !has_largest, -gap};
            if (best_.empty() || rank < best_rank_) {
                best_rank_ = rank;
                best_ = std::move(regions);
            }
        } while (order.size() <= most_permuted && std::ranges::next_permutation(places).found);
    }

    /// What tells a group from those that are tried after it: one box, or one for each of its shapes.
    std::vector<Box> boxes(std::size_t group, const std::vector<std::size_t>& order,
                           const std::vector<std::size_t>& places, std::size_t place, std::size_t last) const {
        std::vector<const Shape*> own;
        std::vector<const Shape*> others;
        const auto at = std::ranges::find(places, place);
        for (const Shape& shape : shapes_) {
            const auto found = std::ranges::find(order, shape.group) - order.begin();
            const bool later =
                shape.group == last || std::find(at + 1, places.end(), static_cast<std::size_t>(found)) != places.end();
            if (shape.group == group) {
                own.push_back(&shape);
            } else if (later) {
                others.push_back(&shape);
            }
        }
        if (const auto box = box_around(own, others)) {
            return {*box};
        }
        std::vector<Box> single;
        for (const Shape* shape : own) {
            single.push_back(*box_around({shape}, others));
        }
        return single;
    }

    /// The bounds that keep `others` out, as few as possible; nothing where one lies among `own`.
    static std::optional<Box> box_around(const std::vector<const Shape*>& own,
                                         const std::vector<const Shape*>& others) {
        struct Side {
            Bound bound;
            double gap = 0;
            std::vector<bool> keeps_out;
        };
        std::vector<Side> sides;
        for (std::size_t dim = 0; dim < own.front()->extents.size(); ++dim) {
            const auto extent = [&](const Shape* shape) { return shape->extents[dim]; };
            const std::int64_t least = extent(*std::ranges::min_element(own, {}, extent));
            const std::int64_t most = extent(*std::ranges::max_element(own, {}, extent));
            std::optional<std::int64_t> above;
            std::optional<std::int64_t> below;
            for (const Shape* other : others) {
                if (extent(other) > most) {
                    above = std::min(above.value_or(INT64_MAX), extent(other));
                } else if (extent(other) < least) {
                    below = std::max(below.value_or(0), extent(other));
                }
            }
            const auto add = [&](const Bound& bound, double gap) {
                Side side{bound, gap, {}};
                for (const Shape* other : others) {
                    side.keeps_out.push_back((extent(other) < bound.bound) != bound.below);
                }
                sides.push_back(std::move(side));
            };
            if (above) {
                add({dim, true, readable_between(most, *above)}, log_of(*above) - log_of(most));
            }
            if (below) {
                add({dim, false, readable_between(*below, least)}, log_of(least) - log_of(*below));
            }
        }
        return fewest(sides, others.size());
    }

    /// The smallest set of sides that keeps all out; of equally small ones that with the widest gaps, then the first.
    template <class Sides>
    static std::optional<Box> fewest(const Sides& sides, std::size_t others) {
        // Each side that is taken keeps out something that those before it do not: few are needed.
        for (std::size_t count = 1; count <= std::min(sides.size(), others); ++count) {
            std::optional<Box> best;
            std::vector<std::size_t> taken(count);
            std::iota(taken.begin(), taken.end(), 0);
            for (bool more = true; more;) {
                Box box{{}, INFINITY};
                std::vector<bool> out(others);
                for (const std::size_t each : taken) {
                    box.bounds.push_back(sides[each].bound);
                    box.gap = std::min(box.gap, sides[each].gap);
                    for (std::size_t i = 0; i < others; ++i) {
                        out[i] = out[i] || sides[each].keeps_out[i];
                    }
                }
                if (std::ranges::find(out, false) == out.end() && (!best || box.gap > best->gap + 1e-9)) {
                    best = std::move(box);
                }
                more = false;
                for (std::size_t i = count; i-- > 0 && !more;) {
                    if (taken[i] < sides.size() - count + i) {
                        ++taken[i];
                        std::iota(taken.begin() + static_cast<std::ptrdiff_t>(i) + 1, taken.end(), taken[i] + 1);
                        more = true;
                    }
                }
            }
            if (best) {
                return best;
            }
        }
        return std::nullopt;
    }

    struct Rank {
        std::size_t bounds = 0;
        std::size_t regions = 0;
        bool without_largest = false; ///< the last
        double gap = 0;
        friend auto operator<=>(const Rank&, const Rank&) = default;
    };

    const std::vector<Shape>& shapes_;
    std::vector<std::size_t> groups_;
    std::vector<Region> best_;
    Rank best_rank_;
};

} // namespace

std::vector<std::size_t> shared_schedules(const Times& times) {
    const std::size_t classes = times.size();
    const std::size_t count = times.front().size();
    std::vector<double> best(classes, INFINITY);
    for (std::size_t c = 0; c < classes; ++c) {
        for (const auto& each : times[c]) {
            best[c] = each ? std::min(best[c], *each) : best[c];
        }
    }
    std::vector<std::size_t> chosen;
    std::pair<int, double> least{INT_MAX, 0};
    for (std::uint32_t set = 1; set < UINT32_C(1) << count; ++set) {
        std::vector<std::size_t> taken;
        std::pair<int, double> cost{std::popcount(set), 0};
        for (std::size_t c = 0; c < classes; ++c) {
            std::optional<std::size_t> fastest;
            for (std::size_t s = 0; s < count; ++s) {
                const bool is_good =
                    (set >> s & 1U) != 0 && times[c][s] && *times[c][s] <= (1 + share_of_noise) * best[c];
                if (is_good && (!fastest || *times[c][s] < *times[c][*fastest])) {
                    fastest = s;
                }
            }
            if (!fastest) {
                break;
            }
            taken.push_back(*fastest);
            cost.second += std::log(*times[c][*fastest] / best[c]);
        }
        if (taken.size() == classes && cost < least) {
            least = cost;
            chosen = std::move(taken);
        }
    }
    return chosen;
}

std::int64_t readable_between(std::int64_t low, std::int64_t high) {
    std::optional<std::int64_t> best;
    const auto offer = [&](std::int64_t number) {
        if (number > low && number <= high &&
            (!best || distance(number, low, high) <= distance(*best, low, high) + 1e-9)) {
            best = number;
        }
    };
    for (std::int64_t power = 1; power <= high && power < INT64_MAX / 2; power *= 2) {
        offer(power);
    }
    for (std::int64_t unit = INT64_C(1'000'000'000); unit > 0 && !best; unit /= 10) {
        // Only numbers about the mean can win.
        const auto mean = static_cast<std::int64_t>(
            std::sqrt(static_cast<double>(std::max<std::int64_t>(low, 1)) * static_cast<double>(high)));
        for (std::int64_t number = std::max(mean / unit - 1, INT64_C(0)); number <= mean / unit + 2; ++number) {
            offer(number * unit);
        }
    }
    return best.value_or(high);
}

std::vector<Region> regions_of(const std::vector<Shape>& shapes) {
    return Regions(shapes).run();
}

} // namespace coulter::tune
