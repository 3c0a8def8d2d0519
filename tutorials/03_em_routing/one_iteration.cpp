// One iteration of EM routing, line by line from the formula.
//
// Capsules of a layer, the children, each have a pose (a matrix of 4 x 4) and an activation (how sure they are of it).
// Each child votes for the pose of each parent in the layer above, and parents are clusters of votes that agree. Which
// child belongs to which parent is found by expectation maximisation with one Gaussian for each parent. G. Hinton,
// S. Sabour and N. Frosst, Matrix Capsules with EM Routing, ICLR 2018, have it as Procedure 1. For children i, parents
// j and the 16 elements h of a pose:
//
//     R_ij = 1 / (number of parents of i)
//     repeat
//         M-step, for each parent j:
//             R_ij        = R_ij * a_i                                            (over all children i of j)
//             mu_j^h      = sum_i R_ij V_ij^h / sum_i R_ij
//             sigma_j^h^2 = sum_i R_ij (V_ij^h - mu_j^h)^2 / sum_i R_ij
//             cost^h      = (beta_u + log sigma_j^h) * sum_i R_ij
//             a_j         = logistic(lambda * (beta_a - sum_h cost^h))
//         E-step, for each child i:
//             p_j         = exp(-sum_h (V_ij^h - mu_j^h)^2 / (2 sigma_j^h^2)) / sqrt(product_h 2 pi sigma_j^h^2)
//             R_ij        = a_j p_j / sum_j a_j p_j                               (over all parents j of i)
//
// In a convolutional layer a parent sees the children under its window. Here that is 3 x 3 positions, and the windows
// are 2 apart.

#include "kernels.hpp"

using namespace coulter;

