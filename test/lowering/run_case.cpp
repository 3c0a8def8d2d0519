#include "run_case.hpp"

#include "call_plan.hpp"
#include "compile.hpp"

#include "coulter/sizes.hpp"
#include "coulter/text.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <fmt/core.h>
#include <limits>
#include <random>

namespace coulter::test {
namespace {

using Extents = std::map<std::string, std::int64_t>;

bool holds(const SizeCheck& check, const Extents& extents) {
    for (const std::string& guard : check.guards) {
        if (extents.at(guard) == 0) {
            return true;
        }
    }
    const auto value = [&](const ir::Ref& expression) {
        return expression ? evaluate(expression, extents).value() : 0;
    };
    const std::int64_t lhs = value(check.lhs);
    const std::int64_t rhs = value(check.rhs);
    switch (check.kind) {
    case SizeCheck::Kind::equal: return lhs == rhs;
    case SizeCheck::Kind::less_equal: return lhs <= rhs;
    case SizeCheck::Kind::nonzero: return lhs != 0;
    }
    return false;
}

void make_special(Array& array, std::mt19937_64& random) {
    const double odd[] = {not_a_number, infinity, -infinity, -0.0, 0.0, 1e-40, -1e-310};
    for (std::int64_t i = 0; i < array.size(); ++i) {
        if (random() % 6 != 0) {
            continue;
        }
        if (is_float(array.type)) {
            array.set_real(i, odd[random() % std::size(odd)]);
        } else if (array.type != Type::boolean) {
            const bool high = random() % 2 == 0;
            array.set_integer(i, high ? static_cast<std::int64_t>(highest_integer(array.type))
                                      : lowest_integer(array.type));
        }
    }
}

std::string bit_difference(const std::string& tensor, const Array& got, const Array& wanted) {
    const auto size = static_cast<std::size_t>(bytes(wanted.type));
    for (std::int64_t i = 0; i < wanted.size(); ++i) {
        const auto at = static_cast<std::size_t>(i) * size;
        const bool both_nan = is_float(wanted.type) && std::isnan(got.real(i)) && std::isnan(wanted.real(i));
        if (!both_nan && std::memcmp(got.data.data() + at, wanted.data.data() + at, size) != 0) {
            return fmt::format("`{}`: element {} is {:a}, and without a schedule {:a}\n", tensor, i, got.real(i),
                               wanted.real(i));
        }
    }
    return {};
}

} // namespace

const char* name(Outcome outcome) {
    switch (outcome) {
    case Outcome::passed: return "passed";
    case Outcome::refused: return "refused";
    case Outcome::wrong: return "WRONG";
    case Outcome::failed: return "FAILED";
    case Outcome::crashed: return "CRASHED";
    case Outcome::timed_out: return "TIMED OUT";
    }
    return "";
}

Tolerance default_tolerance(Type type) {
    switch (type) {
    case Type::f64: return {1e-13, 0, 0};
    case Type::f32: return {1e-5, 0, 0};
    case Type::f16: return {1e-2, 0, 0};
    case Type::bf16: return {8e-2, 0, 0};
    default: return exactly;
    }
}

// What the narrowest float of the kernel allows: its roundings reach wider ones as well.
[[nodiscard]] Tolerance tolerance_of(const Case& test, Type type) {
    const auto given = test.tolerance.find(type);
    if (given != test.tolerance.end() || !is_float(type)) {
        return given != test.tolerance.end() ? given->second : exactly;
    }
    Tolerance tolerance = default_tolerance(type);
    for (const ir::Definition& definition : test.kernel.definitions) {
        for (const ir::Node* node : ir::postorder(ir::roots(definition))) {
            if (is_float(node->type)) {
                tolerance.of_max = std::max(tolerance.of_max, default_tolerance(node->type).of_max);
            }
        }
    }
    return tolerance;
}

schedule::CheckOptions host_options(bool complete, const std::string& target) {
    schedule::CheckOptions options;
    options.target = target;
    options.complete = complete;
    return options;
}

namespace {

schedule::CheckOptions options_of(const Case& test) {
    schedule::CheckOptions options = host_options(test.complete, test.target);
    options.defaults.threads = test.threads;
    options.defaults.sizes = test.typical;
    return options;
}

} // namespace

Extents all_extents(const ir::Kernel& kernel, const Extents& given) {
    std::vector<Diagnostic> diagnostics;
    const Sizes sizes = infer_sizes(kernel, diagnostics);
    for (const Diagnostic& diagnostic : diagnostics) {
        if (diagnostic.severity == Severity::error) {
            return {};
        }
    }
    ir::Kernel without = kernel; // estimates would fill in for what the case forgot
    without.estimates.clear();
    Extents extents = resolve_extents(without, sizes, given);
    for (const ir::Dim& dim : kernel.dims) {
        const auto at = extents.find(dim.name);
        if (at == extents.end() || at->second < 0) {
            return {};
        }
    }
    for (const SizeCheck& check : sizes.checks) {
        if (!holds(check, extents)) {
            return {};
        }
    }
    return extents;
}

Arrays make_inputs(const Case& test, const Extents& extents) {
    Arrays inputs = test.inputs;
    std::uint64_t seed = test.seed * 31;
    std::mt19937_64 random(test.seed);
    for (const ir::Input& input : test.kernel.inputs) {
        if (inputs.contains(input.name)) {
            continue;
        }
        std::vector<std::int64_t> shape;
        for (const std::string& dim : input.dims) {
            shape.push_back(extents.at(dim));
        }
        Array array = random_array(input.type, shape, ++seed);
        if (test.special) {
            make_special(array, random);
        }
        inputs.emplace(input.name, std::move(array));
    }
    return inputs;
}

Result run_case(const Case& test) {
    const Extents extents = all_extents(test.kernel, test.extents);
    if (extents.empty() && !test.kernel.dims.empty()) {
        return {Outcome::refused, "the extents are refused", 0};
    }
    std::vector<schedule::ScheduleText> texts;
    if (!test.schedule.empty()) {
        texts.push_back({"case.sched", test.schedule});
    }
    const schedule::CheckResult checked = schedule::check_texts(test.kernel, texts, options_of(test));
    if (!checked.plan) {
        return {Outcome::refused, schedule::render(checked.diagnostics, texts), 0};
    }
    const Arrays inputs = make_inputs(test, extents);
    Extents of_outputs;
    for (const auto& [dim, extent] : extents) {
        bool in_input = false;
        for (const ir::Input& input : test.kernel.inputs) {
            in_input = in_input || std::find(input.dims.begin(), input.dims.end(), dim) != input.dims.end();
        }
        const ir::Dim& declared = *test.kernel.find_dim(dim);
        if (!in_input && !declared.size && !declared.extent && test.extents.contains(dim)) {
            of_outputs.emplace(dim, extent);
        }
    }
    std::string problems;
    try {
        const Arrays wanted = interpret(test.kernel, inputs, of_outputs);
        const bool computes =
            std::any_of(wanted.begin(), wanted.end(), [](const auto& each) { return each.second.size() > 0; });
        if (!computes) {
            return {}; // coulter_call does not call then
        }
        const Arrays got = CompiledPlan(*checked.plan, test.kernel, test.target).run(inputs, extents, test.seed);
        const auto compare = [&](const Arrays& results, const std::string& which) {
            for (const auto& [tensor, array] : wanted) {
                const std::string differs = difference(results.at(tensor), array, tolerance_of(test, array.type));
                problems += differs.empty() ? "" : fmt::format("{}`{}`: {}\n", which, tensor, differs);
            }
        };
        compare(got, "");
        for (const schedule::Variant& variant : checked.variants) {
            // Every variant computes the same, whether its condition holds or not.
            compare(CompiledPlan(variant.plan, test.kernel, test.target).run(inputs, extents, test.seed),
                    variant.name + ": ");
        }
        if (test.bitwise) {
            const std::string bare = "schedule " + test.kernel.name + "\nnumerics exact\n";
            const schedule::CheckResult plain =
                schedule::check_texts(test.kernel, {{"bare.sched", bare}}, host_options(false));
            const Arrays plainly = CompiledPlan(*plain.plan, test.kernel).run(inputs, extents, test.seed);
            for (const auto& [tensor, array] : plainly) {
                problems += bit_difference(tensor, got.at(tensor), array);
            }
        }
    } catch (const std::exception& error) {
        // What only a check at run time could tell is refused for a device.
        const bool unprovable =
            std::string_view(error.what()).find("a kernel of a device cannot check") != std::string_view::npos;
        return {unprovable ? Outcome::refused : Outcome::failed, error.what(), 0};
    }
    return {problems.empty() ? Outcome::passed : Outcome::wrong, problems, 0};
}

std::string repro(const Case& test) {
    std::string text =
        fmt::format("# case {}, seed {}{}\n# extents:", test.name, test.seed, test.special ? ", special values" : "");
    for (const auto& [dim, extent] : test.extents) {
        text += fmt::format(" {}={}", dim, extent);
    }
    return text + "\n# --- kernel\n" + print(test.kernel) + "# --- schedule\n" + test.schedule;
}

} // namespace coulter::test
