// Each feature of the language gives the IR that it stands for; the text form shows it.
#include <coulter/coulter.h>
#include <coulter/sizes.hpp>
#include <coulter/text.hpp>
#include <doctest/doctest.h>

using namespace coulter;

// The listing of the design, as it stands there.
// clang-format off
// Convolutional capsule votes, summed: Barham & Isard eq. 2.
Kernel conv_capsules() {
  Dim batch("batch"), y("y"), x("x"), iy("iy"), ix("ix"), in("in"), out("out");
  Dim ky("ky", 3), kx("kx", 3), row("row", 4), col("col", 4), k("k", 4);

  Input pose  ("pose",   f32, {batch, iy, ix, in, row, k});   // the order is the memory layout, not the meaning
  Input weight("weight", f32, {ky, kx, in, out, k, col});
  weight.frozen();                                            // may be packed once

  Tensor votes("votes");
  votes(batch, y, x, out, row, col) =
      sum({ky, kx, in, k}, pose(iy(2 * y + ky), ix(2 * x + kx)) * weight());
  return Kernel("conv_capsules", {votes}, estimates({{batch, 64}, {iy, 15}, {ix, 15}, {in, 32}, {out, 32}}));
}
// clang-format on

namespace {

// `value` as the definition `y = value` of a kernel, the text of all its definitions.
std::string shown(const Expr& value) {
    Tensor y("y");
    y = value;
    const Kernel kernel("k", {y});
    std::string all = print(kernel.ir());
    const std::size_t first = all.find("\ny");
    const std::size_t other = all.find("\ny.");
    all = all.substr(std::min(first, other) + 1);
    return all.substr(0, all.find("\noutput"));
}

// The last definition's value alone.
std::string value_of(const Expr& value) {
    Tensor y("y");
    y = value;
    return print(Kernel("k", {y}).ir().definitions.back().values.front());
}

Type type_of(const Expr& value) {
    Tensor y("y");
    y = value;
    return Kernel("k", {y}).ir().definitions.back().types.front();
}

std::string error_of(const Tensor& y) {
    try {
        Kernel("k", {y});
    } catch (const LanguageError& error) {
        return error.diagnostics().front().code;
    }
    return "";
}

struct Fixture {
    Dim i{"i"}, j{"j"}, k{"k"};
    Input x{"x", f32, {i, k}};
    Input z{"z", f32, {i}};
    Input n{"n", i32, {i}};
    Input h{"h", f16, {i, k}};
    Input c{"c", boolean, {i}};
    Input alpha{"alpha", f32};
};

} // namespace

TEST_CASE("the listing of the design gives its kernel") {
    const ir::Kernel kernel = conv_capsules().ir();
    CHECK(print(kernel) == R"(coulter 1
kernel conv_capsules

dim batch
dim y
dim x
dim out
dim row = 4
dim col = 4
dim ky = 3
dim kx = 3
dim in
dim k = 4
dim iy
dim ix

input pose: f32[batch, iy, ix, in, row, k]
input weight: f32[ky, kx, in, out, k, col] frozen

votes: f32[batch, y, x, out, row, col] =
    sum {ky, kx, in, k} pose(iy = 2 * y + ky, ix = 2 * x + kx) * weight

output votes

estimate batch = 64, in = 32, ix = 15, iy = 15, out = 32
)");
    CHECK(kernel.definitions.front().span.file == "dsl/language_test.cpp");
    CHECK(kernel.definitions.front().span.line > 0);
}

// A dim compared with anything could mean the dim or its loop index, so it does not compile.
template <class A, class B>
concept Comparable = requires(const A& a, const B& b) {
    a == b;
}
|| requires(const A& a, const B& b) {
    a != b;
};
static_assert(!Comparable<Dim, Dim> && !Comparable<Dim, Expr> && !Comparable<Expr, Dim> && !Comparable<Dim, int> &&
              !Comparable<int, Dim>);
static_assert(Comparable<Expr, Expr> && Comparable<Tensor, int> && Comparable<Input, Tensor>);
// An Input has no right side.
static_assert(!std::is_assignable_v<Input&, Expr> && std::is_assignable_v<Tensor&, Expr>);

