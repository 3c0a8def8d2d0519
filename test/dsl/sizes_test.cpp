// The size rule: sources, inference, proofs and checks; and all of it against enumeration.
#include "support/run_options.hpp"
#include <coulter/coulter.h>
#include <coulter/sizes.hpp>
#include <coulter/text.hpp>
#include <doctest/doctest.h>

#include <algorithm>
#include <random>

using namespace coulter;

namespace {

Sizes sizes_of(const ir::Kernel& kernel) {
    std::vector<Diagnostic> diagnostics;
    Sizes sizes = infer_sizes(kernel, diagnostics);
    CHECK(diagnostics.empty());
    return sizes;
}

std::string rule(const Sizes& sizes, const std::string& dim) {
    const ExtentRule& found = sizes.rules.at(dim);
    return found.value ? print(found.value) : "of " + found.tensor;
}

// False where a check that is not guarded fails.
bool checks_hold(const Sizes& sizes, const std::map<std::string, std::int64_t>& extents) {
    for (const SizeCheck& check : sizes.checks) {
        if (std::any_of(check.guards.begin(), check.guards.end(),
                        [&](const auto& dim) { return extents.at(dim) == 0; })) {
            continue;
        }
        const std::int64_t lhs = evaluate(check.lhs, extents).value();
        if (check.kind == SizeCheck::Kind::nonzero) {
            if (lhs == 0) return false;
            continue;
        }
        const std::int64_t rhs = evaluate(check.rhs, extents).value();
        if (check.kind == SizeCheck::Kind::equal ? lhs != rhs : lhs > rhs) return false;
    }
    return true;
}

std::string simplified(const Expr& index_expression) {
    const Dim probe("probe", index_expression);
    Tensor t("t");
    const Input a("a", f32, {Dim("a")}), b("b", f32, {Dim("b")});
    t(probe) = sum({Dim("a")}, a()) + sum({Dim("b")}, b());
    const ir::Kernel kernel = Kernel("k", {t}).ir();
    return print(simplify_index(kernel.find_dim("probe")->extent));
}

} // namespace

TEST_CASE("an extent has one source, tried in order") {
    const Dim c("c", 4), e("e", extent(Dim("n")) + 1), n("n"), v("v"), o("o");
    const Input x("x", f32, {c, n});
    Tensor y("y"), w("w");
    w(c, e) = f32(e) * sum({n}, x);
    y(v, o, c) = x(n(2 * v)) + sum({e}, w);
    const Sizes sizes = sizes_of(Kernel("k", {y}).ir());
    CHECK(sizes.rules.at("c").source == ExtentSource::constant);
    CHECK(sizes.rules.at("e").source == ExtentSource::expression);
    CHECK(sizes.rules.at("n").source == ExtentSource::input);
    CHECK(sizes.rules.at("v").source == ExtentSource::inferred);
    CHECK(sizes.rules.at("o").source == ExtentSource::output);
    CHECK(rule(sizes, "o") == "of y");
    CHECK(rule(sizes, "n") == "of x");
    CHECK(sizes.order.size() == 5);
}

TEST_CASE("a strided window is inferred and proved without a check") {
    const Dim y("y"), iy("iy"), ky("ky", 3);
    const Input x("x", f32, {iy});
    Tensor t("t");
    t(y) = sum({ky}, x(iy(2 * y + ky)));
    const ir::Kernel kernel = Kernel("k", {t}).ir();
    const Sizes sizes = sizes_of(kernel);
    CHECK(rule(sizes, "y") == "max((extent(iy) + 1) / 2 - 1, 0)");
    CHECK(sizes.checks.empty());
    CHECK(resolve_extents(kernel, sizes, {{"iy", 15}}).at("y") == 7);
    CHECK(resolve_extents(kernel, sizes, {{"iy", 2}}).at("y") == 0);
}

TEST_CASE("an extent that is said is proved where it fits, and checked where it may not") {
    const Dim iy("iy"), ky("ky", 3), good("y", (extent(iy) - 3) / 2 + 1), wide("y", extent(iy) / 2);
    const Input x("x", f32, {iy});
    Tensor t("t"), u("u");
    t(good) = sum({ky}, x(iy(2 * good + ky)));
    u(wide) = sum({ky}, x(iy(2 * wide + ky)));
    const Sizes fits = sizes_of(Kernel("k", {t}).ir());
    REQUIRE(fits.checks.size() == 1);
    CHECK(fits.checks[0].text == "the extent of `y` is {1}, and it is at least {0}");
    const Sizes may = sizes_of(Kernel("k", {u}).ir());
    REQUIRE(may.checks.size() == 1);
    CHECK(may.checks[0].text == "`x` is read at iy = 2 * y + ky up to {0}, and iy ends at {1}");
    CHECK(may.checks[0].guards == std::vector<std::string>{"y"});
    CHECK(checks_hold(may, {{"iy", 0}, {"y", 0}, {"ky", 3}}));
    CHECK_FALSE(checks_hold(may, {{"iy", 8}, {"y", 4}, {"ky", 3}}));
}

