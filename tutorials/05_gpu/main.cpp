// Lesson 5: a kernel on a GPU.
//
// One kernel, for a target that has a device: first untouched, then with four schedules of our own, at last with one
// that a search found. After each step: the file, the loops that it makes, how many kernels a call launches, and
// whether the results are right. There is nothing to measure here: the lesson runs on machines without a GPU, with
// PoCL, which is OpenCL on the processor, or with no device at all.
//
//     cmake --build build --target tutorial_05_gpu && build/tutorials/tutorial_05_gpu
//
// labels.cpp has the algorithm, step1.sched to step4.sched the schedules. The end of this file has an exercise.

#include "../lesson.hpp"

#include <iostream>
#include <string>
#include <sys/wait.h>

namespace {

struct Step {
    const char* name;
    const char* lesson;
};

// What to look at in each step. Loops are printed from the outermost to the innermost.
const Step steps[] = {
    {"", R"(
No schedule. The target says `-opencl`, and so the default schedule uses the device. Each `gpu_block` loop at the
left is a launch. The logits are a matrix product: a thread has 2 x 4 of them in registers. The rest is a launch for
itself, in which a block has one image: its 32 threads share the maximum and the sum, and then have a probability
each. `coulter autoschedule` writes this schedule to a file, with the reason for each line.)"},
    {"step1", R"(
A block for a stage takes that stage over. Iterations of the loops over blocks are spread over the device, those of
the loops over threads over one block. Both are needed, and the number of threads has to be constant, so dims of any
size are split. This is the plainest way: a launch for each stage, and two for each reduction, the first of which
writes zeros. Seven times the device is asked to begin, and six times it waits for memory that it has just written. The
warning says that neighbouring threads of `highest` read numbers that lie apart.)"},
    {"step2", R"(
Fewer launches. `accumulate` keeps the sums of the logits in registers, and no launch writes zeros. `highest` and
`total` are computed at the loop over threads of `probability`: what is computed there belongs to the one thread that
needs it. So a thread has a whole image now, and its 32 probabilities, one after the other. Two launches are left. But
neighbouring threads still touch what lies apart.)"},
    {"step3", R"(
One launch. A block has an image and a thread a label, so that neighbours touch what lies side by side. What is
computed at the loop over blocks is computed once for all threads of the block and lies in shared memory: the logits, by
all 32 threads, then the two numbers that all of them need. The logits are never written to the memory of the device.)"},
    {"step4", R"(
Blocks of one warp are small, and each thread reads all features of its image. `copy ... in shared` brings the features
of a block in first, 64 at a time, each of them once; and with four images a block has 128 threads. Stages in a block may
have different threads: all wait for each other between them.)"},
};

std::string coulter(const std::string& arguments, int* status = nullptr) {
    return output_of(quoted(COULTER_PROGRAM) + " " + arguments, status);
}

std::string files_of(const std::string& step) {
    const std::string schedule = step.empty() ? "" : " " + quoted(std::string(SCHEDULES) + "/" + step + ".sched");
    return quoted(std::string(TEXTS) + "/labels.coulter") + schedule;
}

/// The folder of the schedules is another on each machine.
std::string without_folder(std::string text) {
    const std::string folder = std::string(SCHEDULES) + "/";
    for (std::size_t at = 0; (at = text.find(folder)) != std::string::npos;) {
        text.erase(at, folder.size());
    }
    return text;
}

/// Compiles the kernel for the device and compares it with the reference interpreter. Exit code 4: there is no device.
bool is_right(const std::string& step) {
    int status = 0;
    const std::string printed = coulter("verify " + files_of(step) + " --target host-opencl --sizes image=7", &status);
    const int code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    if (code != 0 && code != 4) {
        std::cerr << printed;
    }
    return code == 0 || code == 4;
}

void lesson() {
    for (const Step& step : steps) {
        const std::string name = step.name;
        std::cout << "== " << (name.empty() ? "no schedule" : name) << " ==" << step.lesson << "\n\n";
        if (!name.empty()) {
            std::cout << indented(contents(std::string(SCHEDULES) + "/" + name + ".sched")) << '\n';
        }
        std::cout << indented(without_folder(coulter("show " + files_of(name) + " --as loops --target x86-64-opencl")))
                  << "\n  the interpreter's results, where there is a device: " << (is_right(name) ? "yes" : "NO")
                  << "\n\n"
                  << std::flush;
    }
}

/// The machine's turn, on a machine that need not have a GPU: nothing is run, so the estimates are the same everywhere.
void ranked() {
    std::cout << R"(== ranked ==
`tune` searches the decisions of the first schedule, and where the device of the target is not there, or with `--rank`, it
compiles candidates and estimates what they take: what warps, blocks and the device move, how much they compute, and, for
CUDA, what `ptxas` says of registers. It finds no errors and times nothing: rank where you build, measure where you run.

$ coulter tune labels.coulter --target x86-64-opencl --rank --budget 12 -o ranked.sched
)";
    std::string command = "tune " + files_of("") + " --target x86-64-opencl --rank --budget 12 --threads 2";
    command += " --store " + quoted(std::string(TEXTS) + "/ranked.db") + " --no-resume";
    command += " -o " + quoted(std::string(TEXTS) + "/ranked.sched");
    std::string printed = coulter(command);
    const std::string folder = std::string(TEXTS) + "/";
    if (const std::size_t at = printed.find(folder); at != std::string::npos) {
        printed.erase(at, folder.size());
    }
    std::cout << indented(printed) << '\n' << std::flush;
}

} // namespace

// EXERCISE. Copy step4.sched, and let a block have eight images. Its threads are as many as the largest of its stages
// needs, and that is the copy now, with 512: half of them idle in all that follows. Give each thread two features to
// copy, such that neighbours still read what lies side by side. `coulter show` says how many threads each stage has,
// `coulter verify` whether it is right; answer.sched has an answer.
int main() {
    try {
        lesson();
        ranked();
        return 0;
    } catch (const std::exception& error) {
        std::cerr << "error: " << error.what() << '\n';
        return 4;
    }
}
