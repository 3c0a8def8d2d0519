// Pass `bound-stages`.

#include "pipeline.hpp"

namespace coulter::lower {

using Halide::Expr;

void bound_stages(Lowering& lowering) {
    for (auto& [name, stage] : lowering.stages) {
        if (stage.plan->inlined) {
            continue;
        }
        const bool whole = stage.packed_once || lowering.plan.kernel.is_output(name);
        for (std::size_t i = 0; i < stage.args.size(); ++i) {
            const std::string& dim = stage.args[i];
            const Halide::Var& var = stage.vars.at(dim);
            const Expr extent = (*lowering.extents)[dim];
            if (whole) {
                stage.func.bound(var, 0, extent);
            } else if (stage.computed.contains(dim)) {
                const auto size = lowering.extents->constant(dim);
                const auto count = static_cast<int>(stage.computed.at(dim));
                if (size && *size == stage.computed.at(dim)) {
                    stage.func.bound(var, 0, count);
                } else {
                    stage.func.bound_extent(var, count);
                }
            }
        }
        if (whole) {
            Halide::OutputImageParam buffer = stage.func.output_buffer();
            Expr stride = 1;
            for (std::size_t i = 0; i < stage.args.size(); ++i) {
                const Expr extent = (*lowering.extents)[stage.args[i]];
                buffer.dim(static_cast<int>(i)).set_bounds(0, extent);
                if (i == 0 || stage.packed_once) {
                    buffer.dim(static_cast<int>(i)).set_stride(stride);
                    stride = Halide::Internal::simplify(stride * extent);
                }
            }
        }
    }
}

} // namespace coulter::lower