TEST_CASE_FIXTURE(Fixture, "arithmetic keeps its structure and literals take the other operand's type") {
    CHECK(value_of(2 * x + 1) == "2.0 * x + 1.0");
    CHECK(value_of(-x / (x - 3)) == "-x / (x - 3.0)");
    CHECK(value_of(n % 3) == "n % 3_i32");
    CHECK(value_of((n & 7) << 2) == "(n & 7_i32) << 2_i32");
    CHECK(value_of(rsqrt(x)) == "1.0 / sqrt(x)");
    CHECK(value_of(clamp(x, 0, 6)) == "min(max(x, 0.0), 6.0)");
    CHECK(value_of(select(x > 0 && !c, x, 0.1)) == "select(x > 0.0 && !c, x, 0.1)");
    CHECK(type_of(x > 0) == Type::boolean);
    CHECK(type_of(x == x) == Type::boolean);
    CHECK(type_of(is_nan(x)) == Type::boolean);
}

TEST_CASE_FIXTURE(Fixture, "the wider type of a family wins and a cast shows it") {
    const Input w("w", f64, {i}), b("b", u8, {i}), q("q", u32, {i});
    CHECK(type_of(x + w) == Type::f64);
    CHECK(value_of(z + w) == "f64(z) + w");
    CHECK(type_of(h * x) == Type::f32);
    CHECK(type_of(b + q) == Type::u32);
    CHECK(type_of(b + 255) == Type::u8);
    CHECK(type_of(atan2(h, x)) == Type::f32);
    CHECK(type_of(select(c, z, w)) == Type::f64);
    CHECK(value_of(f32(n)) == "f32(n)");
    CHECK(value_of(f32(z)) == "z");
}

TEST_CASE_FIXTURE(Fixture, "dims are loop indices, extents are values of type index") {
    CHECK(value_of(z + f32(i)) == "z + f32(i)");
    CHECK(value_of(x / f32(extent(k))) == "x / f32(extent(k))");
    CHECK(value_of(select(i < extent(i) / 2, z, 0)) == "select(i < extent(i) / 2, z, 0.0)");
    CHECK(value_of(select(index(i) == 0, z, 0)) == "select(i == 0, z, 0.0)");
}

TEST_CASE_FIXTURE(Fixture, "accesses are canonical: declared order, identity bindings left out") {
    Tensor y("y");
    y(i, j, k) = x(k(j), i(k)) + x(i(i));
    CHECK(print(Kernel("k", {y}).ir().definitions.front().values.front()) == "x(i = k, k = j) + x");
}

TEST_CASE_FIXTURE(Fixture, "free dims come in order of first appearance, or as the left side says") {
    Tensor y("y"), w("w"), s("s");
    y = z * x;
    w(k, i) = z * x;
    s() = sum({i}, z());
    const ir::Kernel kernel = Kernel("k", {y, w, s}).ir();
    CHECK(kernel.find_definition("y")->dims == std::vector<std::string>{"i", "k"});
    CHECK(kernel.find_definition("w")->dims == std::vector<std::string>{"k", "i"});
    CHECK(kernel.find_definition("s")->dims.empty());
    CHECK(kernel.outputs == std::vector<std::string>{"y", "w", "s"});
}

TEST_CASE_FIXTURE(Fixture, "a whole right side is the reduction, an inner one is a tensor of its own") {
    CHECK(shown(sum({k}, x)) == "y: f32[i] =\n    sum {k} x\n");
    CHECK(shown(x - max({k}, x)) == "y.max: f32[i] =\n    max {k} x\n\ny: f32[i, k] =\n    x - y.max\n");
    CHECK(shown(product({k}, x, where(k <= i))) == "y: f32[i] =\n    product {k where k <= i} x\n");
    CHECK(shown(sum({k}, h, f32)) == "y: f32[i] =\n    sum {k} f32(h)\n");
    CHECK(shown(any({k}, x > 0)) == "y: bool[i] =\n    any {k} x > 0.0\n");
    CHECK(value_of(max(x, z)) == "max(x, z)");
}

TEST_CASE_FIXTURE(Fixture, "a tuple has the components that it has") {
    Tensor y("y");
    y = reduce({k}, {0}, {x()}, [](Tuple a, Tuple b) { return Tuple{a[0] + b[0]}; })[1];
    CHECK(error_of(y) == "L038");
}

