#include "models/recurrences.hpp"

#include "models/arguments.hpp"
#include "models/attention_parts.hpp"
#include "models/scans.hpp"

namespace coulter::models {

Tensor selective_scan(const Arg& x, const Arg& step, const Arg& a, const Arg& b, const Arg& c, const Arg& skip,
                      const StateSpace& dims) {
    Function f("selective_scan", {x, step, a, b, c, skip});
    for (const auto& [arg, what] : {std::pair{&x, "x"}, {&step, "the step"}, {&b, "b"}, {&c, "c"}}) {
        require_dim(f, *arg, what, dims.time);
    }
    for (const auto& [arg, what] : {std::pair{&a, "a"}, {&b, "b"}, {&c, "c"}}) {
        require_dim(f, *arg, what, dims.state);
    }
    Tensor state("states"), output("output");
    state = linear_recurrence(exp(step * a), step * b * x, dims.time);
    output = sum({dims.state}, c * state);
    return output + skip * x;
}

Tensor wkv(const Arg& k, const Arg& v, const Arg& decay, const Arg& bonus, const Dim& time) {
    Function f("wkv", {k, v, decay, bonus});
    require_dim(f, k, "the keys", time);
    require_dim(f, v, "the values", time);
    const Type type = k.type().value_or(f32);
    // By how much a part of the sequence lets what was before it fade, its largest exponent, and its sums relative to
    // that. Any exponent gives the same quotient: the gradient has nothing to gain from it.
    Tensor before("before");
    before = scan(
        time, {0, -infinity(type), 0, 0}, {decay, k, v, cast(type, 1.0)},
        [type](const Tuple& first, const Tuple& then) {
            const Expr faded = first[1] - then[0];
            const Expr highest = stop_gradient(max(faded, then[1]));
            const Expr shift = shift_of(highest, type);
            const Expr old = exp(faded - shift), young = exp(then[1] - shift);
            return Tuple{first[0] + then[0], highest, first[2] * old + then[2] * young,
                         first[3] * old + then[3] * young};
        },
        exclusive, associative);
    const Expr newest = bonus + k;
    const Expr highest = stop_gradient(max(before[1], newest));
    const Expr old = exp(before[1] - highest), young = exp(newest - highest);
    return (before[2] * old + young * v) / (before[3] * old + young);
}

Kernel selective_scan() {
    Dim batch("batch"), time("time"), channel("channel"), state("state");
    Input x("x", f32, {batch, time, channel}), step("step", f32, {batch, time, channel}), a("a", f32, {channel, state}),
        b("b", f32, {batch, time, state}), c("c", f32, {batch, time, state}), skip("skip", f32, {channel});
    Tensor result("result");
    result(batch, time, channel) = selective_scan(x, step, a, b, c, skip, {time, state});
    return Kernel("selective_scan", {result}, estimates({{batch, 1}, {time, 2048}, {channel, 768}, {state, 16}}));
}

Kernel wkv() {
    Dim batch("batch"), time("time"), channel("channel");
    Input k("k", f32, {batch, time, channel}), v("v", f32, {batch, time, channel}), decay("decay", f32, {channel}),
        bonus("bonus", f32, {channel});
    Tensor result("result");
    result(batch, time, channel) = wkv(k, v, decay, bonus, time);
    return Kernel("wkv", {result}, estimates({{batch, 1}, {time, 1024}, {channel, 768}}));
}

} // namespace coulter::models
