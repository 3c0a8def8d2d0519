#include "models/scans.hpp"

namespace coulter::models {

Tensor cumulative_sum(const Arg& x, const Dim& over, const ScanOption& a, const ScanOption& b) {
    Function f("cumulative_sum", {x});
    return cumsum(over, x, a, b);
}

Tensor linear_recurrence(const Arg& gate, const Arg& x, const Dim& over, ScanDirection direction) {
    Function f("linear_recurrence", {gate, x});
    Tensor states("states");
    states = scan(
        over, {1, 0}, {gate, x},
        [](const Tuple& before, const Tuple& step) {
            return Tuple{before[0] * step[0], step[0] * before[1] + step[1]};
        },
        direction, associative);
    return states[1];
}

Kernel cumulative_sums() {
    Dim row("row"), col("col");
    Input x("x", f32, {row, col});
    Tensor prefix("prefix"), suffix("suffix");
    prefix(row, col) = cumulative_sum(x, col);
    suffix(row, col) = cumulative_sum(x, col, exclusive, reversed);
    return Kernel("cumulative_sums", {prefix, suffix}, estimates({{row, 1024}, {col, 4096}}));
}

Kernel gated_recurrence() {
    Dim batch("batch"), time("time"), channel("channel");
    Input gate("gate", f32, {batch, time, channel});
    Input x("x", f32, {batch, time, channel});
    Tensor h("h");
    h(batch, time, channel) = linear_recurrence(gate, x, time);
    return Kernel("gated_recurrence", {h}, estimates({{batch, 8}, {time, 1024}, {channel, 768}}));
}

} // namespace coulter::models
