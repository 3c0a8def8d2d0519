#include "tune_report.hpp"

#include "coulter/tune/json.hpp"
#include "coulter/tune/statistics.hpp"
#include "describe.hpp"

#include <chrono>
#include <fmt/core.h>
#include <iostream>
#include <nlohmann/json.hpp>
#include <unistd.h>

namespace coulter::cli {
namespace {

double now() {
    return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

std::string interval_text(const tune::Record& record) {
    const tune::Interval interval = tune::median_interval(record.samples);
    return fmt::format("{} to {}", time_text(interval.lower), time_text(interval.upper));
}

std::string counts(const tune::SearchResult& result) {
    return counts_text(result.candidates, result.outcomes);
}

} // namespace

double speedup(const tune::SearchResult& result) {
    return tune::median(result.initial->record.samples) / tune::median(result.best->record.samples);
}

std::string counts_text(std::size_t candidates, const std::map<tune::Outcome, std::size_t>& outcomes) {
    std::string text = fmt::format("{} candidate{}", candidates, candidates == 1 ? "" : "s");
    const char* separator = ": ";
    for (const auto& [outcome, count] : outcomes) {
        text += fmt::format("{}{} {}", separator, count, tune::name(outcome));
        separator = ", ";
    }
    return text;
}

std::string tried_text(std::string counts, const tune::SearchResult& result) {
    if (result.candidates > result.measured) {
        counts += fmt::format("; {} from the store", result.candidates - result.measured);
    }
    if (result.refused > 0) {
        counts += fmt::format("; {} more refused by the checker", result.refused);
    }
    return counts + (result.complete ? "; all that there are" : "");
}

std::string choices_text(const tune::Record& record) {
    std::string text;
    for (const auto& [name, value] : record.choices) {
        text += fmt::format("{}{} = {}", text.empty() ? "" : ", ", name, value);
    }
    return text.empty() ? "as the default schedule" : text;
}

TuneProgress::TuneProgress(std::string kernel, std::optional<double> seconds)
    : kernel_(std::move(kernel)), seconds_(seconds), enabled_(isatty(STDERR_FILENO) != 0), start_(now()) {}

TuneProgress::~TuneProgress() {
    if (shown_) {
        std::cerr << "\r\x1b[K" << std::flush;
    }
}

void TuneProgress::show(const tune::SearchProgress& progress, const std::string& of) {
    const double elapsed = now() - start_;
    if (!enabled_ || elapsed < 2) {
        return;
    }
    std::string text = fmt::format("{}{}: {}, {} candidates", kernel_, of.empty() ? "" : " at " + of, progress.doing,
                                   progress.candidates);
    if (progress.recorded > 0) {
        text += fmt::format(" ({} recorded)", progress.recorded);
    }
    if (progress.best_seconds) {
        text += fmt::format(", best {}", time_text(*progress.best_seconds));
        if (progress.initial_seconds) {
            text += fmt::format(" of {}", time_text(*progress.initial_seconds));
        }
    }
    if (progress.last_seconds && progress.predicted_seconds) {
        text += fmt::format(", the last {} ({} predicted)", time_text(*progress.last_seconds),
                            time_text(*progress.predicted_seconds));
    }
    text += seconds_ ? fmt::format(", {:.0f} s left", std::max(0.0, *seconds_ - elapsed))
                     : fmt::format(", {:.0f} s", elapsed);
    std::cerr << "\r\x1b[K" << text << std::flush;
    shown_ = true;
}

std::vector<std::string> provenance(const TuneSubject& subject, const tune::Setting& setting, const tune::Space& space,
                                    const tune::SearchResult& result, std::uint64_t seed) {
    const tune::Record& best = result.best->record;
    std::vector<std::string> lines;
    lines.push_back(fmt::format("{} at {}; {} thread{}, {}", subject.work().kernel.name, setting.sizes, setting.threads,
                                setting.threads == 1 ? "" : "s", setting.target));
    lines.push_back(fmt::format("{}; {}; kernel {}", setting.machine, setting.versions, setting.kernel));
    std::string time = fmt::format("{}, median of {} samples, 95 % interval {}", time_text(tune::median(best.samples)),
                                   best.samples.size(), interval_text(best));
    if (result.initial) {
        time += fmt::format("; {:.2f} times as fast as before", speedup(result));
    }
    lines.push_back(time);
    lines.push_back(space.summary(result.best->candidate.assignment));
    lines.push_back(fmt::format("{}{}; seed {}", counts(result), result.complete ? ", all that there are" : "", seed));
    return lines;
}

std::string tune_report(const TuneSubject& subject, const tune::SearchResult& result, const std::string& written) {
    const tune::Record& best = result.best->record;
    std::vector<std::vector<std::string>> rows;
    rows.push_back({"kernel", subject.work().kernel.name});
    if (result.initial) {
        rows.push_back(
            {"before", fmt::format("{}, 95 % interval {}", time_text(tune::median(result.initial->record.samples)),
                                   interval_text(result.initial->record))});
    }
    const bool same = result.initial && result.initial->candidate.schedule == result.best->candidate.schedule;
    rows.push_back({"best", same ? "as before: no candidate is faster by more than chance"
                                 : fmt::format("{}, 95 % interval {}", time_text(tune::median(best.samples)),
                                               interval_text(best))});
    if (result.initial && !same) {
        rows.push_back(
            {"speedup", fmt::format("{:.2f}{}", speedup(result), result.compared ? ", measured side by side" : "")});
    }
    rows.push_back({"choices", choices_text(best)});
    rows.push_back({"tried", tried_text(counts(result), result)});
    rows.push_back({"written", written});
    return table(rows, {false, false});
}

nlohmann::ordered_json search_json(const TuneSubject& subject, const tune::SearchResult& result) {
    const auto timing = [](const tune::Record& record) -> nlohmann::ordered_json {
        const tune::Interval interval = tune::median_interval(record.samples);
        return {{"median", tune::median(record.samples)},
                {"lower", interval.lower},
                {"upper", interval.upper},
                {"samples", record.samples.size()}};
    };
    nlohmann::ordered_json outcomes = nlohmann::ordered_json::object();
    for (const auto& [outcome, count] : result.outcomes) {
        outcomes[std::string(tune::name(outcome))] = count;
    }
    return {{"extents", subject.sizes},
            {"before", result.initial ? timing(result.initial->record) : nlohmann::ordered_json()},
            {"best", timing(result.best->record)},
            {"choices", result.best->record.choices},
            {"candidates", result.candidates},
            {"measured", result.measured},
            {"refused", result.refused},
            {"outcomes", outcomes},
            {"compared", result.compared},
            {"complete", result.complete}};
}

std::string tune_json(const TuneSubject& subject, const tune::Setting& setting, const tune::SearchResult& result,
                      const std::string& written) {
    nlohmann::ordered_json json = search_json(subject, result);
    const nlohmann::ordered_json extents = json["extents"];
    json.erase("extents");
    nlohmann::ordered_json all{{"kernel", subject.work().kernel.name},
                               {"extents", extents},
                               {"machine", setting.machine},
                               {"target", setting.target},
                               {"threads", setting.threads}};
    all.update(json);
    all["written"] = written;
    return tune::print_json(all, 2) + '\n';
}

} // namespace coulter::cli
