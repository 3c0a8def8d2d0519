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

Proposals::Proposals(const Space& space, std::uint64_t seed, std::vector<Assignment> starts, Prior prior)
    : space_(space), random_(seed), all_(size(space)), starts_(std::move(starts)), prior_(std::move(prior)) {
    starts_.insert(starts_.begin(), initial(space));
    std::ranges::reverse(starts_); // taken from the back
    for (const Choice& choice : space.choices()) {
        weights_.push_back((weights_.empty() ? 0 : weights_.back()) + choice.weight);
    }
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

/// A choice, the sooner the more it is expected to matter.
std::size_t Proposals::choice_by_weight() {
    constexpr std::uint64_t steps = UINT64_C(1) << 53;
    const double at = static_cast<double>(below(steps)) / static_cast<double>(steps) * weights_.back();
    const auto found = std::ranges::upper_bound(weights_, at);
    return std::min<std::size_t>(static_cast<std::size_t>(found - weights_.begin()), weights_.size() - 1);
}

Assignment Proposals::random() {
    Assignment assignment = initial(space_);
    if (all_ > enumerable) {
        // Of many choices most are right as they are, and of a candidate that changes them all nothing is learnt.
        for (std::size_t changes = 2 + below(6); changes > 0; --changes) {
            assignment = mutated(std::move(assignment));
        }
        return assignment;
    }
    assignment.clear();
    for (const Choice& choice : space_.choices()) {
        assignment.push_back(below(choice.domain.size()));
    }
    return assignment;
}

Assignment Proposals::mutated(Assignment assignment) {
    for (std::size_t changes = 1 + (below(3) == 0 ? 1 : 0); changes > 0; --changes) {
        const std::size_t at = choice_by_weight();
        const Choice& choice = space_.choices()[at];
        // Nothing lies beside a choice that is not made.
        const bool is_open = choice.tacit && assignment[at] == choice.initial;
        const bool to_neighbour = choice.ordered && !is_open && below(3) != 0;
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
    const bool joined = below(2) == 0; // what either of them decides; they mostly decide about other stages
    for (std::size_t i = 0; i < child.size(); ++i) {
        const Choice& choice = space_.choices()[i];
        const bool open = choice.tacit && a[i] == choice.initial;
        const bool other = choice.tacit && b[i] == choice.initial;
        child[i] = joined && open != other ? (open ? b[i] : a[i]) : below(2) == 0 ? a[i] : b[i];
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
// The cost model of this kernel learns what the prior, from other kernels, gets wrong.
void Proposals::rank(std::vector<Assignment>& pool) {
    if (timed_.size() < least_points) {
        std::ranges::stable_sort(pool, {}, prior_);
        return;
    }
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
    for (CostModel::Point& point : points) {
        point.log_time -= prior_(point.assignment);
    }
    const CostModel model(space_, std::move(points));
    std::vector<std::pair<double, std::size_t>> order;
    for (std::size_t i = 0; i < pool.size(); ++i) {
        order.emplace_back(-model.expected_improvement(pool[i], std::log(best) - prior_(pool[i])), i);
    }
    std::ranges::sort(order);
    std::vector<Assignment> ranked;
    predicted_.clear();
    for (const auto& each : order) {
        const Assignment& next = pool[each.second];
        predicted_[next] = std::exp(model.predict(next).log_time + prior_(next));
        ranked.push_back(std::move(pool[each.second]));
    }
    pool = std::move(ranked);
}

std::optional<double> Proposals::predicted(const Assignment& assignment) const {
    const auto at = predicted_.find(assignment);
    return at == predicted_.end() ? std::nullopt : std::optional(at->second);
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
    if (!timed_.empty() && !candidates.empty()) {
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
