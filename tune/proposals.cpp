#include "proposals.hpp"

#include <algorithm>
#include <cmath>

namespace coulter::tune {
namespace {

// A space up to this size is ranked as a whole.
constexpr std::uint64_t enumerable = 2048;
constexpr std::size_t pool_size = 96;
constexpr std::size_t population_size = 8;
constexpr std::size_t least_points = 6;  ///< before the cost model is asked
constexpr std::size_t most_points = 160; ///< that it is fitted to: the fastest, and the latest
constexpr std::size_t patience = 4;      ///< batches without an improvement before a restart

} // namespace

Proposals::Proposals(const Space& space, std::uint64_t seed, std::vector<Assignment> starts)
    : space_(space), random_(seed), all_(size(space)), starts_(std::move(starts)) {
    starts_.insert(starts_.begin(), initial(space));
    std::ranges::reverse(starts_); // taken from the back
}

void Proposals::learn(const Assignment& assignment, std::optional<double> seconds) {
    if (!seconds) {
        untimed_.push_back(assignment);
        return;
    }
    const Known known{assignment, *seconds};
    timed_.push_back(known);
    const auto at = std::ranges::upper_bound(population_, known.seconds, {}, &Known::seconds);
    population_.insert(at, known);
    if (population_.size() > population_size) {
        population_.pop_back();
    }
}

Assignment Proposals::random() {
    Assignment assignment;
    for (const Choice& choice : space_.choices()) {
        assignment.push_back(below(choice.domain.size()));
    }
    return assignment;
}

Assignment Proposals::mutated(Assignment assignment) {
    for (std::size_t changes = 1 + (below(3) == 0 ? 1 : 0); changes > 0; --changes) {
        const std::size_t at = below(assignment.size());
        const Choice& choice = space_.choices()[at];
        const bool to_neighbour = choice.ordered && below(3) != 0;
        if (to_neighbour && assignment[at] + 1 < choice.domain.size() && (assignment[at] == 0 || below(2) == 0)) {
            ++assignment[at];
        } else if (to_neighbour && assignment[at] > 0) {
            --assignment[at];
        } else {
            assignment[at] = below(choice.domain.size());
        }
    }
    return assignment;
}

Assignment Proposals::crossed(const Assignment& a, const Assignment& b) {
    Assignment child = a;
    for (std::size_t i = 0; i < child.size(); ++i) {
        child[i] = below(2) == 0 ? a[i] : b[i];
    }
    return child;
}

Assignment Proposals::evolved() {
    if (population_.empty() || below(8) == 0) {
        return random();
    }
    // The better of two draws: the fastest have most children.
    const auto parent = [&]() -> const Assignment& {
        return population_[std::min(below(population_.size()), below(population_.size()))].assignment;
    };
    if (population_.size() > 1 && below(3) == 0) {
        const Assignment& a = parent();
        return mutated(crossed(a, parent()));
    }
    return mutated(parent());
}

std::vector<Assignment> Proposals::pool() {
    std::vector<Assignment> pool;
    if (all_ <= enumerable) {
        for (std::uint64_t i = 0; i < all_; ++i) {
            Assignment each = numbered(space_, i);
            if (!given_.contains(each)) {
                pool.push_back(std::move(each));
            }
        }
        // What is not ranked by the model comes in no order.
        for (std::size_t i = pool.size(); i > 1; --i) {
            std::swap(pool[i - 1], pool[below(i)]);
        }
        return pool;
    }
    std::set<Assignment> seen;
    for (std::size_t tries = 0; pool.size() < pool_size && tries < 20 * pool_size; ++tries) {
        Assignment each = evolved();
        if (!given_.contains(each) && seen.insert(each).second) {
            pool.push_back(std::move(each));
        }
    }
    return pool;
}

// The most promising first. Assignments that have no time count as slow ones, so that their neighbourhood is avoided.
void Proposals::rank(std::vector<Assignment>& pool) const {
    std::vector<CostModel::Point> points;
    double best = timed_.front().seconds;
    double worst = best;
    for (const Known& each : timed_) {
        best = std::min(best, each.seconds);
        worst = std::max(worst, each.seconds);
    }
    for (const Known& each : timed_) {
        points.push_back({each.assignment, std::log(each.seconds)});
    }
    for (const Assignment& each : untimed_) {
        points.push_back({each, std::log(worst) + std::log(2.0)});
    }
    if (points.size() > most_points) {
        std::ranges::stable_sort(points.begin(), points.end() - most_points / 2, {}, &CostModel::Point::log_time);
        points.erase(points.begin() + most_points / 2, points.end() - most_points / 2);
    }
    const CostModel model(space_, std::move(points));
    std::vector<std::pair<double, std::size_t>> order;
    for (std::size_t i = 0; i < pool.size(); ++i) {
        order.emplace_back(-model.expected_improvement(pool[i], std::log(best)), i);
    }
    std::ranges::sort(order);
    std::vector<Assignment> ranked;
    for (const auto& each : order) {
        ranked.push_back(std::move(pool[each.second]));
    }
    pool = std::move(ranked);
}

void Proposals::start_again_when_stuck() {
    if (timed_.empty()) {
        return;
    }
    const double best = std::ranges::min_element(timed_, {}, &Known::seconds)->seconds;
    stuck_ = last_best_ > 0 && best > 0.99 * last_best_ ? stuck_ + 1 : 0;
    last_best_ = best;
    if (stuck_ >= patience) {
        stuck_ = 0;
        population_.clear();
        at_random_ = population_size;
    }
}

std::vector<Assignment> Proposals::next(std::size_t count) {
    start_again_when_stuck();
    std::vector<Assignment> chosen;
    const auto take = [&](Assignment assignment) {
        if (chosen.size() < count && given_.insert(assignment).second) {
            chosen.push_back(std::move(assignment));
        }
    };
    while (!starts_.empty() && chosen.size() < count) {
        take(std::move(starts_.back()));
        starts_.pop_back();
    }
    for (std::size_t tries = 0; at_random_ > 0 && chosen.size() < count && tries < 20 * count; ++tries) {
        const std::size_t before = chosen.size();
        take(random());
        at_random_ -= chosen.size() > before ? 1 : 0;
    }
    if (chosen.size() == count || exhausted()) {
        return chosen;
    }
    std::vector<Assignment> candidates = pool();
    if (timed_.size() >= least_points && !candidates.empty()) {
        // One in four whatever the model thinks of it: it learns most where it is wrong.
        std::vector<Assignment> ranked = candidates;
        rank(ranked);
        const std::size_t trusted = count - chosen.size() - (count - chosen.size()) / 4;
        for (std::size_t i = 0; i < std::min(trusted, ranked.size()); ++i) {
            take(ranked[i]);
        }
    }
    for (Assignment& each : candidates) {
        take(std::move(each));
    }
    // A large space whose neighbourhood is all known.
    for (std::size_t tries = 0; chosen.size() < count && !exhausted() && tries < 1000; ++tries) {
        take(random());
    }
    return chosen;
}

} // namespace coulter::tune
