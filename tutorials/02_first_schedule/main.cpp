// Lesson 2: the first schedule.
//
// One kernel, six schedules. A schedule says where, in which order and in which memory things are computed; it never
// changes what is computed, so all six give the same votes. We begin with what the default schedule makes of the
// kernel, then take over, and do it by hand in ten directives. After each step: the file, the loops that it makes, and
// the time, beside the peak of this machine.
//
//     cmake --build build --target tutorial_02_first_schedule && build/tutorials/tutorial_02_first_schedule
//
// votes.cpp has the algorithm, step0.sched to step5.sched the schedules. The end of this file has an exercise.

#include "../lesson.hpp"
#include "exercise.hpp"
#include "roof.hpp"

#include <first_schedule/exercise.h>
#include <first_schedule/step0.h>
#include <first_schedule/step1.h>
#include <first_schedule/step2.h>
#include <first_schedule/step3.h>
#include <first_schedule/step4.h>
#include <first_schedule/step5.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <iostream>
#include <thread>
#include <vector>

namespace {

using coulter::Tensor;
using View = coulter::TensorView<float>;
using ConstView = coulter::TensorView<const float>;

struct Step {
    const char* name;
    int directives;
    void (*kernel)(coulter::Context&, const ConstView& pose, const ConstView& weight, const View& votes);
    const char* lesson;
};

// What to look at in each step. Loops are printed from the outermost to the innermost.
const Step steps[] = {
    {"step0", 0, coulter::step0, R"(
No schedule. The default looks at the kernel's shape and decides: the batch is parallel, a block of output
capsules is vectorized, sums stay in registers, and the weights are packed. That is often good enough, and you
are done.)"},
    {"step1", 1, coulter::step1, R"(
A block for a stage takes that stage over: now nothing happens to `votes` but what the block says. So this is
the algorithm as it is written, on all processors. Each sum is finished before the next one begins: the
processor waits for one addition after the other, and neither vectors nor registers are used.)"},
    {"step2", 4, coulter::step2, R"(
`accumulate` computes the sums of a few votes in a place of their own, `votes.acc`, and `votes` becomes the
stage that writes them out. Which votes? Those inside the loop that it is computed at. So the loops are put in
order first: 16 capsules, 4 rows and 4 columns are inside x, a tile of 256 sums. Nothing is gained yet: each of
them is still finished before the next one begins.)"},
    {"step3", 7, coulter::step3, R"(
The tile's own loops: the sums go outside, so that for each k all 256 are advanced together. They do not depend
on each other, and with out in a vector of 16 and the others unrolled they are 16 vectors, which fit into
registers. What is slow now does not show in the loops: a vector of weights is gathered, 16 numbers from 16
places.)"},
    {"step4", 8, coulter::step4, R"(
`pack` gives the weights another layout, in which the numbers of a vector lie together. It is done once, at the
first call, which is legal since the algorithm declares the weights frozen. This is the step that pays most.)"},
    {"step5", 10, coulter::step5, R"(
The tile is written out in vectors too, of the four columns, which lie side by side in `votes`. With all its
loops unrolled or vectorized, nothing asks for the address of the tile, and `in registers` holds it to that: it
never touches memory until it is done. The default is about as fast, with nearly the same loops; but these are
yours to change.)"},
};

// 16 images of the shape for which the kernel has its estimates; the slow steps need no more to be measured.
struct Arguments {
    Tensor<float> pose{16, 15, 15, 32, 4, 4};
    Tensor<float> weight{3, 3, 32, 32, 4, 4};
    Tensor<float> votes{16, 7, 7, 32, 4, 4};
    double flops = 2.0 * 3 * 3 * 32 * 4 * static_cast<double>(votes.size()); // a multiplication and an addition each

