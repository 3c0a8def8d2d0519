#include "models/layer_norm.hpp"

namespace coulter::models {

Tensor layer_norm(const Arg& x, const Arg& gamma, const Arg& beta, const Dim& over, double epsilon) {
    Function f("layer_norm", {x, gamma, beta});
    const Expr n = cast(x.type().value_or(f32), extent(over));
    Tensor total("sum"), average("mean"), squares("squares"), scale("scale");
    total = sum({over}, x);
    average = total / n;
    const Expr centred = x - average;
    squares = sum({over}, centred * centred);
    scale = rsqrt(squares / n + epsilon);
    return centred * scale * gamma + beta;
}

Kernel layer_norm() {
    Dim row("row"), col("col");
    Input x("x", f32, {row, col});
    Input gamma("gamma", f32, {col});
    Input beta("beta", f32, {col});
    Tensor result("result");
    result(row, col) = layer_norm(x, gamma, beta, col);
    return Kernel("layer_norm", {result}, estimates({{row, 4096}, {col, 1024}}));
}

} // namespace coulter::models
