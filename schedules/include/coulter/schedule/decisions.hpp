#pragma once
/// What the default schedule decides, by name, so that a search may decide otherwise.

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace coulter::schedule {

/// Leaves a decision to the default schedule's own estimates.
inline constexpr const char* undecided = "auto";

/// Which decision is taken how: `{"rows of votes", "4"}`. What is `auto`, of no decision that comes up, or cannot be
/// done after the other decisions, changes nothing.
using Decided = std::map<std::string, std::string>;

struct Decision {
    std::string name;               ///< `rows of votes`
    std::vector<std::string> words; ///< ways to decide it, besides `auto`
    bool ordered = false;           ///< words that stand beside each other act alike
    double weight = 0;              ///< share, estimated, of the kernel's time that the stage takes
};

/// Decisions as they come up.
class DecisionLog {
public:
    /// How it was decided, where that is one of `words`; and notes that it came up.
    std::optional<std::string> decide(const Decided& decided, const std::string& about, const std::string& stage,
                                      const std::vector<std::string>& words, bool ordered);
    /// Of the decisions about a stage.
    void set_weight(const std::string& stage, double weight);
    /// Adds what another log has and this one has not.
    void merge(const DecisionLog& other);
    /// By name.
    [[nodiscard]] std::vector<Decision> all() const;

private:
    struct Noted {
        std::string stage;
        Decision decision;
    };
    std::map<std::string, Noted> noted_;
};

} // namespace coulter::schedule
