#include "rank_report.hpp"

#include "coulter/tune/json.hpp"
#include "describe.hpp"
#include "rank_evaluator.hpp"
#include "tune_report.hpp"

#include <fmt/core.h>
#include <nlohmann/json.hpp>

namespace coulter::cli {
namespace {

using Json = nlohmann::ordered_json;

std::string name_of(tune::Outcome outcome) {
    return outcome == tune::Outcome::timed    ? "ranked"
           : outcome == tune::Outcome::failed ? "too large for a multiprocessor"
                                              : std::string(tune::name(outcome));
}

/// `33 candidates: 30 ranked, 3 not compiled`
std::string counts(const tune::SearchResult& result) {
    std::string text = fmt::format("{} candidate{}", result.candidates, result.candidates == 1 ? "" : "s");
    const char* separator = ": ";
    for (const auto& [outcome, count] : result.outcomes) {
        text += fmt::format("{}{} {}", separator, count, name_of(outcome));
        separator = ", ";
    }
    return text;
}

/// `12.1 us (estimated, not measured: sm_80 12.3 us, sm_90 11.9 us; ptxas 13.0.88)`
std::string estimate_text(const tune::Record& record) {
    return fmt::format("{} ({})", time_text(estimated_seconds(record)), record.message);
}

/// By the estimates; nothing where spills decide, which have no time.
std::string speedup_text(const tune::SearchResult& result) {
    if (!result.initial) {
        return {};
    }
    const tune::Record& before = result.initial->record;
    const tune::Record& best = result.best->record;
    if (spills(before) != spills(best)) {
        return "as before registers were spilled, and now none are";
    }
    return fmt::format("{:.2f} times as fast as before by the estimates",
                       estimated_seconds(before) / estimated_seconds(best));
}

constexpr const char* checked = "the checker took each; none was run, and no result was compared";

} // namespace

std::vector<std::string> rank_provenance(const TuneSubject& subject, const tune::Setting& setting,
                                         const tune::Space& space, const tune::SearchResult& result,
                                         std::uint64_t seed) {
    std::vector<std::string> lines;
    lines.push_back(fmt::format("{} at {}; {}", subject.work().kernel.name, setting.sizes, setting.target));
    lines.push_back(fmt::format("{}; {}; kernel {}", setting.machine, setting.versions, setting.kernel));
    const std::string faster = speedup_text(result);
    lines.push_back(fmt::format("ranked without a device: {}{}{}", estimate_text(result.best->record),
                                faster.empty() ? "" : "; ", faster));
    lines.push_back(space.summary(result.best->candidate.assignment));
    lines.push_back(
        fmt::format("{}{}; {}; seed {}", counts(result), result.complete ? ", all that there are" : "", checked, seed));
    return lines;
}

std::string rank_report(const TuneSubject& subject, const tune::SearchResult& result, const std::string& written) {
    std::vector<std::vector<std::string>> rows;
    rows.push_back({"kernel", subject.work().kernel.name});
    rows.push_back({"ranked", "by estimates: nothing was measured"});
    if (result.initial) {
        rows.push_back({"before", estimate_text(result.initial->record)});
    }
    const bool same = result.initial && result.initial->candidate.schedule == result.best->candidate.schedule;
    rows.push_back({"best", same ? "as before: no estimate is less" : estimate_text(result.best->record)});
    if (const std::string faster = speedup_text(result); !faster.empty() && !same) {
        rows.push_back({"speedup", faster});
    }
    rows.push_back({"choices", choices_text(result.best->record)});
    rows.push_back({"tried", tried_text(counts(result), result)});
    rows.push_back({"checked", checked});
    rows.push_back({"written", written});
    return table(rows, {false, false});
}

std::string rank_json(const TuneSubject& subject, const tune::Setting& setting, const tune::SearchResult& result,
                      const std::string& written) {
    const auto estimate = [](const tune::Record& record) -> Json {
        return {{"estimated", estimated_seconds(record)}, {"spills", spills(record)}, {"how", record.message}};
    };
    Json outcomes = Json::object();
    for (const auto& [outcome, count] : result.outcomes) {
        outcomes[name_of(outcome)] = count;
    }
    const Json json{{"kernel", subject.work().kernel.name},
                    {"extents", subject.sizes},
                    {"machine", setting.machine},
                    {"target", setting.target},
                    {"threads", setting.threads},
                    {"ranked", true},
                    {"before", result.initial ? estimate(result.initial->record) : Json()},
                    {"best", estimate(result.best->record)},
                    {"choices", result.best->record.choices},
                    {"candidates", result.candidates},
                    {"measured", 0},
                    {"refused", result.refused},
                    {"outcomes", outcomes},
                    {"complete", result.complete},
                    {"written", written}};
    return tune::print_json(json, 2) + '\n';
}

} // namespace coulter::cli
