#include "models/topk.hpp"

#include <optional>
#include <vector>

namespace coulter::models {

TopK topk(const Arg& x, const Dim& over, const Dim& slot, int count) {
    Function f("topk", {x});
    std::vector<Expr> values, indices;
    for (int k = 0; k < count; ++k) {
        Tensor best("best");
        if (k == 0) {
            best = argmax({over}, x).both();
        } else {
            std::optional<Expr> left;
            for (const Expr& at : indices) {
                left = left ? *left && i32(over) != at : i32(over) != at;
            }
            best = argmax({over}, x, where(*left)).both();
        }
        indices.push_back(best[0]);
        values.push_back(best[1]);
    }
    Expr value = values.back(), at = indices.back();
    for (int k = count - 2; k >= 0; --k) {
        value = select(index(slot) == k, values[static_cast<std::size_t>(k)], value);
        at = select(index(slot) == k, indices[static_cast<std::size_t>(k)], at);
    }
    Tensor all("values"), places("indices");
    all = value;
    places = at;
    return {all, places};
}

Kernel topk() {
    Dim row("row"), col("col"), slot("slot", 4);
    Input x("x", f32, {row, col});
    const TopK best = topk(x, col, slot, 4);
    Tensor values("values"), indices("indices");
    values(row, slot) = best.values;
    indices(row, slot) = best.indices;
    return Kernel("topk", {values, indices}, estimates({{row, 1024}, {col, 1024}}));
}

} // namespace coulter::models
