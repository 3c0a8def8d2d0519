#include "models/soft_dtw.hpp"

#include "models/arguments.hpp"

namespace coulter::models {

Tensor soft_dtw(const Arg& cost, const Dim& first, const Dim& second, const Arg& gamma) {
    Function f("soft_dtw", {cost, gamma});
    require_dim(f, cost, "the cost", first);
    require_dim(f, cost, "the cost", second);
    f.require(first.name() != second.name(), "both sequences run along the same dim", "give each its own");
    const Type type = cost.type().value_or(f32);
    const Expr starts = index(first) == 0 && index(second) == 0;
    Tensor best("best");
    best = scan({first, second}, {infinity(type)}, {cost, starts, cast(type, gamma)},
                [&](const Tuple& before, const Tuple& pair) {
                    const Expr both = before[0](first(first - 1), second(second - 1));
                    const Expr one = before[0](first(first - 1));
                    const Expr other = before[0](second(second - 1));
                    const Expr least = stop_gradient(min(both, min(one, other)));
                    const Expr width = pair[2];
                    // An infinity has no share, and no derivative by the width either.
                    const auto share = [&](const Expr& state) {
                        return select(is_finite(state), exp((least - state) / width), 0);
                    };
                    const Expr total = share(both) + share(one) + share(other);
                    // Of nothing but infinities the soft minimum is one too, and has no derivative.
                    const Expr soft = select(is_finite(least), least - width * log(total), least);
                    return Tuple{pair[0] + select(pair[1], 0, soft)};
                });
    return Expr(padded(best, infinity(type))(first(extent(first) - 1), second(extent(second) - 1)));
}

Kernel soft_dtw() {
    Dim batch("batch"), i("i"), j("j");
    Input cost("cost", f32, {batch, i, j}), gamma("gamma", f32);
    Tensor result("result");
    result(batch) = soft_dtw(cost, i, j, gamma);
    return Kernel("soft_dtw", {result}, estimates({{batch, 64}, {i, 512}, {j, 512}}));
}

} // namespace coulter::models