TEST_CASE("several accesses into one dim give the smallest extent, into different dims they must agree") {
    const Dim i("i"), j("j"), y("y");
    const Input x("x", f32, {i}), w("w", f32, {j});
    Tensor t("t"), u("u");
    t(y) = x(i(y)) + x(i(y + 2)) + x(i(3 * y));
    const ir::Kernel smallest = Kernel("k", {t}).ir();
    CHECK(resolve_extents(smallest, sizes_of(smallest), {{"i", 12}}).at("y") == 4);
    CHECK(resolve_extents(smallest, sizes_of(smallest), {{"i", 4}}).at("y") == 2);
    u(y) = x(i(y)) * w(j(y + 1));
    const Sizes sizes = sizes_of(Kernel("k", {u}).ir());
    REQUIRE(sizes.checks.size() == 1);
    CHECK(sizes.checks[0].kind == SizeCheck::Kind::equal);
    CHECK(sizes.checks[0].text == "dim `y` has extent {0} by `i` of `x` and {1} by `j` of `w`");
}

TEST_CASE("a flattened index is proved") {
    const Dim a("a"), b("b"), flat("flat", extent(a) * extent(b));
    const Input x("x", f32, {a, b}), w("w", f32, {b});
    Tensor f("f"), y("y");
    f(flat) = x(a(flat / extent(b)), b(flat % extent(b)));
    y(a, b) = w * f(flat(a * extent(b) + b));
    const Sizes sizes = sizes_of(Kernel("k", {y}).ir());
    // The products are proved; a quotient by an extent is beyond the rules and is checked by its bounds.
    for (const SizeCheck& check : sizes.checks) {
        CHECK(check.text.find("`f` is read") == std::string::npos);
    }
}

TEST_CASE("narrow values and clamped indices are bounded") {
    const Dim i("i"), row("row"), full("full", 256);
    const Input ids("ids", u8, {i}), wide("wide", i32, {i}), table("table", f32, {row}), map("map", f32, {full});
    Tensor t("t"), u("u"), v("v");
    t(i) = map(full(index(ids)));
    CHECK(sizes_of(Kernel("k", {t}).ir()).checks.empty());
    u(i) = table(row(index(ids)));
    const Sizes narrow = sizes_of(Kernel("k", {u}).ir());
    REQUIRE(narrow.checks.size() == 1);
    CHECK(narrow.checks[0].text == "`table` is read at row = index(ids) up to {0}, and row ends at {1}");
    v(i) = table(row(clamp(index(wide), 0, extent(row) - 1)));
    const Sizes clamp_check = sizes_of(Kernel("k", {v}).ir());
    // An empty table cannot be clamped into.
    CHECK(checks_hold(clamp_check, {{"row", 1}, {"i", 5}}));
    CHECK_FALSE(checks_hold(clamp_check, {{"row", 0}, {"i", 5}}));
    CHECK(checks_hold(clamp_check, {{"row", 0}, {"i", 0}}));
}

TEST_CASE("what has no result for nothing asks for something") {
    const Dim i("i"), k("k"), three("three", 3);
    const Input x("x", f32, {i, k}), z("z", f32, {i, three});
    Tensor best("best"), average("average"), total("total"), small("small");
    best = argmax({k}, x);
    average = mean({k}, x);
    total = sum({k}, x);
    small = mean({three}, z);
    const Sizes arg = sizes_of(Kernel("k", {best}).ir());
    REQUIRE(arg.checks.size() == 1);
    CHECK(arg.checks[0].kind == SizeCheck::Kind::nonzero);
    CHECK(arg.checks[0].guards == std::vector<std::string>{"i"});
    CHECK(sizes_of(Kernel("k", {average}).ir()).checks.size() == 1);
    CHECK(sizes_of(Kernel("k", {total}).ir()).checks.empty());
    CHECK(sizes_of(Kernel("k", {small}).ir()).checks.empty());
}

