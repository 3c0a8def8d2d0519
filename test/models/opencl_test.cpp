// Kernels that run on an OpenCL device: the results of the references, for tensors on the host.

#include "models/goldens.hpp"
#include "models/opencl_kernels.hpp"

#include <doctest/doctest.h>

using namespace coulter;
using namespace coulter::test;

TEST_CASE("on an OpenCL device, kernels give the results of NumPy and PyTorch") {
    skip_without_device();
    for (const CompiledKernel& kernel : opencl_kernels()) {
        int calls = 0;
        for (const GoldenCase& golden : golden_cases(kernel.name)) {
            CAPTURE(golden.name);
            std::map<std::string, std::vector<std::int64_t>> shapes;
            for (const auto& [name, array] : golden.outputs) {
                shapes[name] = array.shape;
            }
            for (const Placement placement : {Placement::before_guard, Placement::strided}) {
                const CallResult result = call(kernel, golden.inputs, shapes, placement);
                CHECK(result.message == "");
                CHECK(difference_from(golden, result.outputs) == "");
                CHECK(result.gaps_untouched);
                ++calls;
            }
        }
        CAPTURE(kernel.name);
        CHECK(calls >= 4);
    }
}

TEST_CASE("inputs may repeat rows or run backwards") {
    float a[] = {1, 2, 3, 4, 5, 6}; // two rows of three
    float b[] = {1, 0, 2, 1, 0, 3}; // three rows of two
    float c[4] = {};
    std::int64_t a_shape[] = {2, 3};
    std::int64_t b_shape[] = {3, 2};
    std::int64_t c_shape[] = {2, 2};
    std::int64_t backwards[] = {-3, 1};
    std::int64_t repeated[] = {0, 1};
    DLTensor first{a + 3, {kDLCPU, 0}, 2, {kDLFloat, 32, 1}, a_shape, backwards, 0};
    DLTensor second{b, {kDLCPU, 0}, 2, {kDLFloat, 32, 1}, b_shape, nullptr, 0};
    DLTensor result{c, {kDLCPU, 0}, 2, {kDLFloat, 32, 1}, c_shape, nullptr, 0};
    const auto context = make_context();
    CHECK(opencl_matmul().call(context.get(), {&first, &second, &result}) == COULTER_OK);
    CHECK(std::vector<float>(c, c + 4) == std::vector<float>{4 + 10, 5 + 18, 1 + 4, 2 + 9});
    first.data = a;
    first.strides = repeated;
    CHECK(opencl_matmul().call(context.get(), {&first, &second, &result}) == COULTER_OK);
    CHECK(std::vector<float>(c, c + 4) == std::vector<float>{1 + 4, 2 + 9, 1 + 4, 2 + 9});
}

TEST_CASE("a tensor of no elements needs no memory of the device") {
    float c[4] = {7, 7, 7, 7};
    std::int64_t a_shape[] = {2, 0};
    std::int64_t b_shape[] = {0, 2};
    std::int64_t c_shape[] = {2, 2};
    DLTensor first{nullptr, {kDLCPU, 0}, 2, {kDLFloat, 32, 1}, a_shape, nullptr, 0};
    DLTensor second{nullptr, {kDLCPU, 0}, 2, {kDLFloat, 32, 1}, b_shape, nullptr, 0};
    DLTensor result{c, {kDLCPU, 0}, 2, {kDLFloat, 32, 1}, c_shape, nullptr, 0};
    const auto context = make_context();
    CHECK(opencl_matmul().call(context.get(), {&first, &second, &result}) == COULTER_OK);
    CHECK(std::vector<float>(c, c + 4) == std::vector<float>(4, 0));
}

TEST_CASE("tensors on other devices are refused") {
    float value = 1;
    std::int64_t shape[] = {1, 1};
    DLTensor tensor{&value, {kDLMetal, 0}, 2, {kDLFloat, 32, 1}, shape, nullptr, 0};
    const auto context = make_context();
    CHECK(opencl_matmul().call(context.get(), {&tensor, &tensor, &tensor}) == COULTER_ERROR_DEVICE);
    CHECK(std::string(coulter_context_last_error(context.get())) ==
          "matmul: argument `a` is on device of type 8:0, wanted cpu or opencl:0");
    tensor.device = {kDLOpenCL, 1};
    CHECK(opencl_matmul().call(context.get(), {&tensor, &tensor, &tensor}) == COULTER_ERROR_DEVICE);
    CHECK(std::string(coulter_context_last_error(context.get())) ==
          "matmul: argument `a` is on device opencl:1, and kernels run on opencl:0");
    tensor.device = {kDLOpenCL, 0};
    tensor.byte_offset = 4;
    CHECK(opencl_matmul().call(context.get(), {&tensor, &tensor, &tensor}) == COULTER_ERROR_DEVICE);
}