namespace {

Kernel iteration(const std::string& name, bool per_position) {
    // DIMS. A parent is a position y, x and a type `out`. Its children are told apart by the tap of the window, ky and
    // kx, and a type `in`: these three are the index i of the formula. The index h is row and col. Sums over i will be
    // sums over {ky, kx, in}: as in torch.einsum, but for names in place of letters, and nothing has to be permuted,
    // reshaped or expanded before it fits.
    Dim batch("batch"), y("y"), x("x"), iy("iy"), ix("ix"), in("in"), out("out");
    Dim ky("ky", 3), kx("kx", 3), row("row", 4), col("col", 4), k("k", 4);

    Input pose("pose", f32, {batch, iy, ix, in, row, k});
    Input active("activation", f32, {batch, iy, ix, in});
    Input weight("weight", f32, {ky, kx, in, out, k, col});
    Input beta_u("beta_u", f32, {out}), beta_a("beta_a", f32, {out});
    weight.frozen();
    const double lambda = 0.01 * (1 - 0.95); // the authors' inverse temperature in their first iteration

    // VOTES, V_ij: the pose of the child times the matrix of this pair. The child under tap ky of the window at y is at
    // 2 * y + ky: a window is an index expression. PyTorch has `unfold` for it, which copies each child once for each
    // window that it is in.
    Tensor votes("votes");
    votes(batch, y, x, ky, kx, in, out, row, col) = sum({k}, pose(iy(2 * y + ky), ix(2 * x + kx)) * weight);

    // PARENTS OF A CHILD. They are at all positions whose window the child is under, and of all types. With windows of
    // 3 that are 2 apart, a child has up to 2 such positions along an axis. Number them py: one is iy / 2 - py, and the
    // child is under its tap iy % 2 + 2 * py, if there is that position and that tap.
    Dim py("py", 2), px("px", 2);
    const Expr parent_y = iy / 2 - py, tap_y = iy % 2 + 2 * py;
    const Expr parent_x = ix / 2 - px, tap_x = ix % 2 + 2 * px;
    const Expr exists = parent_y >= 0 && parent_y < extent(y) && tap_y < extent(ky) && //
                        parent_x >= 0 && parent_x < extent(x) && tap_x < extent(kx);

    // FIRST ASSIGNMENT. The number of parents is not the number of types: it is less at the borders, where fewer
    // windows reach. So they are counted. A child that no window reaches has none, and its quotient is read by nobody.
    //
    // R already has the factor a_i here. Procedure 1 multiplies by it at the beginning of the M-step; and as every
    // iteration begins so, what an E-step returns might as well have it.
    Tensor positions("positions"), share("share"), first("first");
    positions = sum({py, px}, f32(1), where(exists));
    share = active / (positions * f32(extent(out)));
    first(batch, y, x, ky, kx, in) = share(iy(2 * y + ky), ix(2 * x + kx));

    // M-STEP. As written, with three changes that numbers of finite size ask for. `mass` may be 0 where all children
    // are off, so it has a small addend where it divides. The variance is kept, and not its root: log sigma is half of
    // log variance, and nobody needs sigma itself (whose gradient at 0 would be infinite). A parent with one child, or
    // with votes that agree, has the variance 0, whose logarithm is none; hence the other addend.
    Tensor mass("mass"), mean("mean"), variance("variance"), cost("cost"), logit("logit");
    mass = sum({ky, kx, in}, first);
    mean = sum({ky, kx, in}, first * votes) / (mass + 1e-7);
    const Expr d = votes - mean;
    variance = sum({ky, kx, in}, first * d * d) / (mass + 1e-7) + 1e-4;
    cost = mass * (0.5 * log(variance) + beta_u);
    logit = lambda * (beta_a - sum({row, col}, cost));

    // E-STEP, in logarithms: a product of 16 densities leaves the range of f32 at once. log a_j is written such that it
    // neither overflows nor loses small activations. The factor 2 pi is the same for all parents and goes away in the
    // quotient.
    Tensor log_active("log_active"), logits("logits");
    log_active = min(logit, 0) - log1p(exp(-abs(logit)));
    const Expr distance = sum({row, col}, d * d / variance);
    logits = log_active - 0.5 * sum({row, col}, log(variance)) - 0.5 * distance;

    // R = softmax over all parents of a child. The largest is taken off first, so that one of them has the density 1:
    // no density overflows, and the sum is never 0. Of the types at one position the largest is a plain `max`. Over the
    // positions it is a gather: for each child, `best` at the positions and taps found above. `where` leaves out those
    // that do not exist, and `clamped` says that what is left out may be read anywhere.
    const auto of_parents = [&](const Tensor& t) { return clamped(t)(y(parent_y), ky(tap_y), x(parent_x), kx(tap_x)); };
    const auto at_child = [&](const Tensor& t) { return t(iy(2 * y + ky), ix(2 * x + kx)); };
    Tensor best("best"), highest("highest"), density("density"), types("types"), total("total");
    best = max({out}, logits);
    highest = max({py, px}, of_parents(best), where(exists));
    density = exp(logits - at_child(highest));
    types = sum({out}, density);
    total = sum({py, px}, of_parents(types), where(exists));

    Tensor given("given"), assignment("assignment");
    given = active / total; // a_i is back in R, as said above
    if (!per_position) {
        assignment(batch, y, x, ky, kx, in, out) = density * at_child(given);
    } else {
        // A MISTAKE that programs often have: softmax over `out` alone. Then parents compete with those at their own
        // position only, and a child under four windows is given away four times. It is shorter, it is legal, and it is
        // wrong. The lesson shows what finds it.
        const Expr p = exp(logits - best);
        assignment(batch, y, x, ky, kx, in, out) = at_child(active) * p / sum({out}, p);
    }

    Tensor pose_out("pose_out"), active_out("activation_out");
    pose_out(batch, y, x, out, row, col) = mean;
    active_out(batch, y, x, out) = sigmoid(logit);
    return Kernel(name, {pose_out, active_out, assignment},
                  estimates({{batch, 8}, {iy, 14}, {ix, 14}, {in, 16}, {out, 16}}));
}

} // namespace

namespace lesson {

Kernel one_iteration() {
    return iteration("one_iteration", false);
}
Kernel per_position() {
    return iteration("per_position", true);
}

} // namespace lesson
