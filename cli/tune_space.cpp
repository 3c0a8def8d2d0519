// What is tuned, and what may be decided about it.

#include "tune_space.hpp"

#include "completed_file.hpp"
#include "completion.hpp"
#include "coulter/tune/decision_space.hpp"
#include "coulter/tune/holes.hpp"
#include "coulter/tune/joint_space.hpp"
#include "coulter/version.hpp"
#include "files.hpp"
#include "verify_run.hpp"

#include <algorithm>
#include <fmt/core.h>
#include <set>

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
    if (request.only == "holes") {
        throw failure(refused, "M006", "--only holes was given, and no file has a hole",
                      "write `tune n in {8, 16, 32} = 16`, and `?n` where the value belongs, or leave --only out");
    }
    if (is_complete(work)) {
        const char* const which = request.only == "stages"
                                      ? "in {} every stage has a schedule, so there is nothing to tune"
                                      : "there is no hole in {}, and every stage has a schedule, so "
                                        "there is nothing to tune";
        throw failure(
            refused, "M006", fmt::format(fmt::runtime(which), quoted_list(layers)),
            request.only == "stages"
                ? "leave stages out, or --only"
                : "write `tune n in {8, 16, 32} = 16`, and `?n` where the value belongs, or leave stages out");
    }
    if (request.output.empty()) {
        throw Failure(usage,
                      request.only == "stages"
                          ? "error: what is tuned of the stages left out is a new file, and -o must name it\n"
                            "help: -o tuned.sched; or the last of the files, which then is completed in place\n"
                          : "error: no file has a hole to fill, so a new file is written, and -o must name it\n"
                            "help: -o tuned.sched; or the last of the files, which then is completed in place; or "
                            "write holes, as `tune n in {8, 16, 32} = 16`\n");
    }
}

/// What completes the schedule after some decisions, with a file's text in place of the one that is tuned.
class Completing {
public:
    explicit Completing(const TuneSubject& subject) : subject_(subject) {
        options_.target = subject.target;
        options_.defaults = defaults_of(subject);
        options_.texts = subject.texts;
    }

    /// \throws Failure where there are none.
    [[nodiscard]] std::vector<schedule::Decision> decisions() const {
        const Work work = loaded(std::nullopt, {}).work.front();
        if (work.plan.decisions.empty()) {
            throw failure(
                refused, "M006",
                fmt::format("the default schedule of `{}` leaves nothing to decide for {}", subject_.work().kernel.name,
                            subject_.loaded.target.name),
                "of a single value, and of a single loop, only holes are tuned: write `tune n in {8, 16, 32} = 16`");
        }
        return work.plan.decisions;
    }

    /// A layer above all files. Empty: the checker refuses it.
    [[nodiscard]] std::string layer(const schedule::Decided& decided) const {
        return written(std::nullopt, decided, completion_file);
    }

    /// The file that is tuned, with what completes it. Empty: the checker refuses it.
    [[nodiscard]] std::string file(const std::string& filled, const schedule::Decided& decided) const {
        const std::string section = written(filled, decided, completion_section);
        return section.empty() ? section : with_completion(filled, section);
    }

    [[nodiscard]] Loaded loaded(const std::optional<std::string>& filled, const schedule::Decided& decided) const {
        LoadOptions options = options_;
        options.defaults.decided = decided;
        const auto given = static_cast<std::ptrdiff_t>(subject_.loaded.schedules.size());
        const std::vector<std::string> layers(subject_.schedules.begin(), subject_.schedules.begin() + given);
        if (filled) {
            options.texts[subject_.schedules[subject_.tuned]] = *filled;
        }
        return load({subject_.work().path}, layers, options);
    }

private:
    template <class Write>
    [[nodiscard]] std::string written(const std::optional<std::string>& filled, const schedule::Decided& decided,
                                      const Write& write) const {
        const Loaded all = loaded(filled, decided);
        return all.report.has_errors()
                   ? std::string()
                   : write(all.work.front(), all.target.name, options_.defaults, by_tune(), VariantHeads{});
    }

    const TuneSubject& subject_;
    LoadOptions options_;
};

std::set<std::string> variants_in(const std::string& text) {
    std::set<std::string> names;
    for (const schedule::Statement& each : schedule::parse_schedule(text, {}).file.statements) {
        if (each.kind == schedule::Statement::Kind::variant) {
            names.insert(each.stage.text);
        }
    }
    return names;
}

/// Texts of the files of which an earlier run wrote a part that is to be written anew.
std::map<std::string, std::string> own_texts(const std::vector<std::string>& layers, const TuneRequest& request,
                                             bool several) {
    std::map<std::string, std::string> texts;
    for (const std::string& path : layers) {
        const std::string text = read_file(path);
        const auto has_own_holes = [&] {
            return has_holes(schedule::parse_schedule(without_section(text, Section::completed), path).file);
        };
        // Another file stays as it is, and its sections are in force.
        if (!is_in_place({path}, request.output) && (request.only == "stages" || !has_own_holes())) {
            continue;
        }
        std::string own = text;
        for (std::string before; before != own;) { // either section may be the last
            before = own;
            const std::string less = without_section(own, Section::completed);
            // What was tuned for several sizes is not given up for one.
            if (path == layers.back() && request.only != "holes" &&
                (several || variants_in(less) == variants_in(own))) {
                own = less;
            }
            own = several ? without_section(own, Section::variants) : own;
        }
        if (own != text) {
            texts[path] = own;
        }
    }
    return texts;
}

} // namespace

