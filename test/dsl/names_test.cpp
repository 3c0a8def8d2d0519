// Names of what nobody named, and the groups of library functions.
#include <coulter/coulter.h>
#include <doctest/doctest.h>

using namespace coulter;

namespace {

Tensor softmax(const Arg& x, const Dim& over) {
    Function f("softmax", {x});
    Tensor highest("max"), e("exp");
    highest = max({over}, x);
    e = exp(x - highest);
    return e / sum({over}, e);
}

Tensor log_softmax(const Arg& x, const Dim& over) {
    Function f("log_softmax", {x});
    f.macros("softmax.sched", "macro row(at) { compute at at }");
    return log(softmax(x, over));
}

// Steps of one role, as the iterations of expectation maximisation are.
Tensor smooth(const Arg& x, int steps) {
    Function f("smooth", {x});
    std::vector<Tensor> mu;
    for (int n = 0; n < steps; ++n) {
        mu.emplace_back("mu");
        mu.back() = n == 0 ? x * 0.5 : mu[mu.size() - 2] + x;
    }
    return mu.back() * 2;
}

std::vector<std::string> names(const ir::Kernel& kernel) {
    std::vector<std::string> list;
    for (const ir::Definition& definition : kernel.definitions) {
        list.push_back(definition.name);
    }
    return list;
}

using Names = std::vector<std::string>;

struct Fixture {
    Dim i{"i"}, k{"k"};
    Input x{"x", f32, {i, k}};
    Input w{"w", f32, {i, k}};
};

} // namespace

TEST_CASE_FIXTURE(Fixture, "the result of a function is the tensor that it is assigned to, without a copy") {
    Tensor y("y");
    y = softmax(x, k);
    const ir::Kernel kernel = Kernel("k", {y}).ir();
    CHECK(names(kernel) == Names{"y.softmax.max", "y.softmax.exp", "y.softmax.sum", "y"});
    REQUIRE(kernel.groups.size() == 1);
    const ir::Group& group = kernel.groups.front();
    CHECK(group.path == "y.softmax");
    CHECK(group.function == "softmax");
    CHECK(group.inputs == Names{"x"});
    CHECK(group.outputs == Names{"y"});
    CHECK(group.span.file == "dsl/names_test.cpp");
}

TEST_CASE_FIXTURE(Fixture, "a left side with dims gives the result its layout") {
    Tensor y("y");
    y(k, i) = softmax(x, k);
    const ir::Kernel kernel = Kernel("k", {y}).ir();
    CHECK(names(kernel) == Names{"y.softmax.max", "y.softmax.exp", "y.softmax.sum", "y"});
    CHECK(kernel.find_definition("y")->dims == Names{"k", "i"});
}

TEST_CASE_FIXTURE(Fixture, "more dims on the left make a copy of the result") {
    const Dim n("n");
    Tensor y("y");
    y(n, i, k) = softmax(x, k);
    CHECK(names(Kernel("k", {y}).ir()) == Names{"y.softmax.max", "y.softmax.exp", "y.softmax.sum", "y.softmax", "y"});
}

TEST_CASE_FIXTURE(Fixture, "a result inside an expression is called after its user and the function") {
    Tensor y("y");
    y = 1 - softmax(x, k);
    const ir::Kernel kernel = Kernel("k", {y}).ir();
    CHECK(names(kernel) == Names{"y.softmax.max", "y.softmax.exp", "y.softmax.sum", "y.softmax", "y"});
    CHECK(kernel.groups.front().outputs == Names{"y.softmax"});
}

TEST_CASE_FIXTURE(Fixture, "equals are numbered in textual order, and only equals") {
    Tensor y("y"), z("z");
    y = softmax(x, k) * softmax(w, k);
    const ir::Kernel kernel = Kernel("k", {y}).ir();
    CHECK(kernel.groups[0].path == "y.softmax[0]");
    CHECK(kernel.groups[0].inputs == Names{"x"});
    CHECK(kernel.groups[1].path == "y.softmax[1]");
    CHECK(kernel.groups[1].inputs == Names{"w"});
    z = sum({k}, x) / sum({k}, w) - max({k}, x);
    CHECK(names(Kernel("k", {z}).ir()) == Names{"z.sum[0]", "z.sum[1]", "z.max", "z"});
}

