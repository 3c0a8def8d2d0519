#pragma once
/// What a search may decide, without a word on what the decisions mean.

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace coulter::tune {

struct Choice {
    std::string name;
    std::vector<std::string> domain;
    std::size_t initial = 0; ///< index into `domain`
    bool ordered = false;    ///< values that stand beside each other in `domain` act alike
    bool tacit = false;      ///< the initial value says that nothing is decided, and descriptions leave it out
    double weight = 1;       ///< how much the choice is expected to matter, beside others
    friend bool operator==(const Choice&, const Choice&) = default;
};

/// For each choice an index into its domain.
using Assignment = std::vector<std::size_t>;

class Space {
public:
    Space() = default;
    virtual ~Space() = default;
    Space(const Space&) = delete;
    Space& operator=(const Space&) = delete;

    [[nodiscard]] virtual const std::vector<Choice>& choices() const = 0;
    /// A schedule file. It need not be legal: what the checker refuses is no candidate.
    [[nodiscard]] virtual std::string schedule_text(const Assignment& assignment) const = 0;
    /// What was chosen, in a line for a comment in that file.
    [[nodiscard]] virtual std::string summary(const Assignment& assignment) const = 0;
};

[[nodiscard]] Assignment initial(const Space& space);

/// How many assignments there are, at most `most`.
[[nodiscard]] std::uint64_t size(const Space& space, std::uint64_t most = UINT64_C(1) << 62);

/// The assignment with that number, of size(space).
[[nodiscard]] Assignment numbered(const Space& space, std::uint64_t number);

/// Names and values of what was chosen.
[[nodiscard]] std::map<std::string, std::string> described(const Space& space, const Assignment& assignment);

/// The assignment of that description, where it is one of this space.
[[nodiscard]] std::optional<Assignment> assignment_of(const Space& space,
                                                      const std::map<std::string, std::string>& description);

} // namespace coulter::tune
