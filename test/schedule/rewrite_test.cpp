// Each rewrite keeps the kernel valid and its outputs equal, wherever it applies.

#include "coulter/schedule/rewrite.hpp"
#include "coulter/text.hpp"
#include "rewrite_kernels.hpp"
#include "rewrite_run.hpp"

#include "support/random_kernel.hpp"
#include "support/run_options.hpp"

#include <doctest/doctest.h>

#include <functional>
#include <limits>
#include <random>

using namespace coulter;
using namespace coulter::schedule;
using namespace coulter::test;

namespace {

/// One way to rewrite a kernel, done when asked for.
struct Choice {
    std::string how;
    std::function<ir::Kernel()> apply;
};

void append_rfactors(const ir::Kernel& kernel, const ir::Definition& stage, const std::string& name,
                     std::vector<Choice>& all) {
    const auto add = [&](const std::string& dim, std::int64_t factor, RfactorPart part, const char* word) {
        all.push_back({"rfactor " + stage.name + " over " + dim + " by " + std::to_string(factor) + word,
                       [=, &kernel, stage = stage.name] { return rfactor(kernel, stage, dim, factor, part, name); }});
    };
    for (const std::string& dim : stage.reduction->dims) {
        if (stage.reduction->into.empty() || stage.reduction->dims.size() > 1) {
            add(dim, 1, RfactorPart::whole, " whole");
        }
        for (const std::int64_t factor : {1, 2, 3, 16}) {
            add(dim, factor, RfactorPart::outer, " outer");
            add(dim, factor, RfactorPart::inner, " inner");
        }
    }
}

void append_packs(const ir::Kernel& kernel, const std::string& source, const std::string& name,
                  std::vector<Choice>& all) {
    const std::vector<std::string>& dims = kernel.dims_of(source);
    if (kernel.types_of(source).size() != 1) {
        return;
    }
    const auto add = [&](const std::vector<PackTile>& tiles) {
        std::string by;
        for (const PackTile& tile : tiles) {
            by += " " + tile.dim + " " + std::to_string(tile.factor);
        }
        all.push_back({"pack " + source + " by" + by, [=, &kernel] { return pack(kernel, source, tiles, name); }});
    };
    for (const std::string& dim : dims) {
        for (const std::int64_t factor : {1, 2, 3, 16}) {
            add({{dim, factor}});
        }
    }
    if (dims.size() > 1) {
        add({{dims.back(), 3}, {dims.front(), 2}});
    }
}

void append_joins(const ir::Kernel& kernel, const ir::Definition& stage, const std::string& name,
                  std::vector<Choice>& all) {
    for (const ir::Definition& other : kernel.definitions) {
        if (other.name != stage.name && join_obstacle(kernel, {stage.name, other.name}).empty()) {
            all.push_back(
                {"join " + stage.name + " and " + other.name,
                 [=, &kernel, pair = std::vector{stage.name, other.name}] { return join(kernel, pair, name); }});
        }
    }
}

/// Every single rewrite that is legal for a kernel, which must outlive the choices; new stages are called `name`.
std::vector<Choice> all_rewrites(const ir::Kernel& kernel, const std::string& name) {
    std::vector<Choice> all;
    for (const ir::Definition& stage : kernel.definitions) {
        for (const std::string& producer : ir::reads(stage)) {
            all.push_back({"copy " + producer + " for " + stage.name,
                           [=, &kernel, stage = stage.name] { return copy(kernel, producer, stage, name); }});
            if (kernel.find_definition(producer) != nullptr) {
                all.push_back({"clone " + producer + " for " + stage.name,
                               [=, &kernel, stage = stage.name] { return clone(kernel, producer, {stage}, name); }});
            }
        }
        append_joins(kernel, stage, name, all);
        append_packs(kernel, stage.name, name, all);
        if (stage.reduction && stage.reduction->into.empty()) {
            all.push_back({"accumulate " + stage.name,
                           [=, &kernel, stage = stage.name] { return accumulate(kernel, stage, name); }});
        }
        if (stage.reduction) {
            append_rfactors(kernel, stage, name, all);
        }
        if (stage.scan && stage.scan->associative) {
            for (const std::int64_t factor : {1, 2, 3, 16}) {
                all.push_back({"chunk " + stage.name + " by " + std::to_string(factor),
                               [=, &kernel, stage = stage.name] { return chunk(kernel, stage, factor, name); }});
            }
        }
    }
    for (const ir::Input& input : kernel.inputs) {
        append_packs(kernel, input.name, name, all);
    }
    return all;
}

/// `steps` random rewrites, one after the other; `how` gets what they were.
ir::Kernel rewrite_randomly(ir::Kernel kernel, int steps, std::mt19937_64& random, std::string& how) {
    for (int step = 0; step < steps; ++step) {
        const std::vector<Choice> all = all_rewrites(kernel, "step" + std::to_string(step));
        if (!all.empty()) {
            const Choice& choice = all[random() % all.size()];
            how += choice.how + "; ";
            kernel = choice.apply();
        }
    }
    return kernel;
}

Arrays run(const ir::Kernel& kernel, const Arrays& inputs) {
    InterpretOptions options;
    options.in_double = true;
    return interpret(kernel, inputs, {}, options);
}

constexpr double tolerance = 1e-12;

} // namespace

