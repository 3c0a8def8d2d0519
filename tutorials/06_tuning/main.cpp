// Lesson 6: from an untouched kernel to a tuned schedule that is committed.
//
// Lessons 2 and 4 wrote schedules by hand. Here the machine does it: first without a measurement, then by measuring,
// and then both of you together, you what you know and the machine the rest. What is printed is the same on every
// machine; times differ, so of those only what follows from them is printed.
//
//     cmake --build build --target tutorial_06_tuning && build/tutorials/tutorial_06_tuning
//
// All files of the lesson are in one folder, and the commands below are run there; do the same:
//
//     cd build/tutorials/tuning; PATH=$PWD/../../bin:$PATH
//
// distances.cpp has the algorithm: for every point, the distance to the nearest of some centres, as the sum of absolute
// differences. Budgets are numbers of candidates here, so that the lesson ends soon; for work of your own `--budget
// 60s`, the default, is a better beginning.

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

// Two threads and one width of vectors, so that the default schedule is the same everywhere. What is measured runs on
// this processor.
const std::string fixed = " --threads 2 --target x86-64-avx2";

const Step steps[] = {
    {"nothing",
     R"(
A kernel without a schedule has one: the default schedule, which is what `show` prints. It knows the sizes that the
kernel's estimates give and a model of a machine, and measures nothing. Both inputs have k innermost, and vectors of distances
want points side by side: the points are copied so, and tiles of distances stay in registers. Is that best? Nobody has looked.)",
     {"coulter show nearest.coulter --as loops --target x86-64-avx2"}},

    {"instant",
     R"(
`autoschedule` writes that schedule to a file, with the reason for each directive. It is made for so many threads and
so large extents; what was assumed stands on top. From here on it is your file, to read, to edit and to commit.)",
     {"coulter autoschedule nearest.coulter" + fixed + " -o instant.sched", "sed -n '1,/^}/p' instant.sched"}},

    {"tuned",
     R"(
`tune` begins with the same schedule and takes its decisions otherwise: which dim is vectorized, how many rows a tile has,
where a stage is computed, how large tasks are. Each candidate is compiled and run in a process of its own, compared with
the reference interpreter before its time counts, and recorded. The file is a whole schedule again, with reasons, and says
on top what was found on which machine.)",
     {"coulter tune nearest.coulter --budget 12 --threads 2 --store tuning.db -o tuned.sched > report.txt",
      "grep -c '^# tuned: ' tuned.sched", "grep -o '[0-9]* candidates: [0-9]* timed' tuned.sched",
      "coulter verify nearest.coulter tuned.sched --cases 20 > verify.txt && echo verified"}},

    {"again",
     R"(
What was measured is kept. The same command goes on where it ended, so here it measures nothing, compiles nothing,
and writes the same file, byte for byte. A larger budget would go on from there. Interrupt it, kill it: at most the
candidate that was being measured is lost.)",
     {"coulter tune nearest.coulter --budget 12 --threads 2 --store tuning.db -o again.sched > again.txt",
      "cmp tuned.sched again.sched && echo the same", "grep -o '; [0-9]* from the store' again.txt"}},

    {"yours and the machine's",
     R"(
You know something that no search knows: points come in portions of 32. mine.sched says that and no more. Stages that it
names are yours, and the rest is tuned, as a layer above your file, which stays as it is.)",
     {"cat mine.sched",
      "coulter tune nearest.coulter mine.sched --budget 6 --threads 2 --store tuning.db -o rest.sched > rest.txt",
      "grep '^stage nearest' rest.sched; echo $?", "coulter check nearest.coulter mine.sched rest.sched"}},

    {"holes",
     R"(
Or the shape is yours and the numbers are not. `tune NAME in {...} = VALUE` is a hole, and `tune` finds its value: the file is
changed in place, the numbers behind `=` and nothing else. There are twelve candidates, and all of them are tried.)",
     {"cat holes.sched",
      "coulter tune nearest.coulter holes.sched --budget 100 --threads 2 --store tuning.db > holes.txt",
      "grep -o '^tune [a-z]* in [^=]*' holes.sched", "grep -o 'all that there are' holes.txt"}},

    {"several sizes",
     R"(
What is fast for many points may be slow for a few. Several `--sizes` that name the same dims are classes: each is tuned, what
won one is measured at the sizes of the other too, and the file has a variant for those that want a schedule of their own. Whether
yours does depends on your machine; `coulter check` says when which part is called.)",
     {"coulter tune nearest.coulter --sizes point=8,centre=16 --sizes point=2048,centre=256 --budget 12 --threads 2 --store "
      "tuning.db -o sizes.sched > sizes.txt",
      "grep -o '^# tuned: at [a-z0-9=,]*' sizes.sched", "coulter check nearest.coulter sizes.sched > check.txt 2>&1; echo $?",
      "coulter verify nearest.coulter sizes.sched --cases 20 > verify.txt && echo verified"}},

    {"what each line is worth",
     R"(
`explain` leaves out each directive in turn and measures the rest. Directives that others need stay.)",
     {"coulter explain nearest.coulter holes.sched --threads 2 > explained.txt",
      "grep -c 'distance.acc  unroll point' explained.txt"}},

    {"release",
     R"(
A release is built from what is committed. Either commit tuned.sched, which is all that it takes. Or commit the records
and build with `--lock`: nothing is measured, on no machine, and a tuning that is not there is an error.)",
     {"coulter records export --store tuning.db -o tuned.jsonl",
      "coulter build nearest.coulter --name near --threads 2 --autoschedule made --tuned --lock --store tuned.jsonl -o "
      "out && "
      "ls out made",
      "diff -I '^# tuned:' tuned.sched made/nearest.sched && echo the same",
      "coulter build nearest.coulter --name near --threads 3 --autoschedule made --tuned --lock --store tuned.jsonl -o "
      "out 2>&1 "
      "| head -1"}},
};

void run(const std::string& command) {
    std::cout << "$ " << command << '\n'
              << indented(output_of("cd " + quoted(FOLDER) + " && PATH=" + quoted(PROGRAMS) + ":$PATH && " + command))
              << '\n'
              << std::flush;
}

void lesson() {
    // As if it had never been run.
    (void)output_of("mkdir -p " + quoted(FOLDER) + " && cd " + quoted(FOLDER) +
                    " && rm -rf tuning.db* out made *.txt && cp " + quoted(TEXT) + " " + quoted(SCHEDULES) +
                    "/*.sched .");
    for (const Step& step : steps) {
        std::cout << "== " << step.title << " ==" << step.lesson << "\n\n";
        for (const std::string& command : step.commands) {
            run(command);
        }
    }
    std::cout << R"(== in CMake ==
The same for all kernels of a library, as part of its build:

  set(COULTER_TUNING_STORE ${CMAKE_CURRENT_SOURCE_DIR}/tuned.jsonl)
  set(COULTER_TUNING_LOCK TRUE)
  set(COULTER_TUNING_THREADS 2)
  set(COULTER_TUNING_MACHINE "...")    # as `coulter records list` names it, for builds on other machines
  coulter_add_kernels(near SOURCES distances.cpp AUTOSCHEDULE tuned)
)";
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
