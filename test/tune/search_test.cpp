// The search on functions in place of kernels: what it finds, and that it goes the same way for the same records.

#include "coulter/tune/holes.hpp"
#include "coulter/tune/search.hpp"
#include "coulter/tune/statistics.hpp"
#include "records.hpp"
#include "support/run_options.hpp"

#include <algorithm>
#include <cmath>
#include <doctest/doctest.h>
#include <random>
#include <sstream>

using namespace coulter;
using namespace coulter::test;
using namespace coulter::tune;

namespace {

/// Choices `a`, `b`, ... of so many values each, starting at 0.
class Grid : public Space {
public:
    explicit Grid(const std::vector<std::size_t>& extents, bool ordered = true) {
        for (std::size_t i = 0; i < extents.size(); ++i) {
            Choice choice{std::string(1, static_cast<char>('a' + i)), {}, 0, ordered};
            for (std::size_t value = 0; value < extents[i]; ++value) {
                choice.domain.push_back(std::to_string(value));
            }
            choices_.push_back(std::move(choice));
        }
    }
    [[nodiscard]] const std::vector<Choice>& choices() const override { return choices_; }
    [[nodiscard]] std::string schedule_text(const Assignment& assignment) const override {
        std::string text;
        for (const std::size_t each : assignment) {
            text += std::to_string(each) + ' ';
        }
        return text;
    }
    [[nodiscard]] std::string summary(const Assignment& assignment) const override { return schedule_text(assignment); }

private:
    std::vector<Choice> choices_;
};

using Cost = std::function<double(const Assignment&)>; ///< seconds; 0: crashes; below 0: refused

/// Times that `cost` says, and noise that depends on the candidate alone.
class Fake : public Evaluator {
public:
    explicit Fake(Cost cost, double noise = 0) : cost_(std::move(cost)), noise_(noise) {}

    std::optional<std::string> identify(const std::string& text) override {
        return seconds(text) < 0 ? std::nullopt : std::optional(sha256(text));
    }
    void measure(const std::vector<Candidate>& candidates, double,
                 const std::function<void(const Record&)>& done) override {
        for (const Candidate& each : candidates) {
            if (measured == ends_after) {
                return;
            }
            ++measured;
            done(record(each, 5));
        }
    }
    std::vector<Record> compare(const std::vector<Candidate>& candidates, const std::string&) override {
        ++comparisons;
        std::vector<Record> records;
        for (const Candidate& each : candidates) {
            records.push_back(record(each, 31));
        }
        return records;
    }

    std::size_t measured = 0;
    std::size_t comparisons = 0;
    std::size_t ends_after = SIZE_MAX;

private:
    double seconds(const std::string& text) const {
        Assignment assignment;
        std::istringstream in(text);
        for (std::size_t value = 0; in >> value;) {
            assignment.push_back(value);
        }
        return cost_(assignment);
    }
    Record record(const Candidate& candidate, int count) const {
        Record record;
        const double time = seconds(candidate.text);
        if (time == 0) {
            record.outcome = Outcome::crashed;
            record.message = "Segmentation fault";
            return record;
        }
        std::mt19937_64 random(std::hash<std::string>()(candidate.text) + static_cast<std::uint64_t>(count));
        for (int i = 0; i < count; ++i) {
            const double draw = static_cast<double>(random() >> 11) * 0x1p-53;
            record.samples.push_back(time * (1 + noise_ * draw));
        }
        return record;
    }

    Cost cost_;
    double noise_;
};

/// A valley off the middle, with an interaction of two choices.
double valley(const Assignment& at) {
    double cost = 1;
    for (std::size_t i = 0; i < at.size(); ++i) {
        const double off = static_cast<double>(at[i]) - (i % 2 == 0 ? 5.0 : 2.0);
        cost += 0.2 * off * off;
    }
    const double together = static_cast<double>(at[0] + at[1]) - 7.0;
    return 1e-3 * (cost + 0.3 * together * together);
}

SearchOptions budget(std::size_t candidates, std::uint64_t seed = 1) {
    SearchOptions options;
    options.candidates = candidates;
    options.seed = seed;
    return options;
}

SearchResult searched(const Space& space, Fake& fake, const SearchOptions& options) {
    Recorded recorded;
    return search(space, fake, recorded, options);
}

} // namespace