    Arguments() {
        for (std::int64_t i = 0; i < pose.size(); ++i) {
            pose.data()[i] = static_cast<float>(i * 7 % 13 - 6);
        }
        for (std::int64_t i = 0; i < weight.size(); ++i) {
            weight.data()[i] = static_cast<float>(i * 5 % 17 - 8);
        }
    }
};

struct Time {
    double seconds;
    double share; ///< of the peak
};

// The peak is measured between the calls, so that both see the same machine: its clock and its other users change.
// Medians, for the same reason: the luckiest call says little.
Time measure(const Step& step, coulter::Context& context, const Arguments& arguments, demo::Roof& roof) {
    step.kernel(context, arguments.pose, arguments.weight, arguments.votes); // packs the weights
    std::vector<Time> times;
    double spent = 0;
    while (times.size() < 3 || (spent < 0.3 && times.size() < 25)) {
        const double peak = roof.flops();
        const auto begin = std::chrono::steady_clock::now();
        step.kernel(context, arguments.pose, arguments.weight, arguments.votes);
        const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
        times.push_back({seconds, arguments.flops / seconds / peak});
        spent += seconds;
    }
    const std::size_t middle = times.size() / 2;
    std::ranges::nth_element(times, times.begin() + static_cast<std::ptrdiff_t>(middle), {}, &Time::share);
    return times[middle];
}

// All the numbers are small integers, so that every order of summation gives the same votes to the last bit.
bool equal(const Tensor<float>& a, const Tensor<float>& b) {
    return std::ranges::equal(a.values(), b.values());
}

std::string rounded(double number, int digits) {
    const double scale = std::pow(10.0, digits);
    std::string text = std::to_string(std::round(number * scale) / scale);
    return text.substr(0, text.find('.') + (digits > 0 ? static_cast<std::size_t>(digits) + 1 : 0));
}

/// \returns 0, or 1 when the last step reaches less than `required` percent of the peak.
int lesson(double required) {
    const int threads = std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
    coulter::Context context;
    context.set_threads(threads);
    const Arguments arguments;
    demo::Roof roof(threads, 1 << 20);
    Tensor<float> first({16, 7, 7, 32, 4, 4});
    std::vector<Time> times;

    for (const Step& step : steps) {
        const std::string name = step.name;
        std::cout << "== " << name << " ==" << step.lesson << "\n\n";
        const std::string schedule = std::string(SCHEDULES) + "/" + name + ".sched";
        std::cout << indented(contents(schedule)) << '\n';
        // The loops are those for a processor with AVX-512, so that this page is the same on all machines. The times
        // below are those of your processor, for which the library was built.
        std::cout << indented(output_of(quoted(COULTER_PROGRAM) + " show " +
                                        quoted(std::string(TEXTS) + "/" + name + ".coulter") + " " + quoted(schedule) +
                                        " --as loops --target x86-64-avx512"));
        arguments.votes.fill(-1);
        times.push_back(measure(step, context, arguments, roof));
        if (times.size() == 1) {
            std::ranges::copy(arguments.votes.values(), first.data());
        }
        std::cout << "\n  time " << rounded(1e3 * times.back().seconds, 2) << " ms, "
                  << rounded(100 * times.back().share, 1) << " % of the peak of " << threads
                  << " threads; the same votes: " << (equal(arguments.votes, first) ? "yes" : "NO") << "\n\n"
                  << std::flush;
    }

    std::cout << "== all steps ==\n";
    for (std::size_t i = 0; i < times.size(); ++i) {
        std::cout << "  " << steps[i].name << "  " << (steps[i].directives < 10 ? " " : "") << steps[i].directives
                  << " directives  " << rounded(100 * times[i].share, 1) << " % of the peak\n";
    }
    std::cout << "  step5 is more than ten times as fast as step1: "
              << (times[5].share > 10 * times[1].share ? "yes" : "NO") << '\n';

    // The answer of the exercise is a schedule like the others, so it too gives the same votes.
    coulter::exercise(context, arguments.pose, arguments.weight, arguments.votes);
    std::cout << "  the answer of the exercise gives the same votes: " << (equal(arguments.votes, first) ? "yes" : "NO")
              << '\n';
    return 100 * times.back().share < required ? 1 : 0;
}

} // namespace

// EXERCISE. With a batch of one image, step5 has one task, and all processors but one are idle. Copy exercise.sched,
// which begins as step5 ends, to a file of your own, and give all processors work. This program judges it:
//
//     build/tutorials/tutorial_02_first_schedule my.sched
//
// `fuse A B as C` makes one loop of two neighbours, the inner one first. answer.sched has an answer, and exercise.cpp
// says what the judge asks for.
int main(int argc, char** argv) {
    const std::vector<std::string> arguments(argv + 1, argv + argc);
    try {
        if (arguments.size() == 2 && arguments[0] == "--require") { // a test on a machine that is quiet
            return lesson(std::stod(arguments[1]));
        }
        return arguments.empty() ? lesson(0)
                                 : judge(arguments[0], std::string(TEXTS) + "/exercise.coulter", COULTER_PROGRAM);
    } catch (const std::exception& error) {
        std::cerr << "error: " << error.what() << '\n';
        return 4;
    }
}
