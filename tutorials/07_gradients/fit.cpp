// The algorithm of the seventh lesson: a filter, and how far what it gives is from what is wanted.

#include <coulter/coulter.h>

using namespace coulter;

// Weights that are kept in eighths, as an integer device would. Rounding is flat: its derivative is 0 wherever it has
// one, and nothing would be learnt. So the function says its own gradient: the derivative passes as if nothing was
// rounded.
//
// `with_vjp` takes what the function returns and a rule, which gets stand-ins for the arguments (`r.inputs`), for the
// result (`r.output`) and for the derivative of the whole by it (`r.cotangent`). It returns a derivative for each
// argument. The rule is part of the kernel's text from then on; look for `vjp` in fit.coulter.
Tensor in_eighths(const Arg& x) {
    Function f("in_eighths", {x});
    Tensor result = round(x * 8) / 8;
    return f.with_vjp(result, [](const Function::Rule& r) { return std::vector<Expr>{r.cotangent}; });
}

namespace {

Kernel filter(const std::string& name, bool with_rule) {
    Dim n("n"), i("i"), p("p"), k("k", 3);
    Input signal("signal", f32, {n, i});
    Input wanted("wanted", f32, {n, p});
    Input weight("weight", f32, {k});

    Tensor kept("kept"), filtered("filtered"), error("error"), loss("loss");
    kept = with_rule ? Expr(in_eighths(weight)) : round(weight * 8) / 8;
    filtered(n, p) = sum({k}, signal(i(2 * p + k)) * kept);
    error = filtered - wanted;
    loss() = sum({n, p}, error * error) / f32(extent(n) * extent(p));
    return Kernel(name, {loss}, estimates({{n, 64}, {i, 1025}, {p, 512}}));
}

} // namespace

Kernel fit() {
    return filter("fit", true);
}

// The same without the rule.
Kernel flat() {
    return filter("flat", false);
}

int main(int argc, char** argv) {
    return generate(argc, argv, {{"fit", fit}, {"flat", flat}});
}
