#include "models/capsule_layers.hpp"

#include "models/em_routing.hpp"

namespace coulter::test {
namespace {

using namespace coulter::models;

Kernel conv_layer(const std::string& name, std::int64_t size, std::int64_t stride, const EmOptions& options) {
    Dim batch("batch"), y("y"), x("x"), iy("iy"), ix("ix"), in("in"), out("out");
    Dim ky("ky", size), kx("kx", size), row("row", 4), col("col", 4), k("k", 4);
    Dim py("py", most_parents(ky, stride)), px("px", most_parents(kx, stride));
    Input pose("pose", f32, {batch, iy, ix, in, row, k}), activation("activation", f32, {batch, iy, ix, in});
    Input weight("weight", f32, {ky, kx, in, out, k, col});
    Input beta_u("beta_u", f32, {out}), beta_a("beta_a", f32, {out});
    Tensor votes("votes"), pose_out("pose_out"), activation_out("activation_out");
    votes = conv_capsule_votes(pose, weight, {iy, y, ky}, {ix, x, kx}, k, stride);
    const CapsuleLayer layer{{{{iy, y, ky}, py}, {{ix, x, kx}, px}}, stride, {in}, out, {row, col}};
    const Capsules parents = em_routing(votes, activation, beta_u, beta_a, layer, options);
    pose_out(batch, y, x, out, row, col) = parents.pose;
    activation_out(batch, y, x, out) = parents.activation;
    return Kernel(name, {pose_out, activation_out}, estimates({{batch, 1}, {iy, 8}, {ix, 8}, {in, 4}, {out, 8}}));
}

Kernel class_layer() {
    Dim batch("batch"), y("y"), x("x"), in("in"), out("out"), row("row", 4), col("col", 4), k("k", 4);
    Input pose("pose", f32, {batch, y, x, in, row, k}), activation("activation", f32, {batch, y, x, in});
    Input weight("weight", f32, {in, out, k, col});
    Input beta_u("beta_u", f32, {out}), beta_a("beta_a", f32, {out});
    Tensor votes("votes"), placed("placed"), pose_out("pose_out"), activation_out("activation_out");
    votes = capsule_votes(pose, weight, k);
    placed = coordinate_addition(votes, {y, 0.125, 0.25}, {x, 0.1, 0.2}, row, col);
    const CapsuleLayer layer{{}, 1, {y, x, in}, out, {row, col}};
    const Capsules classes = em_routing(placed, activation, beta_u, beta_a, layer,
                                        {.iterations = 2, .final_lambda = 0.02, .scale_cost = 0.5});
    pose_out(batch, out, row, col) = classes.pose;
    activation_out(batch, out) = classes.activation;
    return Kernel("capsules_class", {pose_out, activation_out},
                  estimates({{batch, 1}, {y, 4}, {x, 4}, {in, 4}, {out, 10}}));
}

} // namespace

const std::vector<KernelFactory>& capsule_layers() {
    static const std::vector<KernelFactory> list{
        {"capsules_stride1", [] { return conv_layer("capsules_stride1", 3, 1, {.variance = VariancePasses::two}); }},
        {"capsules_one_tap", [] { return conv_layer("capsules_one_tap", 1, 1, {}); }},
        {"capsules_gaps", [] { return conv_layer("capsules_gaps", 2, 3, {}); }},
        {"capsules_class", class_layer}};
    return list;
}

} // namespace coulter::test
