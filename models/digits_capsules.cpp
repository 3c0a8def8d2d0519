#include "models/digits_capsules.hpp"

#include "models/activations.hpp"
#include "models/convolution.hpp"

namespace coulter::models {

DigitsLayers digits_layers(const DigitsOptions& options) {
    const Type type = options.type;
    Dim batch("batch"), y("y", 8), x("x", 8), y6("y6", 6), x6("x6", 6), y4("y4", 4), x4("x4", 4);
    Dim ky("ky", 5), kx("kx", 5), cy("cy", 3), cx("cx", 3), c1("c1", 1), feature("feature", 64);
    Dim primary("primary", 8), capsule("capsule", 8), digit("digit", 10), row("row", 4), col("col", 4), k("k", 4);
    Dim py("py", most_parents(cy, 1)), px("px", most_parents(cx, 1));

    Input image("image", u8, {batch, y, x});
    Input conv_weight("conv_weight", type, {ky, kx, c1, feature}), conv_bias("conv_bias", type, {feature});
    Input primary_pose_weight("primary_pose_weight", type, {feature, primary, row, k});
    Input primary_pose_bias("primary_pose_bias", type, {primary, row, k});
    Input primary_activation_weight("primary_activation_weight", type, {feature, primary});
    Input primary_activation_bias("primary_activation_bias", type, {primary});
    Input capsules_weight("capsules_weight", type, {cy, cx, primary, capsule, k, col});
    Input capsules_beta_u("capsules_beta_u", type, {capsule}), capsules_beta_a("capsules_beta_a", type, {capsule});
    Input class_weight("class_weight", type, {capsule, digit, k, col});
    Input class_beta_u("class_beta_u", type, {digit}), class_beta_a("class_beta_a", type, {digit});
    if (options.frozen) {
        for (Input* parameter : {&conv_weight, &conv_bias, &primary_pose_weight, &primary_pose_bias,
                                 &primary_activation_weight, &primary_activation_bias, &capsules_weight,
                                 &capsules_beta_u, &capsules_beta_a, &class_weight, &class_beta_u, &class_beta_a}) {
            parameter->frozen();
        }
    }
    const auto in_units = [&](const Input& beta_a) {
        return options.beta_a_unit == 1 ? Expr(beta_a) : beta_a * options.beta_a_unit;
    };

    Tensor ink("ink"), sums("sums"), features("features"), primary_pose("primary_pose"),
        primary_active("primary_active");
    ink(batch, y, x, c1) = cast(type, image()) / 16;
    sums = convolution(ink, conv_weight, {y, y6, ky}, {x, x6, kx}, {c1}, {.padding = 1});
    features = relu(sums + conv_bias);
    const Capsules primaries = primary_capsules(features, {primary_pose_weight, primary_pose_bias},
                                                {primary_activation_weight, primary_activation_bias}, feature);
    primary_pose = primaries.pose;
    primary_active = primaries.activation;

    // 100 units of a child, shared by as many parents as there are for each child on average.
    constexpr double capsules_cost = 100.0 * (4 * 4 * 8) / (6 * 6 * 8);
    constexpr double class_cost = 100.0 * 10 / (4 * 4 * 8);
    const CapsuleLayer conv_layer{{{{y6, y4, cy}, py}, {{x6, x4, cx}, px}}, 1, {primary}, capsule, {row, col}};
    Tensor votes("votes"), hidden_pose("hidden_pose"), hidden_active("hidden_active"), matrix("matrix");
    votes(batch, y4, x4, cy, cx, primary, row, col, capsule) =
        conv_capsule_votes(primary_pose, capsules_weight, {y6, y4, cy}, {x6, x4, cx}, k, 1);
    const Capsules hidden = em_routing(votes, primary_active, capsules_beta_u, in_units(capsules_beta_a), conv_layer,
                                       {.scale_cost = capsules_cost, .variance = VariancePasses::two});
    hidden_pose = hidden.pose;
    hidden_active = hidden.activation;
    matrix = hidden_pose(col(k)); // its columns are what the next weights are multiplied with

    // The centre of the 7x7 pixels that a capsule sees, in heights of the image.
    const FieldCentres rows{y4, 2.5 / 8, 1.0 / 8};
    const FieldCentres columns{x4, 2.5 / 8, 1.0 / 8};
    Tensor turned("turned"), class_votes("class_votes");
    turned = capsule_votes(matrix, class_weight, k);
    class_votes(batch, y4, x4, capsule, row, col, digit) = coordinate_addition(turned, rows, columns, row, col);
    const RoutedCapsules classes = em_routing(class_votes, hidden_active, class_beta_u, in_units(class_beta_a),
                                              {{}, 1, {y4, x4, capsule}, digit, {row, col}},
                                              {.scale_cost = class_cost, .variance = VariancePasses::two});
    return {class_votes, classes};
}

Kernel digits_capsules() {
    Dim batch("batch"), y4("y4", 4), x4("x4", 4), capsule("capsule", 8), digit("digit", 10), row("row", 4),
        col("col", 4);
    const DigitsLayers layers = digits_layers();
    const RoutedCapsules& classes = layers.classes;
    const Tensor& class_votes = layers.class_votes;

    Tensor activation("activation"), pose("pose");
    activation(batch, digit) = classes.activation;
    pose(batch, digit, row, col) = classes.pose;

    Tensor assignment("assignment"), agreement("agreement");
    assignment(batch, y4, x4, capsule, digit) = classes.assignment;
    agreement(batch, y4, x4, capsule, digit) =
        sum({row, col}, class_votes * pose) *
        rsqrt(sum({row, col}, class_votes * class_votes) * sum({row, col}, pose * pose) + 1e-12);
    return Kernel("digits_capsules", {activation, pose, assignment, agreement}, estimates({{batch, 450}}));
}

} // namespace coulter::models
