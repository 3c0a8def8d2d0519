#include <coulter/coulter.h>
using namespace coulter;

Kernel matvec() {
    Dim row("row"), col("col");
    Input a("a", f32, {row, col});
    Input x("x", f32, {col});
    Tensor y("y");
    y(row) = sum({col}, a() * x());
    return Kernel("matvec", {y}, estimates({{row, 64}, {col, 64}}));
}

int main(int argc, char** argv) { return generate(argc, argv, {{"matvec", matvec}}); }
