// Lesson 4: scheduling EM routing.
//
// The kernel is that of lesson 3, as it was left: 57 stages, of which nothing is said but what they compute. Lesson 2
// had one stage; here the question is where each stage lives and how long, since a routing layer reads its votes eight
// times and they are far larger than anything else. What is printed is the same on every machine: memory is predicted,
// not measured. Times are in the texts below, with the processor that they are from.
//
//     cmake --build build --target tutorial_04_scheduling_em_routing
//     build/tutorials/tutorial_04_scheduling_em_routing
//
// All files of the lesson are then in one folder, to be changed at will. The commands below are run there; do the same:
//
//     cd build/tutorials/em_scheduling; PATH=$PWD/../../bin:$PATH
//
// The end of this file has an exercise.

#include "../lesson.hpp"
#include "exercise.hpp"

#include <iostream>
#include <string>
#include <vector>

namespace {

// `--target` holds the default schedule to one width of vectors, whatever processor this runs on.
const std::string shown = " | grep -E '^(votes|pose_out.em.(mean|logits).0|heap)'";
const std::string memory = " --as memory --threads 2 --target x86-64-avx512";

struct Step {
    const char* file;
    const char* lesson;
    std::vector<std::string> commands;
};

// The times are from `coulter bench` with two threads, at the estimates of the kernel: 8 images of 14 x 14 children of
// 16 types, parents of 16 types. They are the medians of three to five runs, smallest to largest, on an AMD EPYC (Zen
// 4) that others used as well. What `bench` measures as scratch memory is, in each step, what is predicted below.
// Measure yours, for example with
//
//     coulter bench routing.coulter step[1-4].sched --threads 2
//
// Files that follow each other on the command line are layers: what a later one says of a stage counts, and what it
// does not speak of stays as it is. So each file below has what is new in its step, and no more.
const Step steps[] = {
    {"step0.sched",
     R"(
No schedule. The votes of all 8 images would be 42 MB, written once and read eight times. The default schedule makes those
of one position of parents anew for each M-step instead, 147 kB a thread, in the loops of what reads them: `votes.again`
are clones. A line has the bytes of a stage, how many threads have it at once, and where it is; `<=` marks a bound. The
last line is what a call takes at its worst moment.

Time on an AMD EPYC (Zen 4), two threads: 5.6 to 7.2 ms. Nobody measured anything to get there, and nobody understands
it either. So we begin again with the frame alone, and pass it layer by layer.)",
     {"show routing.coulter step0.sched" + memory + shown}},

    {"step1.sched",
     R"(
Nothing crosses images, so all of an image can be done before the next one begins. `parents` is the stage that
both results read. In its loop over images we compute everything else, which takes one line: a wildcard stands for
all stages of the call of `em`, and a block that names its stage counts more than a wildcard. Each of two threads
has the votes of its own image, 5.3 MB, and no more than that.

It takes 72 to 82 ms. Who writes a block takes the stage over, so that nothing is vectorized any more. But this
is the frame that the next layers fill, and it is correct at every step.)",
     {"show routing.coulter step1.sched" + memory + shown}},

    {"step2.sched",
     R"(
A vote is a product of 4 x 4 matrices. For one child and 16 types of parents its 16 elements are 16 vectors, which
`accumulate` keeps in registers while k runs. The weights are packed as in lesson 2. Types are innermost in
memory, since they are the lanes of everything that follows.

48 to 64 ms: votes are fast now, and all else still goes through them one number at a time.)",
     {"show routing.coulter step[12].sched" + memory + shown}},

    {"step3.sched",
     R"(
An M-step is two sums over the children of a parent, and small things made of them. With one position and 16 types
at a time, a sum is again 16 vectors in registers, and what it leaves is 1 KB, small enough to be in the first cache
when the E-step reads it: see `mean`, here and in the step before. There are three M-steps. They are the same but for the
place, so they are a macro, used three times with the number of the iteration and its host.

The host is `logits[t]/x`, a loop of the E-step of the same iteration; the last M-step has no E-step and goes to
`parents/x`. Where [*] stands in a name, it stands for the same number on the right: the precision of iteration 1 is
computed in the loops of logits 1.

6 to 12 ms. This is the step that pays.)",
     {"show routing.coulter step[1-3].sched" + memory + shown}},

    {"step4.sched",
     R"(
What is left are the sums over the parents of a child, in two parts by lesson 3's algorithm: over the types at one
position, with types as lanes, and over positions, with children as lanes. (In the first the lanes are what is summed:
each has a sum of its own, and these are added at the end.) Six lines for both E-steps, by wildcards. `like` repeats
the loops of another stage.

4.2 to 5.7 ms.)",
     {"show routing.coulter step[1-4].sched" + memory + shown}},

    {"step5.sched",
     R"(
With 32 types on either side, the votes of an image are 21 MB, and those of two threads leave the third cache (32 MB
here). Then it is cheaper to compute them again: in each iteration, for one position, for both of its steps. But they
are one stage, and one stage is in one place, which encloses all readers. `clone` gives each iteration its own votes.
`drop` takes back what layer 2 said of the one stage: nobody reads it any more.

The algorithm knows nothing of this. No result changes, and no line of C++.

With 32 types: 41 to 62 ms before, 18 to 19 ms after. With 16 types: 4.2 to 5.7 ms before, 5.0 to 8.2 ms after.)",
     {"show routing.coulter step[1-5].sched" + memory + shown,
      "show routing.coulter step[1-4].sched --sizes in=32,out=32" + memory + " | grep '^heap'",
      "show routing.coulter step[1-5].sched --sizes in=32,out=32" + memory + " | grep '^heap'"}},

    {"step6.sched",
     R"(
So which of both is right depends on the call. A variant is a layer with a condition, and the library has both: the
call looks at its extents, and takes the first variant whose condition holds. `check` says which one that is at the
estimates. 512 lies between the two sizes that were measured.)",
     {"check routing.coulter step[1-4].sched step6.sched",
      "show routing.coulter step[1-4].sched step6.sched" + memory + " | grep -E '^(#|heap)'"}},
};

