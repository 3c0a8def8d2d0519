// Mistakes of model authors: the whole text of each message is a golden. The cases take the place of a model's source,
// so that their lines do not move when this file changes.
#include "support/golden.hpp"

#include <coulter/coulter.h>
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>

using namespace coulter;

namespace {

Kernel kernel_of(const Tensor& y) {
    return Kernel("k", {y});
}

struct Case {
    const char* name;
    const char* code;
    void (*run)();
};

// A library function with a mistake that its caller makes.
// clang-format off
#line 1 "softmax.cpp"
Tensor softmax(const Arg& x, const Dim& over) {
    Function f("softmax", {x});
    Tensor highest("max"), e("exp");
    highest = max({over}, x);
    e = exp(x - highest);
    return e / sum({over}, e);
}

Tensor log_softmax(const Arg& x, const Dim& over) {
    Function f("log_softmax", {x});
    return log(softmax(x, over));
}

#line 1 "carried.cpp"
Tensor carried(const Arg& x, const char* text) {
    Function f("carried", {x});
    text == nullptr ? f.macros("nowhere.sched") : f.macros("carried.sched", text);
    return x + 1;
}

#line 1 "scaled.cpp"
Tensor scaled(const Arg& x, double factor) {
    Function f("scaled", {x});
    f.require(factor > 0, "the factor is 0 or less", "give one above 0");
    f.require(factor < 9, "the factor is 9 or more");
    return x * factor;
}

#line 1 "doubled.cpp"
Tensor doubled(const Arg& x, int gradients) {
    Function f("doubled", {x});
    Tensor result = x * 2;
    return f.with_vjp(result, [&](const Function::Rule& r) {
        return std::vector<Expr>(static_cast<std::size_t>(gradients), r.cotangent * 2);
    });
}

#line 1 "leaky.cpp"
Tensor leaky(const Arg& x, Expr& inside) {
    Function f("leaky", {x});
    Tensor half("half");
    half = x / 2;
    inside = half;
    Tensor result = half + x;
    return f.with_vjp(result, [&](const Function::Rule& r) { return std::vector<Expr>{r.cotangent * 1.5}; });
}

const Case cases[] = {
#line 1 "model.cpp"
{"argument_refused", "L060", [] { Dim i("i"); Input x("x", f32, {i}); Tensor y("y");
    y(i) = scaled(x, 0);
    kernel_of(y); }},
#line 1 "model.cpp"
{"argument_refused_without_help", "L060", [] { Dim i("i"); Input x("x", f32, {i}); Tensor y("y");
    y(i) = scaled(x, 9);
    kernel_of(y); }},
#line 1 "model.cpp"
{"rule_of_two_results", "L050", [] { Dim i("i"); Input x("x", f32, {i}); Tensor y("y"), t("t"); Expr inside = 0;
    t = leaky(x, inside);
    y(i) = t * 2 + inside;
    kernel_of(y); }},
#line 1 "model.cpp"
{"rule_of_expression", "L050", [] { Dim i("i"); Input x("x", f32, {i}); Tensor y("y");
    y(i) = doubled(x + 1, 1);
    kernel_of(y); }},
#line 1 "model.cpp"
{"rule_too_many", "L050", [] { Dim i("i"); Input x("x", f32, {i}); Tensor y("y");
    y(i) = doubled(x, 2);
    kernel_of(y); }},
#line 1 "model.cpp"
{"macro_file_missing", "L048", [] { Dim i("i"); Input x("x", f32, {i}); Tensor y("y");
    y(i) = carried(x, nullptr);
    kernel_of(y); }},
#line 1 "model.cpp"
{"macro_files_differ", "L049", [] { Dim i("i"); Input x("x", f32, {i}); Tensor y("y"), z("z");
    z(i) = carried(x, "macro a(d) { unroll d }");
    y(i) = carried(z, "macro a(d) { parallel d }");
    kernel_of(y); }},
#line 1 "model.cpp"
{"identifier", "L001", [] { Dim i("i"); Input x("x-1", f32, {i}); Tensor y("y");
    y = x + 1;
    kernel_of(y); }},
#line 1 "model.cpp"
{"identifier_dim", "L001", [] { Dim i("batch size"); Input x("x", f32, {i}); Tensor y("y"); y = x + 1; kernel_of(y); }},
#line 1 "model.cpp"
{"reserved_d", "L002", [] { Dim i("i"); Input x("d", f32, {i}); Tensor y("y"); y = x + 1; kernel_of(y); }},
#line 1 "model.cpp"
{"reserved_keyword", "L002", [] { Dim i("i"); Input x("register", f32, {i}); Tensor y("y"); y = x + 1; kernel_of(y); }},
#line 1 "model.cpp"
{"two_extents", "L003", [] { Dim k("k", 3); Input x("x", f32, {k});
    Dim k2("k", 4); Input w("w", f32, {k2}); Tensor y("y");
    y() = sum({k}, x * w);
    kernel_of(y); }},
#line 1 "model.cpp"
{"extent_zero", "L004", [] { Dim k("k", 0); Input x("x", f32, {k}); Tensor y("y"); y = x + 1; kernel_of(y); }},
#line 1 "model.cpp"
{"extent_of_a_loop", "L004", [] { Dim i("i"); Dim k("k", 2 * i); Input x("x", f32, {i, k}); Tensor y("y"); y = x + 1; kernel_of(y); }},
#line 1 "model.cpp"
{"unknown_dim", "L005", [] { Dim y("y"), ky("ky", 3), iy("iy"), iz("iz");
    Input pose("pose", f32, {iy}); Tensor votes("votes");
    votes(y) = sum({ky}, pose(iz(2 * y + ky)));
    kernel_of(votes); }},
#line 1 "model.cpp"
{"bound_twice", "L006", [] { Dim y("y"), iy("iy"); Input pose("pose", f32, {iy}); Tensor t("t");
    t(y) = pose(iy(2 * y), iy(3 * y));
    kernel_of(t); }},
#line 1 "model.cpp"
{"positional_index", "L007", [] { Dim y("y"), iy("iy"); Input pose("pose", f32, {iy}); Tensor t("t");
    t(y) = pose(2 * y);
    kernel_of(t); }},
#line 1 "model.cpp"
{"index_is_a_value", "L008", [] { Dim i("i"), row("row"); Input ids("ids", i32, {i}), table("table", f32, {row}); Tensor t("t");
    t(i) = table(row(ids()));
    kernel_of(t); }},
#line 1 "model.cpp"
{"index_is_a_float", "L008", [] { Dim i("i"), row("row"); Input table("table", f32, {row}); Tensor t("t");
    t(i) = table(row(0.5));
    kernel_of(t); }},
#line 1 "model.cpp"
{"undefined", "L009", [] { Dim i("i"); Input x("x", f32, {i}); Tensor scale("scale"), y("y");
    y(i) = x * scale;
    kernel_of(y); }},
#line 1 "model.cpp"
{"undefined_output", "L009", [] { Tensor y("y");
    Kernel("k", {y}); }},
#line 1 "model.cpp"
{"used_before", "L010", [] { Dim i("i"); Input x("x", f32, {i}); Tensor t("t"), y("y");
    y(i) = x * t;
    t(i) = x + 1;
    kernel_of(y); }},
#line 1 "model.cpp"
{"defined_twice", "L011", [] { Dim i("i"); Input x("x", f32, {i}); Tensor y("y");
    y(i) = x + 1;
    y(i) = x + 2;
    kernel_of(y); }},
#line 1 "model.cpp"
{"input_defined", "L011", [] { Dim i("i"); Input x("x", f32, {i}); Tensor y("y");
    x(i) = 2 * x;
    y(i) = x + 2;
    kernel_of(y); }},
#line 1 "model.cpp"
{"left_index", "L012", [] { Dim i("i"), j("j"); Input x("x", f32, {i}); Tensor y("y");
    y(j(2 * i)) = x();
    kernel_of(y); }},
#line 1 "model.cpp"
{"left_twice", "L012", [] { Dim i("i"); Input x("x", f32, {i}); Tensor y("y");
    y(i, i) = x();
    kernel_of(y); }},
#line 1 "model.cpp"
{"missing_on_the_left", "L013", [] { Dim batch("batch"), row("row"), k("k"); Input x("x", f32, {batch, row, k}); Tensor y("y");
    y(batch) = sum({k}, x());
    kernel_of(y); }},
#line 1 "model.cpp"
{"reduced_on_the_left", "L014", [] { Dim i("i"), k("k"); Input x("x", f32, {i, k}); Tensor y("y");
    y(i, k) = sum({k}, x());
    kernel_of(y); }},
#line 1 "model.cpp"
{"types_differ", "L015", [] { Dim i("i"); Input x("x", f32, {i}), n("n", i32, {i}); Tensor y("y");
    y(i) = x + n;
    kernel_of(y); }},
#line 1 "model.cpp"
{"index_beside_a_value", "L015", [] { Dim i("i"); Input n("n", i32, {i}); Tensor y("y");
    y(i) = n + i;
    kernel_of(y); }},
#line 1 "model.cpp"
{"f16_with_bf16", "L015", [] { Dim i("i"); Input x("x", f16, {i}), z("z", bf16, {i}); Tensor y("y");
    y(i) = x * z;
    kernel_of(y); }},
#line 1 "model.cpp"
{"literal_too_large", "L016", [] { Dim i("i"); Input x("x", u8, {i}); Tensor y("y");
    y(i) = x + 300;
    kernel_of(y); }},
#line 1 "model.cpp"
{"literal_with_a_point", "L016", [] { Dim i("i"); Input x("x", i32, {i}); Tensor y("y");
    y(i) = x * 0.5;
    kernel_of(y); }},
#line 1 "model.cpp"
{"literal_not_exact", "L016", [] { Dim i("i"); Input x("x", f32, {i}); Tensor y("y");
    y(i) = x + 16777217;
    kernel_of(y); }},
#line 1 "model.cpp"
{"literal_alone", "L017", [] { Dim i("i", 3); Tensor y("y");
    y(i) = 1.0;
    kernel_of(y); }},
#line 1 "model.cpp"
{"sqrt_of_an_integer", "L018", [] { Dim i("i"); Input x("x", i32, {i}); Tensor y("y");
    y(i) = sqrt(x);
    kernel_of(y); }},
#line 1 "model.cpp"
{"and_of_floats", "L018", [] { Dim i("i"); Input x("x", f32, {i}); Tensor y("y");
    y(i) = select(x && x, x, 0);
    kernel_of(y); }},
#line 1 "model.cpp"
{"tensor_of_indices", "L018", [] { Dim i("i", 4); Tensor y("y");
    y(i) = 2 * i;
    kernel_of(y); }},
#line 1 "model.cpp"
{"narrow_accumulator", "L019", [] { Dim i("i"), k("k"); Input x("x", bf16, {i, k}); Tensor y("y");
    y(i) = sum({k}, x());
    kernel_of(y); }},
#line 1 "model.cpp"
{"narrow_mean", "L019", [] { Dim i("i"), k("k"); Input x("x", f16, {i, k}); Tensor y("y");
    y(i) = mean({k}, x());
    kernel_of(y); }},
#line 1 "model.cpp"
{"reduced_twice", "L020", [] { Dim i("i"), k("k"); Input x("x", f32, {i, k}); Tensor y("y");
    y(i) = sum({k, k}, x());
    kernel_of(y); }},
#line 1 "model.cpp"
{"argmax_of_two", "L021", [] { Dim i("i"), k("k"); Input x("x", f32, {i, k}); Tensor y("y");
    y() = argmax({i, k}, x());
    kernel_of(y); }},
#line 1 "model.cpp"
{"where_of_a_float", "L015", [] { Dim i("i"), k("k"); Input x("x", f32, {i, k}); Tensor y("y");
    y(i) = sum({k}, x(), where(x()));
    kernel_of(y); }},
#line 1 "model.cpp"
{"combine_components", "L023", [] { Dim i("i"), k("k"); Input x("x", f32, {i, k}); Tensor y("y");
    y(i) = reduce({k}, {0, 0}, {x(), x()}, [](Tuple a, Tuple b) { return Tuple{a[0] + b[0]}; })[0];
    kernel_of(y); }},
#line 1 "model.cpp"
{"combine_identities", "L023", [] { Dim i("i"), k("k"); Input x("x", f32, {i, k}); Tensor y("y");
    y(i) = reduce({k}, {0}, {x(), x()}, [](Tuple a, Tuple b) { return Tuple{a[0] + b[0], a[1]}; })[0];
    kernel_of(y); }},
#line 1 "model.cpp"
{"into_reduced", "L024", [] { Dim i("i"), bin("bin", 8); Input x("x", i32, {i}); Tensor y("y");
    y() = sum({i, bin}, x(), into(bin(clamp(index(x), 0, 7))));
    kernel_of(y); }},
#line 1 "model.cpp"
{"shared_without_a_name", "L025", [] { Dim i("i"), k("k"); Input x("x", f32, {i, k}); Tensor y("y"), z("z");
    Expr total = sum({k}, x());
    y(i, k) = x / total;
    z(i) = total * 2;
    Kernel("k", {y, z}); }},
#line 1 "model.cpp"
{"shared_result", "L025", [] { Dim i("i"), k("k"); Input x("x", f32, {i, k}); Tensor y("y"), z("z");
    Tensor p = softmax(x, k);
    y(i, k) = p * 2;
    z(i, k) = p + 1;
    Kernel("k", {y, z}); }},
#line 1 "model.cpp"
{"binding_an_expression", "L047", [] { Dim i("i"), j("j"); Input x("x", f32, {i}); Tensor y("y");
    y(j) = (x + 1)(i(2 * j));
    kernel_of(y); }},
#line 1 "model.cpp"
{"no_outputs", "L026", [] { Kernel("k", {}); }},
#line 1 "model.cpp"
{"input_as_output", "L026", [] { Dim i("i"); Input x("x", f32, {i});
    Kernel("k", {x}); }},
#line 1 "model.cpp"
{"output_twice", "L026", [] { Dim i("i"); Input x("x", f32, {i}); Tensor y("y"); y = x + 1;
    Kernel("k", {y, y}); }},
#line 1 "model.cpp"
{"output_unnamed", "L026", [] { Dim i("i"); Input x("x", f32, {i}); Tensor y; y = x + 1;
    Kernel("k", {y}); }},
#line 1 "model.cpp"
{"one_name_twice", "L027", [] { Dim i("i"); Input x("x", f32, {i}); Tensor a("t"), b("t"), y("y");
    a = x + 1;
    b = x + 2;
    y = a * b;
    kernel_of(y); }},
#line 1 "model.cpp"
{"c_names_meet", "L028", [] { Dim i("i"), k("k"); Input x("x", f32, {i, k}); Input other("y_sum", f32, {i}); Tensor y("y");
    y(i) = other + sum({k}, x());
    kernel_of(y); }},
#line 1 "model.cpp"
{"estimate_unknown", "L029", [] { Dim batch("batch"), bacth("bacth"); Input x("x", f32, {batch}); Tensor y("y"); y = x + 1;
    Kernel("k", {y}, estimates({{bacth, 64}})); }},
#line 1 "model.cpp"
{"update_read_elsewhere", "L030", [] { Dim i("i"); Input w("w", f32, {i}); Tensor v("v"), n("n"); v = w * 2;
    n() = sum({i}, w());
    Kernel("k", {v, n}, updates({{w, v}})); }},
#line 1 "model.cpp"
{"no_source", "L031", [] { Dim i("i"), q("q"); Input x("x", f32, {i}); Tensor y("y");
    y(i) = sum({q}, x());
    kernel_of(y); }},
#line 1 "model.cpp"
{"constants_do_not_fit", "L032", [] { Dim i("i", 6), y("y", 5), k("k", 3); Input x("x", f32, {i}); Tensor t("t");
    t(y) = sum({k}, x(i(y + k)));
    kernel_of(t); }},
#line 1 "model.cpp"
{"no_room", "L032", [] { Dim i("i", 2), y("y"), k("k", 3); Input x("x", f32, {i}); Tensor t("t");
    t(y) = sum({k}, x(i(y + k)));
    kernel_of(t); }},
#line 1 "model.cpp"
{"two_unknowns", "L033", [] { Dim i("i"), y("y"), k("k"); Input x("x", f32, {i}); Tensor t("t");
    t(y) = sum({k}, x(i(y + k)));
    kernel_of(t); }},
#line 1 "model.cpp"
{"extents_in_a_circle", "L034", [] { Dim i("i"), y("y"), z("z"); Input x("x", f32, {i}); Tensor a("a"), b("b"), t("t");
    a(y) = f32(y);
    b(z) = a(y(z));
    t(i) = x + sum({y, z}, a(y(z)) * b(z(y)));
    kernel_of(t); }},
#line 1 "model.cpp"
{"only_padded", "L035", [] { Dim i("i"), y("y"), k("k", 3); Input x("x", f32, {i}); Tensor t("t");
    t(y) = sum({k}, padded(x, 0)(i(y - 1 + k)));
    kernel_of(t); }},
#line 1 "model.cpp"
{"extents_disagree", "L036", [] { Dim i("i", 8), j("j", 9), y("y"); Input x("x", f32, {i}), w("w", f32, {j}); Tensor t("t");
    t(y) = x(i(y)) + w(j(y));
    kernel_of(t); }},
#line 1 "model.cpp"
{"const_count", "L037", [] { Dim k("k", 3); Const c("c", f32, {k}, {1, 2}); Tensor y("y"); y = c + 1; kernel_of(y); }},
#line 1 "model.cpp"
{"const_value", "L037", [] { Dim k("k", 2); Const c("c", u8, {k}, {1, 256}); Tensor y("y"); y = c + 1; kernel_of(y); }},
#line 1 "model.cpp"
{"const_without_extent", "L037", [] { Dim k("k"); Const c("c", f32, {k}, {1, 2}); Tensor y("y"); y = c + 1; kernel_of(y); }},
#line 1 "model.cpp"
{"whole_tuple", "L038", [] { Dim i("i"), k("k"); Input x("x", f32, {i, k}); Tensor best("best"), y("y");
    best = argmax({k}, x()).both();
    y(i) = best * 2;
    kernel_of(y); }},
#line 1 "model.cpp"
{"state_ahead", "L051", [] { Dim i("i"), j("j"); Input x("x", f32, {i, j}); Tensor y("y");
    y = scan({i, j}, {0}, {x()}, [&](const Tuple& a, const Tuple& b) { return Tuple{a[0](i(i + 1), j(j - 1)) + b[0]}; })[0];
    kernel_of(y); }},
#line 1 "model.cpp"
{"state_itself", "L051", [] { Dim i("i"), j("j"); Input x("x", f32, {i, j}); Tensor y("y");
    y = scan({i, j}, {0}, {x()}, [&](const Tuple& a, const Tuple& b) { return Tuple{a[0](j) + b[0]}; })[0];
    kernel_of(y); }},
#line 1 "model.cpp"
{"state_not_said", "L051", [] { Dim i("i"), j("j"); Input x("x", f32, {i, j}); Tensor y("y");
    y = scan({i, j}, {0}, {x()}, [](const Tuple& a, const Tuple& b) { return Tuple{a[0] + b[0]}; })[0];
    kernel_of(y); }},
#line 1 "model.cpp"
{"state_data", "L051", [] { Dim i("i"); Input x("x", f32, {i}); Tensor y("y");
    y = scan(i, {0}, {x()}, [&](const Tuple& a, const Tuple& b) { return Tuple{a[0](i(2 * i)) + b[0]}; })[0];
    kernel_of(y); }},
#line 1 "model.cpp"
{"state_other_dim", "L051", [] { Dim i("i"), j("j"); Input x("x", f32, {i, j}); Tensor y("y");
    y = scan(i, {0}, {x()}, [&](const Tuple& a, const Tuple& b) { return Tuple{a[0](i(i - 1), j(j - 1)) + b[0]}; })[0];
    kernel_of(y); }},
#line 1 "model.cpp"
{"state_associative", "L051", [] { Dim i("i"); Input x("x", f32, {i}); Tensor y("y");
    y = scan(i, {0}, {x()}, [&](const Tuple& a, const Tuple& b) { return Tuple{a[0](i(i - 2)) + b[0]}; }, associative)[0];
    kernel_of(y); }},
#line 1 "model.cpp"
{"scan_twice", "L051", [] { Dim i("i"); Input x("x", f32, {i}); Tensor y("y");
    y = scan({i, i}, {0}, {x()}, [&](const Tuple& a, const Tuple& b) { return Tuple{a[0](i(i - 1)) + b[0]}; })[0];
    kernel_of(y); }},
#line 1 "model.cpp"
{"values_of_associative", "L023", [] { Dim i("i"); Input x("x", f32, {i}); Tensor y("y");
    y = scan(i, {0}, {x(), x()}, [](const Tuple& a, const Tuple& b) { return Tuple{a[0] + b[0] * b[1]}; }, associative)[0];
    kernel_of(y); }},
#line 1 "model.cpp"
{"own_definition", "L043", [] { Dim i("i"); Input x("x", f32, {i}); Tensor y("y");
    y(i) = y + x;
    kernel_of(y); }},
#line 1 "model.cpp"
{"circle", "L043", [] { Dim i("i"); Input x("x", f32, {i}); Tensor a("a"), b("b");
    a(i) = b + x;
    b(i) = a + x;
    kernel_of(b); }},
#line 1 "model.cpp"
{"nested_too_deep", "L044", [] { Dim i("i"); Input x("x", f32, {i}); Tensor y("y"); Expr e = x;
    for (int n = 0; n < 100; ++n) e = x + sum({i}, e);
    y(i) = e;
    kernel_of(y); }},
#line 1 "model.cpp"
{"gather_without_bounds", "L046", [] { Dim i("i"), row("row"); Input ids("ids", i32, {i}), table("table", f32, {row}); Tensor t("t");
    t(i) = table(row(index(ids)));
    kernel_of(t); }},
#line 1 "model.cpp"
{"in_a_library_function", "L018", [] { Dim i("i"), k("k"); Input x("x", i32, {i, k}); Tensor y("y");
    y = softmax(x, k);
    kernel_of(y); }},
#line 1 "model.cpp"
{"in_two_library_functions", "L018", [] { Dim i("i"), k("k"); Input x("x", i32, {i, k}); Tensor y("y");
    y = log_softmax(x, k);
    kernel_of(y); }},
#line 1 "model.cpp"
{"all_at_once", "L005", [] { Dim i("i"), k("k"), j("j"); Input x("x", f32, {i, k}), n("n", u8, {i}); Tensor a("a"), b("b"), y("y");
    a(i) = sum({k}, x(j(2 * i)));
    b(i) = n + 256;
    y(i) = a + x;
    Kernel("k", {y, b}, estimates({{j, 3}})); }},
};
// clang-format on

} // namespace
#line 1000 "errors_test.cpp"

