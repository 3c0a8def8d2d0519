// Default schedules: what is computed more than once, the shapes of all stages, their text.

#include "default_clones.hpp"
#include "default_gpu_text.hpp"
#include "default_held.hpp"
#include "default_joins.hpp"
#include "default_lanes.hpp"
#include "default_layouts.hpp"
#include "default_steps.hpp"
#include "default_text.hpp"
#include "default_transposed.hpp"
#include "rewrite_unread.hpp"

#include <fmt/format.h>

namespace coulter::schedule {
namespace {

constexpr int most_clones = 32;

constexpr int most_held = 16;

constexpr int most_joins = 8;

std::map<std::string, StageShape> shapes_of(Analysis& analysis) {
    choose_layouts(analysis);
    std::map<std::string, StageShape> shapes = choose_strategies(analysis);
    choose_places(analysis, shapes);
    return shapes;
}

/// `votes.again`, `votes.again2`: a name for what is made of a tensor.
std::string new_name(const ir::Kernel& kernel, const std::string& source, const char* word) {
    std::string name = fmt::format("{}.{}", source, word);
    for (int n = 2; kernel.find_definition(name) != nullptr || kernel.find_input(name) != nullptr ||
                    kernel.find_const(name) != nullptr;
         ++n) {
        name = fmt::format("{}.{}{}", source, word, n);
    }
    return name;
}

/// Gives each decision the share that its stage has in the estimated time of all: operations on vectors, and moves to
/// and from a cache.
void weigh(const Analysis& analysis, const MadeStages& made, DecisionLog& log) {
    std::map<std::string, double> times;
    double total = 0;
    for (const ir::Definition& stage : analysis.kernel().definitions) {
        const double passes = 1 + static_cast<double>(analysis.readers(stage.name).size());
        const double moved = analysis.points(stage.dims) * Costs::element_bytes(stage) * passes;
        const double time = work_of(analysis, stage.name) / static_cast<double>(analysis.lanes(stage.name)) +
                            moved / analysis.options().machine.l2_rate;
        times[stage.name] += time;
        total += time;
        // The loops of a writer are those of the reduction that it writes out.
        if (const ir::Definition* writer = writer_of(analysis, stage)) {
            times[writer->name] += time;
        }
    }
    for (const auto& [joined, first] : made.joined) {
        double time = times.at(joined);
        for (const ir::Ref& access : analysis.reads(joined)) {
            const auto part = times.find(access->name);
            time += part == times.end() ? 0 : part->second;
        }
        times[first] += time;
    }
    for (const auto& [stage, time] : times) {
        log.set_weight(stage, time / total);
    }
    log.set_weight("*", 1);
}

/// The same for a device: transactions with memory, and the operations in their time. A launch takes what its members
/// take.
void weigh_launches(const Analysis& analysis, const std::map<std::string, DeviceStage>& stages, DecisionLog& log) {
    const DeviceModel& device = analysis.options().device_model;
    // An element is stored once and loaded once.
    const double operations = device.stored_operations * device.sector_elements / 2;
    std::map<std::string, double> times;
    double total = 0;
    for (const ir::Definition& stage : analysis.kernel().definitions) {
        if (analysis.is_inlined(stage.name)) {
            continue;
        }
        const double moved =
            stage.dims.empty() ? 1 : transactions(analysis, stage, coalesced(analysis, stage, stage.dims));
        const double time = moved + work_of(analysis, stage.name) / operations;
        times[stage.name] += time;
        total += time;
        if (const std::string& launch = stages.at(stage.name).launch; !launch.empty()) {
            times[launch] += time;
        }
    }
    for (const auto& [stage, time] : times) {
        log.set_weight(stage, time / total);
    }
    log.set_weight("*", 1);
}

/// Blocks of the packs of a text.
std::string blocks_of(const std::vector<PackMade>& packs, ir::Kernel kernel, const DefaultOptions& options) {
    std::vector<std::string> already;
    for (const ir::Definition& definition : kernel.definitions) {
        already.push_back(definition.name);
    }
    for (const PackMade& each : packs) {
        kernel = pack(kernel, each.source, each.tiles, each.name);
    }
    Analysis analysis(kernel, already, options);
    return text_of(analysis, shapes_of(analysis)).text;
}

std::string device_schedule(const ir::Kernel& kernel, const std::vector<std::string>& already, DefaultOptions options,
                            DecisionLog* log) {
    // Neighbouring threads are to a layout what the lanes of a vector are: those of a warp, of 4 bytes each.
    options.vector_bytes = static_cast<int>(4 * options.device_model.warp);
    Analysis analysis(kernel, already, options);
    choose_layouts(analysis);
    const std::map<std::string, DeviceStage> stages = choose_launches(analysis);
    std::string text = device_text(analysis, stages);
    if (log != nullptr) {
        *log = analysis.log();
        weigh_launches(analysis, stages, *log);
    }
    return text;
}

/// Statements that make stages of a kernel, and the kernel that they leave.
class Rewriting {
public:
    Rewriting(const ir::Kernel& given, const std::vector<std::string>& already, const DefaultOptions& options)
        : kernel_(given), already_(already), options_(options) {}

