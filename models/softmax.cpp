#include "models/softmax.hpp"

#include "models/arguments.hpp"

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

Tensor log_softmax(const Arg& x, const Dim& over) {
    Function f("log_softmax", {x});
    require_dim(f, x, "the tensor", over);
    Tensor highest("max"), total("sum"), shift("shift");
    highest = max({over}, x);
    total = sum({over}, exp(x - highest));
    shift = highest + log(total);
    return x - shift;
}

namespace {

Kernel over_columns(const std::string& name, Tensor (*function)(const Arg&, const Dim&)) {
    Dim row("row"), col("col");
    Input x("x", f32, {row, col});
    Tensor result("result");
    result(row, col) = function(x, col);
    return Kernel(name, {result}, estimates({{row, 4096}, {col, 1024}}));
}

} // namespace

Kernel softmax() {
    return over_columns("softmax", softmax);
}
Kernel log_softmax() {
    return over_columns("log_softmax", log_softmax);
}

} // namespace coulter::models
