#pragma once
/// The tiny kernel with a schedule for a device.

#include "run.hpp"

namespace coulter::test {

inline void write_tiny_for_device(const Folder& folder) {
    folder.write("tiny.coulter", tiny_kernel);
    folder.write("tiny.sched", R"(schedule tiny
target x86-64-opencl
stage product {
    split j by 8
    gpu_blocks j.o i
    gpu_threads j.i
}
)");
}

inline bool contains(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

} // namespace coulter::test