TEST_CASE_FIXTURE(Fixture, "roles of a function that repeat are numbered") {
    Tensor y("y");
    y = smooth(x, 3);
    CHECK(names(Kernel("k", {y}).ir()) == Names{"y.smooth.mu[0]", "y.smooth.mu[1]", "y.smooth.mu[2]", "y"});
    Tensor z("z");
    z = smooth(x, 1);
    CHECK(names(Kernel("k", {z}).ir()) == Names{"z.smooth.mu", "z"});
}

TEST_CASE_FIXTURE(Fixture, "functions that call functions nest") {
    Tensor y("y");
    y = log_softmax(x, k);
    const ir::Kernel kernel = Kernel("k", {y}).ir();
    CHECK(names(kernel) == Names{"y.log_softmax.softmax.max", "y.log_softmax.softmax.exp", "y.log_softmax.softmax.sum",
                                 "y.log_softmax.softmax", "y"});
    CHECK(kernel.groups[0].path == "y.log_softmax");
    CHECK(kernel.groups[0].macro_file == "softmax.sched");
    CHECK(kernel.groups[1].path == "y.log_softmax.softmax");
}

TEST_CASE_FIXTURE(Fixture, "results without names pass from function to function") {
    Tensor y("y");
    y = softmax(softmax(x, k), i);
    const ir::Kernel kernel = Kernel("k", {y}).ir();
    CHECK(kernel.groups[0].outputs == Names{"y.softmax.softmax"});
    CHECK(kernel.groups[1].inputs == Names{"y.softmax.softmax"});
    Tensor z("z");
    z = softmax(sum({i}, x * w), k);
    CHECK(names(Kernel("k", {z}).ir()) ==
          Names{"z.softmax.sum[0]", "z.softmax.max", "z.softmax.exp", "z.softmax.sum[1]", "z"});
}

TEST_CASE_FIXTURE(Fixture, "a handle without a name takes none, a copy is the same tensor") {
    Tensor p = softmax(x, k);
    const Tensor same = p;
    Tensor y("y");
    y = sum({k}, same * w);
    CHECK(names(Kernel("k", {y}).ir()) == Names{"y.softmax.max", "y.softmax.exp", "y.softmax.sum", "y.softmax", "y"});
}

TEST_CASE_FIXTURE(Fixture, "a named tensor assigned to another is copied, not renamed") {
    Tensor a("a"), y("y");
    a = x + 1;
    y = a;
    CHECK(names(Kernel("k", {y}).ir()) == Names{"a", "y"});
    Tensor z("z");
    z = x;
    CHECK(names(Kernel("k", {z}).ir()) == Names{"z"});
}

TEST_CASE_FIXTURE(Fixture, "an argument of a function keeps its name inside it") {
    Tensor a("a"), y("y");
    a = x + 1;
    const auto copy = [](const Arg& value) {
        Function f("copy", {value});
        Tensor inner("inner");
        inner = value;
        return Tensor(inner * 2);
    };
    y = copy(a);
    CHECK(names(Kernel("k", {y}).ir()) == Names{"a", "y.copy.inner", "y"});
}

TEST_CASE_FIXTURE(Fixture, "dims of an argument can be bound in a function") {
    const Dim o("o");
    const auto shift = [](const Arg& value, const Dim& from, const Dim& to) {
        Function f("shift", {value});
        return Tensor(value(from(to + 1)) - value(from(to)));
    };
    Tensor y("y");
    y = shift(x, i, o);
    const ir::Kernel kernel = Kernel("k", {y}).ir();
    CHECK(names(kernel) == Names{"y"});
    CHECK(kernel.find_definition("y")->dims == Names{"o", "k"});
}

TEST_CASE_FIXTURE(Fixture, "an expression given to a function stays an expression, and its tensors are the inputs") {
    Tensor y("y");
    y = softmax(x * w, k);
    const ir::Kernel kernel = Kernel("k", {y}).ir();
    CHECK(names(kernel) == Names{"y.softmax.max", "y.softmax.exp", "y.softmax.sum", "y"});
    CHECK(kernel.groups.front().inputs == Names{"x", "w"});
}
