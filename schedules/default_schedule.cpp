// Default schedules: what is computed more than once, the shapes of all stages, their text.

#include "default_clones.hpp"
#include "default_gpu_text.hpp"
#include "default_layouts.hpp"
#include "default_held.hpp"
#include "default_text.hpp"

#include <fmt/format.h>

namespace coulter::schedule {
namespace {

constexpr int most_clones = 32;

constexpr int most_held = 16;

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
void weigh(const Analysis& analysis, DecisionLog& log) {
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
        kernel = pack(kernel, each.source, {each.tile}, each.name);
    }
    Analysis analysis(kernel, already, options);
    return text_of(analysis, shapes_of(analysis)).text;
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
        const double moved = stage.dims.empty()
                                 ? 1
                                 : transactions(analysis, stage, coalesced(analysis, stage, stage.dims));
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

} // namespace

std::string default_schedule(const ir::Kernel& given, const std::vector<std::string>& already,
                             const DefaultOptions& options, DecisionLog* log) {
    if (options.device != Device::none && options.numerics != Numerics::exact) {
        return device_schedule(given, already, options, log);
    }
    ir::Kernel kernel = given;
    DecisionLog noted;
    std::string above; // statements that make stages
    if (options.device != Device::none) {
        above = "# all by the processor: the arithmetic of a device is not exact\n";
    }
    std::set<std::string> held;
    for (int left = most_held; left-- > 0;) {
        Analysis analysis(kernel, already, options, held);
        if (!may_hold(analysis)) {
            break;
        }
        const std::optional<HeldCopy> copied = choose_held(analysis, shapes_of(analysis));
        noted.merge(analysis.log());
        if (!copied) {
            break;
        }
        const std::string name = new_name(kernel, copied->source, copied->name.c_str());
        kernel = schedule::copy(kernel, copied->source, copied->consumer, name);
        held.insert(name);
        above += fmt::format("{:<58} # {}\n",
                              fmt::format("stage {} = copy {} for {}", name, copied->source, copied->consumer),
                              copied->reason);
    }
    std::map<std::string, std::string> origins; // of clones
    for (int left = most_clones; left-- > 0;) {
        Analysis analysis(kernel, already, options, held);
        const std::optional<Clone> clone = choose_clone(analysis, shapes_of(analysis));
        noted.merge(analysis.log());
        if (!clone) {
            break;
        }
        const auto origin = origins.find(clone->source);
        const std::string& cloned = origin == origins.end() ? clone->source : origin->second;
        const std::string name = new_name(kernel, cloned, "again");
        origins.emplace(name, cloned);
        if (held.count(clone->source) != 0) {
            held.insert(name);
        }
        kernel = schedule::clone(kernel, clone->source, clone->consumers, name);
        above +=
            fmt::format("{:<58} # cheaper to compute again than to keep\n",
                        fmt::format("clone {} for {} as {}", clone->source, fmt::join(clone->consumers, " "), name));
    }
    Analysis analysis(kernel, already, options, held);
    const DefaultText written = text_of(analysis, shapes_of(analysis));
    if (log != nullptr) {
        noted.merge(analysis.log());
        weigh(analysis, noted);
        *log = std::move(noted);
    }
    return above + written.text + (written.packs.empty() ? "" : blocks_of(written.packs, kernel, options));
}

} // namespace coulter::schedule
