// Recurrences, sums over segments and the largest few: interpreted and compiled, by default and under schedules that
// the headers promise, they give what NumPy and PyTorch give.

#include "lowering/run_case.hpp"
#include "models/goldens.hpp"
#include "models/recurrences.hpp"
#include "models/scans.hpp"
#include "models/segments.hpp"
#include "models/soft_dtw.hpp"
#include "models/topk.hpp"

#include "coulter/schedule/check.hpp"

#include <doctest/doctest.h>

using namespace coulter;
using namespace coulter::test;

namespace {

struct Row {
    const char* name;
    Kernel (*make)();
    std::vector<std::string> schedules;
};

const std::vector<Row>& rows() {
    static const std::vector<Row> all{
        {"cumulative_sums",
         models::cumulative_sums,
         {"",
          "stage prefix.part = chunk prefix by col 8\nstage prefix { compute root; vectorize col by 8; parallel row }\n"
          "stage suffix.part = chunk suffix by col 16\nstage suffix.part { compute root; parallel col.o }\n"}},
        {"gated_recurrence",
         models::gated_recurrence,
         {"", "stage h.linear_recurrence.states { compute root; vectorize channel by 8; parallel batch }\n",
          "stage chunks = chunk h.linear_recurrence.states by time 16\nstage chunks { compute root; parallel time.o "
          "}\n"}},
        {"segment_sums", models::segment_sums, {"", "stage sums { vectorize col by 8; parallel segment }\n"}},
        {"scatter_sums",
         models::scatter_sums,
         {"", "stage added { split i by 8 }\nrfactor added: i.i as added.part\n"
              "stage added.part { compute root; parallel i.i }\n"}},
        {"selective_scan",
         models::selective_scan,
         {"stage part = chunk result.selective_scan.states.linear_recurrence.states by time 3\n"
          "stage part { compute root; parallel time.o }\n"}},
        {"wkv",
         models::wkv,
         {"stage part = chunk result.wkv.before by time 3\nstage part { compute root; parallel time.o }\n"}},
        {"soft_dtw",
         models::soft_dtw,
         {"",
          "stage result.soft_dtw.best { compute root; layout i j batch; split batch by 8; reorder batch.i j i batch.o; "
          "vectorize batch.i; parallel batch.o }\n",
          "stage result.soft_dtw.best { compute at result/batch; split j by 4 }\nstage result { parallel batch }\n"}},
        {"topk", models::topk, {""}}};
    return all;
}

} // namespace

TEST_CASE("functions over scans, segments and the largest few equal NumPy's and PyTorch's results") {
    for (const Row& row : rows()) {
        const ir::Kernel kernel = row.make().ir();
        REQUIRE(kernel.name == row.name);
        const std::vector<GoldenCase> cases = golden_cases(row.name);
        CHECK(cases.size() >= 2);
        for (const GoldenCase& golden : cases) {
            CAPTURE(golden.name);
            CHECK(difference_from(golden, interpret(kernel, golden.inputs)) == "");
        }
        for (const std::string& body : row.schedules) {
            const std::vector<schedule::ScheduleText> texts{{"k.sched", "schedule " + kernel.name + "\n" + body}};
            const schedule::CheckResult checked = schedule::check_texts(kernel, texts, host_options());
            REQUIRE_MESSAGE(checked.plan.has_value(), schedule::render(checked.diagnostics, texts));
            const CompiledPlan compiled(*checked.plan, kernel);
            for (const GoldenCase& golden : cases) {
                CAPTURE(golden.name);
                CAPTURE(body);
                std::map<std::string, std::int64_t> given;
                for (const ir::Input& input : kernel.inputs) {
                    for (std::size_t d = 0; d < input.dims.size(); ++d) {
                        given[input.dims[d]] = golden.inputs.at(input.name).shape[d];
                    }
                }
                const std::map<std::string, std::int64_t> extents = all_extents(kernel, given);
                REQUIRE(!extents.empty());
                CHECK(difference_from(golden, compiled.run(golden.inputs, extents, 1)) == "");
            }
        }
    }
}
