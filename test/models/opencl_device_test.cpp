// Tensors that are on an OpenCL device already: no copies, and no memory of the host.

#define CL_TARGET_OPENCL_VERSION 120
#include "models/opencl_kernels.hpp"

#include <CL/cl.h>
#include <doctest/doctest.h>

using namespace coulter;
using namespace coulter::test;

namespace {

/// A context of the test's own, on the first device.
struct Device {
    cl_context context = nullptr;
    cl_command_queue queue = nullptr;

    Device() {
        cl_platform_id platform = nullptr;
        cl_device_id device = nullptr;
        REQUIRE(clGetPlatformIDs(1, &platform, nullptr) == CL_SUCCESS);
        REQUIRE(clGetDeviceIDs(platform, CL_DEVICE_TYPE_ALL, 1, &device, nullptr) == CL_SUCCESS);
        context = clCreateContext(nullptr, 1, &device, nullptr, nullptr, nullptr);
        queue = clCreateCommandQueue(context, device, 0, nullptr);
        REQUIRE(queue != nullptr);
    }
    ~Device() {
        clReleaseCommandQueue(queue);
        clReleaseContext(context);
    }
    Device(const Device&) = delete;
    Device& operator=(const Device&) = delete;

    cl_mem memory(const std::vector<float>& values) const {
        return clCreateBuffer(context, CL_MEM_READ_WRITE | CL_MEM_COPY_HOST_PTR, values.size() * sizeof(float),
                              const_cast<float*>(values.data()), nullptr);
    }
    std::vector<float> read(cl_mem memory, std::size_t count) const {
        std::vector<float> values(count);
        REQUIRE(clEnqueueReadBuffer(queue, memory, CL_TRUE, 0, count * sizeof(float), values.data(), 0, nullptr,
                                    nullptr) == CL_SUCCESS);
        return values;
    }
};

DLTensor tensor(void* data, DLDeviceType device, std::int64_t* shape) {
    return {data, {device, 0}, 2, {kDLFloat, 32, 1}, shape, nullptr, 0};
}

} // namespace

TEST_CASE("tensors on the device are used where they are, beside some on the host") {
    skip_without_device();
    const Device device;
    const auto context = make_context();
    REQUIRE(coulter_context_set_opencl(context.get(), device.context, device.queue) == COULTER_OK);
    std::int64_t a_shape[] = {2, 3};
    std::int64_t b_shape[] = {3, 2};
    std::int64_t c_shape[] = {2, 2};
    const std::vector<float> a{1, 2, 3, 4, 5, 6};
    std::vector<float> b{1, 0, 2, 1, 0, 3};
    const std::vector<float> wanted{1 + 4, 2 + 9, 4 + 10, 5 + 18};
    cl_mem a_memory = device.memory(a);
    cl_mem b_memory = device.memory(b);
    cl_mem c_memory = device.memory(std::vector<float>(4, -1));
    const DLTensor a_there = tensor(a_memory, kDLOpenCL, a_shape);
    const DLTensor b_there = tensor(b_memory, kDLOpenCL, b_shape);
    const DLTensor b_here = tensor(b.data(), kDLCPU, b_shape);
    DLTensor c_there = tensor(c_memory, kDLOpenCL, c_shape);
    const auto call = [&](const DLTensor& first, const DLTensor& second, DLTensor& result) {
        return opencl_matmul().call(context.get(),
                                    {const_cast<DLTensor*>(&first), const_cast<DLTensor*>(&second), &result});
    };

    CHECK(call(a_there, b_there, c_there) == COULTER_OK);
    CHECK(device.read(c_memory, 4) == wanted);
    CHECK(device.read(a_memory, 6) == a);

    // Twice on one output, with an input from the host.
    CHECK(call(a_there, b_here, c_there) == COULTER_OK);
    CHECK(device.read(c_memory, 4) == wanted);

    // The output on the host.
    std::vector<float> c(4, -1);
    DLTensor c_here = tensor(c.data(), kDLCPU, c_shape);
    CHECK(call(a_there, b_there, c_here) == COULTER_OK);
    CHECK(c == wanted);

    // The same memory as an input and the output.
    std::int64_t square[] = {2, 2};
    const DLTensor first = tensor(c_memory, kDLOpenCL, square);
    CHECK(call(first, first, c_there) == COULTER_ERROR_OVERLAP);

    // None of it was kept: the memory is the caller's alone again.
    for (cl_mem memory : {a_memory, b_memory, c_memory}) {
        cl_uint references = 0;
        clGetMemObjectInfo(memory, CL_MEM_REFERENCE_COUNT, sizeof references, &references, nullptr);
        CHECK(references == 1);
        clReleaseMemObject(memory);
    }
}

TEST_CASE("a context and its queue belong together") {
    const Device device;
    const auto context = make_context();
    CHECK(coulter_context_set_opencl(context.get(), device.context, nullptr) == COULTER_ERROR_INVALID);
    CHECK(coulter_context_set_opencl(context.get(), nullptr, nullptr) == COULTER_OK);
}
