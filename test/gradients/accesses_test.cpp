// Gradients through accesses: windows, diagonals, gathers, scatters and what they become.

#include "coulter/text.hpp"
#include "coulter/transform.hpp"
#include "gradients/gradient_check.hpp"

#include <coulter/coulter.h>
#include <doctest/doctest.h>

using namespace coulter;
using namespace coulter::test;

namespace {

using Extents = std::map<std::string, std::int64_t>;
using Form = GradientReport::Form;

void check(const ir::Kernel& kernel, const std::vector<Extents>& shapes) {
    std::uint64_t seed = 1;
    for (const Extents& extents : shapes) {
        CAPTURE(kernel.name);
        CAPTURE(seed);
        const GradientResult result = check_gradient({kernel, {}, extents, seed++});
        CHECK_MESSAGE(result.error <= 1e-6, result.message);
    }
}

/// The forms of the contributions to one input's gradient.
std::vector<Form> forms(const ir::Kernel& kernel, const std::string& input) {
    GradientReport report;
    static_cast<void>(grad(kernel, {input}, &report));
    std::vector<Form> list;
    for (const GradientReport::Contribution& each : report.contributions) {
        if (each.tensor == input) {
            list.push_back(each.form);
        }
    }
    return list;
}

std::string text_of(const ir::Kernel& kernel) {
    return print(kernel);
}

ir::Kernel window(std::int64_t stride, std::int64_t dilation, std::int64_t padding, std::int64_t taps) {
    Dim n("n"), i("i"), k("k", taps), c("c"), o("o");
    Dim p = padding > 0 ? Dim("p", (extent(i) + 2 * padding - dilation * (taps - 1) - 1) / stride + 1) : Dim("p");
    Input x("x", f64, {n, i, c});
    Input w("w", f64, {k, c, o});
    Tensor y("y");
    const Expr at = stride * p + dilation * k - padding;
    const Expr read = padding > 0 ? Expr(padded(x, 0)(i(at))) : Expr(x(i(at)));
    y(n, p, o) = sum({k, c}, read * w);
    return Kernel("window", {y}).ir();
}

} // namespace

TEST_CASE("gradients of windows of every stride, dilation and padding are gathers") {
    for (const std::int64_t stride : {1, 2, 3}) {
        for (const std::int64_t dilation : {1, 2, 3}) {
            for (const std::int64_t padding : {0, 1, 2}) {
                for (const std::int64_t taps : {1, 2, 3, 4}) {
                    CAPTURE(stride);
                    CAPTURE(dilation);
                    CAPTURE(padding);
                    CAPTURE(taps);
                    const ir::Kernel kernel = window(stride, dilation, padding, taps);
                    check(kernel,
                          {{{"n", 1}, {"i", 10}, {"c", 1}, {"o", 2}}, {{"n", 2}, {"i", 13}, {"c", 2}, {"o", 1}}});
                    for (const Form form : forms(kernel, "x")) {
                        CHECK(form != Form::scatter);
                    }
                }
            }
        }
    }
}

TEST_CASE("the loop of a strided window's gradient steps by residues") {
    const std::string text = text_of(grad(window(2, 1, 0, 3), {"x"}));
    CHECK(text.find("dim d.k.by2 = 2") != std::string::npos);
    CHECK(text.find("let $0 = 2 * d.k.by2 + i % 2;") != std::string::npos);
    CHECK(text.find("p = i / 2 - d.k.by2") != std::string::npos);
}

