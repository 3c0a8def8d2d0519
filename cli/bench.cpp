// coulter bench

#include "arguments.hpp"
#include "coulter/estimates.hpp"
#include "coulter/schedule/footprint.hpp"
#include "coulter/tune/json.hpp"
#include "describe.hpp"
#include "files.hpp"
#include "kernel_call.hpp"
#include "library.hpp"
#include "lowering.hpp"
#include "machine.hpp"
#include "peak.hpp"
#include "progress.hpp"
#include "timing.hpp"
#include "variants.hpp"
#include "verify_cases.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstring>
#include <fmt/core.h>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <thread>
#include <unistd.h>

namespace coulter::cli {
namespace {

struct Options {
    std::vector<std::string> files;
    std::vector<std::string> sizes;
    std::string target = "host";
    std::string runtime;
    int threads = 0;
    int samples = 21;
    double seconds = 1;
    std::uint64_t seed = 1;
    bool json = false;
    bool verbose = false;
    Limits limits;
};

using Extents = std::map<std::string, std::int64_t>;
using Clock = std::chrono::steady_clock;

struct Timing {
    double median = 0;
    double lower = 0; ///< quartiles
    double upper = 0;
    int samples = 0;
    int calls = 0; ///< in each sample
};

struct Figures {
    Timing timing;
    coulter_memory memory{};
    std::string part; ///< of the schedule: a variant or `common`
};

double quantile(const std::vector<double>& sorted, double at) {
    const double position = at * static_cast<double>(sorted.size() - 1);
    const auto below = static_cast<std::size_t>(position);
    const std::size_t above = std::min(below + 1, sorted.size() - 1);
    return sorted[below] + (position - static_cast<double>(below)) * (sorted[above] - sorted[below]);
}

/// Warm-up, then samples of at least 5 ms. The median is told, since the fastest run is luck.
template <class Call>
Timing time_calls(const Options& options, const Call& call) {
    Timing timing;
    timing.calls = calls_of(warm_up(call), 0.005);
    std::vector<double> samples;
    const auto start = Clock::now();
    while (interrupted() == 0) {
        samples.push_back(seconds_of(call, timing.calls) / timing.calls);
        const double elapsed = std::chrono::duration<double>(Clock::now() - start).count();
        const bool enough = static_cast<int>(samples.size()) >= options.samples && elapsed >= options.seconds;
        if (enough || elapsed > 10 * options.seconds + 10) {
            break;
        }
    }
    std::ranges::sort(samples);
    timing.median = quantile(samples, 0.5);
    timing.lower = quantile(samples, 0.25);
    timing.upper = quantile(samples, 0.75);
    timing.samples = static_cast<int>(samples.size());
    return timing;
}

Figures run(const Work& work, const Options& options, const KernelLibrary& library, const Extents& extents) {
    const auto context = library.make_context(options.threads);
    Arguments arguments(work.kernel, extents, random_inputs(work.kernel, extents, options.seed));
    const auto call = [&] {
        if (const int code = library.call(context.get(), arguments.data()); code != COULTER_OK) {
            throw Failure(code > -100 && code != COULTER_ERROR_NO_DEVICE ? refused : environment,
                          "error: " + library.last_error(context.get()) + '\n');
        }
    };
    call(); // packs frozen inputs
    library.reset_peak(context.get());
    Figures figures;
    figures.timing = time_calls(options, call);
    figures.memory = library.memory(context.get());
    figures.part = part_name(variant_for(work, extents, arguments.condition()));
    return figures;
}

nlohmann::ordered_json report(const Work& work, const Loaded& loaded, const Options& options, const Extents& extents,
                              const Figures& figures, const Peak& peak, const KernelEstimate& estimate) {
    const double time = figures.timing.median;
    const double flops = estimate.flops / time;
    const double bytes = static_cast<double>(estimate.argument_bytes) / time;
    const coulter_memory& memory = figures.memory;
    const schedule::MemoryUse predicted =
        schedule::memory_use(plan_of_part(work, figures.part), extents, options.threads);
    return {
        {"kernel", work.kernel.name},
        {"schedules", work.schedules},
        {"target", loaded.target.name},
        {"threads", options.threads},
        {"extents", extents},
        {"part", work.variants.empty() ? nlohmann::ordered_json() : nlohmann::ordered_json(figures.part)},
        {"seconds",
         {{"median", time}, {"lower_quartile", figures.timing.lower}, {"upper_quartile", figures.timing.upper}}},
        {"samples", figures.timing.samples},
        {"calls_per_sample", figures.timing.calls},
        {"flops", estimate.flops},
        {"bytes", estimate.argument_bytes},
        {"gflops", flops / 1e9},
        {"gbytes_per_second", bytes / 1e9},
        {"peak", {{"gflops", peak.flops / 1e9}, {"gbytes_per_second", peak.bytes / 1e9}, {"vectors", peak.vectors}}},
        {"share_of_peak_flops", flops / peak.flops},
        {"share_of_peak_bandwidth", bytes / peak.bytes},
        {"memory",
         {{"scratch_predicted", predicted.scratch_peak},
          {"scratch_predicted_is_bound", predicted.bound},
          {"scratch_peak", memory.scratch_peak},
          {"packed_predicted", predicted.packed},
          {"packed", memory.packed}}}};
}

std::string report_text(const nlohmann::ordered_json& figures) {
    const auto& seconds = figures["seconds"];
    const double median = seconds["median"];
    const double spread = (seconds["upper_quartile"].get<double>() - seconds["lower_quartile"].get<double>()) / median;
    std::vector<std::vector<std::string>> rows;
    rows.push_back({"kernel", figures["kernel"]});
    std::string sizes;
    for (const auto& [dim, extent] : figures["extents"].items()) {
        sizes += fmt::format("{}{}={}", sizes.empty() ? "" : ",", dim, extent.get<std::int64_t>());
    }
    rows.push_back({"sizes", sizes});
    if (!figures["part"].is_null()) {
        rows.push_back({"part", fmt::format("`{}` of the schedule", figures["part"].get<std::string>())});
    }
    rows.push_back(
        {"target", fmt::format("{}, {} threads", figures["target"].get<std::string>(), figures["threads"].get<int>())});
    rows.push_back(
        {"time", fmt::format("{} (median of {} samples of {} calls, quartiles {:.1f} % apart)", time_text(median),
                             figures["samples"].get<int>(), figures["calls_per_sample"].get<int>(), 100 * spread)});
    rows.push_back(
        {"arithmetic",
         fmt::format("{:.1f} GFLOP/s, {:.1f} % of {:.1f} ({})", figures["gflops"].get<double>(),
                     100 * figures["share_of_peak_flops"].get<double>(), figures["peak"]["gflops"].get<double>(),
                     figures["peak"]["vectors"].get<std::string>())});
    rows.push_back(
        {"arguments", fmt::format("{:.2f} GB/s, {:.1f} % of {:.1f} (triad)", figures["gbytes_per_second"].get<double>(),
                                  100 * figures["share_of_peak_bandwidth"].get<double>(),
                                  figures["peak"]["gbytes_per_second"].get<double>())});
    const auto& memory = figures["memory"];
    rows.push_back(
        {"scratch",
         fmt::format("{} B at most, {}{} B predicted; packed {} B", memory["scratch_peak"].get<std::int64_t>(),
                     memory["scratch_predicted_is_bound"].get<bool>() ? "<= " : "",
                     memory["scratch_predicted"].get<std::int64_t>(), memory["packed"].get<std::int64_t>())});
    return table(rows, {false, false});
}

int bench(Options options) {
    const KernelAndSchedules files = split_files(options.files);
    const auto given = parse_sizes(options.sizes);
    const Loaded loaded = load({files.kernel}, files.schedules, {options.target, true});
    loaded.require_good();
    const Work& work = loaded.work.front();
    const Extents extents = complete_sizes(work, given);
    if (options.threads == 0) {
        options.threads = static_cast<int>(processors());
    }
    const TemporaryDirectory scratch;
    LibraryRequest request;
    request.name = "measured";
    request.directory = scratch.path();
    request.shared = true;
    request.runtime = options.runtime;
    request.verbose = options.verbose;
    request.limits = options.limits;
    request.extra_source = call_source(work.kernel, work.sizes);
    request.extra_exports = {"coulter_cli_call"};
    const KernelLibrary library(build_library(loaded, request), work.kernel.name);

    // In a process of its own: a kernel that crashes is told of like any other failure.
    Limits limits;
    limits.memory_bytes = 0;
    limits.seconds = options.limits.seconds == 0 ? 0 : options.limits.seconds * 10 + 20 * options.seconds;
    const ChildResult child = run_forked(
        [&](int descriptor) {
            std::string text;
            int code = good;
            try {
                Progress progress(!options.verbose);
                progress.show("timing " + work.kernel.name);
                const Figures figures = run(work, options, library, extents);
                const Peak peak = measure_peak(options.threads, loaded.target.vector_bytes);
                text = tune::print_json(
                    report(work, loaded, options, extents, figures, peak, estimate(work.kernel, extents)), 2);
            } catch (const Failure& failed) {
                std::cerr << failed.what();
                code = failed.code();
            } catch (const std::exception& error) {
                std::cerr << "error: " << error.what() << '\n';
                code = environment;
            }
            for (std::size_t at = 0; at < text.size();) {
                const ssize_t count = write(descriptor, text.data() + at, text.size() - at);
                if (count <= 0) {
                    return static_cast<int>(environment);
                }
                at += static_cast<std::size_t>(count);
            }
            return code;
        },
        limits);
    if (child.signal != 0 || child.timed_out) {
        throw failure(environment, "B012",
                      fmt::format("the kernel did not return: {}",
                                  child.timed_out ? "it took too long" : strsignal(child.signal)));
    }
    if (child.exit_code != good) {
        return child.exit_code;
    }
    std::cout << (options.json ? child.output + '\n' : report_text(tune::parse_json(child.output)));
    return good;
}

} // namespace

void add_bench(CLI::App& app, Run& run) {
    CLI::App* const command = add_command(
        app, "bench", "Time a kernel, beside what the machine can do at most",
        "  coulter bench conv_capsules.coulter conv_capsules.sched --threads 2\n      at the kernel's estimated sizes\n"
        "  coulter bench matmul.coulter matmul.sched --sizes i=512,j=512,k=512 --threads 1 --json");
    const auto options = std::make_shared<Options>();
    command->add_option("files", options->files, "a kernel and its schedule")
        ->required()
        ->type_name("K.coulter [S.sched...]");
    command->add_option("--sizes", options->sizes, "extents in place of the estimates")->type_name("dim=n,...");
    command->add_option("--threads", options->threads, "threads of the kernel (the number of processors)")
        ->check(CLI::Range(1, 256));
    command->add_option("--samples", options->samples, "at least so many samples (21)")->check(CLI::Range(1, 100000));
    command->add_option("--seconds", options->seconds, "at least so long (1)")->check(CLI::Range(0.0, 3600.0));
    command->add_option("--seed", options->seed, "of the data (1)");
    command->add_option("--target", options->target, "processor to compile for (host)")->type_name("T");
    command->add_option("--runtime", options->runtime, "libcoulter_runtime.a")->type_name("FILE");
    command->add_flag("--json", options->json, "JSON on standard output");
    command->add_flag("-v,--verbose", options->verbose, "print each command that runs");
    add_limit_options(*command, options->limits);
    command->callback([options, &run] { run = [options] { return bench(*options); }; });
}

} // namespace coulter::cli
