#include "ranking.hpp"

#include "device_there.hpp"
#include "launches.hpp"

#include <fmt/format.h>
#include <iostream>

namespace coulter::cli {
namespace {

constexpr const char* estimated = "estimated ";

} // namespace

std::optional<Ranking> ranking_of(const TuneRequest& request, const TuneSubject& subject) {
    const schedule::Device device = subject.loaded.target.device;
    const bool is_named = request.machine.starts_with(estimated);
    if (request.rank && device == schedule::Device::none) {
        throw Failure(usage, "error: --rank is about a target with a device: candidates for a processor are measured\n"
                             "help: --target host-cuda or --target host-opencl\n");
    }
    const bool is_exact = subject.work().plan.numerics == schedule::Numerics::exact;
    if (request.rank && is_exact) {
        throw Failure(usage, "error: --rank is about what runs on the device, and under `numerics exact` nothing does\n"
                             "help: leave --rank out: what the processor does is measured\n");
    }
    if (request.rank && !request.machine.empty() && !is_named) {
        throw Failure(usage, fmt::format("error: --rank takes estimates, and `{}` is a machine that was measured\n"
                                         "help: --machine 'estimated sm_90', or leave --rank out\n",
                                         request.machine));
    }
    if (!request.architectures.empty()) {
        require_cuda("--arch", request.target);
    }
    const bool is_asked = request.rank || is_named;
    if (device == schedule::Device::none || is_exact || (!is_asked && (!request.machine.empty() || is_there(device)))) {
        return std::nullopt;
    }
    Ranking ranking;
    if (device == schedule::Device::cuda) {
        // Architectures by name ask for figures of them.
        ranking.tool = request.lock ? "" : request.architectures.empty() ? find_ptxas() : require_ptxas();
        ranking.architectures = parse_architectures(request.architectures);
    }
    if (!ranking.tool.empty()) {
        ranking.tool_name = ptxas_name(ranking.tool, subject.limits);
    }
    // What is locked was ranked elsewhere, with whatever was there.
    const bool has_tool = device == schedule::Device::cuda && (request.lock || !ranking.tool.empty());
    ranking.machine =
        has_tool ? fmt::format("{}{}", estimated, fmt::join(ranking.architectures, ", "))
                 : fmt::format("{}{}", estimated, device == schedule::Device::cuda ? "without ptxas" : "OpenCL device");
    if (is_named) {
        ranking.machine = request.machine;
    }
    if (!request.rank && !request.lock) {
        std::cerr << fmt::format(
            "warning: no {0} device is here, so the candidates for {1} are ranked by estimates, and "
            "nothing is measured\nhelp: --rank says that this is wanted; measure where there is a "
            "device\n",
            name_of(device), subject.loaded.target.name);
    }
    return ranking;
}

void require_measuring(const TuneRequest& request, const TuneSubject& subject) {
    if (request.rank || request.machine.starts_with(estimated)) {
        throw Failure(
            usage, fmt::format("error: {} estimates a schedule without variants at one size: only measuring tells what "
                               "several sizes and variants want\n"
                               "help: give one {}, and a schedule without variants\n",
                               request.rank ? "--rank" : fmt::format("--machine '{}'", request.machine),
                               request.sizes_option));
    }
    const schedule::Device device = subject.loaded.target.device;
    const bool is_exact = subject.work().plan.numerics == schedule::Numerics::exact;
    if (device != schedule::Device::none && !is_exact && !request.lock && !is_there(device)) {
        const std::string why = fmt::format("no {} device is here", name_of(device));
        const Failure failed(environment,
                             fmt::format("error: {}, and only measuring tells what several sizes and variants want\n"
                                         "help: candidates at one size, for a schedule without variants, can be ranked "
                                         "by estimates: {}\n",
                                         why, request.for_all_kernels ? "give one " + request.sizes_option : "--rank"));
        if (request.for_all_kernels && !subject.work().variants.empty()) {
            throw NothingMeasurable(failed, why);
        }
        throw Failure(failed);
    }
}

} // namespace coulter::cli
