// Gradients of the library's functions against central differences, at inputs that lie away from kinks.
//
// Shapes, integers and parameters are those of the goldens. Floats are drawn anew: no two of a case are close to each
// other, so that maxima, order and absolute differences are clear; places between elements are clearly between them.

#include "gradients/gradient_check.hpp"
#include "models/goldens.hpp"
#include "models/library.hpp"

#include <algorithm>
#include <cmath>
#include <doctest/doctest.h>
#include <functional>
#include <random>
#include <set>

using namespace coulter;
using namespace coulter::test;

namespace {

using Inputs = std::map<std::string, Array>;

/// No gradient, or none of a function of floats: integers to integers, and what rounds to integers.
const std::set<std::string>& without_gradient() {
    static const std::set<std::string> list{"philox",          "quantise_i8", "quantise_i8_groups",
                                            "quantise_affine", "quantise_i4", "grouped_int8_matmul"};
    return list;
}

bool is_finite(const std::map<std::string, Array>& arrays) {
    return std::all_of(arrays.begin(), arrays.end(), [](const auto& each) {
        for (std::int64_t i = 0; i < each.second.size(); ++i) {
            if (is_float(each.second.type) && !std::isfinite(each.second.real(i))) {
                return false;
            }
        }
        return true;
    });
}

std::int64_t elements(const GoldenCase& golden) {
    std::int64_t count = 0;
    for (const auto& [name, array] : golden.inputs) {
        count += array.size();
    }
    return count;
}

/// The two smallest cases of different shapes; one element of everything only where there is no other.
std::vector<GoldenCase> two_shapes(const std::string& kernel) {
    std::vector<GoldenCase> cases = golden_cases(kernel);
    std::erase_if(cases, [](const GoldenCase& golden) {
        const bool empty = golden.name.ends_with("/no_edges") || golden.name.ends_with("/none");
        return !is_finite(golden.inputs) || !is_finite(golden.outputs) || empty;
    });
    const auto is_one = [](const GoldenCase& golden) { return golden.name.ends_with("/one"); };
    std::stable_sort(cases.begin(), cases.end(), [&](const GoldenCase& a, const GoldenCase& b) {
        return is_one(a) != is_one(b) ? is_one(b) : elements(a) < elements(b);
    });
    const auto same_shapes = [](const GoldenCase& a, const GoldenCase& b) {
        return a.parameters == b.parameters && std::all_of(a.inputs.begin(), a.inputs.end(), [&](const auto& input) {
                   return input.second.shape == b.inputs.at(input.first).shape;
               });
    };
    cases.erase(std::unique(cases.begin(), cases.end(), same_shapes), cases.end());
    cases.resize(std::min<std::size_t>(cases.size(), 2));
    return cases;
}

class Draw {
public:
    Draw(const GoldenCase& golden, std::uint64_t seed) : golden_(golden), random_(seed) {
        std::size_t count = 0;
        for (const auto& [name, array] : golden.inputs) {
            count += is_float(array.type) ? static_cast<std::size_t>(array.size()) : 0;
        }
        // An even number of them, so that what differs by one of them, as a margin, is none of them.
        count += count % 2;
        for (std::size_t i = 0; i < count; ++i) {
            apart_.push_back((2.0 * static_cast<double>(i) + 1.137) / static_cast<double>(count) - 1);
        }
        std::shuffle(apart_.begin(), apart_.end(), random_);
    }

    Inputs run() {
        Inputs inputs;
        for (const auto& [name, array] : golden_.inputs) {
            if (!is_float(array.type)) {
                inputs[name] = array;
                continue;
            }
            Array& drawn = inputs[name] = Array(Type::f64, array.shape);
            for (std::int64_t i = 0; i < array.size(); ++i) {
                drawn.set_real(i, element(name, i, apart_.back()));
                apart_.pop_back();
            }
        }
        return inputs;
    }

private:
    /// Whole numbers of `low` to `high`, and a fraction that is clearly one.
    double between(std::int64_t low, std::int64_t high) {
        const auto count = static_cast<std::uint64_t>(std::max<std::int64_t>(high - low, 0) + 1);
        const double fraction = 0.2 + 0.6 * static_cast<double>(random_() >> 11) * 0x1p-53;
        return static_cast<double>(low + static_cast<std::int64_t>(random_() % count)) + fraction;
    }

    double element(const std::string& name, std::int64_t i, double apart) {
        const std::string& kernel = golden_.kernel;
        const std::string input = kernel + "." + name;
        static const std::set<std::string> positive{"batch_norm.variance", "adam.variance", "soft_dtw.gamma",
                                                    "wkv.decay", "selective_scan.step"};
        if (positive.contains(input)) {
            return 0.6 + 0.4 * apart;
        }
        if (input == "adam.t") {
            return 3;
        }
        if (name == "grid" && kernel.starts_with("grid_sample")) {
            // The first component is about the last axis of the image.
            const std::vector<std::int64_t>& image = golden_.inputs.at("image").shape;
            const std::int64_t axes = golden_.inputs.at("grid").shape.back();
            const std::int64_t size = image[static_cast<std::size_t>(axes - i % axes)];
            const double at = between(-1, size - 1);
            return golden_.parameters.contains("centres") ? 2 * at / static_cast<double>(size - 1) - 1
                                                          : (2 * at + 1) / static_cast<double>(size) - 1;
        }
        if (input == "deformable_conv.offset") {
            return between(-2, 1);
        }
        if (name == "guide") {
            const std::int64_t bins = kernel == "bilateral_slice"           ? golden_.inputs.at("grid").shape[2]
                                      : golden_.parameters.contains("bins") ? std::stoll(golden_.parameters.at("bins"))
                                                                            : 8;
            return between(0, bins - 2) / static_cast<double>(bins - 1);
        }
        return apart;
    }

    const GoldenCase& golden_;
    std::mt19937_64 random_;
    std::vector<double> apart_;
};

} // namespace

TEST_CASE("gradients of the library's functions equal central differences at two shapes each") {
    int functions = 0;
    for (const KernelFactory& factory : models::library()) {
        if (without_gradient().contains(factory.name)) {
            continue;
        }
        ++functions;
        const std::vector<GoldenCase> cases = two_shapes(factory.name);
        CAPTURE(factory.name);
        CHECK(cases.size() == 2);
        std::uint64_t seed = 1;
        for (const GoldenCase& golden : cases) {
            CAPTURE(golden.name);
            GradientCase test{factory.make(Params(golden.parameters)).ir(), {}, {}};
            test.inputs = Draw(golden, seed++).run();
            test.elements = 12;
            for (const ir::Input& input : test.kernel.inputs) {
                for (std::size_t i = 0; i < input.dims.size(); ++i) {
                    test.extents[input.dims[i]] = test.inputs.at(input.name).shape[i];
                }
            }
            const GradientResult result = check_gradient(test);
            CHECK_MESSAGE(result.error <= 1e-6, result.message.substr(0, 400));
            CHECK(result.compared > 0);
        }
    }
    CHECK(functions == static_cast<int>(models::library().size() - without_gradient().size()));
}