    void join_outputs() {
        repeat(most_joins, [&](Analysis& analysis) {
            const std::optional<Join> join =
                may_join(kernel_) ? choose_join(analysis, shapes_of(analysis)) : std::optional<Join>();
            if (!join) {
                return false;
            }
            for (const std::string& stage : join->stages) {
                if (kernel_.find_definition(stage)->reduction) {
                    const std::string name = new_name(kernel_, stage, "acc");
                    kernel_ = schedule::accumulate(kernel_, stage, name);
                    add(fmt::format("stage {} = accumulate {}", name, stage), "so that it can be joined");
                }
            }
            make_join(*join, "joined", fmt::format("each part of {} is read from afar once", join->tensor));
            return true;
        });
    }

    void compute_once() {
        // Each step leaves fewer reductions.
        repeat(static_cast<int>(kernel_.definitions.size()), [&](Analysis& analysis) {
            const std::optional<Join> join = choose_same(analysis);
            if (join) {
                make_join(*join, "shared", "they compute the same");
            }
            return join.has_value();
        });
    }

    void step_first() {
        repeat(most_held, [&](Analysis& analysis) {
            const std::optional<Steps> steps = choose_steps(analysis, shapes_of(analysis));
            if (!steps) {
                return false;
            }
            std::string stage = steps->stage;
            if (!steps->tasks.empty()) {
                stage = factor(stage, steps->tasks, "part", "tasks have results of their own");
            }
            const std::string sums = factor(stage, steps->dim, "step", steps->reason);
            made_.steps.emplace(stage, sums);
            return true;
        });
    }

    void transpose_copies() {
        repeat(most_held, [&](Analysis& analysis) {
            const std::optional<HeldCopy> copied =
                may_transpose(analysis) ? choose_transposed(analysis, shapes_of(analysis)) : std::optional<HeldCopy>();
            return copied && make_copy(*copied, made_.transposed);
        });
    }

    void hold_copies() {
        repeat(most_held, [&](Analysis& analysis) {
            const std::optional<HeldCopy> copied =
                may_hold(analysis) ? choose_held(analysis, shapes_of(analysis)) : std::optional<HeldCopy>();
            return copied && make_copy(*copied, made_.held);
        });
    }

