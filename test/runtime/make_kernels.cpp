/// Compiles the kernels that the tests of the runtime call, as the compiler driver would: one object per function,
/// without Halide's runtime, with a user_context, parameters in the order of descriptor.h.
///
///     make_kernels OUT_DIR
#include <Halide.h>

#include <cstdio>
#include <string>
#include <vector>

using Halide::Argument;
using Halide::Expr;
using Halide::Func;
using Halide::ImageParam;
using Halide::Param;
using Halide::RDom;
using Halide::Var;

namespace {

std::string out_dir;

void compile(const std::string& name, const Halide::Pipeline& pipeline, std::vector<Argument> arguments) {
    arguments.push_back(Param<int32_t>("always_zero"));
    const Halide::Target host = Halide::get_host_target();
    const Halide::Target target(host.os, host.arch, host.bits,
                                {Halide::Target::NoRuntime, Halide::Target::UserContext});
    Halide::Pipeline(pipeline).compile_to({{Halide::OutputFileType::object, out_dir + "/" + name + ".o"}}, arguments,
                                          name, target);
}

/// votes{batch, x} = bias{batch} + scale * sum over kx, k of pose{batch, ix, k}[2*x + kx] * weight{kx, k}
void rows() {
    Var b("b"), x("x");
    ImageParam pose(Halide::Float(32), 3, "pose"), weight(Halide::Float(32), 2, "weight"),
        bias(Halide::Float(32), 1, "bias");
    Param<float> scale("scale");
    Param<int32_t> batch("batch"), ix("ix"), nx("nx");
    RDom r(0, 4, 0, 3);
    Func sum("sum"), votes("votes");
    sum(x, b) += pose(r.x, 2 * x + r.y, b) * weight(r.x, r.y);
    votes(x, b) = bias(b) + scale * sum(x, b);
    compile("rows", votes, {pose, weight, scale, bias, batch, ix, nx});
}

/// w_new{n} = w{n} - rate * g{n}, twice{n} = 2 * g{n}
void update() {
    Var i("i");
    ImageParam w(Halide::Float(32), 1, "w"), g(Halide::Float(32), 1, "g");
    Param<float> rate("rate");
    Param<int32_t> n("n");
    Func w_new("w_new"), twice("twice");
    w_new(i) = w(i) - rate * g(i);
    twice(i) = 2.0f * g(i);
    compile("update", Halide::Pipeline({w_new, twice}), {w, g, rate, n});
}

/// total{n} = sum over m of a{n, m}
void total() {
    Var i("i");
    ImageParam a(Halide::Float(32), 2, "a");
    Param<int32_t> n("n"), m("m");
    RDom r(0, m);
    Func sum("sum");
    sum(i) += a(r, i);
    compile("total", sum, {a, n, m});
}

/// y{m} = sum over n of w{m, n} * x{n}, from w transposed and x doubled, each packed before
void matvec() {
    Var i("i"), j("j");
    Param<int32_t> m("m"), n("n");
    ImageParam w(Halide::Float(32), 2, "w"), x(Halide::Float(32), 1, "x");
    Func transposed("transposed"), doubled("doubled");
    transposed(i, j) = w(j, i);
    compile("matvec_pack_w", transposed, {w, m, n});
    doubled(i) = 2.0f * x(i);
    compile("matvec_pack_x", doubled, {x, m, n});

    ImageParam packed_w(Halide::Float(32), 2, "packed_w"), packed_x(Halide::Float(32), 1, "packed_x");
    RDom r(0, n);
    Func y("y");
    y(i) += 0.5f * packed_w(i, r) * packed_x(r);
    // `w` and `x` themselves are not read, but are arguments all the same.
    compile("matvec", y, {w, x, packed_w, packed_x, m, n});
}

/// out{outer, inner} calls the test at each element, in two nested parallel loops, and fails in row `bad`.
void visit() {
    Var i("i"), o("o");
    Param<int32_t> outer("outer"), inner("inner"), bad("bad");
    Func out("out");
    const Expr visited =
        Halide::Internal::Call::make(Halide::Int(32), "coulter_test_visit", {o, i}, Halide::Internal::Call::Extern);
    out(i, o) = Halide::require(o != bad, visited, "row", o, "is bad");
    out.parallel(o).parallel(i);
    compile("visit", out, {bad, outer, inner});
}

/// out{rows, n} = 3 * a{rows, n}, through two heap blocks of n elements in each row, rows in parallel
void scratch() {
    Var i("i"), o("o");
    ImageParam a(Halide::Float(32), 2, "a");
    Param<int32_t> rows_("rows"), n("n");
    Func first("first"), second("second"), out("out");
    first(i, o) = a(i, o) * 2.0f;
    second(i, o) = first(i, o) + a(i, o);
    out(i, o) = second(i, o);
    first.compute_at(out, o).store_in(Halide::MemoryType::Heap);
    second.compute_at(out, o).store_in(Halide::MemoryType::Heap);
    out.parallel(o);
    compile("scratch", out, {a, rows_, n});
}

/// kept{n} = mask{n} ? values{n} : 0 in bf16, inverse{n} = !mask{n}, half{n} = values as f16
void types() {
    Var i("i");
    ImageParam mask(Halide::Bool(), 1, "mask"), values(Halide::BFloat(16), 1, "values");
    Param<bool> flip("flip");
    Param<int32_t> n("n");
    Func kept("kept"), inverse("inverse"), half("half");
    const Expr value = Halide::cast<float>(values(i));
    kept(i) = Halide::cast(Halide::BFloat(16), Halide::select(mask(i) != flip, value, 0.0f));
    inverse(i) = !(mask(i) != flip);
    half(i) = Halide::cast(Halide::Float(16), value);
    compile("types", Halide::Pipeline({kept, inverse, half}), {mask, values, flip, n});
}

/// out{n} = the number of the variant
void variants() {
    for (int number = 0; number < 4; ++number) {
        Var i("i"), o("o");
        ImageParam a(Halide::Float(32), 2, "a");
        Param<int32_t> n("n"), m("m");
        Func out("out");
        out(i, o) = a(i, o) * 0.0f + static_cast<float>(number);
        compile("variant" + std::to_string(number), out, {a, n, m});
    }
}

} // namespace

int main(int argc, char** argv) {
    if (argc != 2) {
        std::fprintf(stderr, "usage: %s OUT_DIR\n", argv[0]);
        return 2;
    }
    out_dir = argv[1];
    rows();
    update();
    total();
    matvec();
    visit();
    scratch();
    types();
    variants();
    return 0;
}
