// Reductions, scatters and scans against values computed by hand: NaN, infinities, ties, empty ranges, tuples.

#include "coulter/interpreter.hpp"
#include "support/array_compare.hpp"
#include "support/build_kernel.hpp"

#include <doctest/doctest.h>

using namespace coulter;
using namespace coulter::test;
using ir::Op;
using ir::ReduceOp;

namespace {

std::string off(const Array& got, const std::vector<double>& wanted, const Tolerance& tolerance = exactly) {
    return difference(got, array_of(got.type, got.shape, wanted), tolerance);
}

/// Reduces the rows of `x`, [i, j].
std::map<std::string, Array> rows(ReduceOp op, const Array& x, const InterpretOptions& options = {}) {
    KernelBuilder build;
    build.input("x", x.type, {"i", "j"});
    build.reduce("out", {"i"}, op, {"j"}, {build.at("x")});
    return interpret(build.kernel(), {{"x", x}}, {}, options);
}

Array row(ReduceOp op, Type type, const std::vector<double>& values) {
    const auto n = static_cast<std::int64_t>(values.size());
    return rows(op, array_of(type, {1, n}, values)).at("out");
}

/// (index, value) of argmin or argmax over one row.
std::pair<std::int64_t, double> found(ReduceOp op, Type type, const std::vector<double>& values) {
    const auto n = static_cast<std::int64_t>(values.size());
    const auto out = rows(op, array_of(type, {1, n}, values));
    return {out.at("out.0").integer(0), out.at("out.1").real(0)};
}

const std::vector<Type> floats{Type::f64, Type::f32, Type::f16, Type::bf16};
const std::vector<Type> integers{Type::i8, Type::i16, Type::i32, Type::i64, Type::u8, Type::u16, Type::u32, Type::u64};

} // namespace

TEST_CASE("sum, product, min and max of every type") {
    std::vector<Type> types = floats;
    types.insert(types.end(), integers.begin(), integers.end());
    for (const Type type : types) {
        CAPTURE(name(type));
        const Array x = array_of(type, {2, 3}, {1, 2, 3, 4, 5, 0});
        CHECK(off(rows(ReduceOp::sum, x).at("out"), {6, 9}) == "");
        CHECK(off(rows(ReduceOp::product, x).at("out"), {6, 0}) == "");
        CHECK(off(rows(ReduceOp::min, x).at("out"), {1, 0}) == "");
        CHECK(off(rows(ReduceOp::max, x).at("out"), {3, 5}) == "");
        CHECK(rows(ReduceOp::sum, x).at("out").type == type);
    }
}

TEST_CASE("a sum has one rounding per element, in the definition's type, in the order of the loop") {
    CHECK(off(row(ReduceOp::sum, Type::f32, {1e8, 3, -1e8}), {0}) == "");
    CHECK(off(row(ReduceOp::sum, Type::f32, {1e8, -1e8, 3}), {3}) == "");
    CHECK(off(row(ReduceOp::sum, Type::f64, {1e8, 3, -1e8}), {3}) == "");
    CHECK(off(row(ReduceOp::sum, Type::f16, {2048, 1, 1}), {2048}) == "");
    CHECK(off(row(ReduceOp::sum, Type::bf16, {1, 1, 256}), {258}) == "");
    CHECK(off(row(ReduceOp::sum, Type::i8, {100, 100}), {-56}) == "");
    CHECK(off(row(ReduceOp::product, Type::u8, {20, 20}), {144}) == "");
    const Array x = array_of(Type::f32, {1, 3}, {1e8, 3, -1e8});
    CHECK(off(rows(ReduceOp::sum, x, {.in_double = true}).at("out"), {3}) == "");
}

