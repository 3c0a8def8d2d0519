#include "models/hinton_capsules.hpp"

#include "models/activations.hpp"
#include "models/convolution.hpp"

namespace coulter::models {
namespace {

/// 100 units of a child, shared by as many parents as there are for each child on average.
constexpr double cost_scale(double parents, double children) {
    return 100 * parents / children;
}

} // namespace

Capsules hinton_layers(const Arg& image, const HintonOptions& options) {
    const Type type = options.type;
    Dim batch("batch"), channel("channel", 2), feature("feature", 64), category("category", 5);
    Dim y("y", 32), x("x", 32), y14("y14", 14), x14("x14", 14), y6("y6", 6), x6("x6", 6), y4("y4", 4), x4("x4", 4);
    Dim ky("ky", 5), kx("kx", 5), cy("cy", 3), cx("cx", 3), row("row", 4), col("col", 4), k("k", 4);
    Dim primary("primary", 8), capsule1("capsule1", 16), capsule2("capsule2", 16);
    Dim py1("py1", most_parents(cy, 2)), px1("px1", most_parents(cx, 2));
    Dim py2("py2", most_parents(cy, 1)), px2("px2", most_parents(cx, 1));

    Input conv_weight("conv_weight", type, {ky, kx, channel, feature}), conv_bias("conv_bias", type, {feature});
    Input primary_pose_weight("primary_pose_weight", type, {feature, primary, row, k});
    Input primary_pose_bias("primary_pose_bias", type, {primary, row, k});
    Input primary_activation_weight("primary_activation_weight", type, {feature, primary});
    Input primary_activation_bias("primary_activation_bias", type, {primary});
    Input capsules1_weight("capsules1_weight", type, {cy, cx, primary, capsule1, k, col});
    Input capsules1_beta_u("capsules1_beta_u", type, {capsule1}),
        capsules1_beta_a("capsules1_beta_a", type, {capsule1});
    Input capsules2_weight("capsules2_weight", type, {cy, cx, capsule1, capsule2, k, col});
    Input capsules2_beta_u("capsules2_beta_u", type, {capsule2}),
        capsules2_beta_a("capsules2_beta_a", type, {capsule2});
    Input class_weight("class_weight", type, {capsule2, category, k, col});
    Input class_beta_u("class_beta_u", type, {category}), class_beta_a("class_beta_a", type, {category});
    if (options.frozen) {
        for (Input* parameter :
             {&conv_weight, &conv_bias, &primary_pose_weight, &primary_pose_bias, &primary_activation_weight,
              &primary_activation_bias, &capsules1_weight, &capsules1_beta_u, &capsules1_beta_a, &capsules2_weight,
              &capsules2_beta_u, &capsules2_beta_a, &class_weight, &class_beta_u, &class_beta_a}) {
            parameter->frozen();
        }
    }
    const auto in_units = [&](const Input& beta_a) {
        return options.beta_a_unit == 1 ? Expr(beta_a) : beta_a * options.beta_a_unit;
    };

    Tensor sums("sums"), features("features"), pose0("pose0"), active0("active0");
    sums = convolution(image, conv_weight, {y, y14, ky}, {x, x14, kx}, {channel}, {.stride = 2});
    features = relu(sums + conv_bias);
    const Capsules primaries = primary_capsules(features, {primary_pose_weight, primary_pose_bias},
                                                {primary_activation_weight, primary_activation_bias}, feature);
    pose0 = primaries.pose;
    active0 = primaries.activation;

    // The columns of a layer's poses are what the next layer's weights are multiplied with.
    Tensor votes1("votes1"), pose1("pose1"), active1("active1"), matrix1("matrix1");
    votes1(batch, y6, x6, cy, cx, primary, row, col, capsule1) =
        conv_capsule_votes(pose0, capsules1_weight, {y14, y6, cy}, {x14, x6, cx}, k, 2);
    const CapsuleLayer layer1{{{{y14, y6, cy}, py1}, {{x14, x6, cx}, px1}}, 2, {primary}, capsule1, {row, col}};
    const Capsules capsules1 =
        em_routing(votes1, active0, capsules1_beta_u, in_units(capsules1_beta_a), layer1,
                   {.scale_cost = cost_scale(6 * 6 * 16, 14 * 14 * 8), .variance = VariancePasses::two});
    pose1 = capsules1.pose;
    active1 = capsules1.activation;
    matrix1 = pose1(col(k));

    Tensor votes2("votes2"), pose2("pose2"), active2("active2"), matrix2("matrix2");
    votes2(batch, y4, x4, cy, cx, capsule1, row, col, capsule2) =
        conv_capsule_votes(matrix1, capsules2_weight, {y6, y4, cy}, {x6, x4, cx}, k, 1);
    const CapsuleLayer layer2{{{{y6, y4, cy}, py2}, {{x6, x4, cx}, px2}}, 1, {capsule1}, capsule2, {row, col}};
    const Capsules capsules2 =
        em_routing(votes2, active1, capsules2_beta_u, in_units(capsules2_beta_a), layer2,
                   {.scale_cost = cost_scale(4 * 4 * 16, 6 * 6 * 16), .variance = VariancePasses::two});
    pose2 = capsules2.pose;
    active2 = capsules2.activation;
    matrix2 = pose2(col(k));

    // The centre of the 17x17 pixels that a capsule sees, 4 pixels apart, in heights of the image.
    const FieldCentres rows{y4, 8.5 / 32, 4.0 / 32};
    const FieldCentres columns{x4, 8.5 / 32, 4.0 / 32};
    Tensor turned("turned"), class_votes("class_votes");
    turned = capsule_votes(matrix2, class_weight, k);
    class_votes(batch, y4, x4, capsule2, row, col, category) = coordinate_addition(turned, rows, columns, row, col);
    return em_routing(class_votes, active2, class_beta_u, in_units(class_beta_a),
                      {{}, 1, {y4, x4, capsule2}, category, {row, col}},
                      {.scale_cost = cost_scale(5, 4 * 4 * 16), .variance = VariancePasses::two});
}

Kernel hinton_capsules() {
    Dim batch("batch"), y("y", 32), x("x", 32), channel("channel", 2), category("category", 5), row("row", 4),
        col("col", 4);
    Input image("image", f32, {batch, y, x, channel});
    const Capsules classes = hinton_layers(image);
    Tensor activation("activation"), pose("pose");
    activation(batch, category) = classes.activation;
    pose(batch, category, row, col) = classes.pose;
    return Kernel("hinton_capsules", {activation, pose}, estimates({{batch, 16}}));
}

} // namespace coulter::models