TuneSubject subject_of(const TuneRequest& request, bool several) {
    const KernelAndSchedules files = split_files(request.files);
    TuneSubject subject;
    subject.target = request.target;
    subject.runtime = request.runtime;
    subject.threads = request.threads;
    subject.jobs = request.jobs;
    subject.tolerance = request.tolerance;
    subject.limits = request.limits;
    subject.code_bytes = static_cast<std::int64_t>(request.code_mib * 1024 * 1024);
    subject.texts = own_texts(files.schedules, request, several);
    subject.load_files(files.kernel, files.schedules);
    const auto with_holes = request.only == "stages" ? std::nullopt : file_with_holes(subject.loaded, files.schedules);
    if (with_holes) {
        subject.tuned = *with_holes;
        subject.fills = true;
        // What completes all layers may need what the highest one makes.
        subject.completes = request.only.empty() && subject.tuned + 1 == files.schedules.size() &&
                            !is_complete(subject.work()) && has_decisions(subject.work());
    } else {
        require_undecided(subject.work(), files.schedules, request);
        const bool is_output = is_in_place(files.schedules, request.output);
        subject.completes = true;
        subject.tuned = files.schedules.size() - (is_output ? 1 : 0);
        if (!is_output) {
            subject.schedules.push_back(request.output);
        }
    }
    if (changes_given_file(subject)) {
        const std::string& path = files.schedules[subject.tuned];
        if (std::ranges::find(subject.work().schedules, path) == subject.work().schedules.end()) {
            throw failure(refused, "M006",
                          fmt::format("{} does not apply to `{}`",
                                      with_holes ? "the file with the holes" : "`" + path + "`",
                                      subject.work().kernel.name),
                          "its `schedule` line names other kernels");
        }
        subject.texts.try_emplace(path, read_file(path));
    }
    return subject;
}

bool has_holes(const schedule::ScheduleFile& file) {
    const auto is_hole = [](const schedule::Statement& each) { return each.kind == schedule::Statement::Kind::tune; };
    return std::ranges::any_of(file.statements, [&](const schedule::Statement& each) {
        return is_hole(each) ||
               (each.kind == schedule::Statement::Kind::variant && std::ranges::any_of(each.body, is_hole));
    });
}

bool has_decisions(const Work& work) {
    return !work.plan.decisions.empty() ||
           std::ranges::any_of(work.variants, [](const auto& each) { return !each.plan.decisions.empty(); });
}

bool changes_given_file(const TuneSubject& subject) {
    return subject.tuned < subject.loaded.schedules.size();
}

std::unique_ptr<tune::Space> space_of(const TuneSubject& subject) {
    const std::string& path = subject.schedules[subject.tuned];
    if (!subject.completes) {
        return std::make_unique<tune::HoleSpace>(subject.texts.at(path), path);
    }
    const auto completing = std::make_shared<Completing>(subject);
    if (!changes_given_file(subject)) {
        return std::make_unique<tune::DecisionSpace>(
            completing->decisions(),
            [completing](const schedule::Decided& decided) { return completing->layer(decided); });
    }
    const std::string own = subject.texts.at(path);
    if (!subject.fills) {
        return std::make_unique<tune::DecisionSpace>(
            completing->decisions(), [=](const schedule::Decided& decided) { return completing->file(own, decided); });
    }
    return std::make_unique<tune::JointSpace>(
        own, path, completing->decisions(), [completing](const std::string& filled, const schedule::Decided& decided) {
            return completing->file(filled, decided);
        });
}

std::string filled_text(const TuneSubject& subject, const std::map<std::string, std::string>& choices) {
    if (!changes_given_file(subject)) {
        return {};
    }
    const std::string& path = subject.schedules[subject.tuned];
    if (!subject.fills) {
        return subject.texts.at(path);
    }
    const tune::HoleSpace holes(subject.texts.at(path), path);
    tune::Assignment values = tune::initial(holes);
    for (std::size_t i = 0; i < values.size(); ++i) {
        const tune::Choice& hole = holes.choices()[i];
        const auto chosen = choices.find(hole.name);
        const auto at = chosen == choices.end() ? hole.domain.end() : std::ranges::find(hole.domain, chosen->second);
        values[i] = at == hole.domain.end() ? values[i] : static_cast<std::size_t>(at - hole.domain.begin());
    }
    return holes.schedule_text(values);
}

Work completed_work(const TuneSubject& subject, const std::map<std::string, std::string>& choices) {
    const std::optional<std::string> filled =
        changes_given_file(subject) ? std::optional(filled_text(subject, choices)) : std::nullopt;
    // A hole is no decision, and what is no decision changes nothing.
    return Completing(subject).loaded(filled, choices).work.front();
}

schedule::DefaultOptions defaults_of(const TuneSubject& subject) {
    schedule::DefaultOptions defaults;
    defaults.threads = subject.threads;
    defaults.sizes = subject.sizes;
    return defaults;
}

std::string by_tune() {
    return fmt::format("by `coulter tune` {}", COULTER_VERSION);
}

} // namespace coulter::cli
