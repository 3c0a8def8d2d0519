// Lesson 3: EM routing, from the formula.
//
// A kernel that no library has as one call, written line by line from the paper. Nothing of it is about speed: that is
// lesson 4. Here it has to be right, and we find out whether it is before anything is compiled.
//
//     cmake --build build --target tutorial_03_em_routing && build/tutorials/tutorial_03_em_routing
//
// Read one_iteration.cpp first, which begins with the formula; then this file, beside what it prints; then routing.cpp
// when section 4 comes to it. The end of this file has an exercise.

#include "../lesson.hpp"
#include "kernels.hpp"
#include "reference.hpp"

// Not part of coulter.h, as programs that write kernels do not need it: the interpreter, which runs a kernel as it
// stands. It is slow, it rounds after each operation as the types say, and it shares no code with the compiler.
#include <coulter/interpreter.hpp>

#include <cmath>
#include <iomanip>
#include <iostream>

namespace {

using coulter::Array;
using Arrays = std::map<std::string, Array>;

// --- a small layer to try things on ----------------------------------------------------------------------------------

// 5 x 5 positions of 3 types of children. Windows of 3 that are 2 apart make 2 x 2 positions of parents; let them be of
// 2 types. Sizes that differ find more mistakes than equal ones. reference.py has the same formulas.
Array pattern(std::vector<std::int64_t> shape, std::int64_t step, std::int64_t modulus, double offset, double scale) {
    Array array(coulter::f32, std::move(shape));
    for (std::int64_t i = 0; i < array.size(); ++i) {
        array.set_real(i, (static_cast<double>(i * step % modulus) - offset) / scale);
    }
    return array;
}

Arrays inputs() {
    return {{"pose", pattern({1, 5, 5, 3, 4, 4}, 29, 61, 30, 32)},
            {"activation", pattern({1, 5, 5, 3}, 5, 11, -2, 16)},
            {"weight", pattern({3, 3, 3, 2, 4, 4}, 23, 67, 33, 64)},
            {"beta_u", pattern({2}, 1, 2, -1, 4)},
            {"beta_a", pattern({2}, 3, 4, 2, 1)}};
}

// `keep` asks for definitions that are no outputs: everything in a kernel can be looked at by its name.
Arrays run(const coulter::Kernel& kernel, const std::vector<std::string>& keep = {}) {
    return coulter::interpret(kernel.ir(), inputs(), {}, {}, keep);
}

// --- checks ----------------------------------------------------------------------------------------------------------

// Of the largest magnitude, since small numbers among large ones are sums of large ones. f32 has 7 digits, and a few
// are lost on the way.
bool near(const Array& result, const std::vector<double>& expected) {
    double largest = 0;
    double error = 0;
    for (std::size_t i = 0; i < expected.size(); ++i) {
        const double difference = std::abs(result.real(static_cast<std::int64_t>(i)) - expected[i]);
        error = difference <= error ? error : difference; // keeps a NaN
        largest = std::max(largest, std::abs(expected[i]));
    }
    return result.size() == static_cast<std::int64_t>(expected.size()) && error <= 1e-5 * largest;
}

const char* yes(bool right) {
    return right ? "yes" : "NO";
}

void compare(const Arrays& results, const std::vector<double>& pose, const std::vector<double>& activation) {
    std::cout << "poses as the reference has them: " << yes(near(results.at("pose_out"), pose))
              << "; activations: " << yes(near(results.at("activation_out"), activation)) << '\n';
}

// What the child of type 0 at a position gives away to all its parents. `assignment` is over [batch, y, x, ky, kx, in,
// out], and the loops are those of the formula: every pair of which it is the child.
double given_away(const Array& assignment, std::int64_t iy, std::int64_t ix) {
    double total = 0;
    std::int64_t at = 0;
    for (std::int64_t y = 0; y < 2; ++y) {
        for (std::int64_t x = 0; x < 2; ++x) {
            for (std::int64_t ky = 0; ky < 3; ++ky) {
                for (std::int64_t kx = 0; kx < 3; ++kx, at += std::int64_t{3} * 2) {
                    const bool same = 2 * y + ky == iy && 2 * x + kx == ix;
                    total += same ? assignment.real(at) + assignment.real(at + 1) : 0; // in = 0, both types of parents
                }
            }
        }
    }
    return total;
}

void print_given_away(const Array& assignment) {
    const Arrays in = inputs();
    for (const std::int64_t p : {0, 1, 2}) {
        std::cout << "  the child at " << p << ", " << p << " has the activation "
                  << in.at("activation").real((p * 5 + p) * 3) << " and gives away " << given_away(assignment, p, p)
                  << '\n';
    }
}

// --- the lesson ------------------------------------------------------------------------------------------------------

void first_iteration() {
    const Arrays results = run(lesson::one_iteration(), {"positions", "votes"});

    // Begin with what can be said without a reference. The windows of 3 at 0 and at 2 overlap in the row 2, so a child
    // there has parents at two positions along y.
    std::cout << "positions of parents of each child:\n";
    const Array& positions = results.at("positions");
    for (std::int64_t i = 0; i < positions.size(); ++i) {
        std::cout << "  " << positions.real(i) << (i % 5 == 4 ? "\n" : "");
    }
    std::cout << "votes: " << results.at("votes").size() << " numbers, where the poses of the children are "
              << inputs().at("pose").size() << '\n';

    // Then a reference: the formula, written by somebody else in another way. reference.py took an f64 one over lists
    // of pairs.
    compare(results, reference::one_pose, reference::one_activation);
    std::cout << "assignments: " << yes(near(results.at("assignment"), reference::one_assignment)) << '\n';

    // And an invariant: EM divides each child among its parents, and no more than there is.
    print_given_away(results.at("assignment"));
}

void wrong_competition() {
    // After one iteration the parents are right, since they were made before the children chose. A test of the outputs
    // of one iteration would have passed!
    const Arrays results = run(lesson::per_position());
    compare(results, reference::one_pose, reference::one_activation);
    std::cout << "assignments: " << yes(near(results.at("assignment"), reference::one_assignment)) << '\n';
    print_given_away(results.at("assignment"));
}

void refused() {
    // unguarded.cpp leaves out `clamped`. Where the constants show it, as here, the kernel is not even made; elsewhere
    // the call is refused. docs/errors/L032.md has the page.
    try {
        const coulter::Kernel kernel = lesson::unguarded();
        std::cout << "NOT REFUSED\n";
    } catch (const coulter::LanguageError& error) {
        std::cout << indented(error.what());
    }
}

void three_iterations() {
    // routing.cpp has the same formulas as a function of the language, and the loop.
    compare(run(lesson::routing()), reference::three_pose, reference::three_activation);

    // What a schedule will call the stages. `em` is the function, `pose_out` what its call defines. To try it, go to
    // the folder of the text and say where the command is: cd build/tutorials/em_routing; PATH=$PWD/../../bin:$PATH
    const std::string command = "show routing.coulter --as ir | grep -o '^pose_out.em.m[^:]*'";
    std::cout << "$ coulter " << command << '\n'
              << indented(output_of("cd " + quoted(TEXTS) + " && " + quoted(COULTER_PROGRAM) + " " + command));
}

void library() {
    const Arrays ours = run(lesson::routing());
    const Arrays theirs = run(lesson::shipped());
    compare(theirs, reference::three_pose, reference::three_activation);
    double largest = 0;
    for (const char* const name : {"pose_out", "activation_out"}) {
        for (std::int64_t i = 0; i < ours.at(name).size(); ++i) {
            largest = std::max(largest, std::abs(ours.at(name).real(i) - theirs.at(name).real(i)));
        }
    }
    std::cout << "it differs from ours by less than 1e-6: " << yes(largest < 1e-6) << '\n';
}

int judge(const coulter::Kernel& kernel) {
    const Arrays results = run(kernel);
    compare(results, reference::scaled_pose, reference::scaled_activation);
    const bool solved = near(results.at("pose_out"), reference::scaled_pose) &&
                        near(results.at("activation_out"), reference::scaled_activation);
    std::cout << (solved ? "solved\n" : "not solved\n");
    return solved ? 0 : 1;
}

} // namespace

