#pragma once
/// Kernels of models/ under the schedules of models/schedules/<kernel>.opencl.sched.

#include "models/compiled_kernels.hpp"

#include <memory>

namespace coulter::test {

[[nodiscard]] std::vector<CompiledKernel> opencl_kernels();
[[nodiscard]] CompiledKernel opencl_matmul();

[[nodiscard]] std::shared_ptr<coulter_context> make_context();

/// Ends the process with the exit code of a skipped test where no OpenCL device is found.
void skip_without_device();

} // namespace coulter::test