TEST_CASE("the loops of a window that a reader keeps are gathered of sums over those that no index uses") {
    Dim n("n"), i("i"), k("k", 3), c("c"), o("o"), p("p");
    Input x("x", f64, {n, i, c}), w("w", f64, {k, c, o});
    Tensor votes("votes"), y("y");
    votes(n, p, k, o) = sum({c}, x(i(2 * p + k)) * w);
    y(n, p, o) = sum({k}, votes * votes);
    const ir::Kernel kept = Kernel("kept", {y}).ir();
    check(kept, {{{"n", 2}, {"i", 9}, {"c", 3}, {"o", 4}}, {{"n", 1}, {"i", 3}, {"c", 1}, {"o", 1}}});
    const std::string text = text_of(grad(kept, {"x"}));
    CHECK(text.find("d.x.from.votes.sum: f64[n, p, k, c] =\n    sum {o} d.votes * w\n") != std::string::npos);
    CHECK(text.find("clamped(d.x.from.votes.sum(") != std::string::npos);
    // Where the reader reduces the window, what it gives has fewer elements than such sums would have.
    CHECK(text_of(grad(window(2, 1, 0, 3), {"x"})).find(".sum:") == std::string::npos);
}

TEST_CASE("what is known of a summed loop is not said of the element that a window reads") {
    Dim i("i"), k("k", 3), c("c"), o("o"), n("n"), p("p");
    Input y("y", f64, {i, c}), w("w", f64, {k, c, o}), z("z", f64, {p});
    Tensor x("x"), votes("votes"), result("result");
    x(i, c) = clamped(y)(i(i + 1));
    votes(n, k, o) = sum({c}, x(i(2 * n + k)) * w);
    result(n, k, p) = votes(o(2 * p)) * z;
    const Extents extents{{"i", 9}, {"c", 2}, {"o", 5}, {"p", 3}};
    check(Kernel("supported", {result}).ir(), {extents});
}

TEST_CASE("a transposed convolution and its gradient") {
    Dim n("n"), i("i", 2 * extent(Dim("p")) + 1), p("p"), k("k", 3), j("j", 2), c("c"), o("o");
    Input x("x", f64, {n, p, c});
    Input w("w", f64, {k, c, o});
    Tensor y("y");
    const Expr tap = i % 2 + 2 * j, from = i / 2 - j;
    y(n, i, o) = sum({j, c}, clamped(x(p(from))) * clamped(w(k(tap))), where(tap < 3 && from >= 0 && from < extent(p)));
    const ir::Kernel kernel = Kernel("transposed", {y}).ir();
    check(kernel, {{{"n", 1}, {"p", 4}, {"c", 2}, {"o", 1}}, {{"n", 2}, {"p", 3}, {"c", 1}, {"o", 2}}});
    CHECK(forms(kernel, "x") == std::vector{Form::gather});
    CHECK(forms(kernel, "w") == std::vector{Form::gather});
}

TEST_CASE("a tensor that is read twice, and diagonals") {
    Dim a("a"), b("b"), r("r"), i("i"), j("j");
    Input x("x", f64, {r, i});
    Tensor gram("gram");
    gram(a, b) = sum({r}, x(i(a)) * x(i(b)));
    // a and b have no extent of their own: both follow from i.
    check(Kernel("gram", {gram}).ir(), {{{"r", 3}, {"i", 4}}, {{"r", 2}, {"i", 5}}});

    Dim q("q"), t("t");
    Input m("m", f64, {i, j});
    Tensor diagonal("diagonal"), trace("trace"), both("both");
    diagonal(q) = m(i(q), j(q));
    const ir::Kernel of_diagonal = Kernel("of_diagonal", {diagonal}).ir();
    check(of_diagonal, {{{"i", 3}, {"j", 3}}, {{"i", 5}, {"j", 5}}});
    CHECK(forms(of_diagonal, "m") == std::vector{Form::pointwise});
    trace() = sum({t}, m(i(t), j(t)) * m(i(t), j(t)));
    check(Kernel("of_trace", {trace}).ir(), {{{"i", 3}, {"j", 3}}, {{"i", 4}, {"j", 4}}});
    Dim e("e", extent(i) - 1);
    both(e) = m(i(e), j(e)) * m(i(e + 1), j(e));
    check(Kernel("of_bands", {both}).ir(), {{{"i", 4}, {"j", 3}}, {{"i", 3}, {"j", 5}}});
}

