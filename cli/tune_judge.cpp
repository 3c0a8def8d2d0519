#include "tune_judge.hpp"

#include "arguments.hpp"
#include "compare.hpp"
#include "coulter/interpreter.hpp"
#include "coulter/tune/json.hpp"
#include "coulter/tune/statistics.hpp"
#include "files.hpp"
#include "timing.hpp"
#include "verify_cases.hpp"

#include <cmath>
#include <cstring>
#include <fmt/core.h>
#include <iostream>
#include <nlohmann/json.hpp>
#include <unistd.h>

namespace coulter::cli {
namespace fs = std::filesystem;
using tune::Outcome;
using tune::Record;

namespace {

constexpr std::size_t few_samples = 3; ///< after which a slow candidate is given up
constexpr std::size_t most_samples = 15;
constexpr double most_seconds = 0.6;   ///< for the samples of one candidate
constexpr std::size_t most_turns = 41; ///< of a comparison
constexpr std::size_t least_turns = 9;
// Sums of the reference round too, in another order.
constexpr double rounding_of_reference = 4;
// Every operation of a candidate and of the reference rounds, of which rounding the inputs otherwise is a part.
constexpr double rounding_of_operations = 8;
// Seconds: a driver may compile the kernels anew.
constexpr double first_call_on_device = 60;
// A result that moves further than this many tolerances is no measure of rounding.
constexpr double most_tolerances = 100;

bool is_on_device(const TuneSubject& subject) {
    return subject.loaded.target.device != schedule::Device::none;
}

Record untimed(Outcome outcome, std::string message) {
    Record record;
    record.outcome = outcome;
    record.message = std::move(message);
    return record;
}

nlohmann::ordered_json to_json(const Record& record) {
    return {{"outcome", tune::name(record.outcome)}, {"message", record.message}, {"samples", record.samples}};
}

Record record_of(const nlohmann::ordered_json& json) {
    Record record = untimed(tune::outcome_of(json["outcome"].get<std::string>()).value_or(Outcome::failed),
                            json["message"].get<std::string>());
    record.samples = json["samples"].get<std::vector<double>>();
    return record;
}

/// Runs `body` in a child, which sends what it returns.
ChildResult run_for_json(const Limits& limits, const std::function<nlohmann::ordered_json()>& body) {
    return run_forked(
        [&](int descriptor) {
            std::string text;
            try {
                text = tune::print_json(body());
            } catch (const std::exception& error) {
                text = tune::print_json(to_json(untimed(Outcome::failed, error.what())));
            }
            for (std::size_t at = 0; at < text.size();) {
                const ssize_t count = write(descriptor, text.data() + at, text.size() - at);
                if (count <= 0) {
                    return 1;
                }
                at += static_cast<std::size_t>(count);
            }
            return 0;
        },
        limits);
}

/// What the end of a child that sent nothing means.
Record ending(const ChildResult& child, const Limits& limits) {
    if (child.timed_out) {
        return untimed(Outcome::hung, fmt::format("it took more than {:.0f} s", limits.seconds));
    }
    return untimed(Outcome::crashed,
                   child.signal != 0 ? strsignal(child.signal) : fmt::format("exit code {}", child.exit_code));
}

std::map<std::string, std::int64_t> output_extents(const Work& work, const std::map<std::string, std::int64_t>& all) {
    std::map<std::string, std::int64_t> chosen;
    for (const auto& [dim, rule] : work.sizes.rules) {
        if (rule.source == ExtentSource::output) {
            chosen[dim] = all.at(dim);
        }
    }
    return chosen;
}

} // namespace

Judge::Judge(const TuneSubject& subject, const fs::path& by_default, fs::path scratch) : subject_(subject) {
    add_small_references();
    add_tuned_reference(by_default, scratch);
}

void Judge::add_small_references() {
    const Work& work = subject_.work();
    const double tolerance = subject_.tolerance >= 0 ? subject_.tolerance : default_tolerance(work.kernel);
    for (const SizeCase& sizes : size_cases(work, 0, subject_.data_seed)) {
        // Tails of every split, and whole tiles; `coulter verify` does more.
        if (sizes.name != "odd" && sizes.name != "primes" && sizes.name != "estimates, at most 16") {
            continue;
        }
        Reference reference{
            sizes.extents, random_inputs(work.kernel, sizes.extents, subject_.data_seed), {}, {}, false, tolerance, {}};
        try {
            const auto chosen = output_extents(work, sizes.extents);
            InterpretOptions in_double;
            in_double.in_double = true;
            reference.outputs = interpret(work.kernel, reference.inputs, chosen);
            reference.precise = interpret(work.kernel, reference.inputs, chosen, in_double);
        } catch (const std::runtime_error&) {
            continue; // the kernel refuses these sizes, for all schedules alike
        }
        small_.push_back(std::move(reference));
    }
}

void Judge::add_tuned_reference(const fs::path& by_default, const fs::path& scratch) {
    const Work& work = subject_.work();
    tuned_.extents = subject_.sizes;
    tuned_.same_bits = work.plan.numerics == schedule::Numerics::exact;
    tuned_.inputs = random_inputs(work.kernel, subject_.sizes, subject_.data_seed);
    Limits allowed = subject_.limits;
    allowed.memory_bytes = 0;
    allowed.seconds *= 10 * subject_.threads;
    const ChildResult child = run_for_json(allowed, [&]() -> nlohmann::ordered_json {
        const KernelLibrary library(by_default, work.kernel.name);
        for (const Reference& reference : small_) {
            if (const Record record = check(library, reference); record.outcome != Outcome::timed) {
                return to_json(record);
            }
        }
        Results outputs;
        Record record = check(library, tuned_, &outputs);
        for (std::size_t i = 0; record.outcome == Outcome::timed && i < work.kernel.outputs.size(); ++i) {
            const Array& values = outputs.at(work.kernel.outputs[i]);
            write_file(scratch / fmt::format("reference{}", i),
                       {reinterpret_cast<const char*>(values.data.data()), values.data.size()});
        }
        nlohmann::ordered_json json = to_json(record);
        if (record.outcome == Outcome::timed && subject_.tolerance < 0 && !tuned_.same_bits) {
            json["sensitivity"] = sensitivity(library, outputs);
        }
        return json;
    });
    if (interrupted() != 0) {
        throw Failure(environment, "error: interrupted\n");
    }
    if (!child.ok()) {
        throw failure(
            environment, "B012",
            fmt::format("the kernel with the default schedule did not return: {}", ending(child, allowed).message));
    }
    const auto json = tune::parse_json(child.output);
    const Record record = record_of(json);
    if (record.outcome != Outcome::timed) {
        throw failure(refused, "M008",
                      fmt::format("with the default schedule `{}` cannot serve as the reference: {}", work.kernel.name,
                                  record.message),
                      "`coulter verify` tells more; candidates are compared with it at the tuned sizes");
    }
    default_seconds_ = record.samples.front();
    for (std::size_t i = 0; i < work.kernel.outputs.size(); ++i) {
        const std::string& output = work.kernel.outputs[i];
        Array values(work.kernel.types_of(output).front(), shape_of(work.kernel, output, subject_.sizes));
        const std::string bytes = read_file(scratch / fmt::format("reference{}", i));
        std::memcpy(values.data.data(), bytes.data(), std::min(bytes.size(), values.data.size()));
        tuned_.outputs.emplace(output, std::move(values));
    }
    tuned_.tolerance =
        rounding_of_reference * (subject_.tolerance >= 0 ? subject_.tolerance : default_tolerance(work.kernel));
    if (json.contains("sensitivity")) {
        for (const auto& [output, moved] : json["sensitivity"].get<std::map<std::string, double>>()) {
            const double allowed_here = std::min(rounding_of_operations * moved, most_tolerances * tuned_.tolerance);
            tuned_.tolerances[output] = std::max(tuned_.tolerance, allowed_here);
        }
    }
}

std::map<std::string, double> Judge::sensitivity(const KernelLibrary& library, const Results& outputs) const {
    std::map<std::string, double> errors;
    for (const std::uint64_t seed : {subject_.data_seed, subject_.data_seed + 1}) {
        Reference moved;
        moved.extents = tuned_.extents;
        moved.inputs = rounded_otherwise(tuned_.inputs, seed);
        Results results;
        if (check(library, moved, &results).outcome != Outcome::timed) {
            return {};
        }
        for (const auto& [output, values] : outputs) {
            const double error = compare(results.at(output), values, 0).error;
            if (is_float(values.type) && std::isfinite(error)) {
                // The smaller of both: what one of them alone does is no measure.
                const auto known = errors.emplace(output, error).first;
                known->second = std::min(known->second, error);
            } else {
                errors[output] = 0;
            }
        }
    }
    return errors;
}

std::string Judge::judge(const Reference& reference, const Results& results) const {
    for (const auto& [output, values] : results) {
        const auto wanted = reference.outputs.find(output);
        if (wanted == reference.outputs.end()) {
            continue; // this call makes the reference
        }
        if (reference.same_bits) {
            if (values.data != wanted->second.data) {
                return fmt::format("`{}` has other bits than with the default schedule, and numerics are exact",
                                   output);
            }
            continue;
        }
        const auto own = reference.tolerances.find(output);
        const double tolerance = own != reference.tolerances.end() ? own->second : reference.tolerance;
        Difference difference = compare(values, wanted->second, tolerance);
        if (!difference.equal && !reference.precise.empty()) {
            const Difference second = compare(values, reference.precise.at(output), tolerance);
            difference = second.equal ? second : difference;
        }
        if (!difference.equal) {
            return output + difference.where;
        }
    }
    return {};
}

// One call, judged; its time as the only sample.
Record Judge::check(const KernelLibrary& library, const Reference& reference, Results* outputs) const {
    const ir::Kernel& kernel = subject_.work().kernel;
    const auto context = library.make_context(subject_.threads);
    Arguments arguments(kernel, reference.extents, reference.inputs);
    int code = COULTER_OK;
    Record record;
    record.samples.push_back(seconds_of([&] { code = library.call(context.get(), arguments.data()); }, 1));
    if (code != COULTER_OK) {
        return untimed(Outcome::failed, library.last_error(context.get()));
    }
    Results results;
    for (const std::string& output : kernel.outputs) {
        results.emplace(output, arguments.output(output));
    }
    if (const std::string tensor = arguments.overwritten(); !tensor.empty()) {
        return untimed(Outcome::wrong, fmt::format("memory around `{}` was written", tensor));
    }
    if (std::string why = judge(reference, results); !why.empty()) {
        return untimed(Outcome::wrong, std::move(why));
    }
    if (outputs != nullptr) {
        *outputs = std::move(results);
    }
    return record;
}

Record Judge::check_and_time(const KernelLibrary& library, double slow) const {
    for (const Reference& reference : small_) {
        if (Record record = check(library, reference); record.outcome != Outcome::timed) {
            return record;
        }
    }
    if (Record record = check(library, tuned_); record.outcome != Outcome::timed) {
        return record;
    }
    const auto context = library.make_context(subject_.threads);
    Arguments arguments(subject_.work().kernel, tuned_.extents, tuned_.inputs);
    const auto call = [&] {
        if (library.call(context.get(), arguments.data()) != COULTER_OK) {
            throw std::runtime_error(library.last_error(context.get()));
        }
    };
    call(); // packs frozen inputs
    Record record;
    if (seconds_of(call, 1) > 2 * slow) { // so slow that a warm-up changes nothing
        while (record.samples.size() < few_samples) {
            record.samples.push_back(seconds_of(call, 1));
        }
        return record;
    }
    const int calls = calls_of(warm_up(call), 0.003);
    double spent = 0;
    while (record.samples.size() < most_samples && (spent < most_seconds || record.samples.size() < few_samples + 2)) {
        const double seconds = seconds_of(call, calls);
        spent += seconds;
        record.samples.push_back(seconds / calls);
        if (record.samples.size() == few_samples && *std::ranges::min_element(record.samples) > slow) {
            break;
        }
    }
    return record;
}

Limits Judge::limits(double seconds) const {
    Limits allowed;
    // CUDA's driver reserves addresses for all memory that there is, and so it cannot start within a limit of them.
    allowed.memory_bytes = is_on_device(subject_) ? 0 : subject_.limits.memory_bytes;
    // Also bounds the processor time, of all threads together.
    allowed.seconds = seconds * subject_.threads;
    return allowed;
}

std::optional<Record> Judge::measure(const fs::path& library, double slow) const {
    // What is a hundred times slower than the default schedule need not end.
    const Limits allowed = limits((is_on_device(subject_) ? first_call_on_device : 6) + 100 * default_seconds_);
    const ChildResult child = run_for_json(
        allowed, [&] { return to_json(check_and_time(KernelLibrary(library, subject_.work().kernel.name), slow)); });
    if (interrupted() != 0) {
        return std::nullopt;
    }
    const auto json = tune::parse_json(child.output);
    return child.ok() && !json.is_discarded() ? record_of(json) : ending(child, allowed);
}

std::vector<Record> Judge::take_turns(const std::vector<fs::path>& libraries, double seconds) const {
    struct Runner {
        std::unique_ptr<KernelLibrary> library;
        std::shared_ptr<coulter_context> context;
        int calls = 1;
        Record record;
    };
    Arguments arguments(subject_.work().kernel, tuned_.extents, tuned_.inputs);
    std::vector<Runner> runners;
    for (const fs::path& path : libraries) {
        Runner runner;
        runner.library = std::make_unique<KernelLibrary>(path, subject_.work().kernel.name);
        runner.context = runner.library->make_context(subject_.threads);
        runners.push_back(std::move(runner));
    }
    const auto call_of = [&](Runner& runner) {
        return [&] {
            if (runner.library->call(runner.context.get(), arguments.data()) != COULTER_OK) {
                throw std::runtime_error(runner.library->last_error(runner.context.get()));
            }
        };
    };
    for (Runner& runner : runners) {
        const auto call = call_of(runner);
        call();
        runner.calls = calls_of(warm_up(call), 0.005);
    }
    const auto start = std::chrono::steady_clock::now();
    for (std::size_t turn = 0; turn < most_turns; ++turn) {
        const std::chrono::duration<double> spent = std::chrono::steady_clock::now() - start;
        if (turn >= least_turns && spent.count() > seconds) {
            break;
        }
        for (std::size_t i = 0; i < runners.size(); ++i) {
            // Whoever comes after another finds its traces in the caches: the order changes.
            Runner& runner = runners[(i * (turn % 2 == 0 ? 1 : runners.size() - 1) + turn) % runners.size()];
            const auto call = call_of(runner);
            call();
            runner.record.samples.push_back(seconds_of(call, runner.calls) / runner.calls);
        }
    }
    std::vector<Record> records;
    for (Runner& runner : runners) {
        records.push_back(std::move(runner.record));
    }
    return records;
}

std::vector<Record> Judge::side_by_side(const std::vector<fs::path>& libraries, double seconds) const {
    const Limits allowed = limits(60 + 5 * seconds + 1000 * default_seconds_);
    const ChildResult child = run_for_json(allowed, [&] {
        nlohmann::ordered_json all = nlohmann::ordered_json::array();
        for (const Record& record : take_turns(libraries, seconds)) {
            all.push_back(to_json(record));
        }
        return all;
    });
    const auto json = tune::parse_json(child.output);
    std::vector<Record> records;
    if (interrupted() == 0 && child.ok() && json.is_array()) {
        for (const auto& each : json) {
            records.push_back(record_of(each));
        }
    }
    return records;
}

} // namespace coulter::cli
