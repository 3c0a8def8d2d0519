#include "text_support.hpp"

#include <doctest/doctest.h>

namespace coulter::test {

std::string rejection(const std::string& text, const std::string& const_file) {
    std::string all;
    for (const Diagnostic& diagnostic : parse(text, "k.coulter", const_file).diagnostics) {
        all += render(diagnostic, text);
    }
    return all;
}

ir::Kernel parsed(const std::string& text) {
    ParseResult result = parse(text, "k.coulter");
    for (const Diagnostic& diagnostic : result.diagnostics) {
        MESSAGE(render(diagnostic, text));
    }
    REQUIRE(result.kernel.has_value());
    return std::move(*result.kernel);
}

const std::string& sampler() {
    static const std::string text = R"(coulter 1
kernel sampler.grad

dim batch
dim n
dim iy
dim y = (extent(iy) - 3) / 2 + 1
dim ky = 3
dim bin = 4
dim `exp` = 2
dim even = (2)

input pose: f32[batch, iy, n]
input weight: f32[ky, n] frozen
input ids: i32[n]
input alpha: f64
input `exp`: f32[`exp`]
input left: bool[n]

const table: f32[bin] = {0x1p+0, nan, -inf, nan(0x7fc00001)}
const flags: bool[ky] = {true, false, true}
const one: i8 = {-128}
const wide: u64[`exp`] = {18446744073709551615, 0}

votes: f32[batch, y, n] =
    sum {ky} pose(iy = 2 * y + ky) * weight

em.mu[1]: f32[batch] =
    max {iy, n where n <= iy && left} -pose

best: (i32, f32)[batch] =
    argmax {n} em.mu[1] * table(bin = index(ids) % extent(bin))

cum: f64[n] =
    scan {n} reversed exclusive alpha * f64(ids)
    identity 0.0_f64
    combine left.0 * 0.5_f64 + right.0

pair: (f32, f32)[y] =
    let $0 = exp(padded(pose(batch = 0, iy = y - 1, n = y + ky - 2), 0.1));
    reduce {ky where $0 > 0.0} ($0 * $0, 1.0)
    identity (-inf, 0.0)
    combine (max(left.0, right.0), left.1 + right.1)

hist: f32[bin] =
    sum {n} into (bin = index(clamped(ids(n = n + 1))) % extent(bin)) 1.0

left.t: f32[y] =
    let $0 = sin(pair.0);
    $0 * $0 - f32(best.0(batch = 0))

many: (bool, u8, bf16, i64)[n] =
    (is_nan(f32(cum)), ~4_u8 | 1_u8 << 3_u8, -1.5_bf16, -(3_i64) / -9223372036854775808_i64)

w_new: f32[ky, n] =
    select(left, weight, -(0.0) + `exp`(`exp` = ky % 2))

output votes
output cum
output w_new

update weight -> w_new

group votes.softmax = softmax(pose, weight) -> (votes) macros "softmax.sched"
group mean[1] = mean(pose) -> ()

estimate batch = 64, iy = 15
)";
    return text;
}

} // namespace coulter::test
