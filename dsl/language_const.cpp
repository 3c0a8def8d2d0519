// Tensors whose elements are known when the kernel is written.

#include "coulter/array.hpp"
#include "language_nodes.hpp"

#include <cmath>
#include <fmt/core.h>

namespace coulter {
namespace {

using namespace detail;

template <class T>
bool fits(Type type, T value) {
    if (type == Type::boolean) return value == T(0) || value == T(1);
    if constexpr (std::is_floating_point_v<T>) {
        const auto v = static_cast<double>(value);
        if (is_float(type)) return std::isfinite(round_to(type, v)) || !std::isfinite(v);
        return v == std::floor(v) && v >= static_cast<double>(lowest_integer(type)) &&
               v < std::ldexp(1.0, bits(type) - (is_unsigned_integer(type) ? 0 : 1));
    } else {
        if (is_float(type)) return round_to(type, static_cast<double>(value)) == static_cast<double>(value);
        const auto v = static_cast<std::int64_t>(value);
        return v >= lowest_integer(type) && (v < 0 || static_cast<std::uint64_t>(v) <= highest_integer(type));
    }
}

template <class List>
TensorRef constant(std::string name, Type type, const std::vector<Dim>& dims, const List& values, SourceLoc loc) {
    // An Input's declaration checks the name, the type and the dims in the same way.
    const Input declaration(std::move(name), type, dims, loc);
    TensorRef state = declaration.state();
    state->kind = TensorKind::constant;
    double wanted = 1;
    for (const Dim& dim : dims) {
        if (!dim.state()->size) {
            state->problems.push_back(diagnose(
                "L037", loc, fmt::format("dim `{}` of the Const {} has no constant extent", dim.name(), called(*state)),
                fmt::format("declare it with one: `Dim {0}(\"{0}\", 3)`", dim.name()),
                {{span_of(dim.state()->loc), "the dim is declared here"}}));
            return state;
        }
        wanted *= static_cast<double>(*dim.state()->size);
    }
    if (wanted != static_cast<double>(values.size())) {
        state->problems.push_back(diagnose(
            "L037", loc,
            fmt::format("the Const {} has {} values, and its dims want {}", called(*state), values.size(), wanted),
            "the values are row-major, the last dim fastest"));
        return state;
    }
    if (type == Type::index) return state;
    Array array(type, {static_cast<std::int64_t>(values.size())});
    std::int64_t i = 0;
    for (const auto value : values) {
        if (!fits(type, value)) {
            state->problems.push_back(diagnose("L037", loc,
                                               fmt::format("value {} of the Const {} is {}, which {} cannot hold", i,
                                                           called(*state), value, coulter::name(type)),
                                               "choose a wider type, or round the values before"));
            return state;
        }
        if (is_float(type)) {
            array.set_real(i, static_cast<double>(value));
        } else {
            array.set_integer(i, type == Type::u64 && value >= 0
                                     ? static_cast<std::int64_t>(static_cast<std::uint64_t>(value))
                                     : static_cast<std::int64_t>(value));
        }
        ++i;
    }
    state->data = std::move(array.data);
    return state;
}

} // namespace

Const::Const(std::string name, Type type, const std::vector<Dim>& dims, const std::vector<double>& values,
             SourceLoc loc)
    : Tensor(constant(std::move(name), type, dims, values, loc)) {}
Const::Const(std::string name, Type type, const std::vector<Dim>& dims, const std::vector<float>& values, SourceLoc loc)
    : Tensor(constant(std::move(name), type, dims, values, loc)) {}
Const::Const(std::string name, Type type, const std::vector<Dim>& dims, const std::vector<std::int64_t>& values,
             SourceLoc loc)
    : Tensor(constant(std::move(name), type, dims, values, loc)) {}
Const::Const(std::string name, Type type, const std::vector<Dim>& dims, std::initializer_list<double> values,
             SourceLoc loc)
    : Tensor(constant(std::move(name), type, dims, std::vector<double>(values), loc)) {}
Const::Const(std::string name, Type type, const std::vector<Dim>& dims, std::initializer_list<int> values,
             SourceLoc loc)
    : Tensor(constant(std::move(name), type, dims, std::vector<std::int64_t>(values.begin(), values.end()), loc)) {}

} // namespace coulter