TEST_CASE("constant, reversed, scaled, divided and broadcast indices") {
    Dim n("n"), i("i"), k("k"), z("z");
    Input x("x", f64, {n, i});
    const auto kernel = [&](const char* name, const Dim& out, const Expr& value) {
        Tensor y("y");
        y(n, out) = value;
        return Kernel(name, {y}).ir();
    };
    Input w("w", f64, {k});
    const std::vector<Extents> shapes{{{"n", 2}, {"i", 7}, {"k", 4}}, {{"n", 1}, {"i", 10}, {"k", 3}}};
    check(kernel("constant", k, x(i(2)) * w), shapes);
    check(kernel("reversed", i, Expr(x(i(extent(i) - 1 - i)))), shapes);
    Dim h("h", 2 * extent(i) + 1);
    check(kernel("halved", h, Expr(clamped(x(i(h / 2))))), shapes);
    Dim g("g", 2 * extent(i));
    const ir::Kernel upsampled = kernel("upsampled", g, Expr(x(i(g / 2))));
    check(upsampled, shapes);
    CHECK(forms(upsampled, "x") == std::vector{Form::gather});
    Dim u("u", 3 * extent(i));
    check(kernel("shifted", u, Expr(padded(x(i((u + 1) / 3 - 1)), 0))), shapes);
    Dim t("t", extent(i) + 5);
    check(kernel("wrapped", t, Expr(x(i(t % 3)))), shapes);
    Dim s("s", (extent(i) + 1) / 2);
    check(kernel("every_second", s, Expr(x(i(2 * s))) * 3.0), shapes);
    check(kernel("edges", i, Expr(clamped(x(i(i - 1)))) + Expr(clamped(x(i(i + 2))))), shapes);
    Tensor lonely("y");
    lonely(n, k) = sum({i}, x * 2.0) + w(k(k));
    check(Kernel("broadcast", {lonely}).ir(), shapes);
    Tensor nothing("y");
    nothing(n, i, k) = x * x;
    GradientCase wide{Kernel("spread", {nothing}).ir(), {}, {{"n", 2}, {"i", 3}, {"k", 2}}};
    CHECK(check_gradient(wide).error <= 1e-6);
}

TEST_CASE("a strided access without another loop chooses outside of the sum") {
    Dim n("n"), i("i"), s("s", (extent(i) + 1) / 2), c("c"), o("o");
    Input x("x", f64, {n, i, c});
    Input w("w", f64, {c, o});
    Tensor y("y");
    y(n, s, o) = sum({c}, x(i(2 * s)) * w);
    const ir::Kernel kernel = Kernel("pointwise_strided", {y}).ir();
    check(kernel, {{{"n", 2}, {"i", 7}, {"c", 2}, {"o", 3}}, {{"n", 1}, {"i", 6}, {"c", 3}, {"o", 2}}});
    const std::string text = text_of(grad(kernel, {"x"}));
    CHECK(text.find("d.x.from.y.sum: f64[n, s, c] =\n    sum {o} d.y * w") != std::string::npos);
    CHECK(text.find("select(i % 2 == 0, d.x.from.y.sum(s = i / 2), 0.0_f64)") != std::string::npos);
}

TEST_CASE("one element that is read in loops called as its dims are") {
    Dim i("i"), k("k");
    Input x("x", f64, {i, k}), w("w", f64, {i, k});
    Tensor y("y");
    y(i, k) = w * sin(x(i(1), k(0)));
    check(Kernel("one", {y}).ir(), {{{"i", 3}, {"k", 4}}, {{"i", 2}, {"k", 1}}});
}

TEST_CASE("two strides without a unit, and a common factor") {
    Dim i("i"), a("a"), b("b", 3);
    Input x("x", f64, {i});
    Input w("w", f64, {b});
    Tensor y("y"), z("z");
    y(a) = sum({b}, x(i(3 * a + 2 * b)) * w);
    check(Kernel("three_and_two", {y}).ir(), {{{"i", 14}}, {{"i", 17}}});
    z(a) = sum({b}, x(i(4 * a + 2 * b + 1)) * w);
    check(Kernel("four_and_two", {z}).ir(), {{{"i", 14}}, {{"i", 17}}});
    Tensor v("v");
    Dim r("r", (extent(i) - 5) / 2);
    v(r) = sum({b}, padded(x(i(2 * b - 2 * r + 4)), 0) * w);
    check(Kernel("backward", {v}).ir(), {{{"i", 14}}, {{"i", 17}}});
}