TEST_CASE("index expressions simplify") {
    const Expr a = extent(Dim("a")), b = extent(Dim("b"));
    CHECK(simplified(a + b - a) == "extent(b)");
    CHECK(simplified((2 * a + 1) / 2) == "extent(a)");
    CHECK(simplified((a + 6) / 2 - 3 + 1) == "extent(a) / 2 + 1");
    CHECK(simplified((4 * a + 7) % 4 + 1) == "4");
    CHECK(simplified(min(a + 1, a + 3)) == "extent(a) + 1");
    CHECK(simplified(2 * (a - 1) + 3) == "2 * extent(a) + 1");
    CHECK(simplified(a * b - b * a + 2) == "2");
}

TEST_CASE("values of index expressions floor, divide by zero to zero and say where they overflow") {
    const ir::Ref a = ir::extent_node("a");
    const auto value = [&](ir::Op op, std::int64_t x, std::int64_t y) {
        return evaluate(ir::binary(op, a, ir::index_constant(y)), {{"a", x}});
    };
    CHECK(value(ir::Op::div, -7, 2) == -4);
    CHECK(value(ir::Op::mod, -7, 2) == 1);
    CHECK(value(ir::Op::div, 7, 0) == 0);
    CHECK(value(ir::Op::mod, 7, 0) == 0);
    CHECK(value(ir::Op::div, std::numeric_limits<std::int64_t>::min(), -1) == std::nullopt);
    CHECK(value(ir::Op::mul, std::numeric_limits<std::int64_t>::max(), 2) == std::nullopt);
    CHECK(evaluate(a, {}) == std::nullopt);
}

namespace {

// An index c0 + sum of ci*vi, bent by one operation, kept apart from the IR.
struct RandomIndex {
    std::vector<std::int64_t> coefficients;
    std::int64_t offset = 0;
    bool from_end = false; // extent - 1 - index
    int bend = 0;          // 0 none, 1 divide, 2 remainder, 3 at most, 4 at least 0, 5 clamped into the extent
    std::int64_t amount = 1;

    [[nodiscard]] bool linear() const { return bend == 0; }

    [[nodiscard]] std::int64_t at(const std::vector<std::int64_t>& loops, std::int64_t size) const {
        std::int64_t value = offset;
        for (std::size_t i = 0; i < loops.size(); ++i) {
            value += coefficients[i] * loops[i];
        }
        const auto floor_div = [](std::int64_t a, std::int64_t b) { return a >= 0 ? a / b : -((-a + b - 1) / b); };
        if (from_end) value = size - 1 - value;
        if (bend == 1) value = floor_div(value, amount);
        if (bend == 2) value -= amount * floor_div(value, amount);
        if (bend == 3) value = std::min(value, amount);
        if (bend == 4) value = std::max<std::int64_t>(value, 0);
        if (bend == 5) value = std::min(std::max<std::int64_t>(value, 0), size - 1);
        return value;
    }

    [[nodiscard]] Expr expression(const std::vector<Dim>& loops, const Dim& into) const {
        Expr value = coefficients[0] * loops[0] + offset;
        for (std::size_t i = 1; i < loops.size(); ++i) {
            value = value + coefficients[i] * loops[i];
        }
        if (from_end) value = extent(into) - 1 - value;
        if (bend == 1) value = value / amount;
        if (bend == 2) value = value % amount;
        if (bend == 3) value = min(value, amount);
        if (bend == 4) value = max(value, 0);
        if (bend == 5) value = clamp(value, 0, extent(into) - 1);
        return value;
    }
};

struct Outcome {
    bool empty = true;
    bool inside = true;
};

Outcome enumerate(const std::vector<RandomIndex>& indices, const std::vector<std::int64_t>& extents,
                  std::int64_t size) {
    Outcome outcome;
    std::vector<std::int64_t> loops(extents.size(), 0);
    if (std::find(extents.begin(), extents.end(), 0) != extents.end()) return outcome;
    while (true) {
        outcome.empty = false;
        for (const RandomIndex& index : indices) {
            const std::int64_t at = index.at(loops, size);
            outcome.inside = outcome.inside && at >= 0 && at < size;
        }
        std::size_t i = 0;
        while (i < loops.size() && ++loops[i] == extents[i]) {
            loops[i++] = 0;
        }
        if (i == loops.size()) return outcome;
    }
}

} // namespace

