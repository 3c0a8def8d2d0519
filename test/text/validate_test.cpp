// Invariants of the IR that no text can break, because the parser says more about them.

#include "coulter/ir.hpp"
#include "support/build_kernel.hpp"

#include <doctest/doctest.h>
#include <functional>

using namespace coulter;
using namespace coulter::test;

namespace {

std::string codes(const ir::Kernel& kernel) {
    std::string all;
    for (const Diagnostic& diagnostic : ir::validate(kernel)) {
        all += (all.empty() ? "" : " ") + diagnostic.code;
    }
    return all;
}

KernelBuilder basic() {
    KernelBuilder builder("k");
    builder.dim("c", 2).input("a", Type::f32, {"i", "j"}).input("n", Type::i32, {"i"});
    return builder;
}

ir::Kernel of_value(const E& value) {
    return basic().map("t", {"i", "j"}, {value}).kernel();
}

ir::Node access_node() {
    ir::Node node;
    node.kind = ir::Kind::access;
    node.name = "a";
    node.type = Type::f32;
    return node;
}

std::string of_access(const ir::Node& node) {
    return codes(of_value(E(ir::make_node(node))));
}

} // namespace

TEST_CASE("a well-formed kernel has no diagnostics") {
    KernelBuilder builder = basic();
    CHECK(codes(of_value(builder.at("a") + builder.at("a", {{"i", loop("i") + 1}}))).empty());
}

TEST_CASE("names that cannot be written are refused") {
    for (const char* name : {"", "a b", "1a", "a.", "a..b", "a[b]", "a[1", "`", "a\n", "\xc3\xa9"}) {
        CAPTURE(name);
        ir::Kernel kernel = of_value(basic().at("a"));
        kernel.definitions[0].name = name;
        kernel.outputs = {name};
        CHECK(codes(kernel) == "V001");
    }
    ir::Kernel kernel = of_value(basic().at("a"));
    kernel.groups.push_back({"g", "f", {"a"}, {"t"}, "quote\".sched", {}});
    CHECK(codes(kernel) == "V001");
}

TEST_CASE("names are given once") {
    ir::Kernel kernel = of_value(basic().at("a"));
    kernel.inputs.push_back(kernel.inputs[0]);
    CHECK(codes(kernel) == "V002");
    kernel = of_value(basic().at("a"));
    kernel.dims.push_back(kernel.dims[0]);
    CHECK(codes(kernel) == "V002");
    kernel = of_value(basic().at("a"));
    kernel.definitions[0].dims = {"i", "j", "i"};
    CHECK(codes(kernel) == "V002");
}

TEST_CASE("dims and tensors exist") {
    ir::Kernel kernel = of_value(basic().at("a"));
    kernel.inputs[0].dims.emplace_back("z");
    CHECK(codes(kernel) == "V003 V006");
    CHECK(codes(of_value(cast(Type::f32, extent("z")))) == "V003");
    ir::Node missing = access_node();
    missing.name = "z";
    CHECK(of_access(missing) == "V004");
    missing.name = "t"; // itself
    CHECK(of_access(missing) == "V004");
}

TEST_CASE("operations have the operands and types that they need") {
    const E a = basic().at("a");
    const E n = basic().at("n");
    CHECK(codes(of_value(binary(ir::Op::add, a, cast(Type::f64, a)))) == "V005");
    CHECK(codes(of_value(call(ir::Op::exp, {n}))) == "V005");
    CHECK(codes(of_value(select(a, a, a))) == "V005");
    ir::Kernel kernel = of_value(a);
    kernel.definitions[0].types = {Type::f64};
    CHECK(codes(kernel) == "V005");
    ir::Node bad = *(a + a).ref;
    bad.args.pop_back();
    CHECK(codes(of_value(E(ir::make_node(bad)))) == "V005");
    bad = *(a + a).ref;
    bad.op = ir::Op::exp;
    CHECK(codes(of_value(E(ir::make_node(bad)))) == "V005");
    bad = *(a < a).ref;
    bad.type = Type::f32;
    CHECK(codes(of_value(E(ir::make_node(bad)))) == "V005");
}