TEST_CASE("reductions of floats pass NaN and infinities") {
    for (const Type type : floats) {
        CHECK(off(row(ReduceOp::min, type, {1, not_a_number, -infinity}), {not_a_number}) == "");
        CHECK(off(row(ReduceOp::max, type, {not_a_number, 1}), {not_a_number}) == "");
        CHECK(off(row(ReduceOp::max, type, {-infinity, -infinity}), {-infinity}) == "");
        CHECK(off(row(ReduceOp::min, type, {infinity, 3}), {3}) == "");
        CHECK(off(row(ReduceOp::sum, type, {infinity, 1, -infinity}), {not_a_number}) == "");
        CHECK(off(row(ReduceOp::product, type, {infinity, 0}), {not_a_number}) == "");
    }
}

TEST_CASE("the result of an empty reduction is the identity") {
    for (const Type type : floats) {
        const Array none(type, {2, 0});
        CHECK(off(rows(ReduceOp::sum, none).at("out"), {0, 0}) == "");
        CHECK(off(rows(ReduceOp::product, none).at("out"), {1, 1}) == "");
        CHECK(off(rows(ReduceOp::min, none).at("out"), {infinity, infinity}) == "");
        CHECK(off(rows(ReduceOp::max, none).at("out"), {-infinity, -infinity}) == "");
    }
    for (const Type type : integers) {
        const Array none(type, {1, 0});
        CHECK(rows(ReduceOp::min, none).at("out").integer(0) == static_cast<std::int64_t>(highest_integer(type)));
        CHECK(rows(ReduceOp::max, none).at("out").integer(0) == lowest_integer(type));
    }
    const Array none(Type::boolean, {1, 0});
    CHECK(off(rows(ReduceOp::any, none).at("out"), {0}) == "");
    CHECK(off(rows(ReduceOp::all, none).at("out"), {1}) == "");
}

TEST_CASE("no elements, no work") {
    CHECK(rows(ReduceOp::sum, Array(Type::f32, {0, 3})).at("out").shape == std::vector<std::int64_t>{0});
    CHECK(rows(ReduceOp::argmin, Array(Type::f32, {0, 0})).at("out.0").data.empty());
}

TEST_CASE("any and all") {
    const Array x = array_of(Type::boolean, {3, 2}, {0, 0, 0, 1, 1, 1});
    CHECK(off(rows(ReduceOp::any, x).at("out"), {0, 1, 1}) == "");
    CHECK(off(rows(ReduceOp::all, x).at("out"), {0, 0, 1}) == "");
}

TEST_CASE("argmin and argmax: the smallest index wins ties, the first NaN wins over everything") {
    using Found = std::pair<std::int64_t, double>;
    for (const Type type : floats) {
        CHECK(found(ReduceOp::argmin, type, {3, 1, 2, 1}) == Found{1, 1});
        CHECK(found(ReduceOp::argmax, type, {3, 1, 4, 4}) == Found{2, 4});
        CHECK(found(ReduceOp::argmin, type, {infinity, infinity}) == Found{0, infinity});
        CHECK(found(ReduceOp::argmax, type, {-infinity, -infinity}) == Found{0, -infinity});
        CHECK(found(ReduceOp::argmin, type, {-infinity, not_a_number, not_a_number}).first == 1);
        CHECK(found(ReduceOp::argmax, type, {not_a_number, infinity}).first == 0);
        CHECK(found(ReduceOp::argmax, type, {0, -0.0}).first == 0);
        const double value = found(ReduceOp::argmax, type, {1, not_a_number}).second;
        CHECK(value != value);
    }
    for (const Type type : integers) {
        CHECK(found(ReduceOp::argmin, type, {3, 1, 2, 1}) == Found{1, 1});
        CHECK(found(ReduceOp::argmax, type, {3, 1, 4, 4}) == Found{2, 4});
    }
}

TEST_CASE("argmin over more than one block of lanes") {
    std::vector<double> values(1000, 5);
    values[700] = 1;
    values[900] = 1;
    CHECK(found(ReduceOp::argmin, Type::f32, values).first == 700);
}

