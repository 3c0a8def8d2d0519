// Three iterations, by the lesson's function and by the library's.

#include "kernels.hpp"

#include "models/em_routing.hpp"
#include "routing.hpp"

using namespace coulter;

namespace lesson {

Kernel routing() {
    return routing_kernel("routing", Layer(), {});
}

// models/em_routing.hpp takes any windows, any dims that tell children apart, and layers where every parent sees every
// child, so it has to be told. Its E-step is the one of the lesson. Its M-step may sum the mean and the variance in one
// pass over the votes, which is what it does unless it is asked for two.
Kernel shipped() {
    const Layer l;
    Input pose("pose", f32, {l.batch, l.iy, l.ix, l.in, l.row, l.k});
    Input active("activation", f32, {l.batch, l.iy, l.ix, l.in});
    Input weight("weight", f32, {l.ky, l.kx, l.in, l.out, l.k, l.col});
    Input beta_u("beta_u", f32, {l.out}), beta_a("beta_a", f32, {l.out});
    Tensor votes("votes"), pose_out("pose_out"), active_out("activation_out");
    votes = models::conv_capsule_votes(pose, weight, {l.iy, l.y, l.ky}, {l.ix, l.x, l.kx}, l.k, 2);
    const models::CapsuleLayer layer{
        {{{l.iy, l.y, l.ky}, l.py}, {{l.ix, l.x, l.kx}, l.px}}, 2, {l.in}, l.out, {l.row, l.col}};
    const models::Capsules parents = models::em_routing(votes, active, beta_u, beta_a, layer);
    pose_out(l.batch, l.y, l.x, l.out, l.row, l.col) = parents.pose;
    active_out(l.batch, l.y, l.x, l.out) = parents.activation;
    return Kernel("shipped", {pose_out, active_out});
}

} // namespace lesson