TEST_CASE_FIXTURE(Fixture, "two conditions both hold, in one option or two") {
    CHECK(shown(sum({k}, x, where(k <= i), where(x > 0))) == shown(sum({k}, x, where(k <= i && x > 0))));
}

TEST_CASE_FIXTURE(Fixture, "argmax is its index, and its value on request") {
    Tensor label("label"), best("best"), score("score");
    best = argmax({k}, x).both();
    label = best[0];
    score = best[1];
    const ir::Kernel kernel = Kernel("k", {label, score}).ir();
    CHECK(kernel.find_definition("best")->types == std::vector{Type::i32, Type::f32});
    CHECK(kernel.find_definition("label")->types == std::vector{Type::i32});
    CHECK(kernel.find_definition("score")->types == std::vector{Type::f32});
    CHECK(type_of(argmin({k}, x)) == Type::i32);
    CHECK(type_of(argmin({k}, x).value()) == Type::f32);
    const ir::Kernel small = Kernel("k", {Tensor(label)}).ir();
    CHECK(small.find_definition("score") == nullptr);
}

TEST_CASE_FIXTURE(Fixture, "reduce and scan keep their function as operands") {
    const Tuple pair = reduce({k}, {-infinity(f32), 0}, {x, 2 * x}, [](Tuple a, Tuple b) {
        return Tuple{max(a[0], b[0]), a[1] + b[1]};
    });
    Tensor y("y"), run("run");
    y = pair[0] * pair[1];
    run = cumsum(i, z, exclusive, reversed);
    const ir::Kernel kernel = Kernel("k", {y, run}).ir();
    const ir::Definition& reduction = *kernel.find_definition("y.reduce");
    CHECK(reduction.reduction->op == ir::ReduceOp::custom);
    CHECK(reduction.reduction->combine.size() == 2);
    CHECK(reduction.reduction->combine[1]->args[1]->right);
    CHECK(kernel.find_definition("run")->scan->exclusive);
    CHECK(kernel.find_definition("run")->scan->reversed);
    CHECK(kernel.find_definition("run")->scan->associative); // as sums are
    CHECK(kernel.find_definition("run")->dims == std::vector<std::string>{"i"});
}

TEST_CASE_FIXTURE(Fixture, "the words of a scan come in any order, and it is sequential where nothing is said") {
    const auto scanned = [&](const ScanOption& first, const ScanOption& second, const ScanOption& third) {
        Tensor y("y");
        y = scan(
            i, {1}, {z}, [](const Tuple& s, const Tuple& v) { return Tuple{0.5 * s[0] - v[0]}; }, first, second,
            third)[0];
        const ir::Scan made = *Kernel("k", {y}).ir().definitions.front().scan;
        return std::vector{made.exclusive, made.reversed, made.associative};
    };
    CHECK(scanned({}, {}, {}) == std::vector{false, false, false});
    CHECK(scanned(exclusive, reversed, associative) == std::vector{true, true, true});
    CHECK(scanned(associative, exclusive, {}) == std::vector{true, false, true});
    CHECK(scanned(inclusive, sequential, reversed) == std::vector{false, true, false});
}

TEST_CASE_FIXTURE(Fixture, "a scatter has the dim that it writes along") {
    const Dim bin("bin", 8);
    Tensor y("y");
    y(bin) = sum({i}, z(), into(bin(clamp(index(n), 0, 7))));
    const ir::Definition definition = Kernel("k", {y}).ir().definitions.front();
    CHECK(definition.dims == std::vector<std::string>{"bin"});
    CHECK(definition.reduction->into.front().dim == "bin");
    CHECK(print(definition.reduction->into.front().index) == "min(max(index(n), 0), 7)");
    CHECK(!definition.reduction->atomic);
    Tensor any_order("any_order");
    any_order(bin) = sum({i}, z(), into(bin(clamp(index(n), 0, 7)), atomic));
    CHECK(Kernel("k", {any_order}).ir().definitions.front().reduction->atomic);
}

