// What a tuning for several classes of sizes writes and tells.

#include "completed_file.hpp"
#include "completion.hpp"
#include "coulter/tune/holes.hpp"
#include "coulter/tune/json.hpp"
#include "coulter/tune/statistics.hpp"
#include "describe.hpp"
#include "tune_classes.hpp"
#include "tune_report.hpp"
#include "tune_space.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace coulter::cli {
namespace {

/// `the common part` or the variant's name.
std::string part_text(const SharedClasses& shared, std::size_t region) {
    return region + 1 == shared.regions.size() ? "the common part" : "`" + shared.names[region] + "`";
}

/// The region that a class of `shared.searches` lies in.
std::size_t region_of(const std::vector<SharedSearch>& searches, const SharedClasses& shared, std::size_t index) {
    const auto& extents = searches[shared.searches[index]].subject.sizes;
    const auto& dims = shared.dims;
    for (std::size_t region = 0;; ++region) {
        const auto holds = [&](const tune::Bound& bound) {
            return (extents.at(dims[bound.dim]) < bound.bound) == bound.below;
        };
        if (std::ranges::all_of(shared.regions[region].bounds, holds)) {
            return region;
        }
    }
}

double time_of(const SharedClasses& shared, std::size_t index, std::size_t winner) {
    return *shared.times[index][winner];
}

/// `12.30 us; 20.10 us by `i64`, wrong results by ...`: at the sizes of a class, what it takes and what others would.
std::string times_text(const std::vector<SharedSearch>& searches, const SharedClasses& shared, std::size_t index) {
    const std::size_t own = region_of(searches, shared, index);
    std::string text = time_text(time_of(shared, index, shared.regions[own].group));
    const char* separator = "; ";
    std::vector<std::size_t> told{shared.regions[own].group};
    for (std::size_t region = 0; region < shared.regions.size(); ++region) {
        const std::size_t group = shared.regions[region].group;
        const auto& time = shared.times[index][group];
        if (time && std::ranges::find(told, group) == told.end()) {
            told.push_back(group);
            text += fmt::format("{}{} by {}", separator, time_text(*time), part_text(shared, region));
            separator = ", ";
        }
    }
    return text;
}

std::map<tune::Outcome, std::size_t> all_outcomes(const std::vector<SharedSearch>& searches) {
    std::map<tune::Outcome, std::size_t> all;
    for (const SharedSearch& each : searches) {
        for (const auto& [outcome, count] : each.result.outcomes) {
            all[outcome] += count;
        }
    }
    return all;
}

std::size_t all_candidates(const std::vector<SharedSearch>& searches) {
    std::size_t all = 0;
    for (const SharedSearch& each : searches) {
        all += each.result.candidates;
    }
    return all;
}

std::string summary_of(const std::vector<SharedSearch>& searches, const Winner& winner) {
    return searches[winner.search].space->summary(winner.candidate.assignment);
}

/// The lines above the file's first hole, or on its top.
std::vector<std::string> heading(const TuneRequest& request, const std::vector<SharedSearch>& searches,
                                 const SharedClasses& shared) {
    const SharedSearch& first = searches.front();
    const tune::Setting& setting = first.setting;
    std::vector<std::string> lines;
    lines.push_back(fmt::format("{} at {} sizes; {} thread{}, {}", first.subject.work().kernel.name,
                                shared.searches.size(), setting.threads, setting.threads == 1 ? "" : "s",
                                setting.target));
    lines.push_back(fmt::format("{}; {}; kernel {}", setting.machine, setting.versions, setting.kernel));
    for (std::size_t i = 0; i < shared.searches.size(); ++i) {
        const SharedSearch& search = searches[shared.searches[i]];
        std::string line = fmt::format("at {}", search.name);
        if (shared.regions.size() > 1) {
            line += " by " + part_text(shared, region_of(searches, shared, i));
        }
        line += ": " + times_text(searches, shared, i);
        if (search.result.initial) {
            line += fmt::format("; {:.2f} times as fast as before", speedup(search.result));
        }
        lines.push_back(line);
    }
    const Winner& common = shared.winners[shared.regions.back().group];
    lines.push_back((shared.regions.size() > 1 ? "the common part: " : "") + summary_of(searches, common));
    lines.push_back(
        fmt::format("{}; seed {}", counts_text(all_candidates(searches), all_outcomes(searches)), request.seed));
    return lines;
}

/// Comments, and the values of the holes that are others than in the common part.
std::string head_of(const std::vector<SharedSearch>& searches, const SharedClasses& shared, std::size_t region) {
    std::string text;
    for (std::size_t i = 0; i < shared.searches.size(); ++i) {
        if (region_of(searches, shared, i) == region) {
            text += fmt::format("# at {}: {}\n", searches[shared.searches[i]].name, times_text(searches, shared, i));
        }
    }
    const Winner& winner = shared.winners[shared.regions[region].group];
    const Winner& common = shared.winners[shared.regions.back().group];
    text += fmt::format("# {}\n", summary_of(searches, winner));
    const TuneSubject& subject = searches[winner.search].subject;
    if (subject.fills) {
        const std::string& path = subject.schedules[subject.tuned];
        const tune::HoleSpace holes(subject.texts.at(path), path);
        for (const tune::Choice& hole : holes.choices()) {
            const std::string& value = winner.choices.at(hole.name);
            if (value != common.choices.at(hole.name)) {
                text += fmt::format("tune {} in {{{}}} = {}\n", hole.name, fmt::join(hole.domain, ", "), value);
            }
        }
    }
    return text;
}

std::string indented(const std::string& lines) {
    std::string text;
    for (std::size_t at = 0; at < lines.size();) {
        const std::size_t end = lines.find('\n', at) + 1;
        text += "    " + lines.substr(at, end - at);
        at = end;
    }
    return text;
}

} // namespace

