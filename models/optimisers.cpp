#include "models/optimisers.hpp"

#include "models/arguments.hpp"

#include <cmath>

namespace coulter::models {

SgdStep sgd_step(const Arg& parameters, const Arg& gradient, const Arg& velocity, const Arg& rate,
                 const SgdOptions& options) {
    Function f("sgd_step", {parameters, gradient, velocity, rate});
    require_within(f, options.momentum, 0, 1, "the momentum");
    const Expr g = options.weight_decay == 0 ? Expr(gradient) : gradient + parameters * options.weight_decay;
    SgdStep step{Tensor("parameters"), Tensor("velocity")};
    step.velocity = velocity * options.momentum + g;
    step.parameters =
        parameters - rate * (options.nesterov ? g + step.velocity * options.momentum : Expr(step.velocity));
    return step;
}

AdamStep adam_step(const Arg& parameters, const Arg& gradient, const Arg& mean, const Arg& variance, const Arg& rate,
                   const Arg& t, const AdamOptions& options) {
    Function f("adam_step", {parameters, gradient, mean, variance, rate, t});
    require_within(f, options.beta1, 0, 1, "beta1");
    require_within(f, options.beta2, 0, 1, "beta2");
    const Type type = parameters.type().value_or(f32);
    AdamStep step{Tensor("parameters"), Tensor("mean"), Tensor("variance")};
    step.mean = mean * options.beta1 + gradient * (1 - options.beta1);
    step.variance = variance * options.beta2 + gradient * gradient * (1 - options.beta2);
    // 1 - beta^t by expm1, which keeps the digits that 1 - 0.999 has not. Once per step, not per parameter.
    Tensor first("bias1"), second("bias2");
    first = -expm1(t * cast(type, std::log(options.beta1)));
    second = -expm1(t * cast(type, std::log(options.beta2)));
    const Expr direction = step.mean / first / (sqrt(step.variance / second) + options.epsilon);
    const Expr kept = options.weight_decay == 0 ? Expr(parameters) : parameters * (1 - rate * options.weight_decay);
    step.parameters = kept - rate * direction;
    return step;
}

Kernel sgd_momentum(const Params& params) {
    Dim n("n");
    Input w("w", f32, {n}), gradient("gradient", f32, {n}), velocity("velocity", f32, {n}), rate("rate", f32);
    const SgdStep step =
        sgd_step(w, gradient, velocity, rate, {.momentum = 0.9, .nesterov = params.flag("nesterov", false)});
    Tensor w_new("w_new"), velocity_new("velocity_new");
    w_new(n) = step.parameters;
    velocity_new(n) = step.velocity;
    return Kernel("sgd_momentum", {w_new, velocity_new}, updates({{w, w_new}, {velocity, velocity_new}}),
                  estimates({{n, 1 << 20}}));
}

Kernel adam() {
    Dim n("n");
    Input w("w", f32, {n}), gradient("gradient", f32, {n}), mean("mean", f32, {n}), variance("variance", f32, {n}),
        rate("rate", f32), t("t", f32);
    const AdamStep step = adam_step(w, gradient, mean, variance, rate, t, {.weight_decay = 0.01});
    Tensor w_new("w_new"), mean_new("mean_new"), variance_new("variance_new");
    w_new(n) = step.parameters;
    mean_new(n) = step.mean;
    variance_new(n) = step.variance;
    return Kernel("adam", {w_new, mean_new, variance_new},
                  updates({{w, w_new}, {mean, mean_new}, {variance, variance_new}}), estimates({{n, 1 << 20}}));
}

} // namespace coulter::models
