// The generated headers of the kernels that are compiled for OpenCL.

#include "models/opencl_kernels.hpp"

#include <models_opencl/conv2d.h>
#include <models_opencl/conv_capsules.h>
#include <models_opencl/em_routing.h>
#include <models_opencl/layer_norm.h>
#include <models_opencl/matmul.h>
#include <models_opencl/softmax.h>

#include <cstdio>
#include <cstdlib>

namespace coulter::test {

std::vector<CompiledKernel> opencl_kernels() {
    return {
        compiled_kernel(::conv2d_info(), ::conv2d),         compiled_kernel(::conv_capsules_info(), ::conv_capsules),
        compiled_kernel(::em_routing_info(), ::em_routing), compiled_kernel(::layer_norm_info(), ::layer_norm),
        compiled_kernel(::matmul_info(), ::matmul),         compiled_kernel(::softmax_info(), ::softmax)};
}

CompiledKernel opencl_matmul() {
    return compiled_kernel(::matmul_info(), ::matmul);
}

std::shared_ptr<coulter_context> make_context() {
    coulter_context* context = nullptr;
    coulter_context_create(COULTER_ABI, &context);
    return {context, coulter_context_destroy};
}

void skip_without_device() {
    float value = 1;
    std::int64_t shape[] = {1, 1};
    DLTensor tensor{&value, {kDLCPU, 0}, 2, {kDLFloat, 32, 1}, shape, nullptr, 0};
    float result = 0;
    DLTensor output = tensor;
    output.data = &result;
    const auto context = make_context();
    if (::matmul(context.get(), &tensor, &tensor, &output) == COULTER_ERROR_NO_DEVICE) {
        std::printf("SKIPPED: %s\n", coulter_context_last_error(context.get()));
        std::fflush(stdout);
        std::_Exit(77);
    }
}

} // namespace coulter::test