TEST_CASE("gathers by data become scatters, and scatters gathers") {
    Dim row("row"), n("n"), c("c"), bin("bin", 4);
    Input table("table", f64, {row, c});
    Input ids("ids", i32, {n});
    Tensor y("y"), histogram("histogram");
    y(n, c) = clamped(table(row(index(ids))));
    const ir::Kernel gathered = Kernel("gathered", {y}).ir();
    const std::vector<Extents> shapes{{{"row", 4}, {"n", 7}, {"c", 2}}, {{"row", 9}, {"n", 3}, {"c", 3}}};
    check(gathered, shapes);
    CHECK(forms(gathered, "table") == std::vector{Form::scatter});
    Tensor outside("y");
    outside(n, c) = padded(table(row(index(ids) - 1)), 0.5);
    check(Kernel("padded_gather", {outside}).ir(), shapes);

    Input v("v", f64, {n, c});
    histogram(bin, c) = sum({n}, v * v, into(bin(clamp(index(ids), 0, 3))));
    const ir::Kernel scattered = Kernel("scattered", {histogram}).ir();
    check(scattered, shapes);
    CHECK(forms(scattered, "v") == std::vector{Form::pointwise});

    Dim cls("cls");
    Input logits("logits", f64, {n, cls});
    Tensor picked("picked");
    picked(n) = clamped(logits(cls(index(ids))));
    const ir::Kernel pick = Kernel("pick", {picked}).ir();
    check(pick, {{{"n", 4}, {"cls", 5}}, {{"n", 3}, {"cls", 8}}});
    CHECK(forms(pick, "logits") == std::vector{Form::pointwise});

    // A loop of the reader that is called as the scattered dim.
    Tensor again("y");
    Input order("order", i32, {row});
    again(row, c) = clamped(table(row(index(order)))) * table;
    check(Kernel("permuted", {again}).ir(), shapes);
}

TEST_CASE("what a scatter adds at one place in several loops is summed before it") {
    Dim row("row"), n("n"), i("i"), o("o");
    Input x("x", f64, {row, i}), w("w", f64, {i, o});
    Input ids("ids", i32, {n});
    Tensor y("y");
    y(n, o) = sum({i}, clamped(x(row(index(ids)))) * w);
    const ir::Kernel kernel = Kernel("rows", {y}).ir();
    check(kernel, {{{"row", 4}, {"n", 7}, {"i", 2}, {"o", 3}}, {{"row", 5}, {"n", 3}, {"i", 3}, {"o", 2}}});
    const ir::Kernel gradient = grad(kernel, {"x"});
    const ir::Definition& scatter = *gradient.find_definition("d.x");
    CHECK(scatter.reduction->into.size() == 1);
    CHECK(scatter.reduction->dims == std::vector<std::string>{"n"});
    CHECK(gradient.find_definition("d.x.from.y.sum")->reduction->dims == std::vector<std::string>{"o"});

    // Few steps are added where they are: as many sums as summands would be stored.
    Dim few("few", 4);
    Input v("v", f64, {few});
    Tensor z("z");
    z(n, few, i) = clamped(x(row(index(ids)))) * v;
    const ir::Kernel small = grad(Kernel("few", {z}).ir(), {"x"});
    CHECK(small.find_definition("d.x")->reduction->dims == std::vector<std::string>{"n", "few"});
    check(Kernel("few", {z}).ir(), {{{"row", 4}, {"n", 7}, {"i", 2}}});

    // A condition on data bounds the loops of the scatter, and so no loop that it is about is taken out.
    Dim seg("seg");
    Input start("start", i32, {seg});
    Tensor s("s");
    s(seg, i) = sum({n}, clamped(x(row(index(ids)))), where(n >= index(start)));
    const ir::Kernel bounded = grad(Kernel("bounded", {s}).ir(), {"x"});
    CHECK(bounded.find_definition("d.x")->reduction->dims == std::vector<std::string>{"seg", "n"});
}