TEST_CASE("sizes agree with enumeration on 20,000 random kernels") {
    int inferred = 0, proved = 0, checked = 0, refused = 0, failing = 0;
    for (std::uint64_t seed = test::first_seed(); seed < test::first_seed() + 20000; ++seed) {
        CAPTURE(seed);
        std::mt19937_64 random(seed);
        const auto pick = [&](std::int64_t low, std::int64_t high) {
            return low + static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(high - low + 1));
        };
        // Loops: the first has no extent of its own unless it is said, the others are constant or of an Input.
        const auto count = static_cast<std::size_t>(pick(1, 3));
        const bool said = pick(0, 2) == 0;
        const bool fixed_size = pick(0, 3) == 0;
        const std::int64_t constant_size = pick(1, 12);
        const Dim into = fixed_size ? Dim("into", constant_size) : Dim("into");
        const std::int64_t said_extent = pick(1, 5);
        std::vector<Dim> loops{said ? Dim("v", said_extent) : Dim("v")};
        std::vector<std::int64_t> constant_extents{said ? said_extent : 0};
        std::vector<Dim> of_input;
        for (std::size_t i = 1; i < count; ++i) {
            const std::string name = "k" + std::to_string(i);
            constant_extents.push_back(pick(0, 1) == 0 ? pick(1, 4) : 0);
            loops.push_back(constant_extents.back() != 0 ? Dim(name, constant_extents.back()) : Dim(name));
            if (constant_extents.back() == 0) of_input.push_back(loops.back());
        }
        const auto accesses = static_cast<std::size_t>(pick(1, 2));
        std::vector<RandomIndex> indices;
        for (std::size_t a = 0; a < accesses; ++a) {
            RandomIndex index;
            for (std::size_t i = 0; i < count; ++i) {
                index.coefficients.push_back(pick(-2, 3));
            }
            if (a == 0 && index.coefficients[0] == 0) index.coefficients[0] = 1;
            index.offset = pick(-2, 4);
            index.from_end = pick(0, 4) == 0;
            index.bend = said && pick(0, 1) == 0 ? static_cast<int>(pick(1, 5)) : 0;
            index.amount = pick(1, 4);
            indices.push_back(index);
        }
        const Input x("x", f32, {into}), other("other", f32, of_input);
        Tensor t("t");
        Expr value = other;
        for (const RandomIndex& index : indices) {
            value = value + x(into(index.expression(loops, into)));
        }
        t = value + f32(loops[0]);
        std::optional<Kernel> kernel;
        std::string code;
        try {
            kernel.emplace("k", std::vector<Tensor>{t});
        } catch (const LanguageError& error) {
            code = error.diagnostics().front().code;
        }
        const bool linear =
            std::all_of(indices.begin(), indices.end(), [](const auto& index) { return index.linear(); });
        for (int trial = 0; trial < 4; ++trial) {
            std::map<std::string, std::int64_t> given{{"into", fixed_size ? constant_size : pick(0, 14)}};
            std::vector<std::int64_t> extents = constant_extents;
            for (std::size_t i = 1; i < count; ++i) {
                if (extents[i] == 0) extents[i] = pick(0, 5);
                given["k" + std::to_string(i)] = extents[i];
            }
            const std::int64_t size = given["into"];
            if (!kernel) {
                // Constants showed that no call can succeed: with one index in every loop it is outside already.
                REQUIRE_MESSAGE(code == "L032", code);
                for (std::int64_t& e : extents) {
                    e = std::max<std::int64_t>(e, 1);
                }
                const Outcome outcome = enumerate(indices, extents, size);
                if (linear) CHECK_FALSE(outcome.inside);
                ++refused;
                continue;
            }
            const Sizes sizes = infer_sizes(kernel->ir(), *std::make_unique<std::vector<Diagnostic>>());
            const std::map<std::string, std::int64_t> all = resolve_extents(kernel->ir(), sizes, given);
            REQUIRE(all.contains("v"));
            extents[0] = all.at("v");
            REQUIRE(extents[0] >= 0);
            if (extents[0] > 200) continue; // an empty loop beside it leaves it without a bound
            const Outcome outcome = enumerate(indices, extents, size);
            const bool hold = checks_hold(sizes, all);
            if (hold) CHECK(outcome.inside);
            // Bounds of linear indices are reached, so a failed check names a real mistake.
            if (!hold && linear) CHECK_FALSE(outcome.inside);
            (hold ? (sizes.checks.empty() ? proved : checked) : failing) += 1;
            const bool from_access = sizes.rules.at("v").source == ExtentSource::inferred;
            const bool others_run = std::find(extents.begin() + 1, extents.end(), 0) == extents.end();
            if (from_access && hold && others_run) {
                // The largest that fits: one more would leave the tensor, by the end that the rule looks at.
                ++extents[0];
                CHECK_FALSE(enumerate(indices, extents, size).inside);
                ++inferred;
            }
        }
    }
    MESSAGE("inferred " << inferred << ", proved " << proved << ", checked " << checked << ", failing " << failing
                        << ", refused " << refused);
    // The cases reach every outcome.
    CHECK(inferred > 5000);
    CHECK(proved > 5000);
    CHECK(checked > 1000);
    CHECK(failing > 1000);
    CHECK(refused > 500);
}
