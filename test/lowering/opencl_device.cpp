#include "opencl_device.hpp"

#include "forked.hpp"

#include <Halide.h>

#include <cstdio>
#include <cstdlib>
#include <pthread.h>

namespace coulter::test {
namespace {

// Without its optimiser PoCL keeps all values of a group's threads on the stack of the thread that runs it: some
// kernels take more than the 8 MB that a thread has by default.
void enlarge_stacks() {
    constexpr std::size_t bytes = std::size_t{128} << 20;
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, bytes);
    pthread_setattr_default_np(&attributes);
    pthread_attr_destroy(&attributes);
}

} // namespace

// In a child: a driver's threads do not survive a fork.
void skip_without_device() {
    // The driver's optimiser takes a third of the time, and is not what is tested.
    ::setenv("POCL_EXTRA_BUILD_FLAGS", "-cl-opt-disable", 0);
    enlarge_stacks();
    const std::vector<Result> probe = run_forked(1, [](std::size_t) {
        const bool there =
            Halide::host_supports_target_device(Halide::get_host_target().with_feature(Halide::Target::OpenCL));
        return Result{there ? Outcome::passed : Outcome::refused, {}, 0};
    });
    if (probe.front().outcome != Outcome::passed) {
        std::printf("SKIPPED: no OpenCL device was found\n");
        std::fflush(stdout);
        std::_Exit(77);
    }
    // Compiles Halide's runtime for the device, which children share then. Nothing is run: no driver is loaded.
    Halide::Func f;
    Halide::Var x, block, thread;
    f(x) = Halide::cast<float>(x);
    f.gpu_tile(x, block, thread, 4, Halide::TailStrategy::GuardWithIf);
    (void)f.compile_to_callable({}, Halide::get_host_target().with_feature(Halide::Target::OpenCL));
}

} // namespace coulter::test
