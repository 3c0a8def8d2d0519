// Kernels of many stages: each loop nest at root is a function of its own, and results stay what they are.

#include "compile.hpp"
#include "coulter/text.hpp"
#include "forked.hpp"

#include <doctest/doctest.h>
#include <filesystem>
#include <fmt/format.h>
#include <fstream>
#include <unistd.h>

using namespace coulter;
using namespace coulter::test;

namespace {

/// A chain of maps, a sum of the last one, which is no loop for one row, and a map that reads what is freed last.
ir::Kernel chain(int stages) {
    std::string text = "coulter 1\nkernel chain\n\ndim y\ndim x\n\ninput a: f32[y, x]\n\n";
    std::string before = "a";
    for (int i = 0; i < stages; ++i) {
        const std::string name = fmt::format("s{}", i);
        text += fmt::format("{}: f32[y, x] =\n    {} * 0.5 + 1.0\n\n", name, before);
        before = name;
    }
    text += fmt::format("total: f32[y] =\n    sum {{x}} {0}\n\nshare: f32[y, x] =\n    {0} / total\n\noutput share\n",
                        before);
    const ParseResult parsed = parse(text, "k.coulter");
    REQUIRE_MESSAGE(parsed.kernel, parsed.diagnostics.front().message);
    return *parsed.kernel;
}

const std::string all_at_root = "schedule chain\nstage * { compute root }\n";

/// Functions that the assembly defines for loops which stand alone.
std::size_t functions(int stages, const std::string& schedule) {
    const schedule::CheckResult checked =
        schedule::check_texts(chain(stages), {{"case.sched", schedule}}, host_options(true, "x86-64-avx2"));
    REQUIRE_MESSAGE(checked.plan, schedule::render(checked.diagnostics, {{"case.sched", schedule}}));
    const std::filesystem::path path =
        std::filesystem::temp_directory_path() / fmt::format("coulter_outline_{}.s", getpid());
    lower::Options lowering;
    lowering.target = "x86-64-avx2";
    lower::compile(*checked.plan, {}, lowering, {"", path.string(), "", ""});
    std::ifstream file(path);
    std::size_t count = 0;
    for (std::string line; std::getline(file, line);) {
        // A label of its own, with the name once more in a comment behind it.
        const std::string label = line.substr(0, line.find(':'));
        count += label.size() < line.size() && label.starts_with("chain") && label.ends_with("_alone") ? 1 : 0;
    }
    std::filesystem::remove(path);
    return count;
}

} // namespace

TEST_CASE("loop nests of many stages become functions, those of few do not") {
    CHECK(functions(10, all_at_root) == 0);
    CHECK(functions(40, all_at_root) >= 40);
}

TEST_CASE("a nest that threads share is left as it is") {
    CHECK(functions(40, all_at_root + "stage s7 { compute root; parallel y }\n") + 1 == functions(40, all_at_root));
}

TEST_CASE("results of kernels of many stages are the interpreter's, for empty and single rows too") {
    std::vector<Case> cases;
    for (const std::string& schedule : {all_at_root, all_at_root + "stage s7 { compute root; parallel y }\n"}) {
        for (const std::int64_t y : {0, 1, 5}) {
            for (const std::int64_t x : {1, 9}) {
                Case test;
                test.kernel = chain(40);
                test.schedule = schedule;
                test.extents = {{"y", y}, {"x", x}};
                test.name = fmt::format("chain_{}_{}_{}", y, x, cases.size());
                cases.push_back(std::move(test));
            }
        }
    }
    const Summary summary = run_cases(cases);
    CHECK(summary.failures == "");
    CHECK((summary.passed == cases.size() || std::getenv("COULTER_CASE") != nullptr));
}
