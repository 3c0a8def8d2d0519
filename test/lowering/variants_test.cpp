// Variants: the runtime calls the first whose condition holds, and each computes what the kernel says.

#include "variant_library.hpp"

#include "coulter/interpreter.hpp"
#include "coulter/text.hpp"

#include <doctest/doctest.h>
#include <random>

using namespace coulter;
using namespace coulter::test;

namespace {

const char* const product_kernel = R"(coulter 1
kernel product_of

dim i
dim j
dim k

input left: f32[i, k]
input right: f32[k, j] frozen

product: f32[i, j] =
    sum {k} left * right

output product
)";

ir::Kernel kernel_of(const std::string& text) {
    ParseResult parsed = parse(text, "test.coulter");
    REQUIRE_MESSAGE(parsed.kernel, schedule::render(parsed.diagnostics, {}));
    return *parsed.kernel;
}

schedule::Plan plan_of(const ir::Kernel& kernel, const std::string& statements, const std::string& target = "x86-64") {
    schedule::CheckOptions options;
    options.target = target;
    const std::vector<schedule::ScheduleText> texts{{"k.sched", "schedule " + kernel.name + "\n" + statements}};
    const schedule::CheckResult checked = schedule::check_texts(kernel, texts, options);
    REQUIRE_MESSAGE(checked.plan, schedule::render(checked.diagnostics, texts));
    return *checked.plan;
}

schedule::Variant variant(const std::string& name, schedule::Condition when, schedule::Plan plan) {
    return {name, std::move(when), std::move(plan), {}};
}

/// `extent(dim) op value`
ir::Ref compare(ir::Op op, const std::string& dim, std::int64_t value) {
    return ir::binary(op, ir::extent_node(dim), ir::index_constant(value));
}

schedule::Condition when(ir::Ref extents) {
    schedule::Condition condition;
    condition.extents = std::move(extents);
    return condition;
}

Array random_array(const std::vector<std::int64_t>& shape, unsigned seed) {
    Array array(Type::f32, shape);
    std::mt19937 random(seed);
    for (std::int64_t i = 0; i < array.size(); ++i) {
        array.set_real(i, static_cast<double>(random() % 2000) / 1000.0 - 1.0);
    }
    return array;
}

/// Calls the library and compares the result with the interpreter's; gives the part that ran.
std::string part_at(VariantLibrary& library, const ir::Kernel& kernel, std::int64_t i, std::int64_t j, std::int64_t k,
                    const Given& given = {}) {
    const Array left = random_array({i, k}, 1);
    const Array right = random_array({k, j}, 2);
    const Called called = library.call({left, right}, {i, j}, given);
    CAPTURE(i);
    CAPTURE(j);
    CAPTURE(k);
    REQUIRE_MESSAGE(called.code == COULTER_OK, called.error);
    const Array wanted = interpret(kernel, {{"left", left}, {"right", right}}).at("product");
    for (std::int64_t at = 0; at < wanted.size(); ++at) {
        REQUIRE(called.result.real(at) == doctest::Approx(wanted.real(at)).epsilon(1e-4));
    }
    return called.part;
}

const char* const wide =
    "stage right.packed = pack right by j 16 once\nstage product { split j by 16; vectorize j.i }\n";
const char* const narrow =
    "stage right.packed = pack right by j 4 once\nstage product { split j by 4; vectorize j.i }\n";
const char* const plain = "stage product { vectorize j by 8 }\n";

} // namespace

TEST_CASE("extents choose the variant, the first that holds") {
    const ir::Kernel kernel = kernel_of(product_kernel);
    VariantLibrary library(
        kernel, plan_of(kernel, wide),
        {variant("tiny",
                 when(ir::binary(ir::Op::logical_and, compare(ir::Op::lt, "j", 4), compare(ir::Op::le, "i", 2))),
                 plan_of(kernel, plain)),
         variant("small", when(compare(ir::Op::lt, "j", 16)), plan_of(kernel, narrow))},
        "x86-64");
    CHECK(part_at(library, kernel, 2, 3, 5) == "tiny");
    CHECK(part_at(library, kernel, 3, 3, 5) == "small");
    CHECK(part_at(library, kernel, 2, 15, 5) == "small");
    CHECK(part_at(library, kernel, 2, 16, 5) == "common");
    CHECK(part_at(library, kernel, 9, 37, 11) == "common");
    CHECK(part_at(library, kernel, 7, 1, 0) == "small");
    CHECK(part_at(library, kernel, 0, 3, 5).empty()); // nothing to compute
}

TEST_CASE("strides and alignment choose the variant") {
    const ir::Kernel kernel = kernel_of(product_kernel);
    schedule::Condition compact = when(nullptr);
    compact.compact = true;
    schedule::Condition aligned = when(nullptr);
    aligned.alignment = 64;
    VariantLibrary library(kernel, plan_of(kernel, plain),
                           {variant(
                                "compact_aligned",
                                [&] {
                                    auto both = compact;
                                    both.alignment = 64;
                                    return both;
                                }(),
                                plan_of(kernel, wide)),
                            variant("compact", compact, plan_of(kernel, narrow)),
                            variant("aligned", aligned, plan_of(kernel, wide))},
                           "x86-64");
    CHECK(part_at(library, kernel, 5, 21, 7) == "compact_aligned");
    CHECK(part_at(library, kernel, 5, 21, 7, {0, 4}) == "compact");
    CHECK(part_at(library, kernel, 5, 21, 7, {0, 32}) == "compact");
    CHECK(part_at(library, kernel, 5, 21, 7, {3, 128}) == "aligned");
    CHECK(part_at(library, kernel, 5, 21, 7, {3, 32}) == "common");
}

