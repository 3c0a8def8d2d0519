#include "models/local_attention.hpp"

#include "models/arguments.hpp"
#include "models/attention.hpp"
#include "models/attention_parts.hpp"

#include <cmath>
#include <numbers>

namespace coulter::models {

Tensor sliding_window_attention(const Arg& q, const Arg& k, const Arg& v, const WindowDims& dims, std::int64_t before,
                                const std::optional<double>& scale) {
    Function f("sliding_window_attention", {q, k, v});
    require_at_least(f, before, 0, "the number of keys before the query");
    require_dim(f, q, "a query", dims.channel);
    require_dim(f, k, "a key", dims.channel);
    require_dim(f, k, "a key", dims.key);
    require_dim(f, v, "a value", dims.key);
    const Type type = q.type().value_or(f32);
    const Expr key = dims.query + dims.tap - before;
    Tensor products("products");
    products = sum({dims.channel}, q * clamped(k)(dims.key(key)));
    return weighted_average(products * score_scale(scale, type, {dims.channel}), clamped(v)(dims.key(key)), {dims.tap},
                            where(key >= 0 && key < extent(dims.key)));
}

Tensor neighbourhood_attention(const Arg& q, const Arg& k, const Arg& v, const std::vector<Axis>& axes,
                               const Dim& channel, const std::optional<double>& scale) {
    Function f("neighbourhood_attention", {q, k, v});
    f.require(!axes.empty(), "no axes, where 1 or more are needed");
    require_dim(f, q, "a query", channel);
    require_dim(f, k, "a key", channel);
    for (const Axis& axis : axes) {
        require_dim(f, k, "a key", axis.from);
        require_dim(f, v, "a value", axis.from);
    }
    const Type type = q.type().value_or(f32);
    std::vector<AccessArg> keys;
    std::vector<Dim> taps;
    for (const Axis& axis : axes) {
        const Expr size = extent(axis.tap);
        const Expr start = clamp(axis.to - size / 2, 0, extent(axis.from) - size);
        keys.push_back(axis.from(start + axis.tap));
        taps.push_back(axis.tap);
    }
    Tensor products("products");
    products = sum({channel}, q * k(keys));
    return weighted_average(products * score_scale(scale, type, {channel}), v(keys), taps, {});
}

Rotation rotation(const Arg& position, const Dim& pair, double base) {
    Function f("rotation", {position});
    f.require(base > 1, "the base is " + std::to_string(base) + ", where more than 1 is needed");
    Tensor frequency("frequency"), angle("angle"), cosine("cosine"), sine("sine");
    // In turns per position.
    frequency = exp(f64(pair) / f64(extent(pair)) * -std::log(base)) * (0.5 * std::numbers::inv_pi);
    const Expr turns = f64(position) * frequency;
    angle = f32(turns - round(turns)) * (2 * std::numbers::pi);
    cosine = cos(angle);
    sine = sin(angle);
    return {cosine, sine};
}

Tensor rope(const Arg& x, const Rotation& angles, const Dim& half) {
    Function f("rope", {x, angles.cosine, angles.sine});
    require_dim(f, x, "the rotated tensor", half);
    const Type type = x.type().value_or(f32);
    const Expr cosine = cast(type, angles.cosine), sine = cast(type, angles.sine);
    const Expr first = x(half(0)), second = x(half(1));
    return select(index(half) == 0, first * cosine - second * sine, first * sine + second * cosine);
}

Kernel sliding_window_attention(const Params& params) {
    const std::int64_t window = params.integer("window", 256);
    const bool is_causal = params.flag("causal", false);
    Dim batch("batch"), head("head"), i("i"), j("j"), d("d"), e("e"),
        tap("tap", is_causal ? window + 1 : 2 * window + 1);
    Input q("q", f32, {batch, head, i, d}), k("k", f32, {batch, head, j, d}), v("v", f32, {batch, head, j, e});
    Tensor result("result");
    result(batch, head, i, e) = sliding_window_attention(q, k, v, {i, j, tap, d}, window);
    return Kernel("sliding_window_attention", {result},
                  estimates({{batch, 1}, {head, 12}, {i, 4096}, {j, 4096}, {d, 64}, {e, 64}}));
}

Kernel neighbourhood_attention(const Params& params) {
    const std::int64_t window = params.integer("window", 7);
    Dim batch("batch"), head("head"), y("y"), x("x"), jy("jy"), jx("jx"), d("d"), e("e");
    Dim ty("ty", window), tx("tx", window);
    Input q("q", f32, {batch, y, x, head, d}), k("k", f32, {batch, jy, jx, head, d}),
        v("v", f32, {batch, jy, jx, head, e});
    Tensor result("result");
    result(batch, y, x, head, e) = neighbourhood_attention(q, k, v, {{jy, y, ty}, {jx, x, tx}}, d);
    return Kernel("neighbourhood_attention", {result},
                  estimates({{batch, 1}, {head, 4}, {y, 56}, {x, 56}, {jy, 56}, {jx, 56}, {d, 32}, {e, 32}}));
}

Kernel rope() {
    Dim batch("batch"), i("i"), head("head"), half("half", 2), pair("pair");
    Input x("x", f32, {batch, i, head, half, pair}), position("position", i32, {batch, i});
    Tensor result("result");
    result(batch, i, head, half, pair) = rope(x, rotation(position, pair), half);
    return Kernel("rope", {result}, estimates({{batch, 1}, {i, 2048}, {head, 12}, {pair, 32}}));
}

Kernel rope_attention() {
    Dim batch("batch"), i("i"), j("j"), head("head"), half("half", 2), pair("pair"), e("e");
    Input q("q", f32, {batch, i, head, half, pair}), k("k", f32, {batch, j, head, half, pair}),
        v("v", f32, {batch, j, head, e});
    Tensor rotated_q("rotated_q"), rotated_k("rotated_k"), result("result");
    rotated_q = rope(q, rotation(i, pair), half);
    rotated_k = rope(k, rotation(j, pair), half);
    result(batch, i, head, e) =
        attention(rotated_q, rotated_k, v, {i, j, {half, pair}}, {.mask = Mask::causal, .scale = {}, .bias = {}});
    return Kernel("rope_attention", {result},
                  estimates({{batch, 1}, {i, 2048}, {j, 2048}, {head, 12}, {pair, 32}, {e, 64}}));
}

} // namespace coulter::models
