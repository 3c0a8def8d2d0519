// Pass `absorb-padding`.

#include "pipeline.hpp"

#include "coulter/schedule/padding.hpp"

namespace coulter::lower {

void absorb_padding(Lowering& lowering) {
    for (auto& [name, held] : schedule::held_padding(lowering.plan)) {
        Stage& stage = lowering.stages.at(name);
        stage.pad = held.value;
        stage.padded_dims = held.dims;
        lowering.sources.at(name).has_padding = true;
    }
}

} // namespace coulter::lower
