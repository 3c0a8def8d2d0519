#include "complete_plan.hpp"

#include "coulter/schedule/target.hpp"

#include <algorithm>
#include <fmt/core.h>

namespace coulter::schedule::detail {
namespace {

/// Completions that are tried for the requirements: of the largest kernels one takes half a second.
constexpr int most_trials = 24;
/// Stages that break one limit and are looked at, the largest of them.
constexpr std::size_t most_at_once = 3;

std::string completion(const ir::Kernel& kernel, const std::vector<std::string>& mentioned, Numerics numerics,
                       Device device, const CheckOptions& options, const Decided& decided, DecisionLog& log) {
    if (options.complete) {
        DefaultOptions defaults = options.defaults;
        defaults.decided = decided;
        defaults.numerics = numerics;
        defaults.device = device;
        if (const auto target = find_target(options.target)) {
            defaults.vector_bytes = target->vector_bytes;
            defaults.vector_registers = target->vector_registers;
        }
        return default_schedule(kernel, mentioned, defaults, &log);
    }
    std::string text;
    for (const ir::Definition& each : kernel.definitions) {
        const bool map = !each.reduction && !each.scan;
        if (map && !kernel.is_output(each.name) && std::ranges::find(mentioned, each.name) == mentioned.end()) {
            text += fmt::format("stage {} {{ compute inline }}\n", each.name);
        }
    }
    return text;
}

class Completion {
public:
    Completion(const Model& model, const Requirements& requirements, const CheckOptions& options,
               std::vector<Diagnostic>& diagnostics)
        : model_(model), requirements_(requirements), options_(options), diagnostics_(diagnostics) {}

    Completed run() {
        Completed best = complete(options_.defaults.decided);
        if (!best.plan) {
            return best;
        }
        Decided decided = options_.defaults.decided;
        Completed now = best;
        const std::size_t before = diagnostics_.size();
        while (is_open(now)) {
            auto next = improved(now, decided);
            if (!next) {
                next = reordered(now, decided);
            }
            if (!next) {
                next = opened(now, decided);
            }
            diagnostics_.resize(before); // a trial tells nobody anything
            if (!next) {
                break;
            }
            now = std::move(*next);
            if (excess(now) < excess(best)) {
                best = now;
            }
        }
        return best;
    }

private:
    Completed complete(const Decided& decided) {
        Completed result;
        Model model = model_;
        result.text = completion(model.kernel(), model.mentioned(), model.numerics, model.device.value_or(Device::none),
                                 options_, decided, result.log);
        const SyntaxResult parsed = parse_schedule(result.text, "default schedule");
        COULTER_INTERNAL_ASSERT(parsed.ok());
        const std::size_t before = diagnostics_.size();
        model.apply(parsed.file);
        result.plan = model.finish();
        // The author did not write the default schedule: its warnings teach nothing, and its errors are ours.
        std::size_t position = 0;
        std::erase_if(diagnostics_, [&](const Diagnostic& each) {
            return position++ >= before && each.span.file == "default schedule" && each.severity != Severity::error;
        });
        if (result.plan) {
            result.plan->completion_text = format_bare(parsed.file);
            result.violations = requirements_.broken_by(
                *result.plan, [&](const std::string& stage) -> const std::string& { return model.origin(stage); });
        }
        return result;
    }

    /// Whether other decisions are worth a try.
    [[nodiscard]] bool is_open(const Completed& now) const {
        return options_.complete && trials_ < most_trials && !now.violations.empty();
    }

    /// Stages unstored that must be, then bytes.
    static std::pair<std::size_t, double> excess(const Completed& each) {
        std::pair<std::size_t, double> sum{0, 0};
        for (const Violation& violation : each.violations) {
            if (violation.line->limited == Limited::stage) {
                ++sum.first;
            }
            sum.second += static_cast<double>(violation.over);
        }
        return sum;
    }

    static bool is_large_step(const std::pair<std::size_t, double>& from, const std::pair<std::size_t, double>& to) {
        return to.first < from.first || to.second < 0.9 * from.second;
    }

    /// The completion under `decided`, where it can be done.
    std::optional<Completed> tried(const Decided& decided) {
        ++trials_;
        const std::size_t before = diagnostics_.size();
        Completed trial = complete(decided);
        diagnostics_.resize(before);
        return trial.plan ? std::optional(std::move(trial)) : std::nullopt;
    }

