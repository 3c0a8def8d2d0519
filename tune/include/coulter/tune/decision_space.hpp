#pragma once
/// The decisions of the default schedule as a space: a kernel, or the stages that nobody scheduled, tuned without
/// holes.

#include "coulter/schedule/decisions.hpp"
#include "coulter/tune/space.hpp"

#include <functional>

namespace coulter::tune {

/// At first nothing is decided, and the schedule is the default one.
class DecisionSpace : public Space {
public:
    /// A schedule file after some decisions.
    using Writer = std::function<std::string(const schedule::Decided&)>;

    DecisionSpace(const std::vector<schedule::Decision>& decisions, Writer writer);

    [[nodiscard]] const std::vector<Choice>& choices() const override { return choices_; }
    [[nodiscard]] std::string schedule_text(const Assignment& assignment) const override;
    /// `rows of votes = 4, place of out = root`
    [[nodiscard]] std::string summary(const Assignment& assignment) const override;

private:
    std::vector<Choice> choices_;
    Writer writer_;
};

} // namespace coulter::tune
