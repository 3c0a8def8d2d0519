// Pass `find-overruns`.

#include "pipeline.hpp"

#include "coulter/schedule/overrun.hpp"

namespace coulter::lower {

void find_overruns(Lowering& lowering) {
    for (auto& [name, found] : schedule::overruns(lowering.plan, schedule::held_padding(lowering.plan))) {
        Stage& stage = lowering.stages.at(name);
        stage.computed = found.computed;
        stage.overrun = found.dims;
        for (const auto& [loop, vector] : found.rounded) {
            stage.rounded.insert(loop);
        }
        if (schedule::is_internal(lowering.plan, name)) {
            lowering.sources.at(name).overrun = stage.overrun;
        }
    }
}

} // namespace coulter::lower
