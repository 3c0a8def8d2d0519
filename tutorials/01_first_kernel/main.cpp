// Lesson 1: the first kernel.
//
// From a function over named dims to a C function that you call. Nothing is said about how it runs: the default
// schedule makes it parallel and vectorized. Read smooth.cpp first; then build and run this:
//
//     cmake --build build --target tutorial_01_first_kernel && build/tutorials/tutorial_01_first_kernel
//
// Three lines of CMake make the library that this program links. The first runs the generator and compiles what it
// wrote:
//
//     coulter_add_kernels(first_kernel SOURCES smooth.cpp KERNELS smooth)
//     add_executable(tutorial_01_first_kernel main.cpp)
//     target_link_libraries(tutorial_01_first_kernel PRIVATE coulter::first_kernel)

#include "../lesson.hpp"

// One header per kernel, in a folder named after the library. It has a C function
//
//     int smooth(coulter_context*, const DLTensor* image, const DLTensor* weight, DLTensor* result);
//
// and, for C++, coulter::smooth with tensors that know their element type. The first answers with a code, the second
// throws coulter::Error.
#include <first_kernel/smooth.h>

#include <cmath>
#include <iostream>

namespace {

using coulter::Tensor;

// What the kernel should compute, as plain loops. A test of your own kernel looks like this.
float largest_error(const Tensor<float>& image, const Tensor<float>& weight, const Tensor<float>& result) {
    float total = 0;
    for (const float w : weight.values()) {
        total += w;
    }
    float largest = 0;
    for (std::int64_t y = 0; y < result.shape()[0]; ++y) {
        for (std::int64_t x = 0; x < result.shape()[1]; ++x) {
            float sum = 0;
            for (std::int64_t ky = 0; ky < 3; ++ky) {
                for (std::int64_t kx = 0; kx < 3; ++kx) {
                    sum += image(y + ky, x + kx) * weight(ky, kx);
                }
            }
            // Not `largest = max(largest, ...)`: that would lose a NaN.
            const float error = std::abs(result(y, x) - sum / total);
            largest = error <= largest ? largest : error;
        }
    }
    return largest;
}

void call_it() {
    // A context holds what calls need between them: the number of threads, scratch memory, packed weights. One per
    // thread of your program is a good choice; by default its kernels use all processors.
    coulter::Context context;

    // Tensors own their memory here. Anything else that has a pointer, extents and strides can be passed just as well,
    // as a TensorView or a DLPack tensor, without a copy.
    Tensor<float> image({101, 67});
    Tensor<float> weight({3, 3}, {1, 2, 1, 2, 4, 2, 1, 2, 1});
    Tensor<float> result({99, 65}); // extent(y) = extent(iy) - 2
    for (std::int64_t y = 0; y < 101; ++y) {
        for (std::int64_t x = 0; x < 67; ++x) {
            image(y, x) = static_cast<float>((y * 67 + x) % 11);
        }
    }

    // The extents are those of the tensors, at each call. One compiled kernel serves all sizes.
    coulter::smooth(context, image, weight, result);
    std::cout << "smoothed 101 x 67 to 99 x 65, as plain loops do: "
              << (largest_error(image, weight, result) < 1e-5F ? "yes" : "NO") << '\n';

    Tensor<float> small({3, 3}, {1, 0, 0, 0, 9, 0, 0, 0, 1});
    Tensor<float> middle({1, 1});
    coulter::smooth(context, small, weight, middle);
    std::cout << "smoothed 3 x 3 to 1 x 1: " << middle(0, 0) << " (that is 38 / 16)\n";
}

// Every call checks all of its arguments before it writes anything, and the message names what is wrong. Here the
// result is as large as the image, as if the picture were padded.
void refuse_it() {
    coulter::Context context;
    Tensor<float> image({101, 67});
    Tensor<float> weight({3, 3});
    Tensor<float> result({101, 67});
    try {
        coulter::smooth(context, image, weight, result);
        std::cout << "NOT REFUSED\n";
    } catch (const coulter::Error& error) {
        std::cout << indented(std::string(coulter_error_name(error.code())) + ": " + error.what()) << '\n';
    }
}

} // namespace

int main() {
    // The kernel as text is all that the library is made of. It is meant to be read, and to be compared in reviews.
    // Note the sum, which nobody named: it is `result.sum`, after the tensor that it is for. That is the name by which
    // a schedule file can speak of it, and by which messages do.
    std::cout << "== smooth.coulter ==\n" << contents(SMOOTH_TEXT);

    std::cout << "\n== the call ==\n";
    call_it();

    std::cout << "\n== a call that is refused ==\n";
    refuse_it();

    // Mistakes in the algorithm are found when the generator runs, on the author's line. The code in brackets has a
    // page in docs/errors/.
    std::cout << "\n== a generator with a mistake: misspelt.cpp ==\n";
    int status = 0;
    std::cout << output_of(quoted(MISSPELT_PROGRAM) + " -o misspelt", &status);
    std::cout << (status != 0 ? "and it writes no text\n" : "NOT REFUSED\n");
    return 0;
}

// To try yourself: let the kernel keep the size of the picture. `padded(image, 0)` reads 0 outside of it; then y and x
// need an extent, since any would do: `Dim y("y", extent(iy))`. models/convolution.cpp has the answer in full.
