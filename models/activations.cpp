#include "models/activations.hpp"

#include <numbers>

namespace coulter::models {

Tensor relu(const Arg& x) {
    Function f("relu", {x});
    // Not max(x, 0), whose derivative is shared between the two where x is 0. NaN is not below 0, and stays.
    return select(x <= 0, 0, x);
}

Tensor gelu(const Arg& x) {
    Function f("gelu", {x});
    return 0.5 * x * (1 + erf(x * (1 / std::numbers::sqrt2)));
}

Tensor gelu_tanh(const Arg& x) {
    Function f("gelu_tanh", {x});
    const double c = std::numbers::sqrt2 * std::numbers::inv_sqrtpi; // sqrt(2 / pi)
    return 0.5 * x * (1 + tanh(c * (x + 0.044715 * (x * x * x))));
}

Tensor log_sigmoid(const Arg& x) {
    Function f("log_sigmoid", {x});
    return min(x, 0) - log1p(exp(-abs(x)));
}

Tensor silu(const Arg& x) {
    Function f("silu", {x});
    return x * sigmoid(x);
}

namespace {

Kernel elementwise(const std::string& name, Tensor (*function)(const Arg&)) {
    Dim n("n");
    Input x("x", f32, {n});
    Tensor result("result");
    result(n) = function(x);
    return Kernel(name, {result}, estimates({{n, 1 << 22}}));
}

} // namespace

Kernel gelu() {
    return elementwise("gelu", gelu);
}
Kernel gelu_tanh() {
    return elementwise("gelu_tanh", gelu_tanh);
}
Kernel silu() {
    return elementwise("silu", silu);
}

} // namespace coulter::models
