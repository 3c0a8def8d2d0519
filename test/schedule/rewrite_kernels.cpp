#include "rewrite_kernels.hpp"

#include <algorithm>
#include <limits>

namespace coulter::test {

using ir::Op;
using ir::ReduceOp;
using ir::Ref;

KernelBuilder& KernelBuilder::dim(const std::string& name, std::optional<std::int64_t> size, Ref extent) {
    kernel_.dims.push_back({name, size, std::move(extent), {}});
    return *this;
}

KernelBuilder& KernelBuilder::input(const std::string& name, Type type, std::vector<std::string> dims, bool frozen) {
    kernel_.inputs.push_back({name, type, std::move(dims), frozen, {}});
    return *this;
}

KernelBuilder& KernelBuilder::map(const std::string& name, std::vector<std::string> dims, std::vector<Ref> values) {
    ir::Definition definition;
    definition.name = name;
    definition.dims = std::move(dims);
    for (const Ref& value : values) {
        definition.types.push_back(value->type);
    }
    definition.values = std::move(values);
    kernel_.definitions.push_back(std::move(definition));
    return *this;
}

KernelBuilder& KernelBuilder::reduce(const std::string& name, std::vector<std::string> dims, ReduceOp op,
                                     std::vector<std::string> reduced, std::vector<Ref> values, Ref where) {
    map(name, std::move(dims), std::move(values));
    ir::Definition& definition = kernel_.definitions.back();
    if (op == ReduceOp::argmin || op == ReduceOp::argmax) {
        definition.types.insert(definition.types.begin(), Type::i32);
    }
    definition.reduction.emplace();
    definition.reduction->op = op;
    definition.reduction->dims = std::move(reduced);
    definition.reduction->where = std::move(where);
    return *this;
}

KernelBuilder& KernelBuilder::custom(const std::string& name, std::vector<std::string> dims,
                                     std::vector<std::string> reduced, std::vector<Ref> values,
                                     std::vector<Ref> identity, std::vector<Ref> combine, Ref where) {
    reduce(name, std::move(dims), ReduceOp::custom, std::move(reduced), std::move(values), std::move(where));
    kernel_.definitions.back().reduction->identity = std::move(identity);
    kernel_.definitions.back().reduction->combine = std::move(combine);
    return *this;
}

KernelBuilder& KernelBuilder::scan(const std::string& name, std::vector<std::string> dims, const std::string& along,
                                   std::vector<Ref> values, std::vector<Ref> identity, std::vector<Ref> combine) {
    map(name, std::move(dims), std::move(values));
    kernel_.definitions.back().scan = ir::Scan{along, {}, false, false, true, std::move(identity), std::move(combine)};
    return *this;
}

KernelBuilder& KernelBuilder::estimate(const std::string& dim, std::int64_t extent) {
    kernel_.estimates[dim] = extent;
    return *this;
}

ir::Kernel KernelBuilder::outputs(std::vector<std::string> names) {
    kernel_.outputs = std::move(names);
    return kernel_;
}

ir::Node KernelBuilder::access(const std::string& tensor, const Bindings& bindings, int component) const {
    ir::Node node;
    node.kind = ir::Kind::access;
    node.type = kernel_.types_of(tensor).at(static_cast<std::size_t>(component));
    node.name = tensor;
    node.component = component;
    for (const std::string& dim : kernel_.dims_of(tensor)) {
        for (const auto& [bound, index] : bindings) {
            if (bound == dim) {
                node.dims.push_back(dim);
                node.args.push_back(index);
            }
        }
    }
    return node;
}

Ref KernelBuilder::read(const std::string& tensor, const Bindings& bindings, int component) const {
    return ir::make_node(access(tensor, bindings, component));
}

Ref KernelBuilder::padded(const std::string& tensor, const Bindings& bindings, const Ref& pad) const {
    ir::Node node = access(tensor, bindings, 0);
    node.boundary = ir::Boundary::padded;
    node.args.push_back(pad);
    return ir::make_node(std::move(node));
}

Ref KernelBuilder::clamped(const std::string& tensor, const Bindings& bindings) const {
    ir::Node node = access(tensor, bindings, 0);
    node.boundary = ir::Boundary::clamped;
    return ir::make_node(std::move(node));
}

namespace {

Ref d(const std::string& name) {
    return ir::dim_node(name);
}
Ref f32c(double value) {
    return ir::real_constant(Type::f32, static_cast<float>(value));
}

TableKernel conv_capsules() {
    KernelBuilder b("conv_capsules");
    for (const char* name : {"batch", "y", "x", "iy", "ix", "in", "out"}) {
        b.dim(name);
    }
    b.dim("ky", 3).dim("kx", 3).dim("row", 4).dim("col", 4).dim("k", 4);
    b.input("pose", Type::f32, {"batch", "iy", "ix", "in", "row", "k"});
    b.input("weight", Type::f32, {"ky", "kx", "in", "out", "k", "col"}, true);
    const Ref pose = b.read("pose", {{"iy", index(2) * d("y") + d("ky")}, {"ix", index(2) * d("x") + d("kx")}});
    b.reduce("votes", {"batch", "y", "x", "out", "row", "col"}, ReduceOp::sum, {"ky", "kx", "in", "k"},
             {pose * b.read("weight")});
    b.estimate("batch", 64).estimate("iy", 15).estimate("ix", 15).estimate("in", 32).estimate("out", 32);
    return {b.outputs({"votes"}), {{"batch", 2}, {"iy", 7}, {"ix", 5}, {"in", 2}, {"out", 3}}};
}

TableKernel matmul(const std::string& name, Type type) {
    KernelBuilder b(name);
    b.dim("i").dim("j").dim("k").input("a", type, {"i", "k"}).input("b", type, {"k", "j"});
    b.reduce("c", {"i", "j"}, ReduceOp::sum, {"k"}, {b.read("a") * b.read("b")});
    b.estimate("i", 1024).estimate("j", 1024).estimate("k", 1024);
    return {b.outputs({"c"}), {{"i", 5}, {"j", 7}, {"k", 11}}};
}

/// A 3x3 convolution padded by 1 with bias and relu, channels last.
TableKernel conv2d() {
    KernelBuilder b("conv2d");
    b.dim("y", {}, ir::extent_node("iy")).dim("x", {}, ir::extent_node("ix"));
    b.dim("iy").dim("ix").dim("in").dim("out").dim("ky", 3).dim("kx", 3);
    b.input("image", Type::f32, {"iy", "ix", "in"}).input("weight", Type::f32, {"ky", "kx", "in", "out"}, true);
    b.input("bias", Type::f32, {"out"});
    const Ref image =
        b.padded("image", {{"iy", d("y") + d("ky") - index(1)}, {"ix", d("x") + d("kx") - index(1)}}, f32c(0));
    b.reduce("sums", {"y", "x", "out"}, ReduceOp::sum, {"ky", "kx", "in"}, {image * b.read("weight")});
    b.map("result", {"y", "x", "out"}, {ir::binary(Op::max, b.read("sums") + b.read("bias"), f32c(0))});
    b.estimate("iy", 56).estimate("ix", 56).estimate("in", 64).estimate("out", 64);
    return {b.outputs({"result"}), {{"iy", 4}, {"ix", 5}, {"in", 3}, {"out", 5}}};
}

TableKernel max_pool() {
    KernelBuilder b("max_pool");
    b.dim("y", {}, ir::extent_node("iy")).dim("iy").dim("channel").dim("ky", 3);
    b.input("image", Type::f32, {"iy", "channel"});
    const double lowest = -std::numeric_limits<double>::infinity();
    b.reduce("pooled", {"y", "channel"}, ReduceOp::max, {"ky"},
             {b.padded("image", {{"iy", d("y") + d("ky") - index(1)}}, f32c(lowest))});
    b.estimate("iy", 100).estimate("channel", 3);
    return {b.outputs({"pooled"}), {{"iy", 5}, {"channel", 3}}};
}

/// Two maps over a clamped stencil.
TableKernel blur() {
    KernelBuilder b("blur");
    b.dim("y").dim("x").input("image", Type::f32, {"y", "x"});
    const auto tap = [&](const std::string& tensor, const std::string& dim, std::int64_t at) {
        return b.clamped(tensor, {{dim, d(dim) + index(at)}});
    };
    b.map("rows", {"y", "x"}, {tap("image", "x", -1) + b.read("image") + tap("image", "x", 1)});
    b.map("blurred", {"y", "x"}, {(tap("rows", "y", -1) + b.read("rows") + tap("rows", "y", 1)) * f32c(1.0 / 9)});
    b.estimate("y", 512).estimate("x", 512);
    return {b.outputs({"blurred"}), {{"y", 5}, {"x", 7}}};
}

TableKernel softmax() {
    KernelBuilder b("softmax");
    b.dim("row").dim("col").input("x", Type::f32, {"row", "col"});
    b.reduce("y.softmax.max", {"row"}, ReduceOp::max, {"col"}, {b.read("x")});
    b.map("y.softmax.exp", {"row", "col"}, {ir::call(Op::exp, {b.read("x") - b.read("y.softmax.max")})});
    b.reduce("y.softmax.sum", {"row"}, ReduceOp::sum, {"col"}, {b.read("y.softmax.exp")});
    b.map("y", {"row", "col"}, {ir::binary(Op::div, b.read("y.softmax.exp"), b.read("y.softmax.sum"))});
    b.estimate("row", 4096).estimate("col", 1024);
    return {b.outputs({"y"}), {{"row", 3}, {"col", 7}}};
}

TableKernel layer_norm() {
    KernelBuilder b("layer_norm");
    b.dim("row").dim("col").input("x", Type::f32, {"row", "col"}).input("scale", Type::f32, {"col"});
    const Ref count = ir::cast(Type::f32, ir::extent_node("col"));
    b.reduce("total", {"row"}, ReduceOp::sum, {"col"}, {b.read("x")});
    b.map("mean", {"row"}, {ir::binary(Op::div, b.read("total"), count)});
    const Ref centred = b.read("x") - b.read("mean");
    b.reduce("squares", {"row"}, ReduceOp::sum, {"col"}, {centred * centred});
    const Ref variance = ir::binary(Op::div, b.read("squares"), count) + f32c(1e-5);
    b.map("y", {"row", "col"}, {ir::binary(Op::div, centred, ir::call(Op::sqrt, {variance})) * b.read("scale")});
    b.estimate("row", 4096).estimate("col", 1024);
    return {b.outputs({"y"}), {{"row", 3}, {"col", 9}}};
}

TableKernel argmax() {
    KernelBuilder b("argmax");
    b.dim("row").dim("col").input("x", Type::f32, {"row", "col"});
    b.reduce("best", {"row"}, ReduceOp::argmax, {"col"}, {b.read("x")}, ir::binary(Op::ne, d("col"), index(2)));
    b.map("index", {"row"}, {b.read("best", {}, 0)}).map("value", {"row"}, {b.read("best", {}, 1)});
    b.estimate("row", 64).estimate("col", 10);
    return {b.outputs({"index", "value"}), {{"row", 4}, {"col", 6}}};
}

/// Sums below the diagonal, under a mask tensor, and whether any and all are positive.
TableKernel masked() {
    KernelBuilder b("masked");
    b.dim("i").dim("j").dim("k").input("x", Type::i32, {"i", "j", "k"}).input("mask", Type::boolean, {"j"});
    const Ref positive = ir::binary(Op::gt, b.read("x"), ir::integer_constant(Type::i32, 0));
    b.reduce("lower", {"i"}, ReduceOp::sum, {"j", "k"}, {b.read("x")}, ir::binary(Op::le, d("k"), d("j")));
    b.reduce("chosen", {"i", "k"}, ReduceOp::product, {"j"}, {b.read("x")}, b.read("mask"));
    b.reduce("some", {"k"}, ReduceOp::any, {"i", "j"}, {positive});
    b.reduce("each", {"i"}, ReduceOp::all, {"k", "j"}, {positive}, b.read("mask"));
    b.reduce("least", {"k"}, ReduceOp::min, {"j", "i"}, {b.read("x")});
    return {b.outputs({"lower", "chosen", "some", "each", "least"}), {{"i", 3}, {"j", 5}, {"k", 4}}};
}

/// Count and sum in one pass, as a reduction over tuples, then the mean.
TableKernel moments() {
    KernelBuilder b("moments");
    b.dim("i").dim("j").dim("k").input("x", Type::i64, {"i", "j", "k"});
    const auto state = [](int component, bool right) { return ir::operand(Type::i64, component, right); };
    const Ref one = ir::integer_constant(Type::i64, 1);
    const Ref none = ir::integer_constant(Type::i64, 0);
    b.custom("count_sum", {"i"}, {"j", "k"}, {one, b.read("x")}, {none, none},
             {state(0, false) + state(0, true), state(1, false) + state(1, true)}, ir::binary(Op::ne, d("j"), d("k")));
    b.map("mean", {"i"}, {ir::binary(Op::div, b.read("count_sum", {}, 1), b.read("count_sum", {}, 0))});
    return {b.outputs({"mean"}), {{"i", 3}, {"j", 4}, {"k", 5}}};
}

/// Rows chosen by data, an index of which lies outside but under a false condition.
TableKernel gather() {
    KernelBuilder b("gather");
    b.dim("word").dim("row").dim("col").input("table", Type::f32, {"row", "col"}, true);
    b.input("word_id", Type::i32, {"word"});
    const Ref id = b.read("word_id");
    const Ref valid = ir::binary(Op::ge, id, ir::integer_constant(Type::i32, 0));
    b.reduce("total", {"col"}, ReduceOp::sum, {"word"}, {b.read("table", {{"row", ir::cast(Type::index, id)}})}, valid);
    b.map("picked", {"word", "col"}, {b.clamped("table", {{"row", ir::cast(Type::index, id)}})});
    return {b.outputs({"total", "picked"}), {{"word", 5}, {"row", 4}, {"col", 3}}};
}

/// Reads beyond the end with a pad that is not zero, at a reversed index.
TableKernel padded() {
    KernelBuilder b("padded");
    b.dim("i").dim("j").dim("o", {}, ir::extent_node("i") + index(6));
    b.input("x", Type::f32, {"i", "j"}, true).input("edge", Type::f32, {});
    b.map("wide", {"o", "j"}, {b.padded("x", {{"i", d("o") - index(2)}}, f32c(-1))});
    b.map("edged", {"o", "j"}, {b.padded("x", {{"i", index(4) - d("o")}}, b.read("edge"))});
    b.map("zeroed", {"o", "j"}, {b.padded("x", {{"i", d("o") - index(3)}}, f32c(0))});
    b.map("clamped", {"o", "j"}, {b.clamped("x", {{"i", d("o") - index(3)}})});
    return {b.outputs({"wide", "edged", "zeroed", "clamped"}), {{"i", 5}, {"j", 3}}};
}

TableKernel running_sum() {
    KernelBuilder b("running_sum");
    b.dim("i").dim("j").input("x", Type::i32, {"i", "j"});
    b.scan("total", {"i", "j"}, "j", {b.read("x")}, {ir::integer_constant(Type::i32, 0)},
           {ir::operand(Type::i32, 0, false) + ir::operand(Type::i32, 0, true)});
    return {b.outputs({"total"}), {{"i", 3}, {"j", 6}}};
}

/// Results without dims, a scalar input, and dims of extent 1.
TableKernel scalars() {
    KernelBuilder b("scalars");
    b.dim("i").dim("one", 1).input("x", Type::f64, {"i", "one"}).input("scale", Type::f64, {});
    b.reduce("total", {}, ReduceOp::sum, {"i", "one"}, {b.read("x") * b.read("scale")});
    b.map("scaled", {"one", "i"}, {b.read("x") * b.read("total")});
    b.map("twice", {}, {b.read("total") + b.read("total")});
    return {b.outputs({"total", "scaled", "twice"}), {{"i", 5}}};
}

} // namespace

std::vector<TableKernel> table_kernels() {
    return {conv_capsules(),
            matmul("matmul", Type::f32),
            matmul("matmul_u8", Type::u8),
            conv2d(),
            max_pool(),
            blur(),
            softmax(),
            layer_norm(),
            argmax(),
            masked(),
            moments(),
            gather(),
            padded(),
            running_sum(),
            scalars()};
}

TableKernel table_kernel(const std::string& name) {
    const std::vector<TableKernel> all = table_kernels();
    const auto at = std::find_if(all.begin(), all.end(), [&](const TableKernel& t) { return t.kernel.name == name; });
    COULTER_INTERNAL_ASSERT(at != all.end());
    return *at;
}

} // namespace coulter::test
