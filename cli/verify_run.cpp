#include "verify_run.hpp"

#include "compare.hpp"
#include "coulter/interpreter.hpp"

#include <algorithm>
#include <fmt/core.h>
#include <memory>

namespace coulter::cli {
namespace {

using Extents = std::map<std::string, std::int64_t>;
using Results = std::map<std::string, Array>;

class Verifier {
public:
    Verifier(const Work& work, const RunOptions& options, const KernelLibrary& library,
             const KernelLibrary* unscheduled)
        : work_(work), options_(options), library_(library), unscheduled_(unscheduled),
          tolerance_(options.tolerance >= 0 ? options.tolerance : default_tolerance(work.kernel)) {
        for (const schedule::Variant& variant : work.variants) {
            alignment_ = std::max(alignment_, variant.when.alignment);
        }
    }

    Outcome run(const SizeCase& sizes, const Manner& manner) const {
        Outcome outcome{sizes.name, sizes_text(work_, sizes.extents), manner.name, "ok", 0, "", ""};
        const auto inputs = random_inputs(work_.kernel, sizes.extents, options_.seed);
        Results results;
        std::string refusal;
        const bool ran = call(library_, sizes, manner, inputs, results, outcome, refusal);
        Results reference;
        std::string objection;
        try {
            reference = interpret(work_.kernel, inputs, output_extents(sizes.extents));
        } catch (const std::runtime_error& error) {
            objection = error.what();
        }
        if (outcome.status == "wrong") {
            return outcome;
        }
        if (!ran || !objection.empty()) {
            return refused_outcome(std::move(outcome), ran, refusal, objection, results);
        }
        judge(outcome, results, reference, inputs, sizes);
        compare_bits(outcome, sizes, manner, inputs, results);
        return outcome;
    }

private:
    Extents output_extents(const Extents& extents) const {
        Extents chosen;
        for (const auto& [dim, rule] : work_.sizes.rules) {
            if (rule.source == ExtentSource::output) {
                chosen[dim] = extents.at(dim);
            }
        }
        return chosen;
    }

    /// False when the call was refused. Calls twice: what the context keeps must not change results.
    bool call(const KernelLibrary& library, const SizeCase& sizes, const Manner& manner, const Results& inputs,
              Results& results, Outcome& outcome, std::string& refusal) const {
        const auto context = library.make_context(options_.threads);
        for (int round = 0; round < 2; ++round) {
            std::map<std::string, std::unique_ptr<Tensor>> tensors;
            std::vector<void*> arguments;
            for (const ir::Input& input : work_.kernel.inputs) {
                const Array& values = inputs.at(input.name);
                if (input.dims.empty()) {
                    arguments.push_back(const_cast<std::byte*>(values.data.data()));
                    continue;
                }
                tensors[input.name] = std::make_unique<Tensor>(input.type, values.shape, manner.layout, alignment_);
                tensors[input.name]->fill(values);
                arguments.push_back(tensors[input.name]->dl());
            }
            std::map<std::string, Tensor*> outputs;
            for (const std::string& output : work_.kernel.outputs) {
                outputs[output] = output_tensor(output, sizes, manner, tensors);
                arguments.push_back(outputs[output]->dl());
            }
            if (const int code = library.call(context.get(), arguments.data()); code != COULTER_OK) {
                if (code == COULTER_ERROR_NO_DEVICE || code == COULTER_ERROR_DEVICE_FAILED) {
                    throw Failure(environment, "error: " + library.last_error(context.get()) + '\n');
                }
                refusal = library.last_error(context.get());
                return false;
            }
            outcome.part = part_called(sizes, tensors);
            for (const auto& [name, tensor] : outputs) {
                Array values = tensor->values();
                if (round == 1 && values.data != results.at(name).data) {
                    outcome.status = "wrong";
                    outcome.message = fmt::format("`{}` is another at the second call", name);
                }
                results[name] = std::move(values);
            }
            for (const auto& [name, tensor] : tensors) {
                if (!tensor->margins_intact()) {
                    outcome.status = "wrong";
                    outcome.message = fmt::format("memory around `{}` was written", name);
                }
            }
        }
        return true;
    }