TEST_CASE("accesses are canonical") {
    ir::Node node = access_node();
    CHECK(of_access(node).empty());
    node.dims = {"i"};
    node.args = {ir::dim_node("i")};
    CHECK(of_access(node) == "V007"); // to itself
    node.dims = {"j", "i"};
    node.args = {ir::dim_node("i"), ir::dim_node("j")};
    CHECK(of_access(node) == "V007"); // out of order
    node.dims = {"c"};
    node.args = {ir::dim_node("i")};
    CHECK(of_access(node) == "V007"); // no such dim
    node.dims = {"i"};
    node.args = {ir::real_constant(Type::f32, 1)};
    CHECK(of_access(node) == "V005");
    node.args = {};
    CHECK(of_access(node) == "V005");
    node = access_node();
    node.boundary = ir::Boundary::padded;
    CHECK(of_access(node) == "V005"); // without its value
    node = access_node();
    node.component = 1;
    CHECK(of_access(node) == "V008");
}

TEST_CASE("states and loop indices stand where they have a meaning") {
    CHECK(codes(of_value(left(Type::f32))) == "V009");
    CHECK(codes(of_value(cast(Type::f32, loop("c")))) == "V006");
    KernelBuilder builder = basic();
    builder.reduce("t", {"i"}, ir::ReduceOp::custom, {"j"}, {builder.at("a")});
    KernelBuilder good = builder;
    CHECK(codes(good.combine({constant(Type::f32, 0)}, {left(Type::f32) + right(Type::f32)}).kernel()).empty());
    KernelBuilder uses_loop = builder;
    CHECK(codes(uses_loop.combine({constant(Type::f32, 0)}, {left(Type::f32) * cast(Type::f32, loop("i"))}).kernel()) ==
          "V009");
    KernelBuilder second = builder;
    CHECK(codes(second.combine({constant(Type::f32, 0)}, {left(Type::f32, 1)}).kernel()) == "V008");
    KernelBuilder varies = builder;
    CHECK(codes(varies.combine({cast(Type::f32, loop("i"))}, {left(Type::f32)}).kernel()) == "V010");
    CHECK(codes(builder.kernel()) == "V010"); // neither
}

TEST_CASE("reductions and scans are well formed") {
    KernelBuilder builder = basic();
    builder.reduce("t", {"i"}, ir::ReduceOp::sum, {"j"}, {builder.at("a")});
    CHECK(codes(builder.kernel()).empty());
    const auto changed = [&](const std::function<void(ir::Definition&)>& change) {
        ir::Kernel kernel = builder.kernel();
        change(kernel.definitions[0]);
        return codes(kernel);
    };
    CHECK(changed([](ir::Definition& d) { d.reduction->dims = {"j", "j"}; }) == "V010");
    CHECK(changed([](ir::Definition& d) { d.reduction->dims = {"j", "i"}; }) == "V010");
    CHECK(changed([](ir::Definition& d) { d.reduction->dims = {"z"}; }) == "V006 V003");
    CHECK(changed([](ir::Definition& d) { d.reduction->op = ir::ReduceOp::argmax; }) == "V010");
    CHECK(changed([](ir::Definition& d) { d.reduction->atomic = true; }) == "V010"); // and scatters nothing
    CHECK(changed([](ir::Definition& d) { d.reduction->op = ir::ReduceOp::any; }) == "V005");
    CHECK(changed([](ir::Definition& d) { d.reduction->where = ir::index_constant(1); }) == "V005");
    CHECK(changed([](ir::Definition& d) { d.reduction->into = {{"c", ir::index_constant(1)}}; }) == "V010");
    CHECK(changed([](ir::Definition& d) { d.reduction->into = {{"i", ir::index_constant(0)}}; }) == "V006");
    CHECK(changed([](ir::Definition& d) { d.scan.emplace(); }) == "V010");
    CHECK(changed([](ir::Definition& d) { d.values = {nullptr}; }) == "V010");
    CHECK(changed([](ir::Definition& d) { d.types = {}; }).find("V014") == 0);
}

