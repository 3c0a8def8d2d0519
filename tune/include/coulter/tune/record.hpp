#pragma once
/// What was learnt about one candidate, and what it must be compared within. Nothing here knows how candidates are
/// made.

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace coulter::tune {

/// What makes two times comparable: only records of one setting are.
struct Setting {
    std::string kernel;  ///< its fingerprint
    std::string sizes;   ///< `i=32,j=48`, every extent that a call chooses
    std::string machine; ///< processor and number of processors
    std::string target;
    std::string versions; ///< of what compiles: `coulter 0.1.0, Halide 21.0.0`
    int threads = 0;
    friend bool operator==(const Setting&, const Setting&) = default;
};

/// `sizes` with every extent rounded up to a power of two. What is fast at a size tends to be fast in its class.
[[nodiscard]] std::string size_class(std::string_view sizes);

enum class Outcome : std::uint8_t {
    timed,
    not_compiled,  ///< the compiler refused it or crashed
    compiled_long, ///< the limit of time
    compiled_big,  ///< the limit of memory
    too_large,     ///< the limit of code size
    crashed,       ///< the kernel, by a signal
    hung,          ///< the kernel did not return in time
    failed,        ///< the kernel returned an error
    wrong          ///< other results than the reference
};
[[nodiscard]] std::string_view name(Outcome outcome);
[[nodiscard]] std::optional<Outcome> outcome_of(std::string_view name);

struct Record {
    std::string schedule; ///< SHA-256 of the whole schedule in force, 64 hex digits
    std::string
        comparison; ///< empty: measured by itself; else names the set of candidates it was timed side by side with
    Outcome outcome = Outcome::timed;
    std::string message;                        ///< why it was not timed
    std::vector<double> samples;                ///< seconds of one call, in the order in which they were taken
    std::int64_t code_bytes = 0;                ///< of the object
    std::map<std::string, std::string> choices; ///< for people, and for starts at other sizes
    friend bool operator==(const Record&, const Record&) = default;
};

/// What a comparison side by side of these schedules is called. \param kind tells comparisons of other kinds apart.
[[nodiscard]] std::string comparison_name(const std::set<std::string>& schedules, const std::string& kind = {});

/// One line of JSON, without the line break: the form in which stores are exported. \pre texts are UTF-8 or made so.
[[nodiscard]] std::string to_json(const Setting& setting, const Record& record);

/// \throws std::runtime_error that says what is wrong with the line.
void from_json(const std::string& line, Setting& setting, Record& record);

} // namespace coulter::tune
