#include "models/reductions.hpp"

namespace coulter::models {

Kernel reductions() {
    Dim i("i"), j("j");
    Input x("x", f32, {i, j});
    Tensor total("sum"), times("product"), lowest("min"), highest("max"), lowest_at("argmin"), highest_at("argmax");
    Tensor log_total("logsumexp"), average("mean"), spread("variance");
    total(i) = sum({j}, x);
    times(i) = product({j}, x);
    lowest(i) = min({j}, x);
    highest(i) = max({j}, x);
    lowest_at(i) = argmin({j}, x).index();
    highest_at(i) = argmax({j}, x).index();
    log_total(i) = logsumexp({j}, x);
    average(i) = mean({j}, x);
    spread(i) = variance({j}, x);
    return Kernel("reductions", {total, times, lowest, highest, lowest_at, highest_at, log_total, average, spread},
                  estimates({{i, 1024}, {j, 1024}}));
}

} // namespace coulter::models