TEST_CASE("a small space is searched whole, and its best is found") {
    const Grid space({4, 3, 2});
    Fake fake([](const Assignment& at) {
        return at == Assignment{3, 0, 1} ? 0.5 : 1.0 + 0.01 * static_cast<double>(at[0]);
    });
    const SearchResult result = searched(space, fake, budget(1000));
    CHECK(result.complete);
    CHECK(result.candidates == 24);
    CHECK(fake.measured == 24);
    REQUIRE(result.best);
    CHECK(result.best->candidate.assignment == Assignment{3, 0, 1});
    CHECK(result.initial->candidate.assignment == Assignment{0, 0, 0});
    CHECK(result.compared);
    CHECK(fake.comparisons == 1);
}

TEST_CASE("in a large space the search does better than chance, from most seeds") {
    const Grid space({8, 8, 8, 8, 8, 8});
    const int seeds = is_long_run() ? 50 : 10;
    int near = 0;
    int better = 0;
    for (int seed = 1; seed <= seeds; ++seed) {
        Fake fake(valley, 0.05);
        const SearchResult result = searched(space, fake, budget(150, static_cast<std::uint64_t>(seed)));
        std::mt19937_64 random(static_cast<std::uint64_t>(seed));
        double chance = 1;
        for (int i = 0; i < 150; ++i) {
            chance = std::min(chance, valley(numbered(space, random() % size(space))));
        }
        const double found = valley(result.best->candidate.assignment);
        near += found < 1.15e-3 ? 1 : 0;
        better += found < chance ? 1 : 0;
    }
    MESSAGE(near, " of ", seeds, " seeds come within 15 % of the best, ", better, " do better than chance");
    CHECK(near >= seeds * 8 / 10);
    CHECK(better >= seeds * 9 / 10);
}

TEST_CASE("choices without an order, and crashes, do not stop it") {
    const Grid space({6, 6, 6, 6}, false);
    Fake fake([](const Assignment& at) {
        return at[0] == 2 ? 0.0
                          : 1.0 + static_cast<double>((at[0] * 5 + at[1] * 3 + at[2] * 7) % 11) + (at[3] == 4 ? 0 : 3);
    });
    const SearchResult result = searched(space, fake, budget(200));
    CHECK(result.candidates == 200);
    CHECK(result.outcomes.at(Outcome::crashed) > 0);
    CHECK_FALSE(result.failures.empty());
    CHECK(result.failures.size() <= 8);
    CHECK(median(result.best->record.samples) < 3);
}

TEST_CASE("what the checker refuses costs no budget") {
    const Grid space({8, 8});
    Fake fake([](const Assignment& at) { return at[0] + at[1] > 5 ? -1.0 : 1.0 + static_cast<double>(at[1]); });
    const SearchResult result = searched(space, fake, budget(21));
    CHECK(result.candidates == 21);
    CHECK(fake.measured == 21);
    const SearchResult all = searched(space, fake, budget(22));
    CHECK(all.complete);
    CHECK(all.refused == 64 - 21);
}

TEST_CASE("what is the same schedule is measured once") {
    class Same : public Grid {
    public:
        Same() : Grid({4, 4}) {}
        [[nodiscard]] std::string schedule_text(const Assignment& at) const override { return std::to_string(at[0]); }
    };
    const Same space;
    Fake fake([](const Assignment& at) { return 1.0 + static_cast<double>(at[0]); });
    CHECK(searched(space, fake, budget(1000)).candidates == 4);
}

TEST_CASE("nothing that runs: no best, and the reasons are told") {
    const Grid space({3, 3});
    Fake fake([](const Assignment&) { return 0.0; });
    const SearchResult result = searched(space, fake, budget(5));
    CHECK_FALSE(result.best);
    CHECK(result.failures.size() == 5);
}

TEST_CASE("the first candidate stays where the difference may be chance") {
    const Grid space({5, 5});
    Fake fake([](const Assignment&) { return 1.0; }, 0.05);
    CHECK(searched(space, fake, budget(25)).best->candidate.assignment == Assignment{0, 0});
    Fake faster([](const Assignment& at) { return at[0] == 3 ? 0.9 : 1.0; }, 0.05);
    CHECK(searched(space, faster, budget(25)).best->candidate.assignment.front() == 3);
}