TEST_CASE("every rewrite of every table kernel keeps it valid and its outputs equal") {
    for (const TableKernel& entry : table_kernels()) {
        CAPTURE(entry.kernel.name);
        REQUIRE(problems(entry.kernel) == "");
        const Arrays inputs = random_inputs(entry.kernel, entry.extents, 1);
        const Arrays expected = run(entry.kernel, inputs);
        for (const Choice& choice : all_rewrites(entry.kernel, "new")) {
            CAPTURE(choice.how);
            const ir::Kernel rewritten = choice.apply();
            CHECK(problems(rewritten) == "");
            CHECK(difference(expected, run(rewritten, inputs), tolerance) == "");
        }
    }
}

TEST_CASE("rewrites of rewrites keep outputs equal") {
    for (const TableKernel& entry : table_kernels()) {
        std::mt19937_64 random(7);
        const Arrays inputs = random_inputs(entry.kernel, entry.extents, 2);
        const Arrays expected = run(entry.kernel, inputs);
        for (int chain = 0; chain < 6; ++chain) {
            std::string how = entry.kernel.name + ": ";
            const ir::Kernel rewritten = rewrite_randomly(entry.kernel, 3, random, how);
            CAPTURE(how);
            CHECK(problems(rewritten) == "");
            CHECK(difference(expected, run(rewritten, inputs), tolerance) == "");
        }
    }
}

TEST_CASE("rewrites of random kernels keep outputs equal") {
    for (std::uint64_t seed = first_seed(); seed < first_seed() + 200; ++seed) {
        RandomKernelOptions options;
        options.stages = 4;
        const ir::Kernel kernel = random_kernel(seed, options);
        std::mt19937_64 random(seed);
        Extents extents;
        for (const auto& [dim, extent] : kernel.estimates) {
            extents[dim] = extent;
        }
        const Arrays inputs = random_inputs(kernel, extents, seed);
        const Arrays expected = run(kernel, inputs);
        for (int steps = 1; steps <= 4; ++steps) {
            std::string how;
            const ir::Kernel rewritten = rewrite_randomly(kernel, steps, random, how);
            CAPTURE(seed);
            CAPTURE(how);
            CHECK(problems(rewritten) == "");
            CHECK(difference(expected, run(rewritten, inputs), 1e-9) == "");
        }
    }
}

TEST_CASE("accumulate moves the reduction and leaves a map by name") {
    const ir::Kernel kernel = accumulate(table_kernel("argmax").kernel, "best", "best.acc");
    const ir::Definition* acc = kernel.find_definition("best.acc");
    const ir::Definition* best = kernel.find_definition("best");
    REQUIRE(acc != nullptr);
    CHECK(acc->reduction.has_value());
    CHECK_FALSE(best->reduction.has_value());
    REQUIRE(best->values.size() == 2);
    for (int component = 0; component < 2; ++component) {
        const ir::Node& read = *best->values[static_cast<std::size_t>(component)];
        CHECK(read.name == "best.acc");
        CHECK(read.component == component);
        CHECK(read.dims.empty());
    }
}

TEST_CASE("copy changes one consumer only") {
    const ir::Kernel kernel = copy(table_kernel("softmax").kernel, "y.softmax.exp", "y", "staged");
    CHECK(ir::reads(*kernel.find_definition("y")) == std::vector<std::string>{"staged", "y.softmax.sum"});
    CHECK(ir::reads(*kernel.find_definition("y.softmax.sum")) == std::vector<std::string>{"y.softmax.exp"});
}

TEST_CASE("pack puts outer parts first and inner parts last, in the order given") {
    const ir::Kernel kernel = pack(table_kernel("conv_capsules").kernel, "weight", {{"out", 16}, {"k", 2}}, "packed");
    const ir::Definition* packed = kernel.find_definition("packed");
    REQUIRE(packed != nullptr);
    CHECK(packed->dims == std::vector<std::string>{"packed:out.o", "packed:k.o", "ky", "kx", "in", "col",
                                                   "packed:out.i", "packed:k.i"});
    CHECK(kernel.find_dim("packed:out.i")->size == 16);
    CHECK(kernel.find_dim("packed:k.o")->size == 2);
    CHECK_FALSE(kernel.find_dim("packed:out.o")->size.has_value());
    CHECK(kernel.find_dim("packed:out.o")->extent != nullptr);
    CHECK(packed->values.front()->boundary == ir::Boundary::padded);
}

TEST_CASE("pack by a factor that divides a constant extent reads plainly") {
    const ir::Kernel kernel = pack(table_kernel("conv_capsules").kernel, "weight", {{"col", 2}}, "packed");
    CHECK(kernel.find_definition("packed")->values.front()->boundary == ir::Boundary::checked);
}

