#include "coulter/tune/search.hpp"

#include "coulter/tune/statistics.hpp"
#include "proposals.hpp"

#include <algorithm>

namespace coulter::tune {
namespace {

// A constant, for the number of processors must not change the way that the search goes.
constexpr std::size_t batch_size = 8;
// So many batches in a row of which every candidate is refused or known end the search.
constexpr std::size_t most_idle_batches = 50;
// A space whose schedules are looked up one by one may be so large.
constexpr std::uint64_t most_looked_up = 4096;

class Search {
public:
    Search(const Space& space, Evaluator& evaluator, Recorded& recorded, const SearchOptions& options)
        : space_(space), evaluator_(evaluator), recorded_(recorded), options_(options),
          proposals_(space, options.seed, options.starts, options.prior), most_(options.candidates) {}

    SearchResult run() {
        if (options_.recorded_only) {
            take_recorded();
        } else {
            explore();
            compare_best();
        }
        return std::move(result_);
    }

    void explore_until(std::size_t candidates) {
        most_ = candidates;
        explore();
    }

    [[nodiscard]] bool is_done() const { return is_done_; }
    [[nodiscard]] const SearchResult& result() const { return result_; }

    /// The fastest, and the initial one, measured again side by side: the fastest of many is partly the luckiest.
    void compare_best() {
        if (!result_.best || timed_.size() < 2) {
            return;
        }
        std::ranges::stable_sort(timed_, {}, &Ranked::seconds);
        std::vector<Candidate> finalists;
        for (const Ranked& each : timed_) {
            if (finalists.size() < options_.top) {
                finalists.push_back(each.timed.candidate);
            }
        }
        if (result_.initial && std::ranges::none_of(finalists, [&](const Candidate& each) {
                return each.schedule == result_.initial->candidate.schedule;
            })) {
            finalists.push_back(result_.initial->candidate);
        }
        if (finalists.size() < 2) {
            return;
        }
        const std::string name = comparison_of(finalists);
        std::vector<Record> records = found(finalists, name);
        if (records.empty()) {
            tell("comparing the fastest");
            records = evaluator_.compare(finalists, name);
            for (std::size_t i = 0; i < records.size(); ++i) {
                records[i].schedule = finalists[i].schedule;
                records[i].comparison = name;
                records[i].choices = described(space_, finalists[i].assignment);
                recorded_.add(records[i]);
            }
        }
        if (records.size() == finalists.size()) {
            decide(finalists, records);
        }
    }

private:
    /// What the records say, however they came about: the way of a search also depends on records of other sizes, which
    /// may be others by now.
    void take_recorded() {
        std::map<std::string, std::vector<const Record*>> comparisons;
        std::vector<std::pair<double, const Record*>> timed;
        for (const auto& [key, record] : recorded_.all()) {
            if (!assignment_of(space_, record.choices)) {
                continue; // of a tuning of other choices
            }
            if (!key.second.empty()) {
                comparisons[key.second].push_back(&record);
                continue;
            }
            ++result_.candidates;
            ++result_.outcomes[record.outcome];
            if (record.outcome == Outcome::timed) {
                timed.emplace_back(median(record.samples), &record);
            }
        }
        // Of several comparisons the one that the fastest took part in.
        std::ranges::stable_sort(timed, {}, [](const auto& each) { return each.first; });
        for (const auto& each_timed : timed) {
            const Record* const fastest = each_timed.second;
            for (const auto& [name, records] : comparisons) {
                const bool takes_part = std::ranges::any_of(
                    records, [&](const Record* each) { return each->schedule == fastest->schedule; });
                if (takes_part && take_comparison(name, records)) {
                    return;
                }
            }
        }
        take_all();
    }

    /// Decides as a comparison ended, where all that took part in it are schedules of this space still.
    bool take_comparison(const std::string& name, const std::vector<const Record*>& side_by_side) {
        std::vector<Candidate> finalists;
        std::vector<Record> records;
        for (const Record* record : side_by_side) {
            if (const std::optional<Candidate> candidate = candidate_of(*record)) {
                finalists.push_back(*candidate);
                records.push_back(*record);
            }
        }
        if (name != comparison_of(finalists)) {
            return false;
        }
        decide(finalists, records);
        return true;
    }