TEST_CASE("a variant for a better processor is called where that is there") {
    const ir::Kernel kernel = kernel_of(product_kernel);
    std::vector<schedule::Variant> variants;
    std::string best = "common";
    const std::vector<std::string> targets{"x86-64-avx512_sapphirerapids", "x86-64-avx512_zen4", "x86-64-avx512",
                                           "x86-64-avx2"};
    for (const std::string& target : targets) {
        schedule::Condition condition = when(compare(ir::Op::ge, "j", 8));
        condition.target = target;
        variants.push_back(variant("on_" + std::to_string(variants.size()), condition, plan_of(kernel, wide, target)));
        if (best == "common" && schedule::target_matches(target, "host")) {
            best = variants.back().name;
        }
    }
    VariantLibrary library(kernel, plan_of(kernel, wide), variants, "x86-64");
    CHECK(part_at(library, kernel, 3, 40, 9) == best);
    CHECK(part_at(library, kernel, 3, 7, 9) == "common");
}

TEST_CASE("packs belong to a variant, and equal ones are made once") {
    const ir::Kernel kernel = kernel_of(product_kernel);
    VariantLibrary library(kernel, plan_of(kernel, wide),
                           {variant("one_row", when(compare(ir::Op::eq, "i", 1)),
                                    plan_of(kernel, std::string("stage product.acc = accumulate product\n") + wide)),
                            variant("two_rows", when(compare(ir::Op::eq, "i", 2)), plan_of(kernel, narrow)),
                            variant("three_rows", when(compare(ir::Op::eq, "i", 3)), plan_of(kernel, plain))},
                           "x86-64");
    Floats left({9, 5}, {});
    Floats right({5, 20}, {});
    left.fill(random_array({9, 5}, 1));
    right.fill(random_array({5, 20}, 2));
    const auto bytes_after = [&](std::int64_t rows, const std::string& part) {
        left.dl()->shape[0] = rows;
        const Called called = library.call_on({left.dl(), right.dl()}, {rows, 20});
        CHECK(called.part == part);
        return library.packed_bytes();
    };
    CHECK(bytes_after(3, "three_rows") == 0);
    const std::int64_t of_wide = bytes_after(4, "common");
    CHECK(of_wide >= 5 * 32 * 4);
    CHECK(bytes_after(4, "common") == of_wide);
    CHECK(bytes_after(1, "one_row") == of_wide);
    const std::int64_t of_both = bytes_after(2, "two_rows");
    CHECK(of_both >= of_wide + 5 * 20 * 4);
    CHECK(bytes_after(3, "three_rows") == of_both);
}

TEST_CASE("constants of one name keep the layouts of their variants") {
    std::string text = product_kernel;
    text.replace(text.find("dim j\ndim k"), 11, "dim j = 20\ndim k = 5");
    ir::Kernel kernel = kernel_of(text);
    const Array right = random_array({5, 20}, 2);
    kernel.inputs.erase(kernel.inputs.begin() + 1);
    kernel.consts.push_back({"right", Type::f32, {"k", "j"}, right.data, {}});
    VariantLibrary library(kernel, plan_of(kernel, wide),
                           {variant("few", when(compare(ir::Op::lt, "i", 3)), plan_of(kernel, narrow)),
                            variant("odd", when(compare(ir::Op::eq, "i", 5)), plan_of(kernel, plain))},
                           "x86-64");
    for (const auto& [rows, part] : {std::pair<std::int64_t, std::string>{2, "few"}, {4, "common"}, {5, "odd"}}) {
        const Array left = random_array({rows, 5}, 1);
        const Called called = library.call({left}, {rows, 20});
        CHECK(called.part == part);
        const Array wanted = interpret(kernel, {{"left", left}}).at("product");
        for (std::int64_t at = 0; at < wanted.size(); ++at) {
            CHECK(called.result.real(at) == doctest::Approx(wanted.real(at)).epsilon(1e-4));
        }
    }
}

TEST_CASE("a condition without a value does not hold, and refuses no call") {
    const ir::Kernel kernel = kernel_of(product_kernel);
    ir::Ref power = ir::extent_node("i");
    for (int level = 0; level < 5; ++level) {
        power = ir::binary(ir::Op::mul, power, power);
    }
    VariantLibrary library(
        kernel, plan_of(kernel, wide),
        {variant("overflows", when(ir::binary(ir::Op::gt, power, ir::index_constant(0))), plan_of(kernel, plain)),
         // 0 divided by 0 is 0, as in the language
         variant("divides",
                 when(ir::binary(ir::Op::eq, ir::binary(ir::Op::div, ir::extent_node("i"), ir::extent_node("k")),
                                 ir::index_constant(0))),
                 plan_of(kernel, narrow))},
        "x86-64");
    CHECK(part_at(library, kernel, 3, 5, 2) == "overflows"); // 3^32
    CHECK(part_at(library, kernel, 8, 5, 2) == "common");
    CHECK(part_at(library, kernel, 8, 5, 9) == "divides");
    CHECK(part_at(library, kernel, 8, 5, 0) == "divides");
}
