#include "rank_evaluator.hpp"

#include "coulter/schedule/launch_work.hpp"
#include "describe.hpp"
#include "files.hpp"
#include "launches.hpp"
#include "lowering.hpp"
#include "variants.hpp"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <exception>
#include <fmt/core.h>
#include <thread>

namespace coulter::cli {
namespace fs = std::filesystem;
using tune::Candidate;
using tune::Outcome;
using tune::Record;

namespace {

constexpr double behind = 1e4;                          ///< seconds; no estimate is as long
constexpr const char* spilled = "; spills registers: "; ///< in the message of a record

Record failed(Outcome outcome, std::string message) {
    Record record;
    record.outcome = outcome;
    record.message = std::move(message);
    return record;
}

/// An estimate for one architecture, or for none in particular.
struct Estimate {
    std::string architecture;
    double seconds = 0;
    std::string spills;  ///< where, and how much
    std::string too_big; ///< the launch of which a block does not fit
};

Estimate estimate_for(const schedule::DeviceWork& work, const ArchitectureFigures* figures) {
    const schedule::DeviceModel device;
    Estimate estimate;
    estimate.seconds = schedule::host_seconds(work, device);
    for (const schedule::LaunchWork& launch : work.launches) {
        double blocks = schedule::blocks_by_threads(launch, device);
        if (figures != nullptr) {
            estimate.architecture = figures->architecture;
            const auto of_stage = std::ranges::find_if(
                figures->launches, [&](const LaunchFigures& each) { return each.launch.stage == launch.stage; });
            if (of_stage != figures->launches.end()) {
                if (of_stage->occupancy) {
                    blocks = static_cast<double>(of_stage->occupancy->blocks);
                }
                if (of_stage->code.spills()) {
                    estimate.spills +=
                        fmt::format("{}`{}` {} B on {}", estimate.spills.empty() ? "" : ", ", launch.stage,
                                    of_stage->code.spill_stores + of_stage->code.spill_loads, figures->architecture);
                }
            }
        }
        if (blocks < 1) {
            estimate.too_big = launch.stage;
        }
        estimate.seconds += launch.times * schedule::launch_seconds(launch, device, blocks);
    }
    return estimate;
}

Record record_of(const std::vector<Estimate>& estimates, const Ranking& ranking) {
    Record record;
    double logarithms = 0;
    std::string spills;
    record.message = "estimated, not measured";
    for (const Estimate& each : estimates) {
        if (!each.too_big.empty()) {
            return failed(Outcome::failed,
                          fmt::format("a block of `{}` does not fit on a multiprocessor{}", each.too_big,
                                      each.architecture.empty() ? "" : " of " + each.architecture));
        }
        logarithms += std::log(each.seconds);
        spills += each.spills.empty() ? "" : (spills.empty() ? "" : ", ") + each.spills;
        if (!each.architecture.empty()) {
            record.message += fmt::format("{} {} {}", &each == &estimates.front() ? ":" : ",", each.architecture,
                                          time_text(each.seconds));
        }
    }
    record.message += ranking.tool_name.empty() ? "; without ptxas" : "; " + ranking.tool_name;
    if (!spills.empty()) {
        record.message += spilled + spills;
    }
    record.samples.push_back(std::exp(logarithms / static_cast<double>(estimates.size())) +
                             (spills.empty() ? 0 : behind));
    return record;
}

} // namespace

bool spills(const Record& record) {
    return record.message.find(spilled) != std::string::npos;
}

double estimated_seconds(const Record& record) {
    return record.samples.front() - (spills(record) ? behind : 0);
}

RankEvaluator::RankEvaluator(const TuneSubject& subject, const Ranking& ranking, fs::path scratch,
                             std::function<bool()> is_over)
    : subject_(subject), ranking_(ranking), scratch_(std::move(scratch)), builder_(subject, scratch_),
      is_over_(std::move(is_over)) {}

std::optional<std::string> RankEvaluator::identify(const std::string& text) {
    return builder_.identify(text);
}

Record RankEvaluator::rank_one(const Loaded& loaded, const fs::path& folder) const {
    const Work& work = loaded.work.front();
    const schedule::Variant* const variant = variant_for(work, subject_.sizes, {true, 64});
    const std::string part = part_name(variant);
    make_directory(folder);
    LowerRequest request;
    request.work = &work;
    request.target = loaded.target.name;
    request.device = (folder / "kernels").string();
    request.variant = work.variants.empty() ? "" : part;
    request.limits = subject_.limits;
    request.diagnose = false;
    request.repro = folder;
    std::vector<Estimate> estimates;
    std::int64_t code_bytes = 0;
    try {
        run_lower(request);
        code_bytes = static_cast<std::int64_t>(fs::file_size(request.device));
        const schedule::Plan& plan = plan_of_part(work, part);
        const schedule::DeviceWork moved = schedule::device_work(plan, subject_.sizes, {});
        if (!ranking_.tool.empty() && code_bytes > 0) {
            const DeviceCode code = assemble_all({ranking_.tool, ranking_.architectures}, plan, request.device,
                                                 (folder / "kernels").string(), subject_.limits);
            for (const ArchitectureFigures& figures : code.architectures) {
                estimates.push_back(estimate_for(moved, &figures));
            }
        } else {
            estimates.push_back(estimate_for(moved, nullptr));
        }
    } catch (const Failure& failure) {
        const std::string text = failure.what();
        // What the assembler refuses is the candidate's, as what Halide refuses.
        const bool is_code = text.find("error: assembling the kernels") != std::string::npos;
        const auto outcome = is_code ? std::optional(Outcome::not_compiled) : outcome_of_failure(text);
        if (!outcome || interrupted() != 0) {
            throw;
        }
        return failed(*outcome, text.substr(0, text.find('\n')));
    }
    Record record = record_of(estimates, ranking_);
    if (subject_.code_bytes > 0 && code_bytes > subject_.code_bytes) {
        record = failed(Outcome::too_large, fmt::format("its kernels have {} KiB, and {} are allowed", code_bytes >> 10,
                                                        subject_.code_bytes >> 10));
    }
    record.code_bytes = code_bytes;
    return record;
}

std::vector<std::optional<Record>> RankEvaluator::rank(const std::vector<Candidate>& candidates,
                                                       const std::function<bool()>& is_over) {
    std::vector<Loaded> loaded;
    for (const Candidate& each : candidates) {
        loaded.push_back(builder_.load_candidate(each.text));
    }
    std::vector<std::optional<Record>> records(candidates.size());
    std::vector<std::exception_ptr> failures(candidates.size());
    std::atomic<std::size_t> next{0};
    const auto work = [&](std::size_t worker) {
        const fs::path folder = scratch_ / fmt::format("ranker{}", worker);
        for (std::size_t i = next++; i < candidates.size() && !is_over() && interrupted() == 0; i = next++) {
            try {
                records[i] = rank_one(loaded[i], folder);
            } catch (...) {
                failures[i] = std::current_exception();
            }
        }
    };
    std::vector<std::thread> threads;
    for (std::size_t i = 1; i < std::min<std::size_t>(subject_.jobs, candidates.size()); ++i) {
        threads.emplace_back(work, i);
    }
    work(0);
    for (std::thread& thread : threads) {
        thread.join();
    }
    for (const std::exception_ptr& each : failures) {
        if (each && interrupted() == 0) {
            std::rethrow_exception(each);
        }
    }
    return records;
}

void RankEvaluator::measure(const std::vector<Candidate>& candidates, double,
                            const std::function<void(const Record&)>& done) {
    // A few at a time: what was not told is lost when the process is killed.
    for (std::size_t first = 0; first < candidates.size(); first += subject_.jobs) {
        const std::size_t last = std::min<std::size_t>(first + subject_.jobs, candidates.size());
        const std::vector<Candidate> some(candidates.begin() + static_cast<std::ptrdiff_t>(first),
                                          candidates.begin() + static_cast<std::ptrdiff_t>(last));
        // However short the budget is, the first one is ranked.
        const auto records = rank(some, [&] { return !known_.empty() && is_over_(); });
        for (std::size_t i = 0; i < some.size(); ++i) {
            if (!records[i] || interrupted() != 0) {
                return;
            }
            known_[some[i].schedule] = *records[i];
            done(*records[i]);
        }
    }
}

std::vector<Record> RankEvaluator::compare(const std::vector<Candidate>& candidates, const std::string&) {
    std::vector<Candidate> unknown;
    for (const Candidate& each : candidates) {
        if (!known_.contains(each.schedule)) {
            unknown.push_back(each);
        }
    }
    const auto fresh = rank(unknown, [] { return false; });
    for (std::size_t i = 0; i < unknown.size(); ++i) {
        if (!fresh[i]) {
            return {};
        }
        known_[unknown[i].schedule] = *fresh[i];
    }
    std::vector<Record> records;
    for (const Candidate& each : candidates) {
        records.push_back(known_.at(each.schedule));
    }
    return records;
}

} // namespace coulter::cli