// A schedule outlives the algorithm that it was written for. Stamps say which one that was.
const char* const drift = R"(
Somebody edits the algorithm: the number of positions gets another name, and the last inverse temperature is doubled.
Here `sed` does it, in the text. A name that is gone is an error, and the library is not built.

With stamps it goes on. `fmt --stamp` writes the fingerprint of the definition behind each name, which depends on what
is computed and not on what it is called. A stage that computes the same under another name is found; one that
computes something else keeps its block, and you are told to read it again. (A wildcard gets no stamp, as it names no
stage.))";

void run(const std::string& command) {
    std::cout << "$ " << command << '\n'
              << indented(output_of("cd " + quoted(FOLDER) + " && PATH=" + quoted(PROGRAMS) + ":$PATH && " + command))
              << '\n';
}

void lesson() {
    for (const Step& step : steps) {
        std::cout << "== " << step.file << " ==" << step.lesson << "\n\n"
                  << indented(contents(std::string(FOLDER) + "/" + step.file)) << '\n';
        for (const std::string& command : step.commands) {
            run("coulter " + command);
        }
    }
    std::cout << "== an edited algorithm ==" << drift << "\n\n";
    run("sed 's/em.positions/em.windows/g; s/0.00142625/0.0028525/' routing.coulter > edited.coulter");
    run("coulter check edited.coulter step1.sched 2>&1 | cut -c 1-100");
    run("cp step1.sched stamped.sched && coulter fmt --stamp --kernel routing.coulter stamped.sched");
    run("grep @ stamped.sched");
    run("coulter check edited.coulter stamped.sched");
}

} // namespace

// EXERCISE. The tasks of all these schedules are images. A program that looks at one picture at a time has one task,
// and all processors but one are idle. Fill the variant in exercise.sched, such that one image is routed by several
// threads and takes no more memory than it did. `extend stage NAME { ... }` adds a directive to the block of a lower
// layer, and nothing there crosses rows of positions. This program judges it, in the folder of the lesson or anywhere:
//
//     build/tutorials/tutorial_04_scheduling_em_routing build/tutorials/em_scheduling/exercise.sched
//
// answer.sched has an answer, and exercise.cpp says what the judge asks for. With it one image took 0.7 to 0.9 ms
// on the processor above, and 1.0 to 1.5 ms without.
int main(int argc, char** argv) {
    try {
        if (argc > 1) {
            return judge(argv[1], FOLDER, PROGRAMS);
        }
        lesson();
    } catch (const std::exception& error) {
        std::cerr << "error: " << error.what() << '\n';
        return 4;
    }
    return 0;
}
