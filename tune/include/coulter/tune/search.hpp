#pragma once
/// The search over a space: which candidates are measured, in which order, and which one wins.
///
/// The order depends on the seed and on what was measured, and on nothing else: a search that is given the records of
/// an earlier one goes the same way, without measuring, and then goes on. Batches are proposed by a cost model that
/// learns from all records, and by mutation and crossover of the best candidates since the last restart.

#include "coulter/tune/record.hpp"
#include "coulter/tune/space.hpp"
#include "coulter/tune/store.hpp"

#include <functional>
#include <memory>

namespace coulter::tune {

struct Candidate {
    Assignment assignment;
    std::string text;     ///< the schedule file
    std::string schedule; ///< SHA-256 of what is in force with it: equal ones are measured once
};

/// Compiles and times. An outcome that is not good is a record, never an exception.
class Evaluator {
public:
    Evaluator() = default;
    virtual ~Evaluator() = default;
    Evaluator(const Evaluator&) = delete;
    Evaluator& operator=(const Evaluator&) = delete;

    /// The digest of the schedule in force, or nothing where the checker refuses the text.
    [[nodiscard]] virtual std::optional<std::string> identify(const std::string& text) = 0;

    /// Measures each by itself and gives each record to `done` as soon as it is known, in this order. Ends early when
    /// time is up or the user interrupts. A candidate that is slower than `slow` from the start may get fewer samples.
    virtual void measure(const std::vector<Candidate>& candidates, double slow,
                         const std::function<void(const Record&)>& done) = 0;

    /// Times all side by side. \returns a record for each, or nothing when interrupted.
    [[nodiscard]] virtual std::vector<Record> compare(const std::vector<Candidate>& candidates,
                                                      const std::string& comparison) = 0;
};

/// The records of one setting, kept in a store where there is one.
class Recorded {
public:
    Recorded() = default;
    /// What the store has is known from the start, unless `forget`: then it is replaced as candidates are measured.
    Recorded(Store& store, Setting setting, bool forget);

    [[nodiscard]] const Record* find(const std::string& schedule, const std::string& comparison) const;
    void add(const Record& record);
    /// By schedule and comparison.
    [[nodiscard]] const std::map<std::pair<std::string, std::string>, Record>& all() const { return records_; }
    [[nodiscard]] std::size_t count() const { return records_.size(); }

private:
    std::map<std::pair<std::string, std::string>, Record> records_;
    Store* store_ = nullptr;
    Setting setting_;
};

struct SearchProgress {
    std::size_t candidates = 0; ///< measured, or found among the records
    std::size_t recorded = 0;   ///< of them, found
    std::optional<double> initial_seconds;
    std::optional<double> best_seconds;
    const char* doing = "";
    std::optional<double> last_seconds = {};      ///< of the candidate that was measured last
    std::optional<double> predicted_seconds = {}; ///< for it, by the cost model
};

struct SearchOptions {
    std::optional<std::size_t> candidates; ///< budget; empty: no limit
    std::uint64_t seed = 1;
    std::size_t top = 4;            ///< so many are compared side by side at the end, beside the initial one
    bool recorded_only = false;     ///< measure nothing, and take what the records say, whatever search made them
    std::vector<Assignment> starts; ///< tried right after the initial one
    /// What is expected of an assignment before it is measured: by how much the logarithm of its time differs from that
    /// of the initial one.
    std::function<double(const Assignment&)> prior = [](const Assignment&) { return 0.0; };
    /// Whether the search must end: time is up, or the user interrupts.
    std::function<bool()> is_over = [] { return false; };
    std::function<void(const SearchProgress&)> progress = [](const SearchProgress&) {};
};

struct SearchResult {
    struct Timed {
        Candidate candidate;
        Record record; ///< of the comparison where there was one, else measured by itself
    };
    std::optional<Timed> best;
    std::optional<Timed> initial;
    std::map<Outcome, std::size_t> outcomes;
    std::vector<Record> failures; ///< that were not timed, at most 8
    std::size_t candidates = 0;
    std::size_t measured = 0; ///< of them, now
    std::size_t refused = 0;  ///< by the checker
    bool compared = false;    ///< side by side
    bool complete = false;    ///< the whole space was tried
};

/// A search that goes on in steps, for budgets that are shared out among several. However it is cut into steps, it goes
/// the same way. All arguments outlive it.
class Searching {
public:
    Searching(const Space& space, Evaluator& evaluator, Recorded& recorded, const SearchOptions& options);
    ~Searching();
    Searching(const Searching&) = delete;
    Searching& operator=(const Searching&) = delete;

    /// Goes on until so many candidates are known in all, in place of SearchOptions::candidates, or `is_over`.
    /// \throws what `evaluator` throws, and StoreError; as compare().
    void explore(std::size_t candidates);
    /// Whether nothing is left to try.
    [[nodiscard]] bool is_done() const;
    /// What is known so far. The best is the fastest by itself until compare() was called.
    [[nodiscard]] const SearchResult& result() const;
    /// Measures the fastest side by side, which ends the search.
    void compare();

private:
    class Steps;
    std::unique_ptr<Steps> steps_;
};

/// \throws what `evaluator` throws, and StoreError.
[[nodiscard]] SearchResult search(const Space& space, Evaluator& evaluator, Recorded& recorded,
                                  const SearchOptions& options);

} // namespace coulter::tune
