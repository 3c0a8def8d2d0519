#include "support/array_compare.hpp"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <stdexcept>

namespace coulter::test {
namespace {

std::string position(const std::vector<std::int64_t>& shape, std::int64_t element) {
    std::vector<std::int64_t> indices(shape.size());
    for (std::size_t d = shape.size(); d-- > 0;) {
        indices[d] = element % shape[d];
        element /= shape[d];
    }
    return fmt::format("[{}]", fmt::join(indices, ", "));
}

std::string integer_text(const Array& array, std::int64_t i) {
    return array.type == Type::u64 ? fmt::format("{}", static_cast<std::uint64_t>(array.integer(i)))
                                   : fmt::format("{}", array.integer(i));
}

std::string difference_of_integers(const Array& got, const Array& wanted) {
    std::int64_t wrong = 0;
    std::int64_t first = 0;
    for (std::int64_t i = 0; i < wanted.size(); ++i) {
        if (got.integer(i) != wanted.integer(i) && wrong++ == 0) {
            first = i;
        }
    }
    if (wrong == 0) {
        return {};
    }
    return fmt::format("{} of {} elements differ, the first at {}: got {}, wanted {}", wrong, wanted.size(),
                       position(wanted.shape, first), integer_text(got, first), integer_text(wanted, first));
}

} // namespace

std::string difference(const Array& got, const Array& wanted, const Tolerance& tolerance) {
    if (got.shape != wanted.shape) {
        return fmt::format("the shape is [{}], and [{}] is wanted", fmt::join(got.shape, ", "),
                           fmt::join(wanted.shape, ", "));
    }
    const bool both_real = is_float(got.type) && is_float(wanted.type);
    if (got.type != wanted.type && !both_real) {
        return fmt::format("the type is {}, and {} is wanted", name(got.type), name(wanted.type));
    }
    if (!both_real) {
        return difference_of_integers(got, wanted);
    }
    double largest = 0;
    for (std::int64_t i = 0; i < wanted.size(); ++i) {
        if (std::isfinite(wanted.real(i))) {
            largest = std::max(largest, std::fabs(wanted.real(i)));
        }
    }
    double worst = 0;
    std::int64_t worst_at = -1;
    for (std::int64_t i = 0; i < wanted.size(); ++i) {
        const double a = got.real(i);
        const double b = wanted.real(i);
        if (!std::isfinite(a) || !std::isfinite(b)) {
            if (a == b || (std::isnan(a) && std::isnan(b))) {
                continue;
            }
            return fmt::format("at {}: got {}, wanted {}", position(wanted.shape, i), a, b);
        }
        const double error = std::fabs(a - b);
        const double allowed =
            std::max(tolerance.of_max * largest, tolerance.absolute + tolerance.relative * std::fabs(b));
        if (error > allowed && error > worst) {
            worst = error;
            worst_at = i;
        }
    }
    if (worst_at < 0) {
        return {};
    }
    return fmt::format("max |error| / max |wanted| is {:.3g} / {:.3g} = {:.3g}, worst at {}: got {:.9g}, wanted {:.9g}",
                       worst, largest, largest > 0 ? worst / largest : worst, position(wanted.shape, worst_at),
                       got.real(worst_at), wanted.real(worst_at));
}

Array array_of(Type type, std::vector<std::int64_t> shape, const std::vector<double>& values) {
    Array array(type, std::move(shape));
    if (array.size() != static_cast<std::int64_t>(values.size())) {
        throw std::invalid_argument("array_of: as many values as the shape has are wanted");
    }
    for (std::size_t i = 0; i < values.size(); ++i) {
        array.set_real(static_cast<std::int64_t>(i), values[i]);
    }
    return array;
}

Array array_of(const std::vector<double>& values) {
    return array_of(Type::f32, {static_cast<std::int64_t>(values.size())}, values);
}

Array random_array(Type type, std::vector<std::int64_t> shape, std::uint64_t seed) {
    Array array(type, std::move(shape));
    std::uint64_t state = seed * 2 + 1;
    for (std::int64_t i = 0; i < array.size(); ++i) {
        // splitmix64
        state += 0x9e3779b97f4a7c15ULL;
        std::uint64_t bits = state;
        bits = (bits ^ (bits >> 30)) * 0xbf58476d1ce4e5b9ULL;
        bits = (bits ^ (bits >> 27)) * 0x94d049bb133111ebULL;
        bits ^= bits >> 31;
        if (is_float(type)) {
            array.set_real(i, (static_cast<double>(bits % 257) - 128) / 64);
        } else if (type == Type::boolean) {
            array.set_integer(i, static_cast<std::int64_t>(bits & 1));
        } else if (is_signed_integer(type)) {
            array.set_integer(i, static_cast<std::int64_t>(bits % 17) - 8);
        } else {
            array.set_integer(i, static_cast<std::int64_t>(bits % 16));
        }
    }
    return array;
}

} // namespace coulter::test