    /// The best change of one decision, where one helps; `decided` gets it.
    std::optional<Completed> improved(const Completed& now, Decided& decided) {
        std::optional<Completed> best;
        Decided chosen;
        for (const auto& [name, word] : changes(now, decided)) {
            Decided changed = decided;
            changed[name] = word;
            std::optional<Completed> trial = trials_ < most_trials ? tried(changed) : std::nullopt;
            if (!trial || excess(*trial) >= excess(best ? *best : now)) {
                continue;
            }
            best = std::move(trial);
            chosen = changed;
            if (is_large_step(excess(now), excess(*best))) {
                break; // what comes later repeats more, and takes time to try
            }
        }
        if (best) {
            decided = chosen;
        }
        return best;
    }

    /// The best change after a reader was given another outermost loop, in which it may read a part.
    std::optional<Completed> reordered(const Completed& now, Decided& decided) {
        for (const Decision& decision : now.log.all()) {
            if (!decision.name.starts_with("first of ") || decided.contains(decision.name) ||
                !reads_any(now, decision.name.substr(9))) {
                continue;
            }
            for (const std::string& word : decision.words) {
                Decided changed = decided;
                changed[decision.name] = word;
                std::optional<Completed> trial = trials_ < most_trials ? tried(changed) : std::nullopt;
                if (trial && excess(*trial) >= excess(now)) {
                    trial = improved(*trial, changed);
                }
                if (trial && excess(*trial) < excess(now)) {
                    decided = changed;
                    return trial;
                }
            }
        }
        return std::nullopt;
    }

    /// Whether a stage reads one of those that take too much, directly or not.
    static bool reads_any(const Completed& now, const std::string& reader) {
        std::vector<std::string> reached = stages_of(now);
        for (const ir::Definition& each : now.plan->kernel.definitions) {
            for (const std::string& source : ir::reads(each)) {
                if (std::ranges::find(reached, source) != reached.end()) {
                    reached.push_back(each.name);
                    break;
                }
            }
        }
        return std::find(reached.begin() + static_cast<std::ptrdiff_t>(stages_of(now).size()), reached.end(), reader) !=
               reached.end();
    }

    /// After the first change of those that take nothing by themselves, and give what is read more places: a stage is
    /// inlined, or there is a clone of it for each reader.
    std::optional<Completed> opened(const Completed& now, Decided& decided) {
        for (const auto& [name, word] : changes(now, decided)) {
            if (word == "yes" || word == "inline") {
                decided[name] = word;
                return tried(decided);
            }
        }
        return std::nullopt;
    }

    /// The stages that take too much.
    static std::vector<std::string> stages_of(const Completed& now) {
        std::vector<std::string> stages;
        for (const Violation& violation : now.violations) {
            for (std::size_t i = 0; i < std::min(violation.stages.size(), most_at_once); ++i) {
                if (std::ranges::find(stages, violation.stages[i]) == stages.end()) {
                    stages.push_back(violation.stages[i]);
                }
            }
        }
        return stages;
    }

    /// Decisions that make stages take less: of the largest stage first, and there those that repeat least work first.
    [[nodiscard]] static std::vector<std::pair<std::string, std::string>> changes(const Completed& now,
                                                                                  const Decided& decided) {
        const std::vector<std::string> stages = stages_of(now);
        std::vector<std::pair<std::string, std::string>> found;
        const std::vector<Decision> decisions = now.log.all();
        for (const std::string& stage : stages) {
            for (const std::string_view about : {"place", "keep", "clone"}) {
                const std::string name = fmt::format("{} of {}", about, stage);
                const auto decision = std::ranges::find(decisions, name, &Decision::name);
                if (decision == decisions.end() || decided.contains(name)) {
                    continue;
                }
                for (const std::string& word : decision->words) {
                    if (word != "root" && word != "stored" && word != "no") {
                        found.emplace_back(name, word);
                    }
                }
            }
        }
        const bool limits_memory = std::ranges::any_of(
            now.violations, [](const Violation& each) { return each.line->limited == Limited::memory; });
        for (const Decision& decision : decisions) {
            if (limits_memory && decision.name.starts_with("pack of ") && !decided.contains(decision.name)) {
                found.emplace_back(decision.name, "no");
            }
        }
        return found;
    }

    const Model& model_;
    const Requirements& requirements_;
    const CheckOptions& options_;
    std::vector<Diagnostic>& diagnostics_;
    int trials_ = 0;
};

} // namespace

Completed complete_plan(const Model& model, const Requirements& requirements, const CheckOptions& options,
                        std::vector<Diagnostic>& diagnostics) {
    return Completion(model, requirements, options, diagnostics).run();
}

} // namespace coulter::schedule::detail
