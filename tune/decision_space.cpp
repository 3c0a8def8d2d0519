#include "coulter/tune/decision_space.hpp"

#include <algorithm>

namespace coulter::tune {
namespace {

// Small stages too are looked at now and then: the estimates may be wrong.
constexpr double least_weight = 0.002;

} // namespace

DecisionSpace::DecisionSpace(const std::vector<schedule::Decision>& decisions, Writer writer)
    : writer_(std::move(writer)) {
    for (const schedule::Decision& decision : decisions) {
        Choice choice{decision.name, {schedule::undecided}, 0, decision.ordered, true};
        choice.domain.insert(choice.domain.end(), decision.words.begin(), decision.words.end());
        choice.weight = std::max(decision.weight, least_weight);
        choices_.push_back(std::move(choice));
    }
}

std::string DecisionSpace::schedule_text(const Assignment& assignment) const {
    return writer_(described(*this, assignment));
}

std::string DecisionSpace::summary(const Assignment& assignment) const {
    std::string text;
    for (const auto& [name, value] : described(*this, assignment)) {
        text += (text.empty() ? "" : ", ") + name + " = " + value;
    }
    return text.empty() ? "as the default schedule" : text;
}

} // namespace coulter::tune
