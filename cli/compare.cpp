#include "compare.hpp"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <limits>

namespace coulter::cli {
namespace {

std::string index_text(const std::vector<std::int64_t>& shape, std::int64_t element) {
    std::vector<std::int64_t> index(shape.size());
    for (std::size_t d = shape.size(); d-- > 0;) {
        index[d] = element % shape[d];
        element /= shape[d];
    }
    return fmt::format("[{}]", fmt::join(index, ", "));
}

// Below 1.9e-38, where f32 has few digits left, the language lets exp be 0: such values differ by nothing.
constexpr double nothing = 1.9e-38;

double difference(double result, double reference, Type type) {
    if (std::isnan(result) || std::isnan(reference)) {
        return std::isnan(result) && std::isnan(reference) ? 0 : std::numeric_limits<double>::infinity();
    }
    const bool vanishes = type != Type::f64 && std::abs(result) <= nothing && std::abs(reference) <= nothing;
    return result == reference || vanishes ? 0 : std::abs(result - reference);
}

} // namespace

Difference compare(const Array& result, const Array& reference, double tolerance) {
    Difference worst;
    if (result.shape != reference.shape) {
        return {false, std::numeric_limits<double>::infinity(), "another shape"};
    }
    std::int64_t at = -1;
    if (is_float(result.type)) {
        double largest = 0;
        double error = 0;
        for (std::int64_t i = 0; i < result.size(); ++i) {
            const double wanted = reference.real(i);
            largest = std::isfinite(wanted) ? std::max(largest, std::abs(wanted)) : largest;
            if (const double d = difference(result.real(i), wanted, result.type); d > error || (d > 0 && at < 0)) {
                error = d;
                at = i;
            }
        }
        worst.error = error == 0 ? 0 : largest > 0 ? error / largest : error;
        worst.equal = worst.error <= tolerance;
        if (at >= 0) {
            worst.where = fmt::format("{}: {:.9g}, wanted {:.9g}", index_text(result.shape, at), result.real(at),
                                      reference.real(at));
        }
        return worst;
    }
    std::int64_t wrong = 0;
    for (std::int64_t i = 0; i < result.size(); ++i) {
        if (result.integer(i) != reference.integer(i)) {
            at = at < 0 ? i : at;
            ++wrong;
        }
    }
    if (wrong > 0) {
        worst.equal = false;
        worst.error = static_cast<double>(wrong) / static_cast<double>(result.size());
        worst.where =
            fmt::format("{}: {}, wanted {}", index_text(result.shape, at), result.integer(at), reference.integer(at));
    }
    return worst;
}

double default_tolerance(const ir::Kernel& kernel) {
    double tolerance = 0;
    const auto add = [&](Type type) {
        const double of_type = type == Type::f64    ? 1e-12
                               : type == Type::f32  ? 1e-5
                               : type == Type::f16  ? 4e-3
                               : type == Type::bf16 ? 3e-2
                                                    : 0;
        tolerance = std::max(tolerance, of_type);
    };
    for (const ir::Input& input : kernel.inputs) {
        add(input.type);
    }
    for (const ir::Definition& definition : kernel.definitions) {
        std::ranges::for_each(definition.types, add);
    }
    return tolerance;
}

} // namespace coulter::cli
