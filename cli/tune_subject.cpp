#include "tune_subject.hpp"

#include "coulter/fingerprint.hpp"
#include "coulter/version.hpp"
#include "machine.hpp"
#include "size_finder.hpp"
#include "verify_cases.hpp"
#include "verify_run.hpp"

#include <fmt/core.h>
#include <iostream>

namespace coulter::cli {

void TuneSubject::load_files(const std::string& kernel, const std::vector<std::string>& layers) {
    LoadOptions options{target, true};
    options.texts = texts;
    loaded = load({kernel}, layers, options);
    loaded.require_good();
    schedules = layers;
    jobs = jobs == 0 ? processors() : jobs;
    threads = threads == 0 ? static_cast<int>(processors()) : threads;
}

void TuneSubject::complete(std::map<std::string, std::int64_t> given) {
    std::string assumed;
    for (const std::string& dim : free_dims(work())) {
        if (!given.contains(dim) && !work().kernel.estimates.contains(dim)) {
            given[dim] = schedule::unknown_extent;
            assumed += fmt::format("{}{}={}", assumed.empty() ? "" : ",", dim, schedule::unknown_extent);
        }
    }
    if (!assumed.empty()) {
        std::cerr << fmt::format("warning: kernel `{}` has no estimates of some sizes, which are taken as {}\nhelp: "
                                 "give --sizes, for what is fast at one size may be slow at another\n",
                                 work().kernel.name, assumed);
    }
    sizes = complete_sizes(work(), given);
}

tune::Setting setting_of(const TuneSubject& subject, const std::string& machine) {
    tune::Setting setting;
    setting.kernel = fingerprint(subject.work().kernel);
    setting.sizes = sizes_text(subject.work(), subject.sizes);
    setting.machine = machine.empty() ? machine_name() : machine;
    setting.target = subject.loaded.target.name;
    setting.versions = fmt::format("coulter {}, Halide {}", COULTER_VERSION, COULTER_HALIDE_VERSION);
    if (subject.tolerance >= 0) { // what was right with another one need not be right
        setting.versions += fmt::format(", tolerance {}", subject.tolerance);
    }
    setting.threads = subject.threads;
    return setting;
}

} // namespace coulter::cli
