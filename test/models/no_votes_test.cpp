// The second schedule of EM routing: the results of the first, without memory for votes.

#include "models/goldens.hpp"
#include "models/no_votes_kernel.hpp"

#include <doctest/doctest.h>

using namespace coulter;
using namespace coulter::test;

TEST_CASE("without stored votes, results are those of the fp64 reference") {
    int calls = 0;
    for (const GoldenCase& golden : golden_cases("em_routing")) {
        CAPTURE(golden.name);
        std::map<std::string, std::vector<std::int64_t>> shapes;
        for (const auto& [name, array] : golden.outputs) {
            shapes[name] = array.shape;
        }
        const CallResult result = call(no_votes_kernel(), golden.inputs, shapes, Placement::strided);
        CHECK(result.message == "");
        CHECK(difference_from(golden, result.outputs) == "");
        CHECK(result.gaps_untouched);
        ++calls;
    }
    CHECK(calls > 5);
}

TEST_CASE("8 MB are enough for two threads, where the votes of a batch take 42 and 170 MB") {
    const std::int64_t of_16 = memory_without_votes(8, 14, 16, 2), of_32 = memory_without_votes(8, 14, 32, 2);
    CHECK(of_16 > 0);
    CHECK(of_16 < 8'000'000);
    CHECK(of_32 > of_16);
    CHECK(of_32 < 8'000'000);
}