std::string classes_file(const TuneRequest& request, const std::vector<SharedSearch>& searches,
                         const SharedClasses& shared) {
    const Winner& common = shared.winners[shared.regions.back().group];
    const SharedSearch& search = searches[common.search];
    const std::vector<std::string> lines = heading(request, searches, shared);
    if (shared.regions.size() == 1) {
        return tune::with_provenance(common.candidate.text, lines);
    }
    VariantHeads heads;
    std::string by_holes; // where nothing else is written
    Work work = completed_work(search.subject, common.choices);
    work.variants.clear();
    for (std::size_t region = 0; region + 1 < shared.regions.size(); ++region) {
        const Winner& winner = shared.winners[shared.regions[region].group];
        schedule::Variant variant;
        variant.name = shared.names[region];
        variant.when.text = shared.whens[region];
        variant.plan = completed_work(searches[winner.search].subject, winner.choices).plan;
        heads[variant.name] = head_of(searches, shared, region);
        by_holes += fmt::format("{}variant {} when {} {{\n{}}}\n", region == 0 ? "" : "\n", variant.name,
                                variant.when.text, indented(heads[variant.name]));
        work.variants.push_back(std::move(variant));
    }
    const TuneSubject& subject = search.subject;
    const std::string& target = subject.loaded.target.name;
    if (!changes_given_file(subject)) {
        return tune::with_provenance(completion_file(work, target, defaults_of(subject), by_tune(), heads), lines);
    }
    const std::string own = filled_text(subject, common.choices);
    return tune::with_provenance(
        subject.completes
            ? with_completion(own, completion_section(work, target, defaults_of(subject), by_tune(), heads))
            : with_section(own, Section::variants, by_holes),
        lines);
}

std::string classes_report(const std::vector<SharedSearch>& searches, const SharedClasses& shared,
                           const std::string& written) {
    std::vector<std::vector<std::string>> rows{{"kernel", searches.front().subject.work().kernel.name}};
    for (std::size_t i = 0; i < shared.searches.size(); ++i) {
        const SharedSearch& search = searches[shared.searches[i]];
        std::string text = times_text(searches, shared, i);
        if (search.result.initial) {
            text += fmt::format("; {:.2f} times as fast as before", speedup(search.result));
        }
        rows.push_back({search.name, text});
        text = tried_text(counts_text(search.result.candidates, search.result.outcomes), search.result);
        if (!search.result.complete && search.result.candidates == search.first_part) {
            text += "; no more than its equal share, for others went on to improve";
        }
        rows.push_back({"", text});
    }
    for (std::size_t region = 0; region < shared.regions.size() && shared.regions.size() > 1; ++region) {
        const Winner& winner = shared.winners[shared.regions[region].group];
        rows.push_back({shared.names[region],
                        fmt::format("{}: as tuned at {}",
                                    region + 1 == shared.regions.size() ? "else" : "when " + shared.whens[region],
                                    searches[winner.search].name)});
    }
    if (shared.regions.size() == 1) {
        rows.push_back(
            {"shared", fmt::format("one schedule, as tuned at {}, is within {:.0f} % of the best at all of them",
                                   searches[shared.winners[shared.regions.back().group].search].name,
                                   100 * tune::share_of_noise)});
    }
    rows.push_back({"written", written});
    return table(rows, {false, false});
}

std::string classes_json(const std::vector<SharedSearch>& searches, const SharedClasses& shared,
                         const std::string& written) {
    nlohmann::ordered_json classes = nlohmann::ordered_json::array();
    for (std::size_t i = 0; i < shared.searches.size(); ++i) {
        const SharedSearch& search = searches[shared.searches[i]];
        nlohmann::ordered_json seconds = nlohmann::ordered_json::object();
        for (std::size_t region = 0; region < shared.regions.size(); ++region) {
            const auto& time = shared.times[i][shared.regions[region].group];
            seconds[shared.names[region]] = time ? nlohmann::ordered_json(*time) : nlohmann::ordered_json();
        }
        nlohmann::ordered_json one = search_json(search.subject, search.result);
        one["equal_share"] = search.first_part;
        one["part"] = shared.names[region_of(searches, shared, i)];
        one["seconds"] = seconds;
        classes.push_back(std::move(one));
    }
    nlohmann::ordered_json parts = nlohmann::ordered_json::array();
    for (std::size_t region = 0; region < shared.regions.size(); ++region) {
        const Winner& winner = shared.winners[shared.regions[region].group];
        parts.push_back({{"name", shared.names[region]},
                         {"when", shared.whens[region]},
                         {"tuned_at", searches[winner.search].subject.sizes},
                         {"choices", winner.choices}});
    }
    const tune::Setting& setting = searches.front().setting;
    const nlohmann::ordered_json json{{"kernel", searches.front().subject.work().kernel.name},
                                      {"machine", setting.machine},
                                      {"target", setting.target},
                                      {"threads", setting.threads},
                                      {"classes", classes},
                                      {"parts", parts},
                                      {"written", written}};
    return tune::print_json(json, 2) + '\n';
}

} // namespace coulter::cli