TEST_CASE("the same seed and records give the same result, without measuring") {
    const Grid space({8, 8, 8, 8, 8, 8});
    Recorded recorded;
    Fake first(valley, 0.1);
    const SearchResult once = search(space, first, recorded, budget(60, 7));
    CHECK(first.measured == 60);
    Fake second([](const Assignment&) { return 1.0; });
    const SearchResult again = search(space, second, recorded, budget(60, 7));
    CHECK(second.measured == 0);
    CHECK(second.comparisons == 0);
    CHECK(again.best->candidate.text == once.best->candidate.text);
    CHECK(again.best->record == once.best->record);
    CHECK(again.initial->record == once.initial->record);
    CHECK(again.candidates == once.candidates);
    CHECK(again.measured == 0);
    Fake other(valley, 0.1);
    CHECK(search(space, other, recorded, budget(60, 8)).measured > 30); // another seed goes another way
}

TEST_CASE("a search that was ended anywhere goes on to the same result") {
    const Grid space({8, 8, 8, 8, 8, 8});
    Fake whole(valley, 0.1);
    const SearchResult wanted = searched(space, whole, budget(50, 3));
    for (const std::size_t ends_after : {0, 1, 5, 17, 33, 49}) {
        CAPTURE(ends_after);
        const TemporaryFolder folder;
        std::size_t measured = 0;
        {
            Store store(folder / "tuning.db");
            Recorded recorded(store, a_setting(), false);
            Fake fake(valley, 0.1);
            fake.ends_after = ends_after;
            measured = search(space, fake, recorded, budget(50, 3)).measured;
            CHECK(measured == ends_after);
        }
        Store store(folder / "tuning.db");
        Recorded recorded(store, a_setting(), false);
        Fake fake(valley, 0.1);
        const SearchResult result = search(space, fake, recorded, budget(50, 3));
        CHECK(fake.measured == 50 - measured);
        CHECK(result.best->candidate.text == wanted.best->candidate.text);
        CHECK(result.best->record == wanted.best->record);
    }
}

TEST_CASE("a larger budget begins as a smaller one does") {
    const Grid space({8, 8, 8, 8, 8, 8});
    Recorded recorded;
    Fake small(valley, 0.1);
    static_cast<void>(search(space, small, recorded, budget(21, 5)));
    Fake large(valley, 0.1);
    CHECK(search(space, large, recorded, budget(40, 5)).measured == 19);
}

TEST_CASE("with records only, the search ends where they end") {
    const Grid space({8, 8, 8, 8, 8, 8});
    Recorded recorded;
    Fake fake(valley, 0.1);
    fake.ends_after = 30;
    SearchOptions options = budget(100, 5);
    const SearchResult made = search(space, fake, recorded, options);
    SearchOptions only;
    only.seed = 5;
    only.recorded_only = true;
    Fake none(valley);
    const SearchResult result = search(space, none, recorded, only);
    CHECK(none.measured + none.comparisons == 0);
    CHECK(result.compared);
    CHECK(result.candidates == 30);
    CHECK(result.best->candidate.text == made.best->candidate.text);
    // Records of a tuning of other choices do not count.
    Record other = made.best->record;
    other.schedule = std::string(64, 'f');
    other.comparison.clear();
    other.choices = {{"something", "else"}};
    other.samples = {1e-9};
    recorded.add(other);
    CHECK(search(space, none, recorded, only).candidates == 30);
    CHECK(search(space, none, recorded, only).best->candidate.text == made.best->candidate.text);
    Recorded empty;
    CHECK(search(space, none, empty, only).candidates == 0);
}

TEST_CASE("forgotten records are measured again and replaced") {
    const Grid space({3, 3});
    const TemporaryFolder folder;
    Store store(folder / "tuning.db");
    for (const double seconds : {1.0, 2.0}) {
        Recorded recorded(store, a_setting(), true);
        Fake fake([&](const Assignment&) { return seconds; });
        static_cast<void>(search(space, fake, recorded, budget(9)));
        CHECK(fake.measured == 9);
    }
    for (const Record& record : store.records(a_setting())) {
        CHECK(median(record.samples) == 2);
    }
}

TEST_CASE("starts are tried right after the first candidate") {
    const Grid space({8, 8, 8, 8, 8, 8});
    Fake fake(valley);
    SearchOptions options = budget(2);
    options.starts = {{5, 2, 5, 2, 5, 2}};
    const SearchResult result = searched(space, fake, options);
    CHECK(result.best->candidate.assignment == options.starts.front());
}

