#include "jit.hpp"

#include "pipeline.hpp"

namespace coulter::lower {

JitKernel compile_jit(schedule::Plan plan, const std::string& target) {
    Lowering lowering;
    lowering.plan = std::move(plan);
    lowering.target = halide_target(target, lowering.plan.numerics).with_feature(Halide::Target::JIT);
    const bool on_device = lowering.target.has_gpu_feature();
    if (lowering.target.has_feature(Halide::Target::OpenCL)) {
        for (const Halide::Target::Feature feature : device_features(lowering.plan.kernel)) {
            lowering.target.set_feature(feature);
        }
    }
    run_passes(lowering);
    JitKernel kernel;
    Halide::Pipeline pipeline = make_pipeline(lowering.outputs(), *lowering.math);
    if (on_device) {
        correct_kernels(pipeline, lowering.target);
    }
    kernel.main = pipeline.compile_to_callable(lowering.arguments(), lowering.target);
    for (const schedule::Pack& pack : lowering.plan.packs) {
        if (pack.once) {
            Stage& stage = lowering.stages.at(pack.stage);
            kernel.packs.emplace(pack.stage, make_pipeline({stage.func}, *lowering.math)
                                                 .compile_to_callable(lowering.pack_arguments(stage), lowering.target));
        }
    }
    return kernel;
}

} // namespace coulter::lower
