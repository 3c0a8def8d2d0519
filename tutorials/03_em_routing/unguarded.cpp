// The sum over the parents of a child, with the mistake of thinking that `where` makes an index legal. It says which
// elements are summed; what the others read has to lie inside the tensor too.

#include "kernels.hpp"

using namespace coulter;

namespace lesson {

Kernel unguarded() {
    Dim y("y"), iy("iy"), out("out"), ky("ky", 3), py("py", 2);
    Input density("density", f32, {y, ky, out}), active("activation", f32, {iy});
    Tensor types("types"), total("total");
    types = sum({out}, density);

    const Expr parent = iy / 2 - py, tap = iy % 2 + 2 * py;
    const ReduceOption exists = where(parent >= 0 && parent < extent(y) && tap < extent(ky));
    total = active / sum({py}, types(y(parent), ky(tap)), exists);
    return Kernel("unguarded", {total});
}

} // namespace lesson
