#include "models/softmax.hpp"

namespace coulter::models {

Tensor softmax(const Arg& x, const Dim& over) {
    Function f("softmax", {x});
    Tensor highest("max"), e("exp"), total("sum"), scale("scale");
    highest = max({over}, x);
    e = exp(x - stop_gradient(highest)); // any shift gives the same result
    total = sum({over}, e);
    scale = 1.0 / total;
    return e * scale;
}

Kernel softmax() {
    Dim row("row"), col("col");
    Input x("x", f32, {row, col});
    Tensor result("result");
    result(row, col) = softmax(x, col);
    return Kernel("softmax", {result}, estimates({{row, 4096}, {col, 1024}}));
}

} // namespace coulter::models
