#include "models/losses.hpp"

#include "models/arguments.hpp"

namespace coulter::models {
namespace {

void require_label(const Function& f, const Arg& x, const std::string& what, const Arg& label, const Dim& classes) {
    require_dim(f, x, what, classes);
    const std::optional<Type> type = label.type();
    f.require(!type || is_integer(*type), "labels must be integers", "cast them: `i32(...)`");
}

/// Whether a label is a class.
Expr is_class(const Arg& label, const Dim& classes) {
    return index(label) >= 0 && index(label) < extent(classes);
}

Expr squared_excess(const Expr& x) {
    return max(x, 0) * max(x, 0);
}

} // namespace

Tensor cross_entropy(const Arg& logits, const Arg& label, const Dim& classes) {
    Function f("cross_entropy", {logits, label});
    require_label(f, logits, "the logits", label, classes);
    const Type type = logits.type().value_or(f32);
    Tensor highest("max"), total("sum");
    highest = max({classes}, logits);
    total = sum({classes}, exp(logits - highest));
    const Expr of_label = clamped(logits)(classes(index(label)));
    return select(is_class(label, classes), log(total) + (highest - of_label), cast(type, 0.0));
}

Tensor spread_loss(const Arg& a, const Arg& label, const Dim& classes, const Arg& margin) {
    Function f("spread_loss", {a, label, margin});
    require_label(f, a, "the activations", label, classes);
    const Type type = a.type().value_or(f32);
    Tensor of_label("label");
    of_label = clamped(a)(classes(index(label)));
    const Expr counts = index(classes) != index(label) && is_class(label, classes);
    return sum({classes}, select(counts, squared_excess(margin - (of_label - a)), cast(type, 0.0)));
}

Tensor margin_loss(const Arg& length, const Arg& label, const Dim& classes, const MarginLossOptions& options) {
    Function f("margin_loss", {length, label});
    require_label(f, length, "the lengths", label, classes);
    require_within(f, options.present, 0, 1, "the margin of a class that is there");
    require_within(f, options.absent, 0, 1, "the margin of a class that is not there");
    return sum({classes}, select(index(classes) == index(label), squared_excess(options.present - length),
                                 options.weight * squared_excess(length - options.absent)));
}

Tensor mean_squared_error(const Arg& a, const Arg& b, const Dims& over) {
    Function f("mean_squared_error", {a, b});
    f.require(!over.list().empty(), "no dims to average over, where 1 or more is needed");
    for (const Dim& dim : over.list()) {
        require_dim(f, a, "the first tensor", dim);
        require_dim(f, b, "the second tensor", dim);
    }
    return sum(over, (a - b) * (a - b)) / element_count(a.type().value_or(f32), over.list());
}

namespace {

struct Rows {
    Dim row{"row"}, classes{"class"};
    Input label{"label", i32, {row}};
    Tensor loss{"loss"};
};

} // namespace

Kernel cross_entropy() {
    Rows r;
    Input logits("logits", f32, {r.row, r.classes});
    Tensor mean("mean"), total("total"), counted("counted");
    r.loss(r.row) = cross_entropy(logits, r.label, r.classes);
    total = sum({r.row}, r.loss);
    counted = sum({r.row}, select(is_class(r.label, r.classes), f32(1), f32(0)));
    mean() = total / max(counted, 1);
    return Kernel("cross_entropy", {r.loss, mean}, estimates({{r.row, 512}, {r.classes, 1000}}));
}

Kernel spread_loss() {
    Rows r;
    Input a("a", f32, {r.row, r.classes}), margin("margin", f32);
    r.loss(r.row) = spread_loss(a, r.label, r.classes, margin);
    return Kernel("spread_loss", {r.loss}, estimates({{r.row, 64}, {r.classes, 5}}));
}

Kernel margin_loss() {
    Rows r;
    Input length("length", f32, {r.row, r.classes});
    r.loss(r.row) = margin_loss(length, r.label, r.classes);
    return Kernel("margin_loss", {r.loss}, estimates({{r.row, 128}, {r.classes, 10}}));
}

Kernel mean_squared_error() {
    Dim row("row"), col("col");
    Input a("a", f32, {row, col}), b("b", f32, {row, col});
    Tensor loss("loss");
    loss() = mean_squared_error(a, b, {row, col});
    return Kernel("mean_squared_error", {loss}, estimates({{row, 128}, {col, 784}}));
}

} // namespace coulter::models
