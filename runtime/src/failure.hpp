#pragma once

#include <string>
#include <utility>

namespace coulter::runtime {

/// Thrown inside the runtime and caught at the C boundary; never crosses a frame that Halide compiled.
struct Failure {
    int code;
    std::string text;
};

} // namespace coulter::runtime
