#include "exercise.hpp"

#include "../lesson.hpp"

#include <cstdint>
#include <filesystem>
#include <iostream>
#include <map>
#include <set>
#include <sstream>

namespace {

// What layer 4 takes for one image, with any number of threads.
constexpr std::int64_t most_memory = 6057188;

/// The number behind `heap at most`, or -1.
std::int64_t heap(const std::string& table) {
    const std::size_t line = table.find("heap at most ");
    const std::size_t digit = line == std::string::npos ? line : table.find_first_of("0123456789", line);
    return digit == std::string::npos ? -1 : std::stoll(table.substr(digit));
}

/// Whether `logits[0]` and `parents` have parallel loops that are not over images. Two spaces are a level: a stage's
/// loops are inside of its line, and so are the stages that are computed in them.
bool rows_are_tasks(const std::string& loops) {
    std::map<std::size_t, std::string> stages; // by level, those that the line is in
    std::set<std::string> parallel;
    std::istringstream lines(loops);
    for (std::string line; std::getline(lines, line);) {
        const std::size_t level = line.find_first_not_of(' ');
        if (level == std::string::npos) {
            continue;
        }
        stages.erase(stages.lower_bound(level), stages.end());
        const std::string text = line.substr(level);
        const std::size_t name = text.find_first_of(" :");
        if (name != std::string::npos && text[name] == ':') {
            stages[level] = text.substr(0, name);
        } else if (text.starts_with("parallel for ") && !text.starts_with("parallel for batch") && !stages.empty()) {
            parallel.insert(stages.rbegin()->second);
        }
    }
    return parallel.contains("pose_out.em.logits[0]") && parallel.contains("pose_out.em.parents");
}

} // namespace

// A schedule solves the exercise when its variant `single`, at one image,
//
//   - is legal, and compiled computes what the interpreter does, at several sizes;
//   - has parallel loops in `logits` and in `parents` that are not over images;
//   - takes no more of the heap with two threads than one image took before.
int judge(const std::string& schedule, const std::string& folder, const std::string& programs) {
    const std::string files = " routing.coulter step1.sched step2.sched step3.sched step4.sched " +
                              quoted(std::filesystem::absolute(schedule).string());
    int status = 0;
    const auto coulter = [&](const std::string& command, const std::string& options) {
        return output_of(
            "cd " + quoted(folder) + " && " + quoted(programs + "/coulter") + " " + command + files + options, &status);
    };
    const std::string loops = coulter("show", " --as loops --variant single --target x86-64-avx512");
    if (status != 0) {
        std::cout << loops << "the schedule is refused\n";
        return 1;
    }
    const bool tasks = rows_are_tasks(loops);
    std::cout << (tasks ? "rows of positions are tasks\n" : "one image is still one task\n");
    const std::int64_t bytes = heap(coulter("show", " --as memory --variant single --threads 2 --sizes batch=1"));
    std::cout << "heap at most " << bytes << " B, of " << most_memory << " allowed\n";
    bool solved = tasks && bytes >= 0 && bytes <= most_memory;
    if (solved) { // else there is no need to compile it
        const std::string verified = coulter("verify", " --threads 2");
        solved = status == 0 && verified.find("single 0") == std::string::npos;
        std::cout << (solved ? "it computes what the interpreter does\n" : verified);
    }
    std::cout << (solved ? "solved\n" : "not solved\n");
    return solved ? 0 : 1;
}
