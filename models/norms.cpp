#include "models/norms.hpp"

#include "models/activations.hpp"
#include "models/arguments.hpp"

namespace coulter::models {
Tensor group_norm(const Arg& x, const Arg& gamma, const Arg& beta, const GroupNormDims& dims, double epsilon,
                  SumOfSquares passes) {
    Function f("group_norm", {x, gamma, beta});
    f.require(!dims.position.empty(), "no positions, where 1 dim or more is needed");
    const Type type = x.type().value_or(f32);
    std::vector<Dim> over{dims.channel};
    over.insert(over.end(), dims.position.begin(), dims.position.end());
    for (const Dim& dim : over) {
        require_dim(f, x, "the normalised tensor", dim);
    }
    const Expr n = element_count(type, over);
    Tensor average("mean"), scale("scale");
    if (passes == SumOfSquares::two_passes) {
        Tensor total("sum"), squares("squares");
        total = sum(over, x);
        average = total / n;
        squares = sum(over, (x - average) * (x - average));
        scale = rsqrt(squares / n + epsilon);
        return (x - average) * scale * gamma + beta;
    }
    std::vector<AccessArg> first;
    for (const Dim& dim : dims.position) {
        first.push_back(dim(0));
    }
    Tensor first_sum("first_sum"), anchor("anchor"), total("sum"), squares("squares");
    first_sum = sum({dims.channel}, x(first));
    // Any anchor gives the same result: the gradient has nothing to gain from it, but rounding.
    anchor = stop_gradient(first_sum / cast(type, extent(dims.channel)));
    const Expr d = x - anchor;
    total = sum(over, d);
    squares = sum(over, d * d);
    average = anchor + total / n;
    scale = rsqrt(max((squares - total * total / n) / n, 0) + epsilon);
    return (x - average) * scale * gamma + beta;
}

Tensor batch_norm(const Arg& x, const Arg& mean, const Arg& variance, const Arg& gamma, const Arg& beta,
                  double epsilon) {
    Function f("batch_norm", {x, mean, variance, gamma, beta});
    Tensor scale("scale");
    scale = gamma * rsqrt(variance + epsilon);
    return (x - mean) * scale + beta;
}

BatchStatistics batch_statistics(const Arg& x, const Dims& over) {
    Function f("batch_statistics", {x});
    f.require(!over.list().empty(), "no dims to average over, where 1 or more is needed");
    for (const Dim& dim : over.list()) {
        require_dim(f, x, "the averaged tensor", dim);
    }
    const Expr n = element_count(x.type().value_or(f32), over.list());
    Tensor total("sum"), average("mean"), squares("squares"), spread("variance");
    total = sum(over, x);
    average = total / n;
    squares = sum(over, (x - average) * (x - average));
    spread = squares / n;
    return {average, spread};
}

Tensor running_average(const Arg& running, const Arg& of_batch, double momentum) {
    Function f("running_average", {running, of_batch});
    require_within(f, momentum, 0, 1, "the momentum");
    return running * (1 - momentum) + of_batch * momentum;
}

Tensor rms_norm(const Arg& x, const Arg& gamma, const Dim& over, double epsilon) {
    Function f("rms_norm", {x, gamma});
    require_dim(f, x, "the normalised tensor", over);
    Tensor squares("squares"), scale("scale");
    squares = sum({over}, x * x);
    scale = rsqrt(squares / cast(x.type().value_or(f32), extent(over)) + epsilon);
    return x * scale * gamma;
}

namespace {

enum class Activation : std::uint8_t { none, silu };

Kernel group_norm_kernel(const std::string& name, SumOfSquares passes, Activation activation) {
    Dim batch("batch"), group("group"), channel("channel"), pixel("pixel");
    Input x("x", f32, {batch, group, channel, pixel});
    Input gamma("gamma", f32, {group, channel}), beta("beta", f32, {group, channel});
    Tensor result("result");
    const Expr normal = group_norm(x, gamma, beta, {channel, {pixel}}, 1e-5, passes);
    result(batch, group, channel, pixel) = activation == Activation::silu ? Expr(silu(normal)) : normal;
    return Kernel(name, {result}, estimates({{batch, 1}, {group, 32}, {channel, 16}, {pixel, 14400}}));
}

} // namespace

Kernel group_norm() {
    return group_norm_kernel("group_norm", SumOfSquares::one_pass, Activation::silu);
}
Kernel group_norm_two_passes() {
    return group_norm_kernel("group_norm_two_passes", SumOfSquares::two_passes, Activation::none);
}

Kernel batch_norm() {
    Dim batch("batch"), pixel("pixel"), channel("channel");
    Input x("x", f32, {batch, pixel, channel});
    Input mean("mean", f32, {channel}), variance("variance", f32, {channel});
    Input gamma("gamma", f32, {channel}), beta("beta", f32, {channel});
    Tensor result("result");
    result(batch, pixel, channel) = batch_norm(x, mean, variance, gamma, beta);
    return Kernel("batch_norm", {result}, estimates({{batch, 16}, {pixel, 3136}, {channel, 64}}));
}

Kernel batch_norm_training() {
    Dim batch("batch"), pixel("pixel"), channel("channel");
    Input x("x", f32, {batch, pixel, channel});
    Input gamma("gamma", f32, {channel}), beta("beta", f32, {channel});
    Input running_mean("running_mean", f32, {channel}), running_variance("running_variance", f32, {channel});
    Tensor result("result"), new_mean("new_mean"), new_variance("new_variance");
    const BatchStatistics seen = batch_statistics(x, {batch, pixel});
    result(batch, pixel, channel) = batch_norm(x, seen.mean, seen.variance, gamma, beta);
    new_mean(channel) = running_average(running_mean, seen.mean);
    const Expr n = f32(extent(batch) * extent(pixel));
    new_variance(channel) = running_average(running_variance, seen.variance * (n / max(n - 1, 1)));
    return Kernel("batch_norm_training", {result, new_mean, new_variance},
                  updates({{running_mean, new_mean}, {running_variance, new_variance}}),
                  estimates({{batch, 16}, {pixel, 3136}, {channel, 64}}));
}

Kernel rms_norm() {
    Dim row("row"), col("col");
    Input x("x", f32, {row, col}), gamma("gamma", f32, {col});
    Tensor result("result");
    result(row, col) = rms_norm(x, gamma, col);
    return Kernel("rms_norm", {result}, estimates({{row, 4096}, {col, 1024}}));
}

} // namespace coulter::models
