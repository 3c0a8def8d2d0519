// The generated headers of the capsule layers, which the language's own do not go together with.

#include "models/compiled_kernels.hpp"

#include <capsule_layers/capsules_class.h>
#include <capsule_layers/capsules_gaps.h>
#include <capsule_layers/capsules_one_tap.h>
#include <capsule_layers/capsules_stride1.h>

namespace coulter::test {

const std::vector<CompiledKernel>& compiled_capsule_layers() {
    static const std::vector<CompiledKernel> list{compiled_kernel(::capsules_class_info(), ::capsules_class),
                                                  compiled_kernel(::capsules_gaps_info(), ::capsules_gaps),
                                                  compiled_kernel(::capsules_one_tap_info(), ::capsules_one_tap),
                                                  compiled_kernel(::capsules_stride1_info(), ::capsules_stride1)};
    return list;
}

} // namespace coulter::test
