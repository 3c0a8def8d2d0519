// coulter verify

#include "coulter/schedule/symbols.hpp"
#include "coulter/tune/json.hpp"
#include "describe.hpp"
#include "files.hpp"
#include "kernel_call.hpp"
#include "library.hpp"
#include "lowering.hpp"
#include "progress.hpp"
#include "variants.hpp"
#include "verify_cases.hpp"
#include "verify_run.hpp"

#include <CLI/CLI.hpp>
#include <fmt/core.h>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <unistd.h>

namespace coulter::cli {
namespace {

struct Options {
    std::vector<std::string> files;
    std::vector<std::string> sizes;
    std::string target = "host";
    std::string runtime;
    std::uint64_t seed = 1;
    std::size_t cases = 0;
    double tolerance = -1;
    int threads = 2;
    bool json = false;
    bool verbose = false;
    Limits limits;
};

KernelLibrary build_one(const Loaded& loaded, const Options& options, const std::filesystem::path& directory) {
    const Work& work = loaded.work.front();
    LibraryRequest request;
    request.name = "verified";
    request.directory = directory;
    request.shared = true;
    request.runtime = options.runtime;
    request.verbose = options.verbose;
    request.limits = options.limits;
    request.extra_source = call_source(work.kernel, work.sizes);
    request.extra_exports = {"coulter_cli_call"};
    return {build_library(loaded, request), work.kernel.name};
}

std::optional<KernelLibrary> build_unscheduled(const Loaded& loaded, const Options& options,
                                               const std::filesystem::path& directory) {
    const Work& work = loaded.work.front();
    if (work.plan.numerics != schedule::Numerics::exact) {
        return std::nullopt;
    }
    make_directory(directory);
    const std::string path = (directory / "unscheduled.sched").string();
    write_file(path, fmt::format("schedule {}\nnumerics exact\n", work.kernel.name));
    const Loaded plain = load({work.path}, {path}, {options.target, true});
    plain.require_good();
    return build_one(plain, options, directory / "unscheduled");
}

constexpr int no_device = 5; // exit code of the process that runs the cases

std::vector<Manner> manners(const Work& work) {
    std::vector<Manner> all{{"compact", Layout::compact, false}, {"padded", Layout::padded, false}};
    if (!work.kernel.updates.empty()) {
        all.push_back({"in place", Layout::compact, true});
    }
    return all;
}

void send(int descriptor, const nlohmann::ordered_json& line) {
    const std::string text = tune::print_json(line) + '\n';
    std::size_t at = 0;
    while (at < text.size()) {
        const ssize_t count = write(descriptor, text.data() + at, text.size() - at);
        if (count <= 0) {
            return;
        }
        at += static_cast<std::size_t>(count);
    }
}

// In a process of its own: a kernel that is wrong may also crash.
ChildResult run_cases(const Work& work, const Options& options, const std::vector<SizeCase>& cases,
                      const KernelLibrary& library, const KernelLibrary* unscheduled) {
    Limits limits;
    limits.memory_bytes = 0;
    limits.seconds = options.limits.seconds == 0 ? 0 : options.limits.seconds * 10;
    return run_forked(
        [&](int descriptor) {
            try {
                const RunOptions run{options.seed, options.threads, options.tolerance};
                for (const SizeCase& sizes : cases) {
                    for (const Manner& manner : manners(work)) {
                        send(descriptor, {{"begin", sizes.name},
                                          {"sizes", sizes_text(work, sizes.extents)},
                                          {"tensors", manner.name}});
                        const Outcome outcome = run_case(work, run, library, unscheduled, sizes, manner);
                        send(descriptor, {{"case", outcome.name},
                                          {"sizes", outcome.sizes},
                                          {"tensors", outcome.manner},
                                          {"status", outcome.status},
                                          {"error", outcome.error},
                                          {"message", outcome.message},
                                          {"part", outcome.part}});
                    }
                }
                return 0;
            } catch (const Failure& failure) {
                std::cerr << failure.what(); // says all that is to say
                return no_device;
            } catch (const std::exception& error) {
                std::cerr << "error: " << error.what() << '\n';
                return static_cast<int>(environment);
            }
        },
        limits);
}

std::vector<nlohmann::ordered_json> outcomes_of(const ChildResult& child, nlohmann::ordered_json& unfinished) {
    std::vector<nlohmann::ordered_json> outcomes;
    std::istringstream lines(child.output);
    for (std::string line; std::getline(lines, line);) {
        const auto json = tune::parse_json(line);
        if (json.is_discarded()) {
            continue;
        }
        if (json.contains("begin")) {
            unfinished = json;
        } else {
            unfinished = nullptr;
            outcomes.push_back(json);
        }
    }
    return outcomes;
}

std::string repro_line(const Options& options, const std::string& sizes) {
    std::vector<std::string> command{"coulter", "verify"};
    command.insert(command.end(), options.files.begin(), options.files.end());
    command.insert(command.end(), {"--target", options.target, "--seed", std::to_string(options.seed)});
    if (!sizes.empty()) {
        command.insert(command.end(), {"--sizes", sizes});
    }
    return shell_text(command);
}

/// How many cases reached each part of the schedule, and a warning of those that none did.
void tell_coverage(const Work& work, const Options& options, const std::vector<nlohmann::ordered_json>& outcomes) {
    std::string counts;
    for (const std::string& part : part_names(work)) {
        const auto count = std::ranges::count_if(outcomes, [&](const auto& each) { return each["part"] == part; });
        counts += fmt::format("{}{} {}", counts.empty() ? "" : ", ", part, count);
        if (count == 0 && options.sizes.empty()) {
            std::cerr << fmt::format("warning: no case reached the part `{}` of the schedule\nhelp: --sizes gives the "
                                     "sizes of one that does\n",
                                     part);
        }
    }
    if (!options.json) {
        std::cout << "cases of each part: " << counts << '\n';
    }
}

void print_table(const std::vector<nlohmann::ordered_json>& outcomes) {
    std::vector<std::vector<std::string>> rows{{"case", "sizes", "tensors", "error", "result"}};
    for (const auto& each : outcomes) {
        const std::string message = each["message"];
        const std::string status = each["status"];
        rows.push_back({each["case"], each["sizes"], each["tensors"],
                        each["error"].is_number() ? fmt::format("{:.2g}", each["error"].get<double>()) : "inf",
                        message.empty() ? status : status + ": " + message});
    }
    std::cout << table(rows, {false, false, false, true, false});
}

int finish(const Work& work, const Options& options, const ChildResult& child) {
    nlohmann::ordered_json unfinished;
    const auto outcomes = outcomes_of(child, unfinished);
    if (options.json) {
        std::cout << tune::print_json(outcomes, 2) << '\n';
    } else {
        print_table(outcomes);
    }
    if (!work.variants.empty()) {
        tell_coverage(work, options, outcomes);
    }
    int code = good;
    std::string shown;
    for (const auto& each : outcomes) {
        const std::string sizes = each["sizes"];
        if (each["status"] == "wrong" && (code == good || sizes != shown)) {
            std::cerr << "wrong: " << repro_line(options, sizes) << '\n';
            shown = sizes;
            code = refused;
        }
    }
    if (child.signal == 0 && !child.timed_out && child.exit_code == no_device) {
        return environment;
    }
    if (!child.ok()) {
        const std::string why = child.timed_out     ? "it took too long"
                                : child.signal != 0 ? std::string(strsignal(child.signal))
                                                    : fmt::format("exit code {}", child.exit_code);
        const std::string sizes = unfinished.is_null() ? "" : unfinished["sizes"].get<std::string>();
        throw failure(environment, "B012", fmt::format("the kernel did not return: {}", why),
                      "to see it again: " + repro_line(options, sizes));
    }
    return code;
}

int verify(const Options& options) {
    const KernelAndSchedules files = split_files(options.files);
    const auto given = parse_sizes(options.sizes);
    const Loaded loaded = load({files.kernel}, files.schedules, {options.target, true});
    loaded.require_good();
    const Work& work = loaded.work.front();
    std::vector<SizeCase> cases;
    if (given.empty()) {
        cases = size_cases(work, options.cases, options.seed);
    } else {
        cases.push_back({"given", complete_sizes(work, given)});
    }
    const TemporaryDirectory scratch;
    const KernelLibrary library = build_one(loaded, options, scratch.path());
    const std::optional<KernelLibrary> unscheduled = build_unscheduled(loaded, options, scratch.path() / "plain");
    return finish(work, options, run_cases(work, options, cases, library, unscheduled ? &*unscheduled : nullptr));
}

} // namespace

void add_verify(CLI::App& app, Run& run) {
    CLI::App* const command = add_command(
        app, "verify", "Compare a compiled kernel with the reference interpreter",
        "  coulter verify conv_capsules.coulter conv_capsules.sched\n"
        "      at ones, odd sizes, primes, zeros, sizes beside vectors; compact and padded tensors\n"
        "  coulter verify conv_capsules.coulter conv_capsules.sched --sizes batch=3,iy=7,ix=9,in=2,out=33 --seed 7\n"
        "  coulter verify matmul.coulter --cases 40\n      random sizes after the fixed ones, 40 in all");
    const auto options = std::make_shared<Options>();
    command->add_option("files", options->files, "a kernel and its schedule")
        ->required()
        ->type_name("K.coulter [S.sched...]");
    command->add_option("--sizes", options->sizes, "only these extents; others are the estimates")
        ->type_name("dim=n,...");
    command->add_option("--seed", options->seed, "of the data and of random sizes (1)");
    command->add_option("--cases", options->cases, "how many sizes (the fixed ones)")->check(CLI::Range(1, 100000));
    command->add_option("--tolerance", options->tolerance, "largest error over largest reference (f32: 1e-5)")
        ->check(CLI::NonNegativeNumber);
    command->add_option("--threads", options->threads, "threads of the kernel (2)")->check(CLI::Range(1, 256));
    command->add_option("--target", options->target, "processor to compile for (host)")->type_name("T");
    command->add_option("--runtime", options->runtime, "libcoulter_runtime.a")->type_name("FILE");
    command->add_flag("--json", options->json, "JSON on standard output");
    command->add_flag("-v,--verbose", options->verbose, "print each command that runs");
    add_limit_options(*command, options->limits);
    command->callback([options, &run] { run = [options] { return verify(*options); }; });
}

} // namespace coulter::cli
