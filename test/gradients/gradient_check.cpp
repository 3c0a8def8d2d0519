#include "gradients/gradient_check.hpp"

#include "coulter/interpreter.hpp"
#include "coulter/sizes.hpp"
#include "coulter/text.hpp"
#include "coulter/transform.hpp"

#include <algorithm>
#include <cmath>
#include <exception>
#include <random>

namespace coulter::test {
namespace {

constexpr double step = 1e-5;

class Random {
public:
    explicit Random(std::uint64_t seed) : bits_(seed) {}
    double between(double low, double high) {
        return low + (high - low) * static_cast<double>(bits_() >> 11) * 0x1p-53;
    }
    std::int64_t below(std::int64_t limit) {
        return static_cast<std::int64_t>(bits_() % static_cast<std::uint64_t>(limit));
    }

private:
    std::mt19937_64 bits_;
};

std::vector<std::int64_t> shape_of(const GradientCase& test, const std::vector<std::string>& dims) {
    std::vector<std::int64_t> shape;
    for (const std::string& name : dims) {
        const ir::Dim& dim = *test.kernel.find_dim(name);
        shape.push_back(dim.size ? *dim.size : test.extents.at(name));
    }
    return shape;
}

/// Extents that no input gives, of those that the kernel has.
std::map<std::string, std::int64_t> loose(const ir::Kernel& kernel, const std::map<std::string, std::int64_t>& all) {
    std::map<std::string, std::int64_t> extents;
    for (const auto& [name, extent] : all) {
        const ir::Dim* const dim = kernel.find_dim(name);
        if (dim != nullptr && !dim->size && !dim->extent) {
            extents.emplace(name, extent);
        }
    }
    return extents;
}

/// The sum that is differentiated, and the sum of its magnitudes.
std::pair<double, double> weighted(const std::map<std::string, Array>& outputs,
                                   const std::map<std::string, Array>& weights) {
    double total = 0;
    double size = 0;
    for (const auto& [name, weight] : weights) {
        const Array& output = outputs.at(name);
        for (std::int64_t i = 0; i < weight.size(); ++i) {
            total += weight.real(i) * output.real(i);
            size += std::fabs(weight.real(i) * output.real(i));
        }
    }
    return {total, size};
}

} // namespace

std::vector<std::string> float_inputs(const ir::Kernel& kernel) {
    std::vector<std::string> names;
    for (const ir::Input& input : kernel.inputs) {
        if (is_float(input.type)) {
            names.push_back(input.name);
        }
    }
    return names;
}

std::map<std::string, Array> gradient_inputs(const GradientCase& test) {
    Random random(test.seed);
    std::map<std::string, Array> inputs = test.inputs;
    for (const ir::Input& input : test.kernel.inputs) {
        if (inputs.contains(input.name)) {
            continue;
        }
        Array array(is_float(input.type) ? Type::f64 : input.type, shape_of(test, input.dims));
        for (std::int64_t i = 0; i < array.size(); ++i) {
            if (is_float(input.type)) {
                array.set_real(i, random.between(test.low, test.high));
            } else {
                array.set_integer(i, random.below(test.highest_integer + 1));
            }
        }
        inputs.emplace(input.name, std::move(array));
    }
    return inputs;
}

GradientResult check_gradient(const GradientCase& test) {
    const std::vector<std::string> wrt = test.wrt.empty() ? float_inputs(test.kernel) : test.wrt;
    std::string text;
    try {
        const ir::Kernel gradient = grad(test.kernel, wrt);
        text = print(gradient);
        for (const Diagnostic& each : ir::validate(gradient)) {
            return {INFINITY, render(each) + text};
        }
        std::vector<Diagnostic> diagnostics;
        static_cast<void>(infer_sizes(gradient, diagnostics));
        for (const Diagnostic& each : diagnostics) {
            return {INFINITY, render(each) + text};
        }
        std::map<std::string, Array> inputs = gradient_inputs(test);
        InterpretOptions options;
        options.in_double = true;
        const auto forward = [&] { return interpret(test.kernel, inputs, loose(test.kernel, test.extents), options); };

        Random random(test.seed + 1000);
        std::map<std::string, Array> weights;
        std::map<std::string, Array> given;
        const std::map<std::string, Array> outputs = forward();
        for (const auto& [name, output] : outputs) {
            for (std::int64_t i = 0; i < output.size() && is_float(output.type); ++i) {
                if (!std::isfinite(output.real(i))) {
                    return {0, "an output is not finite", 0, 1};
                }
            }
        }
        for (const ir::Input& input : gradient.inputs) {
            if (test.kernel.find_input(input.name) != nullptr) {
                given[input.name] = inputs.at(input.name);
                continue;
            }
            const std::string output = input.name.substr(input.name.find('.') + 1);
            Array& weight = weights[output] = Array(Type::f64, outputs.at(output).shape);
            for (std::int64_t i = 0; i < weight.size(); ++i) {
                weight.set_real(i, random.between(-1, 1));
            }
            given[input.name] = weight;
        }
        const std::map<std::string, Array> got = interpret(gradient, given, loose(gradient, test.extents), options);

        const double size = weighted(outputs, weights).second;
        GradientResult result;
        for (const std::string& name : wrt) {
            const std::string adjoint =
                gradient.outputs.at(static_cast<std::size_t>(std::find(wrt.begin(), wrt.end(), name) - wrt.begin()));
            const Array& gradients = got.at(adjoint);
            Array& input = inputs.at(name);
            const Array before = input;
            if (gradients.shape != before.shape) {
                return {INFINITY, "`" + adjoint + "` has another shape than `" + name + "`"};
            }
            double largest = 0;
            double error = 0;
            const auto compare = [&](const std::vector<double>& direction) {
                double along = 0;
                for (std::int64_t i = 0; i < before.size(); ++i) {
                    const double d = direction[static_cast<std::size_t>(i)];
                    along += d * gradients.real(i);
                }
                const auto moved = [&](double by) {
                    for (std::int64_t i = 0; i < before.size(); ++i) {
                        input.set_real(i, before.real(i) + by * direction[static_cast<std::size_t>(i)]);
                    }
                    return weighted(forward(), weights).first;
                };
                const double difference = (moved(step) - moved(-step)) / (2 * step);
                if (test.any_kinks) {
                    const double wider = (moved(2 * step) - moved(-2 * step)) / (4 * step);
                    const double size_here = std::max({std::fabs(wider), std::fabs(difference), largest});
                    const double rounding = 4e-16 * size / step;
                    if (!(std::fabs(wider - difference) <= 2e-7 * size_here) || rounding > 2e-7 * size_here) {
                        input = before;
                        ++result.left_out;
                        return;
                    }
                }
                ++result.compared;
                input = before;
                largest = std::max({largest, std::fabs(difference), std::fabs(along)});
                error = std::max(error, std::fabs(difference - along));
                if (std::isnan(difference) || std::isnan(along)) {
                    error = INFINITY;
                }
            };
            std::vector<std::int64_t> elements;
            for (std::int64_t i = 0; i < before.size(); ++i) {
                elements.push_back(i);
            }
            while (static_cast<int>(elements.size()) > test.elements) {
                elements.erase(elements.begin() + random.below(static_cast<std::int64_t>(elements.size())));
            }
            for (const std::int64_t element : elements) {
                std::vector<double> direction(static_cast<std::size_t>(before.size()), 0.0);
                direction[static_cast<std::size_t>(element)] = 1;
                compare(direction);
            }
            for (int i = 0; i < 2; ++i) {
                std::vector<double> direction;
                for (std::int64_t k = 0; k < before.size(); ++k) {
                    direction.push_back(random.between(-1, 1));
                }
                compare(direction);
            }
            const double relative = largest == 0 ? error : error / largest;
            if (relative > result.error || std::isinf(relative)) {
                result.error = relative;
                result.message = "`" + adjoint + "` is off by " + std::to_string(relative) + "\n" + text;
            }
        }
        return result;
    } catch (const std::exception& error) {
        return {INFINITY, std::string(error.what()) + text};
    }
}

} // namespace coulter::test
