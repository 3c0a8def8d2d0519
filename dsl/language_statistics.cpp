// Reductions that are compositions: ordinary library functions over sum, max and reduce.

#include "language_nodes.hpp"

#include <fmt/format.h>

namespace coulter {
namespace {

using namespace detail;

// The value in the type that the statistics are computed in, floats only; poison with a message otherwise.
Expr real_value(const char* what, const Dims& dims, const Expr& value, const ReduceOption& option, bool adds,
                SourceLoc loc) {
    const Expr typed = option.type ? cast(*option.type, value) : Expr(require_type(value.node(), loc), loc);
    if (typed.node()->poison) return typed;
    const Type type = typed.node()->type;
    std::vector<std::string> names;
    for (const Dim& dim : dims.list()) {
        names.push_back(dim.name());
    }
    if (!is_float(type)) {
        return {poison_node(
                    {typed.node()}, loc,
                    {diagnose("L018", loc, fmt::format("`{}` does not take {}", what, name(type)),
                              fmt::format("say a float type, `{0}({{{1}}}, x, f32)`, or cast: `{0}({{{1}}}, f32(x))`",
                                          what, fmt::join(names, ", ")))}),
                loc};
    }
    if (adds && !option.type && bits(type) < 32) {
        return {
            poison_node(
                {typed.node()}, loc,
                {diagnose("L019", loc,
                          fmt::format("`{}` over {} does not say the type that it accumulates in", what, name(type)),
                          fmt::format("say it, `{0}({{{1}}}, x, f32)`, or cast the value, `{0}({{{1}}}, f32(x))`", what,
                                      fmt::join(names, ", ")))}),
            loc};
    }
    return typed;
}

Expr count(const Dims& dims, Type type, SourceLoc loc) {
    std::optional<Expr> product;
    for (const Dim& dim : dims.list()) {
        product = product ? *product * extent(dim, loc) : extent(dim, loc);
    }
    return cast(type, product ? *product : Expr(detail::literal_integer(1, false, loc), loc));
}

} // namespace

Expr logsumexp(const Dims& dims, const Expr& value, SourceLoc loc) {
    const Expr x = real_value("logsumexp", dims, value, {}, true, loc);
    if (x.node()->poison) return x;
    Function f("logsumexp", {Arg(x, loc)}, loc);
    Tensor highest("max", loc);
    highest = max(dims, x, {}, {}, {}, loc);
    const Expr top(highest, loc);
    // An infinite maximum would make inf - inf below; exp carries it as it is. The result is the same for any shift, so
    // the shift is a constant to the gradient.
    const Expr shift = stop_gradient(select(is_finite(top), top, Expr(0, loc)));
    Tensor total("sum", loc);
    total = sum(dims, exp(x - shift), {}, {}, {}, loc);
    return {Tensor(log(Expr(total, loc)) + shift, loc), loc};
}

Expr mean(const Dims& dims, const Expr& value, const ReduceOption& type, SourceLoc loc) {
    const Expr x = real_value("mean", dims, value, type, true, loc);
    if (x.node()->poison) return x;
    Function f("mean", {Arg(x, loc)}, loc);
    const Expr total = sum(dims, x, x.node()->type, {}, {}, loc);
    return {Tensor(total / count(dims, x.node()->type, loc), loc), loc};
}

Expr variance(const Dims& dims, const Expr& value, const ReduceOption& type, SourceLoc loc) {
    const Expr x = real_value("variance", dims, value, type, true, loc);
    if (x.node()->poison) return x;
    Function f("variance", {Arg(x, loc)}, loc);
    const Expr n = count(dims, x.node()->type, loc);
    Tensor average("mean", loc);
    average = sum(dims, x, x.node()->type, {}, {}, loc) / n;
    const Expr off = x - Expr(average, loc);
    return {Tensor(sum(dims, off * off, x.node()->type, {}, {}, loc) / n, loc), loc};
}

Moments moments(const Dims& dims, const Expr& value, const ReduceOption& type, SourceLoc loc) {
    const Expr x = real_value("moments", dims, value, type, true, loc);
    if (x.node()->poison) return {x, x};
    Function f("moments", {Arg(x, loc)}, loc);
    const Expr one = cast(x.node()->type, Expr(1, loc));
    const Tuple merged = reduce(
        dims, {Expr(0, loc), Expr(0, loc), Expr(0, loc)}, {one, x, cast(x.node()->type, Expr(0, loc))},
        [](const Tuple& a, const Tuple& b) {
            const Expr n = a[0] + b[0];
            const Expr share = b[0] / max(n, 1);
            const Expr delta = b[1] - a[1];
            return Tuple{n, a[1] + delta * share, a[2] + b[2] + delta * delta * a[0] * share};
        },
        {}, {}, loc);
    Tensor stats("state", loc);
    stats = merged;
    return {Expr(bare_access(stats.state(), 1, loc), loc),
            Expr(bare_access(stats.state(), 2, loc), loc) / count(dims, x.node()->type, loc)};
}

} // namespace coulter
