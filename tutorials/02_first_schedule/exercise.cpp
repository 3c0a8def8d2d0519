#include "exercise.hpp"

#include "../lesson.hpp"

#include <iostream>
#include <sstream>

// A schedule solves the exercise when the kernel accepts it, and in the loops that it makes
//
//   - a parallel loop of `votes` is another than `batch`: a fused loop, or y, x or out.o;
//   - the sums are still in registers, so that step5's speed is kept.
//
// The loops are what `coulter show --as loops` prints: a loop's line has its kind, then `for`, then its name.
int judge(const std::string& schedule, const std::string& text, const std::string& coulter) {
    int status = 0;
    const std::string loops = output_of(quoted(coulter) + " show " + quoted(text) + " " + quoted(schedule) +
                                            " --as loops --target x86-64-avx512",
                                        &status);
    std::cout << loops << '\n';
    if (status != 0) {
        std::cout << "the schedule is refused\n";
        return 1;
    }
    bool in_votes = false;
    bool tasks = false;
    bool registers = false;
    std::istringstream lines(loops);
    for (std::string line; std::getline(lines, line);) {
        in_votes = line.starts_with(" ") ? in_votes : line == "votes:";
        const std::size_t at = line.find("parallel for ");
        tasks = tasks || (in_votes && at != std::string::npos && !line.substr(at + 13).starts_with("batch"));
        registers = registers || (in_votes && line.find("votes.acc: in registers") != std::string::npos);
    }
    if (!tasks) {
        std::cout << "one image is still one task: no parallel loop of votes but batch\n";
    }
    if (!registers) {
        std::cout << "the sums are not in registers\n";
    }
    std::cout << (tasks && registers ? "solved\n" : "not solved\n");
    return tasks && registers ? 0 : 1;
}
