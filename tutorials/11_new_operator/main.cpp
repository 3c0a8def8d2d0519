// Lesson 11: a new operator, with its own gradient rule and its own schedule.
//
// What a framework calls an operator is here a function of some lines. It may bring two things that a user of it would
// rather not think about: a gradient that is better than the one that the compiler derives, and macros that schedule
// it. Both are part of the kernel's text. Read unit.cpp and unit.sched first; then build and run this:
//
//     cmake --build build --target tutorial_11_new_operator && build/tutorials/tutorial_11_new_operator
//
// All files of the lesson are in one folder, and the commands below are run there; do the same:
//
//     cd build/tutorials/new_operator; PATH=$PWD/../../bin:$PATH

#include "../lesson.hpp"

#include <iostream>
#include <string>
#include <vector>

namespace {

struct Step {
    const char* title;
    const char* lesson;
    std::vector<std::string> commands;
};

const Step steps[] = {
    {"the operator",
     R"(
The group at the end says which definitions are those of the call, and holds the rule and the macros.)",
     {"cat directions.coulter"}},

    {"its gradient",
     R"(
`--grad` takes the rule in place of what the definitions say. The report names what each derivative reads.)",
     {"coulter transform directions.coulter --grad x --report", "sed -n '/^d\\.x/,/^$/p' directions.grad.coulter"}},

    {"is the rule right?",
     R"(
`verify` compares compiled code with the interpreter, not a rule with a derivative: a rule is your word, and is tested like
any other claim. The cheapest test is a kernel without it, whose gradient the compiler derives; or central differences, as
test/gradients does it. Here a direction derivative does: --jvp differentiates what the definitions say, and <w, J v> =
<J' w, v> for all v and w. main.cpp of this lesson leaves that to you.)",
     {"coulter transform directions.coulter --jvp x && coulter kernels directions.jvp.coulter"}},

    {"its schedule",
     R"(
directions.sched has one line that does something. It names the macro, which travels with `unit`, and gives it the names of
the caller's stages.)",
     {"cat directions.sched", "coulter show directions.coulter directions.sched --as loops"}},

    {"compiled",
     R"(
Forward and backward, against the interpreter, at odd sizes and strides. The gradient gets the default schedule where the
file says nothing.)",
     {"coulter verify directions.coulter directions.sched --cases 4 > verify.txt && echo verified",
      "coulter verify directions.grad.coulter --cases 4 > verify.txt && echo verified"}},

    {"mistakes",
     R"(
A macro that the function does not carry, and a stage that the caller does not have:)",
     {"sed 's/unit.rows/unit.row/' directions.sched > wrong.sched; coulter check directions.coulter wrong.sched; echo "
      "$?",
      "sed 's/direction, direction/directions, direction/' directions.sched > wrong.sched; coulter check "
      "directions.coulter wrong.sched; echo $?"}},
};

void lesson() {
    (void)output_of("mkdir -p " + quoted(FOLDER) + " && cd " + quoted(FOLDER) + " && rm -f *.coulter *.txt && cp " +
                    quoted(TEXT) + " " + quoted(SCHEDULES) + "/*.sched .");
    for (const Step& step : steps) {
        std::cout << "== " << step.title << " ==" << step.lesson << "\n\n";
        for (const std::string& command : step.commands) {
            std::cout << "$ " << command << '\n'
                      << indented(output_of("cd " + quoted(FOLDER) + " && PATH=" + quoted(PROGRAMS) + ":$PATH && { " +
                                            command + "; }"))
                      << '\n'
                      << std::flush;
        }
    }
}

} // namespace

int main() {
    try {
        lesson();
    } catch (const std::exception& error) {
        std::cerr << "error: " << error.what() << '\n';
        return 4;
    }
    return 0;
}
