#include "models/capsule_votes.hpp"

namespace coulter::models {

Capsules primary_capsules(const Arg& image, const Affine& pose, const Affine& activation, const Dim& channel) {
    Function f("primary_capsules", {image, pose.weight, pose.bias, activation.weight, activation.bias});
    Tensor matrices("pose"), active("activation");
    matrices = sum({channel}, image * pose.weight) + pose.bias;
    active = sigmoid(sum({channel}, image * activation.weight) + activation.bias);
    return {matrices, active};
}

Tensor capsule_votes(const Arg& pose, const Arg& weight, const Dim& k) {
    Function f("capsule_votes", {pose, weight});
    return sum({k}, pose * weight);
}

Tensor conv_capsule_votes(const Arg& pose, const Arg& weight, const Axis& y, const Axis& x, const Dim& k,
                          std::int64_t stride) {
    Function f("conv_capsule_votes", {pose, weight});
    return capsule_votes(windowed(pose, y, x, {.stride = stride}, 0), weight, k);
}

Tensor coordinate_addition(const Arg& votes, const FieldCentres& y, const FieldCentres& x, const Dim& row,
                           const Dim& col) {
    Function f("coordinate_addition", {votes});
    const Type type = votes.type().value_or(f32);
    const auto centre = [&](const FieldCentres& axis) {
        return cast(type, axis.first) + cast(type, axis.step) * cast(type, axis.position);
    };
    const Expr right = index(col) == extent(col) - 1;
    const Expr added =
        select(right && index(row) == 0, centre(y), select(right && index(row) == 1, centre(x), cast(type, 0.0)));
    return votes + added;
}

} // namespace coulter::models