TEST_CASE("where keeps out elements, out of range accesses included") {
    KernelBuilder build;
    build.input("x", Type::f32, {"j"}).input("first", Type::i32, {"i"}).input("count", Type::i32, {"i"});
    build.dim("k", 3);
    const E at = cast(Type::index, build.at("first")) + loop("k");
    build.reduce("sum", {"i"}, ReduceOp::sum, {"k"}, {build.at("x", {{"j", at}})});
    build.where(loop("k") < cast(Type::index, build.at("count")));
    build.reduce("arg", {"i"}, ReduceOp::argmin, {"k"}, {build.at("x", {{"j", at}})});
    build.where(loop("k") < cast(Type::index, build.at("count")));
    const auto out = interpret(build.kernel({"sum", "arg"}), {{"x", array_of({4, 3, 2, 1})},
                                                              {"first", array_of(Type::i32, {3}, {0, 2, 3})},
                                                              {"count", array_of(Type::i32, {3}, {3, 2, 0})}});
    CHECK(off(out.at("sum"), {9, 3, 0}) == "");
    CHECK(off(out.at("arg.0"), {2, 1, -1}) == "");
    CHECK(off(out.at("arg.1"), {2, 1, infinity}) == "");
}

TEST_CASE("a reduction over several dims, and one that does not depend on a reduced dim") {
    KernelBuilder build;
    build.input("x", Type::i32, {"a", "b", "c"});
    build.reduce("sum", {"b"}, ReduceOp::sum, {"c", "a"}, {build.at("x")});
    build.reduce("count", {}, ReduceOp::sum, {"a", "b"}, {constant(Type::i32, 1)});
    const auto out =
        interpret(build.kernel({"sum", "count"}), {{"x", array_of(Type::i32, {2, 2, 2}, {1, 2, 3, 4, 5, 6, 7, 8})}});
    CHECK(off(out.at("sum"), {14, 22}) == "");
    CHECK(off(out.at("count"), {4}) == "");
}

TEST_CASE("a custom reduction folds tuples in order: combine(accumulator, element)") {
    KernelBuilder build;
    build.input("x", Type::f64, {"i", "j"});
    // One-pass moments: (count, mean, sum of squared distances).
    const Type t = Type::f64;
    const E total = left(t, 0) + right(t, 0);
    const E delta = right(t, 1) - left(t, 1);
    build.reduce("moments", {"i"}, ReduceOp::custom, {"j"}, {constant(t, 1), build.at("x"), constant(t, 0)});
    build.combine({constant(t, 0), constant(t, 0), constant(t, 0)},
                  {total, left(t, 1) + delta * right(t, 0) / total,
                   left(t, 2) + right(t, 2) + delta * delta * left(t, 0) * right(t, 0) / total});
    build.map("variance", {"i"}, {build.at("moments", {}, 2) / build.at("moments", {}, 0)});
    const auto out = interpret(build.kernel(), {{"x", array_of(t, {2, 4}, {1, 2, 3, 4, 10, 10, 10, 10})}});
    CHECK(off(out.at("variance"), {1.25, 0}, {1e-12, 0, 0}) == "");

    KernelBuilder order;
    order.input("x", Type::i32, {"j"});
    order.reduce("number", {}, ReduceOp::custom, {"j"}, {order.at("x")});
    order.combine({constant(Type::i32, 0)}, {10 * left(Type::i32) + right(Type::i32)});
    CHECK(interpret(order.kernel(), {{"x", array_of(Type::i32, {4}, {1, 2, 3, 4})}}).at("number").integer(0) == 1234);
    CHECK(interpret(order.kernel(), {{"x", Array(Type::i32, {0})}}).at("number").integer(0) == 0);
}

