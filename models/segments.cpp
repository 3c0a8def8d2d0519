#include "models/segments.hpp"

namespace coulter::models {

Tensor segment_sum(const Arg& x, const Dim& over, const Input& first, const Dim& edge, const Dim& segment) {
    Function f("segment_sum", {x, first});
    const Expr begin = index(first(edge(segment)));
    const Expr end = index(first(edge(segment + 1)));
    return sum({over}, x, where(begin <= over && over < end));
}

Tensor scatter_sum(const Arg& x, const Dim& over, const Arg& label, const Dim& segment, Meeting meeting) {
    Function f("scatter_sum", {x, label});
    const Expr place = index(label);
    const Expr inside = clamp(place, 0, extent(segment) - 1);
    return sum({over}, x, where(place == inside), into(segment(inside), meeting));
}

Kernel segment_sums() {
    Dim i("i"), col("col"), edge("edge"), segment("segment", max(extent(edge) - 1, 0));
    Input x("x", f32, {i, col});
    Input first("first", i32, {edge});
    Tensor sums("sums");
    sums(segment, col) = segment_sum(x, i, first, edge, segment);
    return Kernel("segment_sums", {sums}, estimates({{i, 100000}, {col, 64}, {edge, 10001}}));
}

Kernel scatter_sums() {
    Dim i("i"), col("col"), segment("segment");
    Input x("x", f32, {i, col});
    Input label("label", i32, {i});
    Input start("start", f32, {segment, col});
    Tensor added("added"), sums("sums");
    added(segment, col) = scatter_sum(x, i, label, segment);
    sums(segment, col) = added + start;
    return Kernel("scatter_sums", {sums}, estimates({{i, 100000}, {col, 64}, {segment, 10000}}));
}

} // namespace coulter::models
