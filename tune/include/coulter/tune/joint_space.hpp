#pragma once
/// The holes of a schedule file and the decisions about the stages that it leaves out, as one space.

#include "coulter/schedule/decisions.hpp"
#include "coulter/tune/decision_space.hpp"
#include "coulter/tune/holes.hpp"

namespace coulter::tune {

/// At first holes have their values, and nothing is decided.
class JointSpace : public Space {
public:
    /// The file with its holes filled, completed after some decisions.
    using Writer = std::function<std::string(const std::string& filled, const schedule::Decided&)>;

    /// \pre `text` parses.
    JointSpace(std::string text, const std::string& path, const std::vector<schedule::Decision>& decisions,
               Writer writer, const HoleScope& scope = {});

    [[nodiscard]] const std::vector<Choice>& choices() const override { return choices_; }
    [[nodiscard]] std::string schedule_text(const Assignment& assignment) const override;
    /// Holes as HoleSpace has them, then decisions.
    [[nodiscard]] std::string summary(const Assignment& assignment) const override;

private:
    [[nodiscard]] Assignment of_holes(const Assignment& assignment) const;
    [[nodiscard]] Assignment of_decisions(const Assignment& assignment) const;

    HoleSpace holes_;
    DecisionSpace decisions_;
    Writer writer_;
    std::vector<Choice> choices_; ///< holes first
};

} // namespace coulter::tune
