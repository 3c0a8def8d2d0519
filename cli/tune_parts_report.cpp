#include "tune_parts_report.hpp"

#include "coulter/tune/json.hpp"
#include "coulter/tune/statistics.hpp"
#include "describe.hpp"
#include "tune_report.hpp"

#include <fmt/core.h>
#include <nlohmann/json.hpp>

namespace coulter::cli {

std::vector<std::string> parts_heading(const TuneRequest& request, const TuneSubject& subject,
                                       const PartsOutcome& outcome) {
    const tune::Setting& first = outcome.searches.front().setting;
    std::vector<std::string> lines;
    lines.push_back(fmt::format("parts of the schedule of {}; {} thread{}, {}", subject.work().kernel.name,
                                first.threads, first.threads == 1 ? "" : "s", subject.loaded.target.name));
    lines.push_back(fmt::format("{}; {}; kernel {}", first.machine, first.versions, first.kernel));
    std::size_t candidates = 0;
    std::map<tune::Outcome, std::size_t> outcomes;
    for (std::size_t i = 0; i < outcome.searches.size(); ++i) {
        const SharedSearch& search = outcome.searches[i];
        const tune::SearchResult& result = search.result;
        candidates += result.candidates;
        for (const auto& [each, count] : result.outcomes) {
            outcomes[each] += count;
        }
        if (!result.best) {
            continue;
        }
        const TunedPart& part = *outcome.parts[i];
        std::string line = fmt::format("{} at {}: {}", part.title(), search.setting.sizes,
                                       time_text(tune::median(result.best->record.samples)));
        if (result.initial) {
            line += fmt::format("; {:.2f} times as fast as before", speedup(result));
        }
        lines.push_back(line);
        std::string choices = search.space->summary(result.best->candidate.assignment);
        if (part.holes.empty()) {
            choices = choices.substr(choices.find("stages left out"));
        } else if (!part.completes) {
            choices = choices.substr(0, choices.find("; stages left out"));
        }
        lines.push_back(part.label() + choices);
    }
    lines.push_back(fmt::format("{}; seed {}", counts_text(candidates, outcomes), request.seed));
    return lines;
}

std::string parts_report(const TuneSubject& subject, const PartsOutcome& outcome, const std::string& written) {
    std::vector<std::vector<std::string>> rows{{"kernel", subject.work().kernel.name}};
    for (std::size_t i = 0; i < outcome.searches.size(); ++i) {
        const SharedSearch& search = outcome.searches[i];
        const tune::SearchResult& result = search.result;
        if (!result.best) {
            continue;
        }
        std::string text =
            fmt::format("at {}: {}", search.setting.sizes, time_text(tune::median(result.best->record.samples)));
        if (result.initial) {
            text += fmt::format("; before: {}", time_text(tune::median(result.initial->record.samples)));
        }
        rows.push_back({outcome.parts[i]->name, text});
        rows.push_back({"", choices_text(result.best->record)});
        rows.push_back({"", tried_text(counts_text(result.candidates, result.outcomes), result)});
    }
    rows.push_back({"written", written});
    return table(rows, {false, false});
}

std::string parts_json(const TuneSubject& subject, const PartsOutcome& outcome, const std::string& written) {
    const tune::Setting& setting = outcome.searches.front().setting;
    nlohmann::ordered_json parts = nlohmann::ordered_json::array();
    for (std::size_t i = 0; i < outcome.searches.size(); ++i) {
        if (outcome.searches[i].result.best) {
            nlohmann::ordered_json part{{"name", outcome.parts[i]->name}};
            part.update(search_json(outcome.searches[i].subject, outcome.searches[i].result));
            parts.push_back(std::move(part));
        }
    }
    const nlohmann::ordered_json json{{"kernel", subject.work().kernel.name},
                                      {"machine", setting.machine},
                                      {"target", subject.loaded.target.name},
                                      {"threads", setting.threads},
                                      {"parts", parts},
                                      {"written", written}};
    return tune::print_json(json, 2) + '\n';
}

} // namespace coulter::cli