    /// Without a comparison, the fastest of a space that was tried as a whole.
    void take_all() {
        result_.complete = is_all_recorded();
        result_.candidates = 0;
        result_.outcomes.clear();
        for (const auto& [key, record] : recorded_.all()) {
            const std::optional<Candidate> candidate =
                result_.complete && key.second.empty() ? candidate_of(record) : std::nullopt;
            if (candidate) {
                learn(*candidate, record);
            }
        }
    }

    /// The candidate that a record is of, where the space still has it and it is still the same schedule.
    std::optional<Candidate> candidate_of(const Record& record) {
        const std::optional<Assignment> assignment = assignment_of(space_, record.choices);
        if (!assignment) {
            return std::nullopt;
        }
        Candidate candidate{*assignment, space_.schedule_text(*assignment), record.schedule};
        return evaluator_.identify(candidate.text) == record.schedule ? std::optional(candidate) : std::nullopt;
    }

    bool is_all_recorded() {
        const std::uint64_t count = size(space_, most_looked_up + 1);
        for (std::uint64_t number = 0; number < std::min(count, most_looked_up); ++number) {
            const auto schedule = evaluator_.identify(space_.schedule_text(numbered(space_, number)));
            if (schedule && recorded_.find(*schedule, "") == nullptr) {
                return false;
            }
        }
        return count <= most_looked_up;
    }

    void explore() {
        tell("searching");
        std::size_t idle = 0;
        while (idle < most_idle_batches && !over()) {
            if (batch_.empty()) {
                batch_ = next_batch();
            }
            if (batch_.empty()) {
                if (proposals_.exhausted()) {
                    result_.complete = true;
                    is_done_ = true;
                    return;
                }
                ++idle;
                continue;
            }
            idle = 0;
            // Cut here and not where it is proposed: a larger budget begins as a smaller one does.
            std::vector<Candidate> now = batch_;
            if (most_) {
                now.resize(std::min(now.size(), *most_ - result_.candidates));
            }
            const std::size_t before = result_.candidates;
            evaluate(now);
            std::erase_if(batch_, [&](const Candidate& each) { return learnt_.contains(each.schedule); });
            if (result_.candidates < before + now.size()) {
                return; // time, or records, ended within the batch
            }
        }
        is_done_ = idle == most_idle_batches;
    }

    bool over() const { return options_.is_over() || (most_ && result_.candidates >= *most_); }

    /// Candidates that are legal and not the same as one before.
    std::vector<Candidate> next_batch() {
        // The first one alone: nothing is known of how fast a candidate is before it.
        const std::size_t count = result_.candidates == 0 ? 1 : batch_size;
        std::vector<Candidate> batch;
        for (Assignment& assignment : proposals_.next(count)) {
            Candidate candidate{std::move(assignment), {}, {}};
            candidate.text = space_.schedule_text(candidate.assignment);
            const auto schedule = evaluator_.identify(candidate.text);
            if (!schedule) {
                ++result_.refused;
                proposals_.learn(candidate.assignment, std::nullopt);
                continue;
            }
            candidate.schedule = *schedule;
            if (seen_.insert(candidate.schedule).second) {
                batch.push_back(std::move(candidate));
            }
        }
        return batch;
    }

    void evaluate(const std::vector<Candidate>& batch) {
        std::vector<Candidate> unknown;
        for (const Candidate& candidate : batch) {
            if (recorded_.find(candidate.schedule, "") == nullptr) {
                unknown.push_back(candidate);
            }
        }
        if (!unknown.empty()) {
            // Each is safe in the store before the next one is measured.
            std::size_t done = 0;
            evaluator_.measure(unknown, 1.5 * best_seconds_.value_or(1e30), [&](Record record) {
                const Candidate& candidate = unknown[done++];
                record.schedule = candidate.schedule;
                record.comparison.clear();
                record.choices = described(space_, candidate.assignment);
                recorded_.add(record);
                measured_.insert(candidate.schedule);
                show_early(record, proposals_.predicted(candidate.assignment));
            });
        }
        // In the order of the batch, whatever was known: the model must see the same points in the same order.
        for (const Candidate& candidate : batch) {
            if (const Record* const record = recorded_.find(candidate.schedule, "")) {
                learn(candidate, *record);
            }
        }
        tell("searching");
    }

