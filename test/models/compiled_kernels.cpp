// The one source that includes the generated headers; MODELS_LIBRARY says whose.

#include "models/compiled_kernels.hpp"

#define MODELS_HEADER(kernel) <MODELS_LIBRARY/kernel.h>
#include MODELS_HEADER(avg_pool2d)
#include MODELS_HEADER(avg_pool2d_padded)
#include MODELS_HEADER(conv2d)
#include MODELS_HEADER(conv2d_dilated)
#include MODELS_HEADER(conv2d_grouped)
#include MODELS_HEADER(conv2d_strided)
#include MODELS_HEADER(conv2d_valid)
#include MODELS_HEADER(conv_capsules)
#include MODELS_HEADER(digits_cnn)
#include MODELS_HEADER(em_routing)
#include MODELS_HEADER(gelu)
#include MODELS_HEADER(gelu_tanh)
#include MODELS_HEADER(layer_norm)
#include MODELS_HEADER(matmul)
#include MODELS_HEADER(max_pool2d)
#include MODELS_HEADER(max_pool2d_padded)
#include MODELS_HEADER(reductions)
#include MODELS_HEADER(softmax)

namespace coulter::test {

#define ENTRY(kernel) compiled_kernel(::kernel##_info(), ::kernel)

const std::vector<CompiledKernel>& compiled_kernels() {
    static const std::vector<CompiledKernel> list{ENTRY(avg_pool2d),     ENTRY(avg_pool2d_padded),
                                                  ENTRY(conv2d),         ENTRY(conv2d_dilated),
                                                  ENTRY(conv2d_grouped), ENTRY(conv2d_strided),
                                                  ENTRY(conv2d_valid),   ENTRY(conv_capsules),
                                                  ENTRY(digits_cnn),     ENTRY(em_routing),
                                                  ENTRY(gelu),           ENTRY(gelu_tanh),
                                                  ENTRY(layer_norm),     ENTRY(matmul),
                                                  ENTRY(max_pool2d),     ENTRY(max_pool2d_padded),
                                                  ENTRY(reductions),     ENTRY(softmax)};
    return list;
}

} // namespace coulter::test
