#pragma once
/// What tunings of other kernels say about decisions: the part of the cost model that is learnt across kernels.
///
/// A decision is a kind and a stage (`rows of votes`), and stages of different kernels have kinds in common. How much
/// longer a kernel takes when a kind is decided with a word (`vector` as `-`, `rows` as `2`) is estimated by ridge
/// regression (Hoerl and Kennard 1970) of the logarithm of times, relative to that of the same kernel where nothing was
/// decided. Words that name dims or loops of one kernel count as one.

#include "coulter/tune/space.hpp"
#include "coulter/tune/store.hpp"

namespace coulter::tune {

class Experience {
public:
    Experience() = default;
    /// Learns from records that were measured by themselves, in settings of which one has nothing decided.
    explicit Experience(const std::vector<Store::Entry>& entries);

    /// By how much the logarithm of the time is expected to grow over that of the initial assignment. 0 where nothing
    /// is known.
    [[nodiscard]] double expected(const Space& space, const Assignment& assignment) const;

    [[nodiscard]] bool empty() const { return effects_.empty(); }

private:
    std::map<std::string, double> effects_; ///< by kind and word
};

} // namespace coulter::tune
