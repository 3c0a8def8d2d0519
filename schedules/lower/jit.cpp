#include "jit.hpp"

#include "pipeline.hpp"

namespace coulter::lower {

JitKernel compile_jit(schedule::Plan plan, const std::string& target) {
    Lowering lowering;
    lowering.plan = std::move(plan);
    lowering.target = halide_target(target, lowering.plan.numerics).with_feature(Halide::Target::JIT);
    run_passes(lowering);
    JitKernel kernel;
    kernel.main = make_pipeline(lowering.outputs()).compile_to_callable(lowering.arguments(), lowering.target);
    for (const schedule::Pack& pack : lowering.plan.packs) {
        if (pack.once) {
            Stage& stage = lowering.stages.at(pack.stage);
            kernel.packs.emplace(
                pack.stage,
                make_pipeline({stage.func}).compile_to_callable(lowering.pack_arguments(stage), lowering.target));
        }
    }
    return kernel;
}

} // namespace coulter::lower
