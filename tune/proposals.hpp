#pragma once
/// Which assignments to try next.

#include "coulter/tune/space.hpp"
#include "model.hpp"

#include <functional>
#include <map>
#include <optional>
#include <random>
#include <set>

namespace coulter::tune {

class Proposals {
public:
    using Prior = std::function<double(const Assignment&)>;

    /// `prior` as in SearchOptions.
    Proposals(const Space& space, std::uint64_t seed, std::vector<Assignment> starts, Prior prior);

    /// What was learnt of an assignment: its time, or nothing where it has none.
    void learn(const Assignment& assignment, std::optional<double> seconds);

    /// Up to `count` assignments that were never given before, the most promising first. Fewer only at the end of the
    /// space.
    [[nodiscard]] std::vector<Assignment> next(std::size_t count);

    /// The time that the cost model gave for an assignment when it was chosen; nothing where it was not asked.
    [[nodiscard]] std::optional<double> predicted(const Assignment& assignment) const;

    /// Whether every assignment was given.
    [[nodiscard]] bool exhausted() const { return given_.size() >= all_; }

private:
    struct Known {
        Assignment assignment;
        double seconds = 0;
    };

    [[nodiscard]] std::size_t below(std::size_t bound) { return static_cast<std::size_t>(random_() % bound); }
    [[nodiscard]] Assignment random();
    [[nodiscard]] Assignment mutated(Assignment assignment);
    [[nodiscard]] Assignment crossed(const Assignment& a, const Assignment& b);
    [[nodiscard]] std::size_t choice_by_weight();
    [[nodiscard]] Assignment evolved();
    [[nodiscard]] std::vector<Assignment> pool();
    void rank(std::vector<Assignment>& pool);
    void start_again_when_stuck();

    const Space& space_;
    std::mt19937_64 random_;
    std::uint64_t all_;
    std::vector<double> weights_; ///< of the choices, summed up
    std::set<Assignment> given_;
    std::vector<Assignment> starts_;
    Prior prior_;
    std::vector<Known> timed_;      ///< all
    std::vector<Known> population_; ///< since the last restart, fastest first
    std::vector<Assignment> untimed_;
    std::map<Assignment, double> predicted_; ///< seconds
    std::size_t at_random_ = 0;              ///< so many more are drawn at random after a restart
    std::size_t stuck_ = 0;                  ///< batches without an improvement
    double last_best_ = 0;
};

} // namespace coulter::tune
