// One tuning of a schedule with variants, from the files to the file.

#include "tune_parts.hpp"

#include "as_measured.hpp"
#include "completed_file.hpp"
#include "coulter/schedule/target.hpp"
#include "coulter/tune/holes.hpp"
#include "coulter/tune/joint_space.hpp"
#include "coulter/tune/statistics.hpp"
#include "describe.hpp"
#include "tune_output.hpp"
#include "tune_parts_report.hpp"
#include "tune_space.hpp"
#include "variants.hpp"
#include "verify_cases.hpp"
#include "verify_run.hpp"

#include <algorithm>
#include <fmt/core.h>
#include <iostream>

namespace coulter::cli {
namespace {

using Extents = std::map<std::string, std::int64_t>;

bool is_open(const TunedPart& part) {
    return part.completes || !part.holes.empty();
}

std::vector<std::string> open_names(const std::vector<TunedPart>& parts) {
    std::vector<std::string> names;
    for (const TunedPart& part : parts) {
        if (is_open(part)) {
            names.push_back(part.name);
        }
    }
    return names;
}

/// `given`, and for dims that have no estimate what `known` has.
Extents with_assumed(const Work& work, Extents given, const Extents& known) {
    for (const std::string& dim : free_dims(work)) {
        const auto at = known.find(dim);
        if (!work.kernel.estimates.contains(dim) && at != known.end()) {
            given.insert(*at);
        }
    }
    return given;
}

/// Sets the sizes of the parts that `classes` lie in. \returns the parts to tune.
std::vector<TunedPart*> parts_at_classes(const TuneRequest& request, const TuneSubject& subject,
                                         std::vector<TunedPart>& parts, const std::vector<Extents>& classes) {
    const Work& work = subject.work();
    std::vector<TunedPart*> chosen;
    for (const Extents& given : classes) {
        const Extents extents = complete_sizes(work, with_assumed(work, given, subject.sizes));
        const std::string name = part_name(variant_for(work, extents, Tensors{}));
        TunedPart& part = *std::ranges::find(parts, name, &TunedPart::name);
        const std::string sizes = sizes_text(work, extents);
        const bool is_taken = std::ranges::find(chosen, &part) != chosen.end();
        if (request.for_all_kernels && (!is_open(part) || is_taken)) {
            continue;
        }
        if (!is_open(part)) {
            throw Failure(usage,
                          fmt::format("error: {} {} lie in {} of the schedule, of which nothing is to be tuned\n"
                                      "help: holes and stages left out are in {}\n",
                                      request.sizes_option, sizes, part.title(), quoted_list(open_names(parts))));
        }
        if (is_taken) {
            throw Failure(usage,
                          fmt::format("error: {} {} and {} lie in {}, which is tuned for one\n"
                                      "help: a variant more, with a condition between them, would tell them apart\n",
                                      request.sizes_option, sizes_text(work, part.sizes), sizes, part.title()));
        }
        part.sizes = extents;
        chosen.push_back(&part);
    }
    return chosen;
}

/// The parts to tune where no sizes were given: all that this processor runs.
std::vector<TunedPart*> all_parts(const TuneRequest& request, std::vector<TunedPart>& parts) {
    std::vector<TunedPart*> chosen;
    for (TunedPart& part : parts) {
        if (!is_open(part)) {
            continue;
        }
        if (part.target.empty()) {
            std::cerr << fmt::format("note: {} is for another processor, and is left as it is\n", part.title());
        } else if (part.sizes.empty()) {
            std::cerr << fmt::format(
                "note: no sizes were found that reach {}, which is left as it is\nhelp: give {} that lie in it\n",
                part.title(), request.sizes_option);
        } else {
            chosen.push_back(&part);
        }
    }
    return chosen;
}

/// The part as a subject of its own: a file without variants and layers.
TuneSubject alone(const TuneSubject& subject, const TunedPart& part, const std::string& text) {
    TuneSubject own = subject;
    const std::string path =
        (std::filesystem::path(subject.schedules[subject.tuned]).parent_path() / (part.name + ".part.sched")).string();
    own.target = part.target;
    own.texts = {{path, text}};
    own.load_files(subject.work().path, {path});
    own.tuned = 0;
    own.fills = own.completes = false;
    own.sizes = part.sizes;
    return own;
}

std::unique_ptr<tune::Space> space_of_part(const TuneSubject& subject, const TunedPart& part) {
    tune::HoleScope scope;
    scope.variant = part.variant();
    scope.wanted = [holes = part.holes](const std::string& name) {
        return std::ranges::find(holes, name) != holes.end();
    };
    scope.label = part.label();
    const std::string text = own_text(subject);
    std::vector<schedule::Decision> decisions;
    if (part.completes) {
        decisions = decisions_of_part(subject, part, text);
    }
    return std::make_unique<tune::JointSpace>(
        text, std::string(), decisions,
        [&subject, part](const std::string& filled, const schedule::Decided& decided) {
            return part_text(subject, part, filled, decided);
        },
        scope);
}

} // namespace

int tune_parts(const TuneRequest& request, const TuneSubject& given, const std::vector<Extents>& classes) {
    TuneSubject subject = given;
    subject.complete(request.sizes.empty() ? request.typical : with_assumed(subject.work(), {}, classes.front()));
    std::vector<TunedPart> parts = parts_of(subject);
    const std::vector<TunedPart*> chosen =
        request.sizes.empty() ? all_parts(request, parts) : parts_at_classes(request, subject, parts, classes);
    if (chosen.empty()) {
        throw NothingMeasurable(
            failure(refused, "M006",
                    fmt::format("nothing of the schedule of `{}` can be tuned here", subject.work().kernel.name),
                    "a part with a hole or a stage left out, at sizes that reach it, on a processor that runs it"),
            "nothing of its schedule can be tuned here");
    }
    const TunedOutput output(request, subject);
    std::vector<std::unique_ptr<tune::Space>> spaces;
    std::vector<TuneSubject> subjects;
    for (const TunedPart* part : chosen) {
        spaces.push_back(space_of_part(subject, *part));
        std::string text = spaces.back()->schedule_text(tune::initial(*spaces.back()));
        if (text.empty()) {
            // The values that an earlier tuning began with are refused by now; those that stand there are not.
            text = part_text(subject, *part, own_text(subject), {});
        }
        subjects.push_back(alone(subject, *part, text));
    }
    SharedTuning tuning(request, std::move(subjects),
                        [&](const TuneSubject&, std::size_t index) { return std::move(spaces[index]); });
    for (std::size_t i = 0; i < chosen.size(); ++i) {
        tuning.searches()[i].name = fmt::format("{}, {}", tuning.searches()[i].name, chosen[i]->title());
    }
    tuning.run();
    std::vector<MeasuredPart> measured;
    for (std::size_t i = 0; i < chosen.size(); ++i) {
        const SharedSearch& search = tuning.searches()[i];
        if (search.result.best) {
            chosen[i]->choices = tune::described(*search.space, search.result.best->candidate.assignment);
            chosen[i]->tuned = true;
            measured.push_back({chosen[i]->name, &search.subject, search.result.best->candidate.text});
        }
    }
    if (measured.empty()) {
        std::cerr << "interrupted: nothing was measured yet\n";
        return environment;
    }
    const PartsOutcome outcome{tuning.searches(), {chosen.begin(), chosen.end()}};
    const std::string text =
        tune::with_provenance(parts_file(subject, parts), parts_heading(request, subject, outcome));
    require_as_measured(subject, text, measured);
    output.write(text);
    tell_if_interrupted(tuning.names_without_result());
    if (!request.quiet) {
        print_report(request.json ? parts_json(subject, outcome, output.path())
                                  : parts_report(subject, outcome, output.path()));
    }
    return good;
}

} // namespace coulter::cli
