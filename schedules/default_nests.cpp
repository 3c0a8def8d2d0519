#include "default_nests.hpp"

#include "default_layouts.hpp"
#include "default_ordered.hpp"
#include "default_steps.hpp"

namespace coulter::schedule {
namespace {

Strategy strategy_of(const Analysis& analysis, const ir::Definition& stage) {
    if (analysis.is_scheduled(stage.name)) {
        return Strategy::given;
    }
    if (analysis.is_inlined(stage.name)) {
        return Strategy::inlined;
    }
    if (is_ordered(stage)) {
        return Strategy::sequential;
    }
    if (!stage.reduction) {
        return Strategy::map;
    }
    // The sums of steps are kept in registers inside of the loops over these.
    if (!dims_limited_by_steps(analysis.kernel(), stage).empty() ||
        (analysis.is_stepped(stage.name) && analysis.stepping(stage.name).empty())) {
        return Strategy::stepwise;
    }
    return stage.dims.empty() ? Strategy::total : Strategy::reduction;
}

/// A reduction whose only reader is a map of the same dims, by name, keeps its tile below that map.
void pair_with_reader(const Analysis& analysis, const ir::Definition& stage,
                      std::map<std::string, StageShape>& shapes) {
    const ir::Definition* writer = writer_of(analysis, stage);
    if (writer == nullptr || shapes.at(stage.name).strategy != Strategy::reduction) {
        return;
    }
    StageShape& shape = shapes.at(writer->name);
    if (shape.strategy != Strategy::map && shape.strategy != Strategy::write_out) {
        return;
    }
    if (analysis.decided("written", stage.name, {"apart"})) {
        return;
    }
    if (shape.strategy == Strategy::write_out) {
        // Of several, the one with the most to do; the others accumulate on their own.
        if (work_of(analysis, shape.accumulator) >= work_of(analysis, stage.name)) {
            return;
        }
        shapes.at(shape.accumulator).strategy = Strategy::reduction;
        shapes.at(shape.accumulator).owner.clear();
    }
    shapes.at(stage.name).strategy = Strategy::accumulated;
    shapes.at(stage.name).owner = writer->name;
    shape.strategy = Strategy::write_out;
    shape.accumulator = stage.name;
}

} // namespace

std::map<std::string, StageShape> choose_strategies(const Analysis& analysis) {
    std::map<std::string, StageShape> shapes;
    for (const ir::Definition& stage : analysis.kernel().definitions) {
        shapes[stage.name].strategy = strategy_of(analysis, stage);
    }
    for (const ir::Definition& stage : analysis.kernel().definitions) {
        pair_with_reader(analysis, stage, shapes);
    }
    for (const ir::Definition& stage : analysis.kernel().definitions) {
        if (const std::string owner = analysis.stepping(stage.name); !owner.empty()) {
            shapes.at(stage.name).strategy = Strategy::accumulated;
            shapes.at(stage.name).owner = owner;
            shapes.at(owner).accumulator = stage.name;
        }
    }
    return shapes;
}

double work_of(const Analysis& analysis, const std::string& stage) {
    const ir::Definition& definition = *analysis.kernel().find_definition(stage);
    const double visited =
        analysis.points(iterated_dims(definition)) / analysis.points(segmenting_dims(analysis, definition));
    return std::max(visited, analysis.points(definition.dims)) * analysis.cost(stage);
}

} // namespace coulter::schedule
