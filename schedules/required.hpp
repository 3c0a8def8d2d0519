#pragma once
/// What `require` lines ask of a plan.

#include "coulter/schedule/check.hpp"

namespace coulter::schedule::detail {

/// Beyond which a check tells no more.
inline constexpr std::size_t most_diagnostics = 500;

/// A plan does not keep to a `require` line.
struct Violation {
    const Statement* line = nullptr;
    std::vector<std::string> stages; ///< what is stored; of a limit, all that count, the largest first
    std::int64_t over = 0;           ///< bytes too many
    std::string message;
    std::string help;
};

class Requirements {
public:
    using Origin = std::function<const std::string&(const std::string& stage)>;

    /// `lines` outlive this.
    explicit Requirements(const std::vector<Statement>& lines) : lines_(lines) {}

    [[nodiscard]] bool empty() const { return lines_.empty(); }

    /// Stages that no kernel has, arguments, and outputs, which no schedule can keep from being stored. `made`: stages
    /// that the schedule makes.
    void check_names(const ir::Kernel& kernel, const std::vector<std::string>& made, bool one_kernel,
                     std::vector<Diagnostic>& diagnostics) const;

    /// Bytes are those at the estimates and with as many threads as DefaultOptions has, whatever a schedule is made
    /// for: what one command takes must not be refused by the next. `origin`: the stage of the kernel that a stage of
    /// the plan derives from.
    [[nodiscard]] std::vector<Violation> broken_by(const Plan& plan, const Origin& origin) const;

private:
    const std::vector<Statement>& lines_;
};

} // namespace coulter::schedule::detail