// EXERCISE. The cost of a parent is a sum over its children, so a layer where parents have many children needs another
// lambda than one where they have few. A. Gritzman (Avoiding Implementation Pitfalls of Matrix Capsules with EM
// Routing, 2019) multiplies the cost by 100 / (children per type of parent), where the children are those under one
// window: taps times types. Write that factor into exercise.cpp, so that it holds for a layer of any extents;
// `extent(dim)` is an index, and `f32(...)` makes a value of it. Then
//
//     cmake --build build --target tutorial_03_em_routing && build/tutorials/tutorial_03_em_routing exercise
//
// says whether poses and activations are right. answer.cpp has the answer.
int main(int argc, char** argv) {
    const std::string what = argc > 1 ? argv[1] : "";
    try {
        if (what == "exercise" || what == "answer") {
            return judge(what == "exercise" ? lesson::exercise() : lesson::answer());
        }
        std::cout << std::setprecision(4);
        std::cout << "== 1. one iteration: one_iteration.cpp ==\n";
        first_iteration();
        std::cout << "\n== 2. parents that compete at their own position only ==\n";
        wrong_competition();
        std::cout << "\n== 3. an index that leaves its tensor: unguarded.cpp ==\n";
        refused();
        std::cout << "\n== 4. three iterations: routing.cpp ==\n";
        three_iterations();
        std::cout << "\n== 5. the function of models/ ==\n";
        library();
    } catch (const std::exception& error) {
        std::cerr << "error: " << error.what() << '\n';
        return 4;
    }
    return 0;
}
