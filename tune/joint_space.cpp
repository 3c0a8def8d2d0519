#include "coulter/tune/joint_space.hpp"

namespace coulter::tune {

JointSpace::JointSpace(std::string text, const std::string& path, const std::vector<schedule::Decision>& decisions,
                       Writer writer, const HoleScope& scope)
    : holes_(std::move(text), path, scope), decisions_(decisions, nullptr), writer_(std::move(writer)),
      choices_(holes_.choices()) {
    choices_.insert(choices_.end(), decisions_.choices().begin(), decisions_.choices().end());
}

Assignment JointSpace::of_holes(const Assignment& assignment) const {
    return {assignment.begin(), assignment.begin() + static_cast<std::ptrdiff_t>(holes_.choices().size())};
}

Assignment JointSpace::of_decisions(const Assignment& assignment) const {
    return {assignment.begin() + static_cast<std::ptrdiff_t>(holes_.choices().size()), assignment.end()};
}

std::string JointSpace::schedule_text(const Assignment& assignment) const {
    return writer_(holes_.schedule_text(of_holes(assignment)), described(decisions_, of_decisions(assignment)));
}

std::string JointSpace::summary(const Assignment& assignment) const {
    return holes_.summary(of_holes(assignment)) + "; stages left out: " + decisions_.summary(of_decisions(assignment));
}

} // namespace coulter::tune
