#include "models/matmul.hpp"

namespace coulter::models {

Tensor matmul(const Arg& a, const Arg& b, const Dims& over) {
    Function f("matmul", {a, b});
    return sum(over, a * b);
}

Kernel matmul() {
    Dim i("i"), j("j"), k("k");
    Input a("a", f32, {i, k});
    Input b("b", f32, {k, j});
    Tensor c("c");
    c(i, j) = matmul(a, b, {k});
    return Kernel("matmul", {c}, estimates({{i, 1024}, {j, 1024}, {k, 1024}}));
}

} // namespace coulter::models
