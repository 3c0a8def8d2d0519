// coulter explain: what each directive of a schedule is worth, by measuring without it.

#include "contributions.hpp"
#include "coulter/tune/json.hpp"
#include "coulter/tune/statistics.hpp"
#include "describe.hpp"
#include "files.hpp"
#include "launches.hpp"
#include "lowering.hpp"
#include "mca.hpp"
#include "variants.hpp"

#include <CLI/CLI.hpp>
#include <fmt/core.h>
#include <iostream>
#include <nlohmann/json.hpp>

namespace coulter::cli {
namespace {

struct Options {
    std::vector<std::string> files;
    std::vector<std::string> sizes;
    std::string target = "host";
    std::string runtime;
    int threads = 0;
    bool json = false;
    Limits limits;
};

class Explanation {
public:
    explicit Explanation(const Options& options) : options_(options) {
        const KernelAndSchedules files = split_files(options.files);
        if (files.schedules.size() != 1) {
            throw failure(usage, "E001",
                          fmt::format("one .sched file is explained, and {} are given", files.schedules.size()),
                          "`coulter report` takes as many as there are; `coulter autoschedule` writes the default "
                          "schedule as a file");
        }
        const auto given = parse_sizes(options.sizes);
        subject_.target = options.target;
        subject_.runtime = options.runtime;
        subject_.threads = options.threads;
        subject_.limits = options.limits;
        subject_.load_files(files.kernel, files.schedules);
        directives_ = directives_of(files.schedules.front());
        if (directives_.empty() || subject_.work().schedules.empty()) {
            throw failure(refused, "E002",
                          fmt::format("`{}` has no directive for `{}`, so there is nothing to explain",
                                      files.schedules.front(), subject_.work().kernel.name),
                          "directives of `stage` blocks are explained, and not those of macros and variants");
        }
        subject_.complete(given);
    }

    int run() {
        const Work& work = subject_.work();
        // Before minutes of measuring: what cannot be compiled or found is known at once.
        const std::string part = part_name(variant_for(work, subject_.sizes, Tensors{}));
        code_ = machine_code(work, plan_of_part(work, part), part, subject_.loaded.target.name, subject_.sizes,
                             subject_.limits);
        launches_ = device_code_if_any(work, part, subject_.loaded.target.name, subject_.limits);
        measured_ = measure_contributions(subject_, std::move(directives_));
        std::cout << (options_.json ? json() : text());
        return good;
    }

private:
    [[nodiscard]] std::string text() const {
        std::vector<std::vector<std::string>> rows{{"line", "stage", "directive", "without it", ""}};
        for (const Contribution& one : measured_.directives) {
            rows.push_back({std::to_string(one.span.line), one.stage, one.directive,
                            one.record ? time_text(tune::median(one.record->samples)) : "-", measured_.verdict(one)});
        }
        const std::vector<double>& samples = measured_.whole.samples;
        const tune::Interval interval = tune::median_interval(samples);
        return fmt::format("{}: {}, 95 % interval {} to {}\n", subject_.work().kernel.name,
                           time_text(tune::median(samples)), time_text(interval.lower), time_text(interval.upper)) +
               table(rows, {true, false, false, true, false}) + mca_text(code_) +
               (launches_ ? launches_text(*launches_) : "");
    }

    [[nodiscard]] std::string json() const {
        using Json = nlohmann::ordered_json;
        Json all = Json::array();
        for (const Contribution& one : measured_.directives) {
            all.push_back({{"line", one.span.line},
                           {"stage", one.stage},
                           {"directive", one.directive},
                           {"seconds", one.record ? Json(tune::median(one.record->samples)) : Json()},
                           {"ratio", one.record ? Json(measured_.ratio(one)) : Json()},
                           {"verdict", measured_.verdict(one)}});
        }
        Json json{{"kernel", subject_.work().kernel.name},
                  {"extents", subject_.sizes},
                  {"threads", subject_.threads},
                  {"seconds", tune::median(measured_.whole.samples)},
                  {"directives", all},
                  {"hot_loops", mca_json(code_)}};
        if (launches_) {
            json["launches"] = launches_json(*launches_);
        }
        return tune::print_json(json, 2) + '\n';
    }

    const Options& options_;
    TuneSubject subject_;
    std::vector<Contribution> directives_;
    Contributions measured_;
    MachineCode code_;
    std::optional<DeviceCode> launches_; ///< of a CUDA target
};

} // namespace

void add_explain(CLI::App& app, Run& run) {
    CLI::App* const command = add_command(
        app, "explain", "What each directive of a schedule is worth, measured without it; and its hot loops",
        "  coulter explain conv_capsules.coulter conv_capsules.sched\n"
        "  coulter explain matmul.coulter matmul.sched --sizes i=512,j=512,k=512 --threads 1 --json");
    const auto options = std::make_shared<Options>();
    command->add_option("files", options->files, "a kernel and its schedule")
        ->required()
        ->type_name("K.coulter S.sched");
    command->add_option("--sizes", options->sizes, "extents in place of the estimates")->type_name("dim=n,...");
    command->add_option("--threads", options->threads, "threads of the kernel (the number of processors)")
        ->check(CLI::Range(1, 256));
    command->add_option("--target", options->target, "processor to compile for (host)")->type_name("T");
    command->add_option("--runtime", options->runtime, "libcoulter_runtime.a")->type_name("FILE");
    command->add_flag("--json", options->json, "JSON on standard output");
    add_limit_options(*command, options->limits);
    command->callback([options, &run] { run = [options] { return Explanation(*options).run(); }; });
}

} // namespace coulter::cli