    /// By the rules of the runtime, which calls nothing when every output is empty.
    std::string part_called(const SizeCase& sizes,
                            const std::map<std::string, std::unique_ptr<Tensor>>& tensors) const {
        const bool empty = std::ranges::all_of(work_.kernel.outputs, [&](const std::string& output) {
            const auto shape = shape_of(work_.kernel, output, sizes.extents);
            return std::ranges::find(shape, 0) != shape.end();
        });
        Tensors all;
        for (const auto& [name, tensor] : tensors) {
            const Tensors one = tensor->condition();
            all.compact = all.compact && one.compact;
            all.alignment = std::min(all.alignment, one.alignment);
        }
        return empty ? "" : part_name(variant_for(work_, sizes.extents, all));
    }

    Tensor* output_tensor(const std::string& output, const SizeCase& sizes, const Manner& manner,
                          std::map<std::string, std::unique_ptr<Tensor>>& tensors) const {
        for (const auto& [input, updated] : work_.kernel.updates) {
            if (updated == output && manner.in_place) {
                return tensors.at(input).get();
            }
        }
        auto& made = tensors["output " + output];
        made = std::make_unique<Tensor>(work_.kernel.types_of(output).front(),
                                        shape_of(work_.kernel, output, sizes.extents), manner.layout, alignment_);
        return made.get();
    }

    static Outcome refused_outcome(Outcome outcome, bool ran, const std::string& refusal, const std::string& objection,
                                   const Results& results) {
        const bool nothing = std::ranges::all_of(results, [](const auto& each) { return each.second.size() == 0; });
        if (!ran && !objection.empty()) {
            outcome.status = "refused";
            outcome.message = refusal;
        } else if (ran && nothing) {
            outcome.message = "nothing to write";
        } else if (ran) {
            outcome.status = "wrong";
            outcome.message = "the kernel ran, and the interpreter refuses: " + objection;
        } else {
            outcome.status = "wrong";
            outcome.message = "the interpreter ran, and the kernel refuses: " + refusal;
        }
        return outcome;
    }

    void judge(Outcome& outcome, const Results& results, const Results& reference, const Results& inputs,
               const SizeCase& sizes) const {
        Results precise;
        for (const std::string& output : work_.kernel.outputs) {
            Difference difference = compare(results.at(output), reference.at(output), tolerance_);
            if (!difference.equal && tolerance_ > 0) {
                // Sums of the reference round too: what is near the exact result is right.
                if (precise.empty()) {
                    InterpretOptions in_double;
                    in_double.in_double = true;
                    precise = interpret(work_.kernel, inputs, output_extents(sizes.extents), in_double);
                }
                const Difference second = compare(results.at(output), precise.at(output), tolerance_);
                difference = second.error < difference.error ? second : difference;
            }
            outcome.error = std::max(outcome.error, difference.error);
            if (!difference.equal) {
                outcome.status = "wrong";
                outcome.message = output + difference.where;
            }
        }
    }

    /// `exact` promises the bits of the same kernel without a schedule.
    void compare_bits(Outcome& outcome, const SizeCase& sizes, const Manner& manner, const Results& inputs,
                      const Results& results) const {
        if (unscheduled_ == nullptr || outcome.status != "ok") {
            return;
        }
        Results plain;
        std::string refusal;
        if (!call(*unscheduled_, sizes, manner, inputs, plain, outcome, refusal)) {
            outcome.status = "wrong";
            outcome.message = "without a schedule it refuses: " + refusal;
            return;
        }
        for (const auto& [name, values] : plain) {
            if (values.data != results.at(name).data) {
                outcome.status = "wrong";
                outcome.message =
                    fmt::format("`{}` has other bits than without a schedule, and numerics are exact", name);
            }
        }
    }

    const Work& work_;
    const RunOptions& options_;
    const KernelLibrary& library_;
    const KernelLibrary* unscheduled_;
    double tolerance_;
    std::int64_t alignment_ = 64;
};

} // namespace

Outcome run_case(const Work& work, const RunOptions& options, const KernelLibrary& library,
                 const KernelLibrary* unscheduled, const SizeCase& sizes, const Manner& manner) {
    return Verifier(work, options, library, unscheduled).run(sizes, manner);
}

std::string sizes_text(const Work& work, const std::map<std::string, std::int64_t>& extents) {
    std::string text;
    for (const std::string& dim : free_dims(work)) {
        text += fmt::format("{}{}={}", text.empty() ? "" : ",", dim, extents.at(dim));
    }
    return text;
}

} // namespace coulter::cli