    void learn(const Candidate& candidate, const Record& record) {
        ++result_.candidates;
        learnt_.insert(candidate.schedule);
        result_.measured += measured_.contains(candidate.schedule) ? 1 : 0;
        ++result_.outcomes[record.outcome];
        if (record.outcome != Outcome::timed) {
            proposals_.learn(candidate.assignment, std::nullopt);
            if (result_.failures.size() < 8) {
                result_.failures.push_back(record);
            }
            return;
        }
        const double seconds = median(record.samples);
        proposals_.learn(candidate.assignment, seconds);
        const bool is_initial = candidate.assignment == initial(space_);
        timed_.push_back({{candidate, record}, seconds});
        if (is_initial) {
            result_.initial = {candidate, record};
            initial_seconds_ = seconds;
        }
        if (!best_seconds_ || seconds < *best_seconds_) {
            best_seconds_ = seconds;
            result_.best = {candidate, record};
        }
    }

    static std::string comparison_of(const std::vector<Candidate>& finalists) {
        std::set<std::string> schedules;
        for (const Candidate& each : finalists) {
            schedules.insert(each.schedule);
        }
        return comparison_name(schedules);
    }

    std::vector<Record> found(const std::vector<Candidate>& finalists, const std::string& name) const {
        std::vector<Record> records;
        for (const Candidate& each : finalists) {
            const Record* const record = recorded_.find(each.schedule, name);
            if (record == nullptr) {
                return {};
            }
            records.push_back(*record);
        }
        return records;
    }

    /// The least median wins, but the initial one stays where the difference may be chance.
    void decide(const std::vector<Candidate>& finalists, const std::vector<Record>& records) {
        result_.compared = true;
        std::optional<std::size_t> best;
        std::optional<std::size_t> first;
        for (std::size_t i = 0; i < records.size(); ++i) {
            if (records[i].outcome != Outcome::timed) {
                continue;
            }
            if (!best || median(records[i].samples) < median(records[*best].samples)) {
                best = i;
            }
            if (finalists[i].assignment == initial(space_)) {
                first = i;
            }
        }
        if (first) {
            result_.initial = {finalists[*first], records[*first]};
            if (median_interval(records[*best].samples).upper >= median_interval(records[*first].samples).lower) {
                best = first;
            }
        }
        if (best) {
            result_.best = {finalists[*best], records[*best]};
        }
    }

    void show_early(const Record& record, std::optional<double> predicted) {
        SearchProgress progress = now("searching");
        progress.candidates += ++early_;
        if (record.outcome == Outcome::timed) {
            const double seconds = median(record.samples);
            progress.last_seconds = seconds;
            progress.predicted_seconds = predicted;
            progress.best_seconds = std::min(progress.best_seconds.value_or(seconds), seconds);
        }
        options_.progress(progress);
    }

    SearchProgress now(const char* doing) const {
        return {result_.candidates, result_.candidates - result_.measured, initial_seconds_, best_seconds_, doing};
    }

    void tell(const char* doing) {
        early_ = 0;
        options_.progress(now(doing));
    }

    struct Ranked {
        SearchResult::Timed timed;
        double seconds = 0;
    };

    const Space& space_;
    Evaluator& evaluator_;
    Recorded& recorded_;
    const SearchOptions& options_;
    Proposals proposals_;
    std::optional<std::size_t> most_; ///< candidates in all
    std::vector<Candidate> batch_;    ///< what is left of the one that was proposed last
    bool is_done_ = false;
    std::set<std::string> seen_;
    std::set<std::string> learnt_;
    std::set<std::string> measured_;
    std::vector<Ranked> timed_;
    std::optional<double> initial_seconds_;
    std::optional<double> best_seconds_;
    std::size_t early_ = 0;
    SearchResult result_;
};

} // namespace

class Searching::Steps : public Search {
public:
    using Search::Search;
};

Searching::Searching(const Space& space, Evaluator& evaluator, Recorded& recorded, const SearchOptions& options)
    : steps_(std::make_unique<Steps>(space, evaluator, recorded, options)) {}

Searching::~Searching() = default;

void Searching::explore(std::size_t candidates) {
    steps_->explore_until(candidates);
}

bool Searching::is_done() const {
    return steps_->is_done();
}

const SearchResult& Searching::result() const {
    return steps_->result();
}

void Searching::compare() {
    steps_->compare_best();
}

SearchResult search(const Space& space, Evaluator& evaluator, Recorded& recorded, const SearchOptions& options) {
    return Search(space, evaluator, recorded, options).run();
}

} // namespace coulter::tune
