#include "rewrite_run.hpp"

#include <algorithm>
#include <cmath>
#include <random>

namespace coulter::test {

Arrays random_inputs(const ir::Kernel& kernel, const Extents& extents, std::uint64_t seed) {
    std::mt19937_64 random(seed);
    Arrays inputs;
    for (const ir::Input& input : kernel.inputs) {
        std::vector<std::int64_t> shape;
        for (const std::string& name : input.dims) {
            const ir::Dim* dim = kernel.find_dim(name);
            shape.push_back(dim != nullptr && dim->size ? *dim->size : extents.at(name));
        }
        Array array(input.type, shape);
        for (std::int64_t i = 0; i < array.size(); ++i) {
            const auto value = static_cast<std::int64_t>(random() % 5) - 1;
            if (is_float(input.type)) {
                array.set_real(i, static_cast<double>(value));
            } else {
                array.set_integer(i, input.type == Type::boolean ? value & 1 : value);
            }
        }
        inputs.emplace(input.name, std::move(array));
    }
    return inputs;
}

std::string difference(const Arrays& expected, const Arrays& actual, double tolerance) {
    for (const auto& [name, a] : expected) {
        const auto at = actual.find(name);
        if (at == actual.end()) {
            return name + " is missing";
        }
        const Array& b = at->second;
        if (a.type != b.type || a.shape != b.shape) {
            return name + " has another type or shape";
        }
        double scale = 0;
        for (std::int64_t i = 0; is_float(a.type) && i < a.size(); ++i) {
            scale = std::isfinite(a.real(i)) ? std::max(scale, std::abs(a.real(i))) : scale;
        }
        for (std::int64_t i = 0; i < a.size(); ++i) {
            bool same = false;
            if (is_float(a.type)) {
                const double x = a.real(i);
                const double y = b.real(i);
                same = x == y || (std::isnan(x) && std::isnan(y)) || std::abs(x - y) <= tolerance * scale;
            } else {
                same = a.integer(i) == b.integer(i);
            }
            if (!same) {
                return name + "[" + std::to_string(i) + "] is " +
                       (is_float(a.type)
                            ? std::to_string(b.real(i)) + " instead of " + std::to_string(a.real(i))
                            : std::to_string(b.integer(i)) + " instead of " + std::to_string(a.integer(i)));
            }
        }
    }
    return {};
}

std::string problems(const ir::Kernel& kernel) {
    std::string text;
    for (const Diagnostic& diagnostic : ir::validate(kernel)) {
        text += diagnostic.code + " " + diagnostic.message + "\n";
    }
    return text;
}

} // namespace coulter::test
