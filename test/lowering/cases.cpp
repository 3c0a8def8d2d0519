#include "cases.hpp"

#include "schedule/rewrite_kernels.hpp"
#include "support/random_kernel.hpp"

#include <algorithm>
#include <cstdlib>
#include <limits>
#include <random>
#include <stdexcept>

namespace coulter::test {
namespace {

using ir::Op;
using ir::ReduceOp;
using ir::Ref;

Ref d(const std::string& name) {
    return ir::dim_node(name);
}

/// Every second position of a valid convolution over rows of channels.
SizedKernel strided() {
    KernelBuilder b("strided");
    b.dim("y").dim("iy").dim("in").dim("out").dim("ky", 3);
    b.input("image", Type::f32, {"iy", "in"}).input("weight", Type::f32, {"ky", "in", "out"}, true);
    const Ref image = b.read("image", {{"iy", index(2) * d("y") + d("ky")}});
    b.reduce("sums", {"y", "out"}, ReduceOp::sum, {"ky", "in"}, {image * b.read("weight")});
    return {b.outputs({"sums"}), {"iy", "in", "out"}};
}

/// Rows chosen by data, clamped, and summed where the data say so.
SizedKernel rows() {
    KernelBuilder b("rows");
    b.dim("word").dim("row").dim("col").input("table", Type::f32, {"row", "col"}, true);
    b.input("word_id", Type::i32, {"word"});
    const Ref id = b.read("word_id");
    const Ref row = b.clamped("table", {{"row", ir::cast(Type::index, id)}});
    b.reduce("total", {"col"}, ReduceOp::sum, {"word"}, {row},
             ir::binary(Op::ge, id, ir::integer_constant(Type::i32, 1)));
    b.map("picked", {"word", "col"}, {row});
    return {b.outputs({"total", "picked"}), {"word", "row", "col"}};
}

/// A map whose reader pads it, over channels that may overrun.
SizedKernel padded_map() {
    KernelBuilder b("padded_map");
    b.dim("y", {}, ir::extent_node("iy")).dim("iy").dim("channel").dim("ky", 3);
    b.input("image", Type::f32, {"iy", "channel"}).input("weight", Type::f32, {"ky", "channel"});
    const Ref one = ir::real_constant(Type::f32, 1);
    b.map("lifted", {"iy", "channel"}, {b.read("image") + one});
    const Ref lifted = b.padded("lifted", {{"iy", d("y") + d("ky") - index(1)}}, ir::real_constant(Type::f32, 0.5));
    b.reduce("sums", {"y", "channel"}, ReduceOp::sum, {"ky"}, {lifted * b.read("weight")});
    b.map("result", {"y", "channel"}, {b.read("sums") * b.read("sums") - one});
    return {b.outputs({"result"}), {"iy", "channel"}};
}

/// Three stages, each reading a little more of the one before: extents are inferred, accesses go up to the border.
SizedKernel chain() {
    KernelBuilder b("valid_chain");
    b.dim("row").dim("x").dim("ax").dim("bx").dim("cx").dim("t", 3);
    b.input("image", Type::f64, {"row", "x"});
    b.map("a", {"row", "ax"}, {b.read("image", {{"x", d("ax")}}) + b.read("image", {{"x", d("ax") + index(2)}})});
    b.map("b", {"row", "bx"}, {b.read("a", {{"ax", d("bx")}}) * b.read("a", {{"ax", d("bx") + index(1)}})});
    b.reduce("c", {"row", "cx"}, ReduceOp::sum, {"t"}, {b.read("b", {{"bx", d("cx") + d("t")}})});
    return {b.outputs({"c"}), {"row", "x"}};
}

/// Maximum and sum of exponentials in one pass.
SizedKernel online_softmax() {
    KernelBuilder b("online_softmax");
    b.dim("row").dim("col").input("x", Type::f32, {"row", "col"});
    const auto state = [](int component, bool right) { return ir::operand(Type::f32, component, right); };
    const Ref best = ir::binary(Op::max, state(0, false), state(0, true));
    const auto scaled = [&](bool right) { return state(1, right) * ir::call(Op::exp, {state(0, right) - best}); };
    b.custom("both", {"row"}, {"col"}, {b.read("x"), ir::real_constant(Type::f32, 1)},
             {ir::real_constant(Type::f32, -1e30), ir::real_constant(Type::f32, 0)},
             {best, scaled(false) + scaled(true)});
    b.map("y", {"row"}, {b.read("both", {}, 0) + ir::call(Op::log, {b.read("both", {}, 1)})});
    return {b.outputs({"y"}), {"row", "col"}};
}

/// Maps x -> a x + b, one after the other: associative, and the order matters.
SizedKernel affine() {
    KernelBuilder b("affine");
    b.dim("row").dim("step").dim("half").input("a", Type::i32, {"row", "step", "half"});
    b.input("b", Type::i32, {"step", "half"});
    const auto state = [](int component, bool right) { return ir::operand(Type::i32, component, right); };
    b.custom("both", {"row"}, {"step", "half"}, {b.read("a"), b.read("b")},
             {ir::integer_constant(Type::i32, 1), ir::integer_constant(Type::i32, 0)},
             {state(0, false) * state(0, true), state(0, true) * state(1, false) + state(1, true)});
    b.map("scale", {"row"}, {b.read("both", {}, 0)}).map("shift", {"row"}, {b.read("both", {}, 1)});
    return {b.outputs({"scale", "shift"}), {"row", "step", "half"}};
}

SizedKernel sums(Type type) {
    KernelBuilder b(std::string("matmul_") + std::string(name(type)));
    b.dim("i").dim("j").dim("k").input("a", type, {"i", "k"}).input("b", type, {"k", "j"});
    b.reduce("c", {"i", "j"}, ReduceOp::sum, {"k"}, {b.read("a") * b.read("b")});
    return {b.outputs({"c"}), {"i", "j", "k"}};
}

/// Shifts, floor division and modulo of narrow integers, then reductions of them.
SizedKernel small_integers() {
    KernelBuilder b("small_integers");
    b.dim("i").dim("j").input("x", Type::i8, {"i", "j"}).input("y", Type::i8, {"j"}).input("z", Type::u32, {"i"});
    const Ref x = b.read("x");
    const Ref y = b.read("y");
    b.map("mixed", {"i", "j"}, {ir::binary(Op::div, x, y) + ir::binary(Op::shl, ir::binary(Op::mod, x, y), y)});
    b.reduce("least", {"j"}, ReduceOp::min, {"i"}, {b.read("mixed")});
    b.reduce("product", {"i"}, ReduceOp::product, {"j"}, {b.read("mixed") + ir::integer_constant(Type::i8, 1)});
    b.reduce("most", {}, ReduceOp::max, {"i"}, {ir::binary(Op::shr, b.read("z"), ir::integer_constant(Type::u32, 3))});
    b.reduce("first", {"j"}, ReduceOp::argmin, {"i"}, {b.read("mixed")});
    b.map("index", {"j"}, {b.read("first", {}, 0)});
    return {b.outputs({"least", "product", "most", "index"}), {"i", "j"}};
}

std::int64_t largest_nest(const ir::Kernel& kernel, const std::map<std::string, std::int64_t>& extents) {
    std::int64_t largest = 0;
    for (const ir::Definition& definition : kernel.definitions) {
        std::int64_t volume = 1;
        for (const std::string& dim : ir::loop_dims(definition)) {
            volume *= std::max<std::int64_t>(extents.at(dim), 1);
        }
        largest = std::max(largest, volume);
    }
    return largest;
}

} // namespace

std::vector<SizedKernel> lowering_kernels() {
    std::vector<SizedKernel> kernels;
    for (const TableKernel& entry : table_kernels()) {
        if (entry.kernel.name == "gather") { // what the data decide is not in range for certain
            continue;
        }
        SizedKernel kernel{entry.kernel, {}};
        for (const auto& [dim, extent] : entry.extents) {
            kernel.free.push_back(dim);
        }
        kernels.push_back(kernel);
    }
    for (const SizedKernel& more : {strided(), rows(), padded_map(), chain(), online_softmax(), affine(),
                                    sums(Type::f16), sums(Type::bf16), sums(Type::i32), small_integers()}) {
        kernels.push_back(more);
    }
    return kernels;
}

SizedKernel sized_by_inputs(ir::Kernel kernel) {
    std::vector<std::string> free;
    for (const ir::Input& input : kernel.inputs) {
        for (const std::string& dim : input.dims) {
            const ir::Dim& declared = *kernel.find_dim(dim);
            if (!declared.size && !declared.extent && std::find(free.begin(), free.end(), dim) == free.end()) {
                free.push_back(dim);
            }
        }
    }
    return {std::move(kernel), std::move(free)};
}

SizedKernel random_sized_kernel(std::uint64_t seed, int stages, bool ordered, bool grids) {
    RandomKernelOptions options;
    options.grids = grids;
    options.stages = stages;
    options.scans = ordered;
    options.scatters = ordered;
    return {random_kernel(seed, options), {"i", "j", "k"}};
}

std::map<std::string, std::int64_t> odd_extents(const SizedKernel& kernel, std::uint64_t seed, std::int64_t volume) {
    std::mt19937_64 random(seed);
    const std::vector<std::int64_t> choice{1, 2, 3, 4, 5, 7, 8, 9, 13, 16, 17, 19, 23, 31, 32, 37};
    for (int trial = 0; trial < 1000; ++trial) {
        // The more trials, the smaller.
        const std::size_t most = std::max<std::size_t>(choice.size() - static_cast<std::size_t>(trial / 70), 5);
        std::map<std::string, std::int64_t> given;
        for (const std::string& dim : kernel.free) {
            if (kernel.kernel.find_dim(dim) != nullptr) {
                given[dim] = choice[random() % most];
            }
        }
        const std::map<std::string, std::int64_t> all = all_extents(kernel.kernel, given);
        const bool computes = std::all_of(all.begin(), all.end(), [](const auto& each) { return each.second >= 1; });
        if (!all.empty() && computes && largest_nest(kernel.kernel, all) <= volume) {
            return given;
        }
    }
    throw std::runtime_error("no extents for " + kernel.kernel.name);
}

Case make_case(const SizedKernel& kernel, std::uint64_t seed, std::int64_t volume) {
    Case test;
    test.kernel = kernel.kernel;
    test.name = kernel.kernel.name + "_" + std::to_string(seed);
    test.seed = seed;
    test.extents = odd_extents(kernel, seed, volume);
    return test;
}

bool is_accepted(const Case& test) {
    return schedule::check_texts(test.kernel, {{"case.sched", test.schedule}}, host_options(test.complete, test.target))
        .ok();
}

} // namespace coulter::test
