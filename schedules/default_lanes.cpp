#include "default_lanes.hpp"

#include "default_layouts.hpp"

namespace coulter::schedule {
namespace {

/// Of the time that separate choices take, below which a common one is taken: the estimate knows nothing of the cache.
constexpr double worth_agreeing = 0.95;

/// Cycles of all stages: their operations, loads and stores in the lanes that they have.
double cycles_of(Analysis& analysis) {
    choose_layouts(analysis);
    const std::map<std::string, StageShape> shapes = choose_strategies(analysis);
    double total = 0;
    for (const ir::Definition& stage : analysis.kernel().definitions) {
        const Strategy strategy = shapes.at(stage.name).strategy;
        if (strategy == Strategy::inlined || strategy == Strategy::given || strategy == Strategy::write_out) {
            continue; // a reduction that is written out counts, with its lanes
        }
        const VectorChoice vector = choose_vector(analysis, stage, Region(analysis));
        // Two of them run in a cycle.
        const double operations = analysis.operations(stage.name) / 2 / static_cast<double>(vector.lanes);
        total += analysis.points(ir::loop_dims(stage)) * (vector.cost + operations);
    }
    return total;
}

} // namespace

std::optional<std::string> choose_lanes(const ir::Kernel& kernel, const std::vector<std::string>& already,
                                        const DefaultOptions& options) {
    const auto cycles_with = [&](const std::string& dim) {
        DefaultOptions trial = options;
        if (!dim.empty()) {
            trial.decided[lanes_everywhere_decision] = dim;
        }
        Analysis analysis(kernel, already, trial);
        return cycles_of(analysis);
    };
    const auto decided = options.decided.find(lanes_everywhere_decision);
    if (decided != options.decided.end() && decided->second != undecided) {
        return std::nullopt;
    }
    const std::vector<std::string> common = Analysis(kernel, already, options).common_dims();
    if (common.empty()) {
        return std::nullopt;
    }
    std::optional<std::string> best;
    double least = worth_agreeing * cycles_with("");
    for (const std::string& dim : common) {
        if (const double cycles = cycles_with(dim); cycles < least) {
            least = cycles;
            best = dim;
        }
    }
    return best;
}

} // namespace coulter::schedule
