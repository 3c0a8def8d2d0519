#include "coulter/tune/space.hpp"

#include <algorithm>

namespace coulter::tune {

Assignment initial(const Space& space) {
    Assignment assignment;
    for (const Choice& choice : space.choices()) {
        assignment.push_back(choice.initial);
    }
    return assignment;
}

std::uint64_t size(const Space& space, std::uint64_t most) {
    std::uint64_t count = 1;
    for (const Choice& choice : space.choices()) {
        if (count > most / choice.domain.size()) {
            return most;
        }
        count *= choice.domain.size();
    }
    return count;
}

Assignment numbered(const Space& space, std::uint64_t number) {
    Assignment assignment;
    for (const Choice& choice : space.choices()) {
        assignment.push_back(number % choice.domain.size());
        number /= choice.domain.size();
    }
    return assignment;
}

std::map<std::string, std::string> described(const Space& space, const Assignment& assignment) {
    std::map<std::string, std::string> description;
    for (std::size_t i = 0; i < assignment.size(); ++i) {
        const Choice& choice = space.choices()[i];
        if (!choice.tacit || assignment[i] != choice.initial) {
            description[choice.name] = choice.domain[assignment[i]];
        }
    }
    return description;
}

std::optional<Assignment> assignment_of(const Space& space, const std::map<std::string, std::string>& description) {
    Assignment assignment;
    std::size_t found = 0;
    for (const Choice& choice : space.choices()) {
        const auto given = description.find(choice.name);
        if (given == description.end() && choice.tacit) {
            assignment.push_back(choice.initial);
            continue;
        }
        if (given == description.end()) {
            return std::nullopt;
        }
        ++found;
        const auto at = std::ranges::find(choice.domain, given->second);
        if (at == choice.domain.end()) {
            return std::nullopt;
        }
        assignment.push_back(static_cast<std::size_t>(at - choice.domain.begin()));
    }
    return description.size() == found ? std::optional(assignment) : std::nullopt;
}

} // namespace coulter::tune
