// What is tuned, and what may be decided about it.

#include "tune_space.hpp"

#include "completion.hpp"
#include "coulter/tune/decision_space.hpp"
#include "coulter/tune/holes.hpp"
#include "coulter/version.hpp"
#include "verify_run.hpp"

#include <algorithm>
#include <fmt/format.h>

namespace coulter::cli {
namespace {

/// The layer that has the holes; nothing where there is none. \throws Failure where there is more than one.
std::optional<std::size_t> file_with_holes(const Loaded& loaded, const std::vector<std::string>& layers) {
    std::vector<std::string> with_holes;
    std::size_t found = 0;
    for (const schedule::ScheduleFile& file : loaded.schedules) {
        if (has_holes(file)) {
            with_holes.push_back(file.path);
            found = static_cast<std::size_t>(std::ranges::find(layers, file.path) - layers.begin());
        }
    }
    if (with_holes.empty()) {
        return std::nullopt;
    }
    if (with_holes.size() > 1) {
        throw failure(refused, "M006", fmt::format("holes are in {}, and one file is tuned", quoted_list(with_holes)),
                      "give one of them its values as numbers, or move the `tune` lines into one file");
    }
    return found;
}

/// \throws Failure where there is nothing to tune without holes, or no name for the file.
void require_undecided(const Work& work, const std::vector<std::string>& layers, const TuneRequest& request) {
    if (!work.variants.empty()) {
        throw failure(
            refused, "M006",
            fmt::format("the schedule of `{}` has variants and no hole, so there is nothing to tune", work.kernel.name),
            "write `tune n in {8, 16, 32} = 16` in a variant, and `?n` where the value belongs");
    }
    if (work.plan.completion_why.empty()) {
        throw failure(refused, "M006",
                      fmt::format("there is no hole in {}, and every stage has a schedule, so there is nothing to tune",
                                  quoted_list(layers)),
                      "write `tune n in {8, 16, 32} = 16`, and `?n` where the value belongs, or leave stages out");
    }
    if (request.output.empty()) {
        throw Failure(usage, "error: no file has a hole to fill, so a new file is written, and -o must name it\n"
                             "help: -o tuned.sched; or write holes, as `tune n in {8, 16, 32} = 16`\n");
    }
    const auto is_output = [&](const std::string& layer) {
        std::error_code none;
        return layer == request.output || std::filesystem::equivalent(layer, request.output, none);
    };
    if (std::ranges::any_of(layers, is_output)) {
        throw Failure(usage, fmt::format("error: `{}` has no hole, and cannot be the output too\n"
                                         "help: what is tuned is a layer of its own: give it another name\n",
                                         request.output));
    }
}

/// The stages that no file schedules, as the default schedule decides on them unless told otherwise. The file is a
/// layer above the others.
std::unique_ptr<tune::Space> decision_space(const TuneSubject& subject) {
    LoadOptions load_options{subject.target, true};
    load_options.defaults.threads = subject.threads;
    load_options.defaults.sizes = subject.sizes;
    const std::string kernel = subject.work().path;
    const std::vector<std::string> layers(subject.schedules.begin(), subject.schedules.end() - 1);
    const auto load_with = [=](const schedule::Decided& decided) {
        LoadOptions with = load_options;
        with.defaults.decided = decided;
        return load({kernel}, layers, with);
    };
    const std::string how = fmt::format("by `coulter tune` {}", COULTER_VERSION);
    const auto write = [=](const schedule::Decided& decided) {
        const Loaded loaded = load_with(decided);
        // What the checker refuses is no candidate.
        return loaded.report.has_errors()
                   ? std::string()
                   : completion_file(loaded.work.front(), loaded.target.name, load_options.defaults, how);
    };
    const std::vector<schedule::Decision> decisions = load_with({}).work.front().plan.decisions;
    if (decisions.empty()) {
        throw failure(refused, "M006",
                      fmt::format("the default schedule of `{}` leaves nothing to decide for {}",
                                  subject.work().kernel.name, subject.loaded.target.name),
                      "on a device, and of a single loop, only holes are tuned: write `tune n in {8, 16, 32} = 16`");
    }
    return std::make_unique<tune::DecisionSpace>(decisions, write);
}

} // namespace

TuneSubject subject_of(const TuneRequest& request) {
    const KernelAndSchedules files = split_files(request.files);
    TuneSubject subject;
    const auto given = parse_sizes(request.sizes);
    subject.target = request.target;
    subject.runtime = request.runtime;
    subject.threads = request.threads;
    subject.jobs = request.jobs;
    subject.tolerance = request.tolerance;
    subject.limits = request.limits;
    subject.code_bytes = static_cast<std::int64_t>(request.code_mib * 1024 * 1024);
    subject.load_files(files.kernel, files.schedules);
    if (const auto tuned = file_with_holes(subject.loaded, files.schedules)) {
        subject.tuned = *tuned;
        if (std::ranges::find(subject.work().schedules, files.schedules[*tuned]) == subject.work().schedules.end()) {
            throw failure(refused, "M006",
                          fmt::format("the file with the holes does not apply to `{}`", subject.work().kernel.name),
                          "its `schedule` line names other kernels");
        }
    } else {
        require_undecided(subject.work(), files.schedules, request);
        subject.tuned = files.schedules.size();
        subject.schedules.push_back(request.output);
    }
    subject.complete(given);
    return subject;
}

bool has_holes(const schedule::ScheduleFile& file) {
    return std::ranges::find(file.statements, schedule::Statement::Kind::tune, &schedule::Statement::kind) !=
           file.statements.end();
}

bool fills_holes(const TuneSubject& subject) {
    return subject.tuned < subject.loaded.schedules.size();
}

std::unique_ptr<tune::Space> space_of(const TuneSubject& subject, const std::string& text) {
    if (fills_holes(subject)) {
        return std::make_unique<tune::HoleSpace>(text, subject.schedules[subject.tuned]);
    }
    return decision_space(subject);
}

} // namespace coulter::cli