    void clone_stages() {
        std::map<std::string, std::string> origins; // of clones
        repeat(most_clones, [&](Analysis& analysis) {
            const std::optional<Clone> clone = choose_clone(analysis, shapes_of(analysis));
            if (!clone) {
                return false;
            }
            const auto origin = origins.find(clone->source);
            const std::string& cloned = origin == origins.end() ? clone->source : origin->second;
            const std::string name = new_name(kernel_, cloned, "again");
            origins.emplace(name, cloned);
            for (std::set<std::string>* copies : {&made_.held, &made_.transposed}) {
                if (copies->contains(clone->source)) {
                    copies->insert(name);
                }
            }
            kernel_ = schedule::clone(kernel_, clone->source, clone->consumers, name);
            add(fmt::format("clone {} for {} as {}", clone->source, fmt::join(clone->consumers, " "), name),
                "cheaper to compute again than to keep");
            return true;
        });
    }

    /// All statements, those of the stages included.
    [[nodiscard]] std::string text(DecisionLog* log) {
        Analysis analysis(kernel_, already_, options_, made_);
        const DefaultText written = text_of(analysis, shapes_of(analysis));
        if (log != nullptr) {
            noted_.merge(analysis.log());
            weigh(analysis, made_, noted_);
            *log = std::move(noted_);
        }
        return above_ + written.text + (written.packs.empty() ? "" : blocks_of(written.packs, kernel_, options_));
    }

private:
    /// Takes steps until one finds nothing to do.
    template <class Step>
    void repeat(int most, const Step& step) {
        for (bool found = true; found && most > 0; --most) {
            const ir::Kernel before = kernel_; // what the analysis is of, as long as it is asked
            Analysis analysis(before, already_, options_, made_);
            found = step(analysis);
            noted_.merge(analysis.log());
        }
    }

    std::string factor(const std::string& stage, const std::string& dim, const char* word, const std::string& reason) {
        const std::string name = new_name(kernel_, stage, word);
        kernel_ = schedule::rfactor(kernel_, stage, dim, 0, RfactorPart::whole, name);
        add(fmt::format("rfactor {}: {} as {}", stage, display_name(dim), name), reason);
        return name;
    }

    bool make_copy(const HeldCopy& copied, std::set<std::string>& copies) {
        const std::string name = new_name(kernel_, copied.source, copied.name.c_str());
        kernel_ = schedule::copy(kernel_, copied.source, copied.consumer, name);
        copies.insert(name);
        add(fmt::format("stage {} = copy {} for {}", name, copied.source, copied.consumer), copied.reason);
        return true;
    }

    void make_join(const Join& join, const char* word, const std::string& reason) {
        const std::string name = new_name(kernel_, join.stages.front(), word);
        kernel_ = schedule::join(kernel_, join.stages, name);
        made_.joined.emplace(name, join.stages.front());
        add(fmt::format("stage {} = join {}", name, fmt::join(join.stages, " ")), reason);
    }

    void add(const std::string& statement, const std::string& reason) {
        above_ += fmt::format("{:<58} # {}\n", statement, reason);
    }

    ir::Kernel kernel_;
    const std::vector<std::string>& already_;
    const DefaultOptions& options_;
    MadeStages made_;
    DecisionLog noted_;
    std::string above_;
};

} // namespace

std::string default_schedule(const ir::Kernel& given, const std::vector<std::string>& already,
                             const DefaultOptions& options, DecisionLog* log) {
    if (options.device != Device::none && options.numerics != Numerics::exact) {
        return device_schedule(given, already, options, log);
    }
    const ir::Kernel used = without_unread(given);
    DefaultOptions chosen = options;
    if (const std::optional<std::string> lanes = choose_lanes(used, already, options)) {
        chosen.decided[lanes_everywhere_decision] = *lanes;
    }
    Rewriting rewriting(used, already, chosen);
    rewriting.join_outputs();
    rewriting.compute_once();
    rewriting.step_first();
    rewriting.transpose_copies();
    rewriting.hold_copies();
    rewriting.clone_stages();
    const char* const head =
        options.device == Device::none ? "" : "# all by the processor: the arithmetic of a device is not exact\n";
    return head + rewriting.text(log);
}

} // namespace coulter::schedule
