// Lesson 7: gradients.
//
// A kernel's gradient is a kernel, made by the compiler and compiled with its own schedule. Read fit.cpp first; then
// build and run this:
//
//     cmake --build build --target tutorial_07_gradients && build/tutorials/tutorial_07_gradients
//
// One keyword puts the gradient into the library of its kernel:
//
//     coulter_add_kernels(fitting SOURCES fit.cpp KERNELS fit GRADIENTS fit:weight)

#include "../lesson.hpp"

// Forward and backward. The second is
//
//     int fit_grad(coulter_context*, const DLTensor* signal, const DLTensor* wanted, const DLTensor* weight, float
//     d_loss,
//                  DLTensor* d_weight);
//
// It takes the derivative of whatever you make smaller by each output, here by the loss itself, and gives the
// derivative by each input that GRADIENTS lists.
#include <fitting/fit.h>
#include <fitting/fit_grad.h>

#include <cmath>
#include <iostream>

namespace {

using coulter::Tensor;

constexpr std::int64_t signals = 16, length = 129, positions = 64;

void learn() {
    coulter::Context context;
    Tensor<float> signal({signals, length}), wanted({signals, positions});
    for (std::int64_t n = 0; n < signals; ++n) {
        for (std::int64_t i = 0; i < length; ++i) {
            signal(n, i) = static_cast<float>((37 * n + 11 * i + n * i * i) % 17) / 17.0F - 0.5F;
        }
    }
    // What a filter of 1/4, 1/2, 1/4 makes of every second position.
    for (std::int64_t n = 0; n < signals; ++n) {
        for (std::int64_t p = 0; p < positions; ++p) {
            wanted(n, p) = 0.25F * signal(n, 2 * p) + 0.5F * signal(n, 2 * p + 1) + 0.25F * signal(n, 2 * p + 2);
        }
    }

    Tensor<float> weight({3}, {0, 0, 0}), d_weight({3});
    Tensor<float> loss(std::initializer_list<std::int64_t>{}); // one number
    for (int step = 0; step <= 200; ++step) {
        coulter::fit(context, signal, wanted, weight, loss);
        if (step % 200 == 0) {
            std::cout << "step " << step << ": the loss is " << (loss() < 1e-9F ? "0" : "not 0")
                      << ", the weights are ";
            for (std::int64_t k = 0; k < 3; ++k) {
                std::cout << std::lround(weight(k) * 8) << (k < 2 ? ", " : " eighths\n");
            }
        }
        coulter::fit_grad(context, signal, wanted, weight, 1.0F, d_weight);
        for (std::int64_t k = 0; k < 3; ++k) {
            weight(k) -= 0.5F * d_weight(k);
        }
    }
}

void transform(const std::string& what, const std::string& command) {
    std::cout << '\n'
              << what << "\n\n  $ coulter " << command << '\n'
              << indented(output_of("cd " + quoted(TEXTS) + " && " + quoted(COULTER_PROGRAM) + " " + command));
}

/// The statement of that name in a text.
std::string statement(const std::string& text, const std::string& name) {
    const std::size_t start = text.find("\n" + name + ":") + 1;
    return text.substr(start, text.find("\n\n", start) - start + 1);
}

} // namespace

int main() {
    learn();

    // The same from the command line. The report says what became of each read: whether its gradient is a sum (a
    // gather), a scatter or neither, and which values of the forward kernel it reads. Whether these are stored or
    // computed again is said by the gradient's schedule, like the rest.
    transform("Which gradients are there, and what do they read?",
              "transform fit.coulter --grad weight,signal --report "
              "-o both.coulter");

    // The gradient by the signal turns the access `signal(i = 2*p + k)` round. Each element of the signal was read by
    // every second tap, so the loop over taps takes steps of two from the element's residue, and no condition on
    // remainders stands in it.
    std::cout << "\nThe gradient by the signal, from both.coulter:\n\n"
              << indented(statement(contents(std::string(TEXTS) + "/both.coulter"), "d.signal"));

    // Without its rule the rounding has no derivative, and a gradient of zeros would hide that.
    transform("And without the rule of in_eighths?", "transform flat.coulter --grad weight");
    return 0;
}