TEST_CASE("a padded access of a packed tensor keeps its own pad beyond the extent") {
    const ir::Kernel kernel = pack(table_kernel("padded").kernel, "x", {{"i", 4}}, "packed");
    CHECK(kernel.find_definition("wide")->values.front()->kind == ir::Kind::select);
    CHECK(kernel.find_definition("zeroed")->values.front()->kind == ir::Kind::access);
}

TEST_CASE("rfactor guards the tail only where the factor does not divide") {
    const ir::Kernel kernel = table_kernel("conv_capsules").kernel;
    const ir::Kernel even = rfactor(kernel, "votes", "k", 2, RfactorPart::inner, "votes.part");
    const ir::Kernel odd = rfactor(kernel, "votes", "k", 3, RfactorPart::inner, "votes.part");
    CHECK(even.find_definition("votes.part")->reduction->where == nullptr);
    CHECK(odd.find_definition("votes.part")->reduction->where != nullptr);
    CHECK(odd.find_dim("votes.part:k.o")->size == 2);
    CHECK(odd.find_definition("votes.part")->dims.back() == "votes.part:k.i");
    CHECK(odd.find_definition("votes.part")->reduction->dims ==
          std::vector<std::string>{"ky", "kx", "in", "votes.part:k.o"});
    CHECK(odd.find_definition("votes")->reduction->dims == std::vector<std::string>{"votes.part:k.i"});
}

TEST_CASE("what a condition says about parts stays with what combines them") {
    const ParseResult parsed = parse(R"(coulter 1
kernel segments

dim node
dim edge
dim c

input start: i32[node]
input g: f32[node, c]
input x: f32[edge, c]

w: f32[edge] =
    sum {node, c where edge >= index(start) && c < extent(edge)} g * x

output w
)",
                                     "segments.coulter");
    REQUIRE(parsed.diagnostics.empty());
    const ir::Kernel& kernel = *parsed.kernel;
    const ir::Kernel apart = rfactor(kernel, "w", "node", 0, RfactorPart::whole, "w.part");
    const ir::Ref outer = apart.find_definition("w")->reduction->where;
    REQUIRE(outer != nullptr);
    CHECK(outer->op == ir::Op::ge);
    CHECK(apart.find_definition("w.part")->reduction->where->op == ir::Op::logical_and);
    CHECK(rfactor(kernel, "w", "c", 0, RfactorPart::whole, "w.part").find_definition("w")->reduction->where->op ==
          ir::Op::lt);
}

TEST_CASE("rfactor of argmax keeps the smallest index and the first NaN") {
    const TableKernel entry = table_kernel("argmax");
    Arrays inputs = random_inputs(entry.kernel, entry.extents, 3);
    Array& x = inputs.at("x");
    for (std::int64_t i = 0; i < x.size(); ++i) {
        x.set_real(i, 1);
    }
    x.set_real(1 * 6 + 4, 5);
    x.set_real(2 * 6 + 3, std::numeric_limits<double>::quiet_NaN());
    x.set_real(2 * 6 + 5, std::numeric_limits<double>::quiet_NaN());
    for (const std::int64_t factor : {1, 2, 4, 16}) {
        for (const RfactorPart part : {RfactorPart::whole, RfactorPart::outer, RfactorPart::inner}) {
            CAPTURE(factor);
            CAPTURE(static_cast<int>(part));
            const ir::Kernel kernel = rfactor(entry.kernel, "best", "col", factor, part, "best.part");
            const Arrays results = run(kernel, inputs);
            CHECK(results.at("index").integer(0) == 0);
            CHECK(results.at("index").integer(1) == 4);
            CHECK(results.at("index").integer(2) == 3);
        }
    }
}

TEST_CASE("rewrites refuse what their preconditions exclude") {
    const ir::Kernel kernel = table_kernel("argmax").kernel;
    CHECK_THROWS_AS(static_cast<void>(accumulate(kernel, "index", "new")), InternalError);
    CHECK_THROWS_AS(static_cast<void>(accumulate(kernel, "best", "value")), InternalError);
    CHECK_THROWS_AS(static_cast<void>(accumulate(kernel, "nothing", "new")), InternalError);
    CHECK_THROWS_AS(static_cast<void>(copy(kernel, "x", "value", "new")), InternalError);
    CHECK_THROWS_AS(static_cast<void>(pack(kernel, "best", {{"row", 4}}, "new")), InternalError);
    CHECK_THROWS_AS(static_cast<void>(pack(kernel, "x", {{"nothing", 4}}, "new")), InternalError);
    CHECK_THROWS_AS(static_cast<void>(rfactor(kernel, "best", "row", 4, RfactorPart::whole, "new")), InternalError);
}

TEST_CASE("a dim of a rewrite is displayed without its stage") {
    CHECK(display_name("weight.packed:out.o") == "out.o");
    CHECK(display_name("out") == "out");
}
