#pragma once
/// What the tests of `coulter tune` and `coulter records` tune.

#include "run.hpp"

#include <algorithm>

namespace coulter::test {

/// Two holes in a hand-written file: six candidates of `tiny`.
inline const char* const schedule_with_holes = R"(schedule tiny
# as wide as the registers
tune lanes in {4, 8, 16} = 4   # a guess
tune rows in {1, 4} = 1
stage product.acc = accumulate product
stage product {
    split j by ?lanes
    split i by ?rows
    reorder j.i i.i i.o j.o
    vectorize j.i
}
stage product.acc {
    compute at product/i.o
    reorder j i k
    vectorize j
    unroll i
}
)";

/// The same with so many candidates that no test gets to their end.
inline std::string schedule_with_many() {
    std::string text = schedule_with_holes;
    text.replace(text.find("{4, 8, 16}"), 10, "{4, 8, 12, 16, 20, 24, 32, 40, 48, 64}");
    text.replace(text.find("{1, 4}"), 6, "{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 14, 16, 20, 24, 32}");
    text.replace(text.find("    vectorize j.i\n"), 18, "    vectorize j.i\n    unroll i.i by ?apart\n");
    text.insert(text.find("tune rows"), "tune apart in {1, 2, 3, 4, 5, 6, 7, 8} = 1\n");
    return text;
}

inline void write_tunable(const Folder& folder) {
    folder.write("tiny.coulter", tiny_kernel);
    folder.write("tiny.sched", schedule_with_holes);
}

/// `coulter tune tiny.coulter tiny.sched --store tuning.db --threads 1` and more, temporary files in the folder.
inline Ran tune_tiny(const Folder& folder, const std::vector<std::string>& more,
                     const std::vector<std::string>& environment = {}, const std::function<void(int)>& meanwhile = {}) {
    std::vector<std::string> all{"tune", "tiny.coulter", "tiny.sched", "--threads", "1"};
    all.insert(all.end(), more.begin(), more.end());
    if (std::ranges::find(more, "--store") == more.end()) {
        all.insert(all.end(), {"--store", "tuning.db"});
    }
    std::vector<std::string> variables{"TMPDIR=" + (folder.path() / "tmp").string()};
    variables.insert(variables.end(), environment.begin(), environment.end());
    std::filesystem::create_directory(folder.path() / "tmp");
    return folder.coulter(all, variables, meanwhile);
}

/// The lines of an export, sorted.
inline std::vector<std::string> records_of(const Folder& folder, const std::string& store = "tuning.db") {
    const Ran ran = folder.coulter({"records", "export", "--store", store});
    std::vector<std::string> lines;
    for (std::size_t at = 0; at < ran.out.size(); at = ran.out.find('\n', at) + 1) {
        lines.push_back(ran.out.substr(at, ran.out.find('\n', at) - at));
    }
    std::ranges::sort(lines);
    return lines;
}

} // namespace coulter::test
