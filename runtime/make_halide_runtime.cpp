/// Writes the object that holds Halide's runtime for the host's operating system, with its interfaces to OpenCL and
/// CUDA devices, whose drivers it looks for when a kernel first asks for one. It is compiled for the plainest processor
/// of the architecture: kernels bring their own instructions, and the runtime has no hot loops.
///
///     make_halide_runtime OUT.o
#include <Halide.h>

#include <cstdio>

int main(int argc, char** argv) {
    if (argc != 2) {
        std::fprintf(stderr, "usage: %s OUT.o\n", argv[0]);
        return 2;
    }
    try {
        const Halide::Target host = Halide::get_host_target();
        const Halide::Target plain(host.os, host.arch, host.bits, {Halide::Target::OpenCL, Halide::Target::CUDA});
        Halide::compile_standalone_runtime(std::string(argv[1]), plain);
    } catch (const std::exception& error) {
        std::fprintf(stderr, "%s\n", error.what());
        return 1;
    }
    return 0;
}