TEST_CASE("every mistake is reported as its golden says") {
    for (const Case& mistake : cases) {
        CAPTURE(mistake.name);
        std::string text = "nothing was reported\n";
        std::string codes;
        try {
            mistake.run();
        } catch (const LanguageError& error) {
            text = error.what();
            for (const Diagnostic& diagnostic : error.diagnostics()) {
                codes += diagnostic.code + " ";
            }
        }
        CHECK_MESSAGE(codes.find(mistake.code) != std::string::npos, text);
        CHECK(test::golden_difference(std::string("dsl/") + mistake.name, text) == "");
    }
}

TEST_CASE("every code has a page, and every page of the language a code that is tested or of a generator program") {
    const std::filesystem::path pages = std::filesystem::path(COULTER_TEST_DIR).parent_path() / "docs" / "errors";
    for (const Case& mistake : cases) {
        CAPTURE(mistake.code);
        std::ifstream page(pages / (std::string(mistake.code) + ".md"));
        std::string first;
        std::getline(page, first);
        CHECK(first.starts_with(std::string("# ") + mistake.code));
    }
    for (const auto& entry : std::filesystem::directory_iterator(pages)) {
        const std::string name = entry.path().stem().string();
        if (!name.starts_with("L0")) continue;
        const bool tested =
            std::any_of(std::begin(cases), std::end(cases), [&](const Case& mistake) { return name == mistake.code; });
        const bool of_generate = name == "L040" || name == "L041" || name == "L042";
        CHECK_MESSAGE((tested || of_generate), name);
    }
}

TEST_CASE("no message shows a machine path, an upper case start or a full stop") {
    for (const Case& mistake : cases) {
        CAPTURE(mistake.name);
        try {
            mistake.run();
            FAIL("nothing was reported");
        } catch (const LanguageError& error) {
            for (const Diagnostic& diagnostic : error.diagnostics()) {
                CHECK(diagnostic.span.file.find('/') == std::string::npos);
                CHECK(diagnostic.span.line > 0);
                CHECK_FALSE(diagnostic.message.ends_with("."));
                CHECK_FALSE((diagnostic.message.front() >= 'A' && diagnostic.message.front() <= 'Z'));
                CHECK(diagnostic.help != "");
            }
        }
    }
}
