#pragma once
/// The holes of a schedule file as a space: `tune n in {8, 16, 32} = 16`. Only the numbers behind `=` change; comments
/// and all other lines stay as they were written.

#include "coulter/tune/space.hpp"

#include <functional>

namespace coulter::tune {

/// Which holes of a file are meant.
struct HoleScope {
    std::string variant; ///< a `tune` line in it counts before one at the top; empty: those at the top alone
    std::function<bool(const std::string&)> wanted = [](const std::string&) { return true; };
    std::string label; ///< of the summary from which first values are read again, `` `small`: ``; empty: any
};

class HoleSpace : public Space {
public:
    /// \pre `text` parses. Values that an earlier tuning filled in count with what they were before it, so that tuning
    /// a file in place again goes on from where it ended, instead of beginning from its result.
    HoleSpace(std::string text, const std::string& path, const HoleScope& scope = {});

    [[nodiscard]] const std::vector<Choice>& choices() const override { return choices_; }
    [[nodiscard]] std::string schedule_text(const Assignment& assignment) const override;
    /// `n = 32 (was 16), m = 8 (was 8)`: a line for with_provenance(), from which the first values are read again.
    [[nodiscard]] std::string summary(const Assignment& assignment) const override;

private:
    struct Place {
        std::size_t offset = 0;
        std::size_t length = 0;
    };
    void restore_first_values(const std::string& label);

    std::string text_;
    std::vector<Choice> choices_;
    std::vector<Place> places_; ///< of the values in the text, ascending
};

/// `text` with the lines as comments above its first hole, in place of such lines that an earlier call left.
[[nodiscard]] std::string with_provenance(const std::string& text, const std::vector<std::string>& lines);

} // namespace coulter::tune
