#include "schedule_support.hpp"

#include "rewrite_kernels.hpp"

#include "coulter/text.hpp"

#include <doctest/doctest.h>

#include <algorithm>

namespace coulter::test {
namespace {

const std::map<std::string, std::string>& texts() {
    static const std::map<std::string, std::string> all{
        {"chain", R"(coulter 1
kernel chain

dim y = 30
dim x = 64

input image: f32[y, x]

a: f32[y, x] =
    image * image

b: f32[y, x] =
    a + image

c: f32[y, x] =
    b * b

output c
)"},
        {"big", R"(coulter 1
kernel big

dim z
dim y = 512
dim x = 512

input image: f32[z, y, x]

a: f32[z, y, x] =
    image * image

b: f32[z, y, x] =
    a + image

output b
)"},
        {"step", R"(coulter 1
kernel step

dim n = 37

input w: f32[n]
input slope: f32[n]

next: f32[n] =
    w - slope

output next

update w -> next
)"},
        {"histogram", R"(coulter 1
kernel histogram

dim n
dim bin = 8

input ids: i32[n]
input x: f32[n]

counts: f32[bin] =
    sum {n} into (bin = index(ids) % 8) x

output counts
)"}};
    return all;
}

} // namespace

ir::Kernel schedule_kernel(const std::string& name) {
    const auto at = texts().find(name);
    if (at == texts().end()) {
        return table_kernel(name).kernel;
    }
    ParseResult result = parse(at->second, name + ".coulter");
    for (const Diagnostic& each : result.diagnostics) {
        MESSAGE(render(each, at->second));
    }
    REQUIRE(result.kernel.has_value());
    return std::move(*result.kernel);
}

std::vector<std::string> schedule_kernel_names() {
    std::vector<std::string> names;
    for (const auto& [name, text] : texts()) {
        names.push_back(name);
    }
    for (const TableKernel& each : table_kernels()) {
        names.push_back(each.kernel.name);
    }
    return names;
}

ir::Kernel kernel_of(const std::string& schedule) {
    const schedule::SyntaxResult parsed = schedule::parse_schedule(schedule, "k.sched");
    const std::vector<std::string> names = schedule_kernel_names();
    for (const schedule::Statement& each : parsed.file.statements) {
        if (each.kind == schedule::Statement::Kind::schedule &&
            std::ranges::find(names, each.patterns.front().text) != names.end()) {
            return schedule_kernel(each.patterns.front().text);
        }
    }
    return schedule_kernel("conv_capsules");
}

std::string told(const std::string& schedule) {
    const std::vector<schedule::ScheduleText> texts_of{{"k.sched", schedule}};
    return schedule::render(schedule::check_texts(kernel_of(schedule), texts_of).diagnostics, texts_of);
}

std::string codes(const std::string& schedule) {
    std::string all;
    for (const Diagnostic& each : schedule::check_texts(kernel_of(schedule), {{"k.sched", schedule}}).diagnostics) {
        all += (all.empty() ? "" : " ") + each.code;
    }
    return all;
}

schedule::Plan planned(const std::string& schedule) {
    const std::vector<schedule::ScheduleText> texts_of{{"k.sched", schedule}};
    schedule::CheckResult result = schedule::check_texts(kernel_of(schedule), texts_of);
    INFO(schedule::render(result.diagnostics, texts_of));
    REQUIRE(result.plan.has_value());
    REQUIRE(result.diagnostics.empty());
    return std::move(*result.plan);
}

std::string nest(const schedule::LoopNest& nest) {
    using Kind = schedule::LoopStep::Kind;
    std::string all;
    for (const schedule::Loop& loop : nest.loops) {
        all += (all.empty() ? "" : " ") + loop.name + (loop.reduced ? "!" : "");
        if (loop.extent) {
            all += "(" + std::to_string(*loop.extent) + ")";
        }
        all += loop.kind == Kind::vectorize  ? ":vectorize"
               : loop.kind == Kind::unroll   ? ":unroll"
               : loop.kind == Kind::parallel ? ":parallel"
                                             : "";
    }
    return all;
}

const schedule::StagePlan& stage(const schedule::Plan& plan, const std::string& name) {
    const auto at = std::ranges::find(plan.stages, name, &schedule::StagePlan::name);
    REQUIRE_MESSAGE(at != plan.stages.end(), name);
    return *at;
}

} // namespace coulter::test