TEST_CASE("a scatter accumulates into the bound element; elements that nothing hits are the identity") {
    KernelBuilder build;
    build.input("bin", Type::i32, {"n"}).input("x", Type::f32, {"n", "c"}).dim("b", 4);
    const E bin = cast(Type::index, build.at("bin"));
    build.reduce("sums", {"b", "c"}, ReduceOp::sum, {"n"}, {build.at("x")}).into("b", bin);
    build.reduce("highest", {"b"}, ReduceOp::max, {"n", "c"}, {build.at("x")}).into("b", bin);
    build.reduce("count", {"b"}, ReduceOp::sum, {"n"}, {constant(Type::i32, 1)}).into("b", bin);
    build.reduce("last", {"b"}, ReduceOp::argmax, {"n"}, {build.at("bin")}).into("b", bin);
    const auto out = interpret(build.kernel({"sums", "highest", "count", "last"}),
                               {{"bin", array_of(Type::i32, {4}, {2, 0, 2, 2})},
                                {"x", array_of(Type::f32, {4, 2}, {1, 2, 3, 4, 5, 6, 7, 8})}});
    CHECK(off(out.at("sums"), {3, 4, 0, 0, 13, 16, 0, 0}) == "");
    CHECK(off(out.at("highest"), {4, -infinity, 8, -infinity}) == "");
    CHECK(off(out.at("count"), {1, 0, 3, 0}) == "");
    CHECK(off(out.at("last.0"), {1, -1, 0, -1}) == "");
}

TEST_CASE("a scatter whose elements `where` keeps out may have any index") {
    KernelBuilder build;
    build.input("bin", Type::i32, {"n"}).dim("b", 2);
    const E bin = cast(Type::index, build.at("bin"));
    build.reduce("count", {"b"}, ReduceOp::sum, {"n"}, {constant(Type::i32, 1)}).into("b", bin);
    build.where(binary(Op::ge, bin, ir::index_constant(0)));
    CHECK(off(interpret(build.kernel(), {{"bin", array_of(Type::i32, {3}, {-1, 1, 1})}}).at("count"), {0, 2}) == "");
}

TEST_CASE("scans: inclusive, exclusive, reversed") {
    for (const bool reversed : {false, true}) {
        for (const bool exclusive : {false, true}) {
            KernelBuilder build;
            build.input("x", Type::i32, {"i", "t"});
            ir::Scan scan{"t",
                          {},
                          reversed,
                          exclusive,
                          false,
                          {constant(Type::i32, 0).ref},
                          {(10 * left(Type::i32) + right(Type::i32)).ref}};
            build.scan("out", {"t", "i"}, scan, {build.at("x")}); // the layout is not the order of evaluation
            const Array out =
                interpret(build.kernel(), {{"x", array_of(Type::i32, {2, 3}, {1, 2, 3, 4, 5, 6})}}).at("out");
            CAPTURE(reversed);
            CAPTURE(exclusive);
            const std::vector<double> wanted = !reversed && !exclusive ? std::vector<double>{1, 4, 12, 45, 123, 456}
                                               : !reversed             ? std::vector<double>{0, 0, 1, 4, 12, 45}
                                               : !exclusive            ? std::vector<double>{321, 654, 32, 65, 3, 6}
                                                                       : std::vector<double>{32, 65, 3, 6, 0, 0};
            CHECK(off(out, wanted) == "");
        }
    }
}

TEST_CASE("a scan with tuple state: a linear recurrence over more than one block") {
    KernelBuilder build;
    build.dim("t", 600);
    const Type t = Type::f64;
    // h = a * h + b as (a, b) pairs, composed left to right.
    ir::Scan scan{"t",
                  {},
                  false,
                  false,
                  true,
                  {constant(t, 1).ref, constant(t, 0).ref},
                  {(left(t, 0) * right(t, 0)).ref, (left(t, 1) * right(t, 0) + right(t, 1)).ref}};
    build.scan("state", {"t"}, scan, {constant(t, 0.5), cast(t, loop("t"))});
    const Array out = interpret(build.kernel(), {}).at("state.1");
    double h = 0;
    for (int step = 0; step < 600; ++step) {
        h = 0.5 * h + step;
    }
    CHECK(out.real(599) == h);
    CHECK(out.real(2) == 2.5);
}