TEST_CASE("before much is measured, what is expected of candidates decides") {
    const Grid grid({40, 40, 40});
    const auto cost = [](const Assignment& at) { return 1.0 + static_cast<double>(at[0] + at[1] + at[2]); };
    SearchOptions options;
    options.candidates = 9; // the first, and one batch
    const auto largest = [&](const std::function<double(const Assignment&)>& prior) {
        Fake fake(cost);
        Recorded recorded;
        options.prior = prior;
        (void)search(grid, fake, recorded, options);
        std::size_t sum = 0;
        for (const auto& [key, record] : recorded.all()) {
            for (const auto& [name, value] : record.choices) {
                sum += key.second.empty() ? std::stoul(value) : 0;
            }
        }
        return sum;
    };
    const std::size_t small = largest([&](const Assignment& at) { return cost(at); });
    const std::size_t large = largest([&](const Assignment& at) { return -cost(at); });
    CHECK(2 * small < large);
}

TEST_CASE("progress tells what was predicted for the last candidate, and predictions become good") {
    const Grid grid({40, 40, 40});
    const auto cost = [](const Assignment& at) {
        return 1.0 + 0.02 * static_cast<double>(at[0]) + 0.01 * static_cast<double>(at[1] + at[2]);
    };
    Fake fake(cost);
    Recorded recorded;
    SearchOptions options;
    options.candidates = 80;
    std::vector<double> errors;
    options.progress = [&](const SearchProgress& progress) {
        if (progress.predicted_seconds) {
            REQUIRE(progress.last_seconds);
            errors.push_back(std::abs(std::log(*progress.predicted_seconds / *progress.last_seconds)));
        }
    };
    (void)search(grid, fake, recorded, options);
    REQUIRE(errors.size() > 30);
    CHECK(errors.size() < 80); // one in four is drawn without the model, and so are the first
    CHECK(median({errors.end() - 20, errors.end()}) < 0.05);
}

TEST_CASE("medians, and intervals that hold them") {
    CHECK(median({3, 1, 2}) == 2);
    CHECK(median({4, 1, 2, 3}) == 2.5);
    CHECK(std::isnan(median({})));
    std::vector<double> samples;
    for (int i = 1; i <= 21; ++i) {
        samples.push_back(i);
    }
    CHECK(median_interval(samples).lower == 6);
    CHECK(median_interval(samples).upper == 16);
    samples.resize(9);
    CHECK(median_interval(samples).lower == 2);
    CHECK(median_interval(samples).upper == 8);
    samples.resize(5);
    CHECK(median_interval(samples).lower == 1);
    CHECK(median_interval(samples).upper == 5);
    std::mt19937_64 random(first_seed());
    int holds = 0;
    for (int i = 0; i < 2000; ++i) {
        std::vector<double> draws;
        for (int j = 0; j < 25; ++j) {
            draws.push_back(std::exp(static_cast<double>(random() >> 11) * 0x1p-53)); // of median sqrt(e)
        }
        const Interval interval = median_interval(draws);
        holds += interval.lower <= std::sqrt(std::exp(1.0)) && std::sqrt(std::exp(1.0)) <= interval.upper ? 1 : 0;
    }
    CHECK(holds > 1880);
}

TEST_CASE("a search in steps goes the way of one that is not cut") {
    const Grid space({8, 8, 8, 8, 8, 8});
    Fake whole(valley);
    const SearchResult once = searched(space, whole, budget(61));
    Fake cut(valley);
    Recorded recorded;
    const SearchOptions options;
    Searching steps(space, cut, recorded, options);
    for (const std::size_t until : {1, 2, 12, 13, 40, 40, 61}) {
        steps.explore(until);
        CHECK(steps.result().candidates == until);
        CHECK_FALSE(steps.is_done());
    }
    CHECK_FALSE(steps.result().compared);
    steps.compare();
    CHECK(steps.result().compared);
    CHECK(steps.result().best->candidate.assignment == once.best->candidate.assignment);
    CHECK(cut.measured == whole.measured);
    CHECK(recorded.count() == 61 + 5);
}

TEST_CASE("a search in steps is done when nothing is left") {
    const Grid space({4, 2});
    Fake fake([](const Assignment& at) { return 1.0 + static_cast<double>(at[0]); });
    Recorded recorded;
    const SearchOptions options;
    Searching steps(space, fake, recorded, options);
    steps.explore(7);
    CHECK_FALSE(steps.is_done());
    steps.explore(100);
    CHECK(steps.is_done());
    CHECK(steps.result().complete);
    CHECK(steps.result().candidates == 8);
}
