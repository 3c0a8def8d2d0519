// What default schedules keep in memory between stages, beside what schedules do that people wrote.

#include "coulter/schedule/check.hpp"
#include "coulter/schedule/footprint.hpp"
#include "coulter/sizes.hpp"
#include "coulter/transform.hpp"
#include "models/kernels.hpp"
#include "models/networks.hpp"
#include "support/shipped_schedule.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>

using namespace coulter;
using namespace coulter::test;
using namespace coulter::schedule;

namespace {

constexpr int threads = 2;

std::map<std::string, std::int64_t> extents_of(const ir::Kernel& kernel) {
    std::vector<Diagnostic> ignored;
    return resolve_extents(kernel, infer_sizes(kernel, ignored), kernel.estimates);
}

double bytes_of(const std::vector<std::string>& dims, Type type, const std::map<std::string, std::int64_t>& extents) {
    double total = bytes(type);
    for (const std::string& dim : dims) {
        total *= static_cast<double>(extents.at(dim));
    }
    return total;
}

/// Of all inputs and outputs.
double argument_bytes(const ir::Kernel& kernel) {
    const auto extents = extents_of(kernel);
    double total = 0;
    for (const ir::Input& input : kernel.inputs) {
        total += bytes_of(input.dims, input.type, extents);
    }
    for (const std::string& output : kernel.outputs) {
        total += bytes_of(kernel.dims_of(output), kernel.types_of(output).front(), extents);
    }
    return total;
}

/// The least that a call of the estimated sizes takes of the heap, by the common part or by one of the variants.
std::int64_t heap_bytes(const ir::Kernel& kernel, const std::string& text) {
    CheckOptions options;
    options.target = "x86-64-avx512";
    options.defaults.threads = threads;
    const std::vector<ScheduleText> texts{{kernel.name + ".sched", text}};
    const CheckResult result = check_texts(kernel, texts, options);
    INFO(render(result.diagnostics, texts));
    REQUIRE(result.ok());
    std::int64_t least = memory_use(*result.plan, kernel.estimates, threads).scratch_peak;
    for (const Variant& variant : result.variants) {
        least = std::min(least, memory_use(variant.plan, kernel.estimates, threads).scratch_peak);
    }
    return least;
}

} // namespace

TEST_CASE("default schedules keep hardly more between stages than hand-written ones") {
    std::vector<KernelFactory> all = models::kernels();
    all.insert(all.end(), models::networks().begin(), models::networks().end());
    int compared = 0;
    for (const KernelFactory& each : all) {
        const ir::Kernel kernel = each.make(Params{}).ir();
        CAPTURE(kernel.name);
        if (!std::filesystem::exists(COULTER_TEST_DIR "/../models/schedules/" + kernel.name + ".sched")) {
            continue;
        }
        ++compared;
        const auto by_hand = static_cast<double>(heap_bytes(kernel, shipped_schedule(kernel.name)));
        const auto by_default = static_cast<double>(heap_bytes(kernel, "schedule " + kernel.name + "\n"));
        CHECK(by_default <= 1.5 * by_hand + 0.01 * argument_bytes(kernel));
    }
    CHECK(compared >= 22);
}

TEST_CASE("EM routing with its gradient keeps neither votes nor their adjoints by hand") {
    const auto factory = std::find_if(models::kernels().begin(), models::kernels().end(),
                                      [](const KernelFactory& each) { return std::string(each.name) == "em_routing"; });
    const ir::Kernel routing = factory->make(Params{}).ir();
    const ir::Kernel kernel = value_and_grad(routing, {"pose", "activation", "weight", "beta_u", "beta_a"});
    const double votes = bytes_of(routing.dims_of("votes"), Type::f32, extents_of(kernel));
    CHECK(static_cast<double>(heap_bytes(kernel, shipped_schedule("em_routing_value_and_grad"))) < votes);
}

TEST_CASE("default schedules of all models are accepted, however many threads there are") {
    std::vector<KernelFactory> all = models::kernels();
    all.insert(all.end(), models::networks().begin(), models::networks().end());
    for (const KernelFactory& each : all) {
        const ir::Kernel kernel = each.make(Params{}).ir();
        for (const int count : {1, 16}) {
            CAPTURE(kernel.name);
            CAPTURE(count);
            CheckOptions options;
            options.target = "x86-64-avx2";
            options.defaults.threads = count;
            CHECK(check(kernel, {}, options).ok());
        }
    }
}
