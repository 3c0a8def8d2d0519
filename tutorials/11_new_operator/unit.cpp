// The algorithm of the eleventh lesson: an operator that no library has under this name, with its own gradient and its
// own schedule.

#include <coulter/coulter.h>

using namespace coulter;

// Vectors of length 1. With s the sum of squares and y = x / sqrt(s), the derivative of y along a change of x is what
// of that change is at right angles to y, divided by the length:
//
//     d.x = (d.y - y * sum(d.y * y)) / sqrt(s)
//
// What the compiler derives by itself is the same number, by way of s: it multiplies by x and divides by s * sqrt(s),
// which overflows for vectors of length 1e13. The rule uses the result instead (`r.output`), whose elements are at
// most 1.
Tensor unit(const Arg& x, const Dim& over) {
    Function f("unit", {x});
    f.macros("unit.sched"); // beside this file; it becomes part of the kernel
    Tensor squares("squares"), inverse("inverse");
    squares = sum({over}, x * x);
    inverse = 1 / sqrt(squares);
    const Tensor result = x * inverse;
    return f.with_vjp(result, [&](const Function::Rule& r) {
        const Expr x2 = r.inputs[0];
        const Expr along = sum({over}, r.cotangent * r.output);
        return std::vector<Expr>{(r.cotangent - r.output * along) / sqrt(sum({over}, x2 * x2))};
    });
}

Kernel directions() {
    Dim row("row"), k("k");
    Input x("x", f32, {row, k});
    Tensor direction("direction");
    direction(row, k) = unit(x, k);
    return Kernel("directions", {direction}, estimates({{row, 4096}, {k, 256}}));
}

int main(int argc, char** argv) {
    return generate(argc, argv, {{"directions", directions}});
}