TEST_CASE_FIXTURE(Fixture, "padded and clamped accesses say what lies outside") {
    const Dim o("o", extent(i) - 1 + 1), row("row");
    const Input table("table", f32, {row});
    Tensor y("y"), w("w");
    y(o) = padded(z, 0)(i(o - 1)) + padded(z(i(o + 1)), 0);
    w = clamped(table)(row(index(n)));
    const ir::Kernel kernel = Kernel("k", {y, w}).ir();
    const ir::Ref& value = kernel.find_definition("y")->values.front();
    CHECK(value->args[0]->boundary == ir::Boundary::padded);
    CHECK(value->args[0]->pad()->type == Type::f32);
    CHECK(value->args[1]->boundary == ir::Boundary::padded);
    CHECK(kernel.find_definition("w")->values.front()->boundary == ir::Boundary::clamped);
}

TEST_CASE_FIXTURE(Fixture, "constants keep their bytes, scalars have no dims, frozen inputs say so") {
    const Dim t("t", 3);
    const Const taps("taps", f16, {t}, {0.25, 0.5, 0.25});
    Input w("w", f32, {t});
    w.frozen();
    Tensor y("y");
    y = sum({t}, f32(taps) * w) * alpha;
    const ir::Kernel kernel = Kernel("k", {y}).ir();
    CHECK(kernel.find_const("taps")->data.size() == 6);
    CHECK(kernel.find_const("taps")->data[3] == std::byte{0x38});
    CHECK(kernel.find_input("w")->frozen);
    CHECK(kernel.find_input("alpha")->dims.empty());
    CHECK(kernel.inputs.front().name == "alpha");
}

TEST_CASE_FIXTURE(Fixture, "an optimiser step writes in place") {
    const Input w("w", f32, {i}), g("g", f32, {i});
    Tensor w_new("w_new");
    w_new(i) = w - alpha * g;
    const ir::Kernel kernel = Kernel("step", {w_new}, updates({{w, w_new}}), estimates({{i, 1000}})).ir();
    CHECK(kernel.updates == std::vector<std::pair<std::string, std::string>>{{"w", "w_new"}});
    CHECK(kernel.estimates.at("i") == 1000);
    const Kernel other_order("step", {w_new}, estimates({{i, 1000}}), updates({{w, w_new}}));
    CHECK(ir::equal(kernel, other_order.ir()));
}

TEST_CASE_FIXTURE(Fixture, "statistics are compositions of library functions") {
    Tensor y("y");
    y = variance({k}, x);
    const ir::Kernel kernel = Kernel("k", {y}).ir();
    CHECK(kernel.groups.front().path == "y.variance");
    CHECK(kernel.find_definition("y.variance.mean") != nullptr);
    CHECK(kernel.find_definition("y.variance.sum") != nullptr);
    const Moments m = moments({k}, x);
    Tensor w("w");
    w = m.mean + m.variance;
    CHECK(Kernel("k", {w}).ir().find_definition("w.moments.state")->types.size() == 3);
    CHECK(type_of(logsumexp({k}, x)) == Type::f32);
    CHECK(type_of(mean({k}, h, f32)) == Type::f32);
    Tensor bad("bad");
    bad = mean({i}, n);
    CHECK(error_of(bad) == "L018");
}

TEST_CASE_FIXTURE(Fixture, "what no output needs is not part of the kernel, its mistakes included") {
    Tensor y("y"), unused("unused");
    unused(j) = sqrt(n);
    y = z + 1;
    CHECK(Kernel("k", {y}).ir().definitions.size() == 1);
    CHECK(error_of(unused) != "");
}

TEST_CASE("a kernel does not depend on what was built before it") {
    const std::string first = print(conv_capsules().ir());
    for (int n = 0; n < 3; ++n) {
        static_cast<void>(conv_capsules());
    }
    CHECK(print(conv_capsules().ir()) == first);
}

TEST_CASE_FIXTURE(Fixture, "a chain of half a million operations and of many definitions does not overflow the stack") {
    {
        Expr e = z;
        for (int n_ops = 0; n_ops < 500000; ++n_ops) {
            e = e + 1;
        }
        Tensor y("y");
        y = e;
        CHECK(Kernel("k", {y}).ir().definitions.size() == 1);
    }
    Tensor last("first");
    last = z + 1;
    std::vector<Tensor> chain{last};
    for (int n_defs = 0; n_defs < 2000; ++n_defs) {
        Tensor next("t" + std::to_string(n_defs));
        next = chain.back() + 1;
        chain.push_back(next);
    }
    CHECK(Kernel("k", {chain.back()}).ir().definitions.size() == 2001);
}
