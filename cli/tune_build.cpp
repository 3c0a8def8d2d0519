#include "tune_build.hpp"

#include "coulter/fingerprint.hpp"
#include "coulter/schedule/symbols.hpp"
#include "describe.hpp"
#include "files.hpp"
#include "kernel_call.hpp"
#include "library.hpp"

#include <atomic>
#include <exception>
#include <fmt/core.h>
#include <thread>

namespace coulter::cli {
namespace fs = std::filesystem;
using tune::Outcome;

namespace {

std::string first_line(const std::string& text) {
    return text.substr(0, text.find('\n'));
}

} // namespace

std::optional<Outcome> outcome_of_failure(const std::string& failure) {
    const auto has = [&](const char* code) { return failure.find(code) != std::string::npos; };
    return has("[B005]")                    ? std::optional(Outcome::compiled_long)
           : has("[B006]")                  ? std::optional(Outcome::compiled_big)
           : has("[B001]") || has("[B002]") ? std::optional(Outcome::not_compiled)
                                            : std::nullopt;
}

CandidateBuilder::CandidateBuilder(const TuneSubject& subject, fs::path scratch)
    : subject_(subject), scratch_(std::move(scratch)),
      extra_source_(call_source(subject.work().kernel, subject.work().sizes)) {}

// The candidate lies in a copy of the tree that its file lies in, with the files that are included: their paths are
// relative to the file that includes them.
Loaded CandidateBuilder::load_candidate(const std::string& text) {
    const fs::path root = scratch_ / "files" / std::to_string(files_++);
    const auto place = [&](const std::string& path) {
        fs::path copy = root / fs::weakly_canonical(fs::absolute(path)).relative_path();
        make_directory(copy.parent_path());
        return copy;
    };
    for (const std::string& path : subject_.loaded.included) {
        write_file(place(path), read_file(path));
    }
    std::vector<std::string> layers = subject_.schedules;
    const fs::path copy = place(layers[subject_.tuned]);
    write_file(copy, text);
    layers[subject_.tuned] = copy.string();
    return load({subject_.work().path}, layers, {subject_.target, true});
}

std::optional<std::string> CandidateBuilder::identify(const std::string& text) {
    const Loaded loaded = load_candidate(text);
    fs::remove_all(scratch_ / "files" / std::to_string(files_ - 1));
    if (loaded.report.has_errors() || !loaded.target_matches) {
        return std::nullopt;
    }
    return sha256(schedule_in_force(loaded.work.front()));
}

fs::path CandidateBuilder::make(const Loaded& loaded, const fs::path& folder, std::int64_t& code_bytes) const {
    LibraryRequest request;
    request.name = "candidate";
    request.directory = folder;
    request.shared = true;
    request.runtime = subject_.runtime;
    request.quiet = true;
    request.diagnose = false;
    request.jobs = 1;
    request.limits = subject_.limits;
    request.extra_source = extra_source_;
    request.extra_exports = {"coulter_cli_call"};
    fs::path library = build_library(loaded, request);
    const std::string stem = schedule::c_name(loaded.work.front().kernel.name);
    code_bytes = static_cast<std::int64_t>(fs::file_size(folder / "obj" / (stem + ".o")));
    return library;
}

BuiltCandidate CandidateBuilder::build_one(const Loaded& loaded, const fs::path& folder) const {
    BuiltCandidate built;
    try {
        built.library = make(loaded, folder, built.code_bytes);
    } catch (const Failure& failed) {
        const auto outcome = outcome_of_failure(failed.what());
        if (!outcome || interrupted() != 0) {
            throw;
        }
        built.outcome = *outcome;
        built.message = first_line(failed.what());
        return built;
    }
    if (subject_.code_bytes > 0 && built.code_bytes > subject_.code_bytes) {
        built.outcome = Outcome::too_large;
        built.message =
            fmt::format("its object has {} KiB, and {} are allowed", built.code_bytes >> 10, subject_.code_bytes >> 10);
    }
    return built;
}

std::vector<std::optional<BuiltCandidate>> CandidateBuilder::build(const std::vector<std::string>& texts,
                                                                   const std::function<bool()>& is_over) {
    std::vector<Loaded> loaded;
    for (const std::string& text : texts) {
        loaded.push_back(load_candidate(text));
    }
    std::vector<std::optional<BuiltCandidate>> built(texts.size());
    std::vector<std::exception_ptr> failures(texts.size());
    std::atomic<std::size_t> next{0};
    const auto work = [&](std::size_t worker) {
        // One folder for each worker: what does not depend on the schedule is compiled once in it.
        const fs::path folder = scratch_ / fmt::format("worker{}", worker);
        for (std::size_t i = next++; i < texts.size() && !is_over() && interrupted() == 0; i = next++) {
            try {
                built[i] = build_one(loaded[i], folder);
                if (built[i]->outcome == Outcome::timed) {
                    const fs::path kept = scratch_ / fmt::format("candidate{}.so", libraries_ + i);
                    fs::rename(built[i]->library, kept);
                    built[i]->library = kept;
                }
            } catch (...) {
                built[i].reset();
                failures[i] = std::current_exception();
            }
        }
    };
    std::vector<std::thread> threads;
    for (std::size_t i = 1; i < std::min<std::size_t>(subject_.jobs, texts.size()); ++i) {
        threads.emplace_back(work, i);
    }
    work(0);
    for (std::thread& thread : threads) {
        thread.join();
    }
    libraries_ += texts.size();
    for (const std::exception_ptr& failure : failures) {
        if (failure && interrupted() == 0) {
            std::rethrow_exception(failure);
        }
    }
    return built;
}

fs::path CandidateBuilder::build_default() {
    const Work& work = subject_.work();
    const std::string path = (scratch_ / "default.sched").string();
    write_file(path, fmt::format("schedule {}\nnumerics {}\n", work.kernel.name, name(work.plan.numerics)));
    const Loaded plain = load({work.path}, {path}, {subject_.target, true});
    plain.require_good();
    std::int64_t bytes = 0;
    return make(plain, scratch_ / "default", bytes);
}

} // namespace coulter::cli