TEST_CASE("consts hold what their dims make") {
    KernelBuilder builder = basic();
    builder.tensor_const("w", Type::f32, {"c"}, std::vector<std::byte>(8));
    builder.map("t", {"c"}, {builder.at("w")});
    CHECK(codes(builder.kernel()).empty());
    ir::Kernel kernel = builder.kernel();
    kernel.consts[0].data.resize(7);
    CHECK(codes(kernel) == "V011");
    kernel = builder.kernel();
    kernel.consts[0].type = Type::boolean;
    kernel.consts[0].data = {std::byte{1}, std::byte{2}};
    CHECK(codes(kernel).find("V011") == 0);
    kernel = builder.kernel();
    kernel.dims[0].size.reset();
    CHECK(codes(kernel) == "V011");
}

TEST_CASE("extents have one source") {
    ir::Kernel kernel = of_value(basic().at("a"));
    kernel.dims[0].extent = ir::extent_node("i");
    CHECK(codes(kernel) == "V012"); // beside a constant
    kernel.dims[0].size.reset();
    CHECK(codes(kernel).empty());
    kernel.dims[0].extent = ir::extent_node("c");
    CHECK(codes(kernel) == "V012"); // of itself
    kernel.dims[0].extent = basic().at("a").ref;
    CHECK(codes(kernel) == "V012 V012"); // neither an index nor over extents
    kernel.dims[0].extent = ir::dim_node("i");
    CHECK(codes(kernel) == "V006");
    kernel.dims[0].extent = nullptr;
    kernel.dims[0].size = -1;
    CHECK(codes(kernel) == "V012");
}

TEST_CASE("the interface names what is there") {
    const ir::Kernel kernel = of_value(basic().at("a"));
    const auto changed = [&](const std::function<void(ir::Kernel&)>& change) {
        ir::Kernel copy = kernel;
        change(copy);
        return codes(copy);
    };
    CHECK(changed([](ir::Kernel& k) { k.outputs.clear(); }) == "V013");
    CHECK(changed([](ir::Kernel& k) { k.outputs = {"a"}; }) == "V013");
    CHECK(changed([](ir::Kernel& k) { k.outputs = {"t", "t"}; }) == "V013");
    CHECK(changed([](ir::Kernel& k) { k.updates = {{"a", "t"}}; }).empty());
    CHECK(changed([](ir::Kernel& k) { k.updates = {{"n", "t"}}; }) == "V013");
    CHECK(changed([](ir::Kernel& k) { k.updates = {{"t", "a"}}; }) == "V013");
    CHECK(changed([](ir::Kernel& k) { k.updates = {{"a", "t"}, {"a", "t"}}; }) == "V013");
    CHECK(changed([](ir::Kernel& k) { k.estimates = {{"i", 3}}; }).empty());
    CHECK(changed([](ir::Kernel& k) { k.estimates = {{"z", 3}}; }) == "V013");
    CHECK(changed([](ir::Kernel& k) { k.estimates = {{"i", -3}}; }) == "V013");
    CHECK(changed([](ir::Kernel& k) { k.groups.push_back({"g", "f", {"z"}, {"t"}, "", {}}); }) == "V013");
}

TEST_CASE("constants are values of their type") {
    CHECK(codes(of_value(E(ir::real_constant(Type::f32, 0.5)))).empty());
    ir::Node node;
    node.type = Type::f32;
    node.real = 0.1;
    CHECK(codes(of_value(E(ir::make_node(node)))) == "V014");
    node.real = 0;
    node.integer = 3;
    CHECK(codes(of_value(E(ir::make_node(node)))) == "V014");
    CHECK(codes(of_value(cast(Type::f32, E(ir::integer_constant(Type::u8, 256))))) == "V014");
    CHECK(codes(of_value(cast(Type::f32, E(ir::integer_constant(Type::i8, -129))))) == "V014");
    CHECK(codes(of_value(cast(Type::f32, E(ir::integer_constant(Type::u64, -1))))).empty());
    ir::Kernel kernel = of_value(basic().at("a"));
    kernel.inputs[0].type = Type::index;
    CHECK(codes(kernel).find("V014") == 0);
}
