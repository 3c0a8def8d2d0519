// The exercise: scale the cost. See the end of main.cpp.

#include "kernels.hpp"
#include "routing.hpp"

using namespace coulter;

namespace lesson {

Kernel exercise() {
    const Layer layer;
    Options options;
    options.cost_scale = f32(1);
    return routing_kernel("exercise", layer, options);
}

} // namespace lesson