TEST_CASE("a sum over a few steps that the value tells apart is written out") {
    Dim i("i"), half("half", 2);
    Input x("x", f64, {i, half}), angle("angle", f64, {i});
    Tensor y("y");
    const Expr first = x(half(0)), second = x(half(1));
    y(i, half) =
        select(index(half) == 0, first * cos(angle) - second * sin(angle), first * sin(angle) + second * cos(angle));
    const ir::Kernel kernel = Kernel("turned", {y}).ir();
    check(kernel, {{{"i", 5}}, {{"i", 2}}});
    CHECK(forms(kernel, "x") == std::vector{Form::gather, Form::gather});
    const std::string text = text_of(grad(kernel, {"x"}));
    CHECK(text.find("sum {") == std::string::npos);
    CHECK(text.find("select(half == 0, d.y(half = 0) * cos(angle) + d.y(half = 1) * sin(angle), 0.0_f64)") !=
          std::string::npos);
}

TEST_CASE("a clamped window whose products count inside alone is gathered") {
    Dim p("p"), i("i"), k("k", 3), c("c");
    Input a("a", f64, {p, c}), b("b", f64, {i, c});
    Tensor products("products"), y("y"), all("y");
    const Expr place = p + 2 * k - 2;
    products = sum({c}, a * clamped(b(i(place))));
    y(p, k) = select(place >= 0 && place < extent(i), products, 0.0);
    const ir::Kernel kernel = Kernel("windows", {y}).ir();
    const std::vector<Extents> shapes{{{"p", 6}, {"i", 6}, {"c", 2}}, {{"p", 3}, {"i", 7}, {"c", 1}}};
    check(kernel, shapes);
    CHECK(forms(kernel, "b") == std::vector{Form::gather});
    // What is clamped counts here.
    all(p, k) = sum({c}, a * clamped(b(i(place))));
    check(Kernel("clamped_windows", {all}).ir(), shapes);
    CHECK(forms(Kernel("clamped_windows", {all}).ir(), "b") == std::vector{Form::scatter});
}

TEST_CASE("the value outside of a padded access has a gradient") {
    Dim i("i");
    Input x("x", f64, {i});
    Input edge("edge", f64);
    Tensor y("y");
    y(i) = padded(x, edge)(i(i - 2)) * x;
    check(Kernel("edge", {y}).ir(), {{{"i", 5}}, {{"i", 3}}});
}

TEST_CASE("a condition on loops bounds the sums of the gradient, and one on data chooses values") {
    Dim q("q"), k("k");
    Input v("v", f64, {k}), s("s", f64, {q, k});
    Tensor causal("y"), chosen("y");
    causal(q) = sum({k}, select(index(k) <= q, s, 0.0) * v);
    const std::string bounded = text_of(grad(Kernel("causal", {causal}).ir(), {"v", "s"}));
    CHECK(bounded.find("d.v: f64[k] =\n    sum {q} d.y * select(k <= q, s, 0.0_f64)") != std::string::npos);
    CHECK(bounded.find("d.s: f64[q, k] =\n    select(k <= q, d.y * v, 0.0_f64)") != std::string::npos);
    Tensor shared("y");
    Input t("t", f64, {q});
    shared(q) = sum({k}, select(index(k) <= q, t, 0.0) * v);
    const std::string summed = text_of(grad(Kernel("shared", {shared}).ir(), {"t"}));
    CHECK(summed.find("sum {k where k <= q} d.y * v") != std::string::npos);
    chosen(q) = sum({k}, select(v > 0.0, t, 0.0) * v);
    const std::string masked = text_of(grad(Kernel("chosen", {chosen}).ir(), {"t"}));
    CHECK(masked.find("sum {k} select(v > 0.0_f64, d.y * v, 0.0_f64)") != std::string::npos);
}
