// The generated header of em_routing under the schedule that stores no votes, which the language's own does not go
// together with.

#include "models/no_votes_kernel.hpp"

#include <em_no_votes/em_routing.h>

namespace coulter::test {

CompiledKernel no_votes_kernel() {
    return compiled_kernel(::em_routing_info(), ::em_routing);
}

std::int64_t memory_without_votes(std::int64_t batch, std::int64_t size, std::int64_t types, int threads) {
    Context context;
    context.set_threads(threads);
    const std::int64_t parents = (size - 3) / 2 + 1;
    const Tensor<float> pose({batch, size, size, types, 4, 4}), activation({batch, size, size, types}),
        weight({3, 3, types, types, 4, 4}), beta({types});
    Tensor<float> pose_out({batch, parents, parents, types, 4, 4}), activation_out({batch, parents, parents, types});
    em_routing(context, pose, activation, weight, beta, beta, pose_out, activation_out);
    const coulter_memory memory = context.memory();
    return memory.scratch_peak + memory.packed;
}

} // namespace coulter::test
