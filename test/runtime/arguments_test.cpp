/// Every way in which an argument can be refused: the code, the whole message, and that nothing was written.
#include <coulter/runtime.hpp>
#include <doctest/doctest.h>

#include <cstring>
#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "kernels.hpp"

namespace {

/// Arguments of the kernel `rows` that are good: batch 2, ix 9, so x 4.
struct RowsCall {
    std::vector<float> pose = std::vector<float>(2 * 9 * 4, 1.0f);
    std::vector<float> weight = std::vector<float>(3 * 4, 1.0f);
    std::vector<float> bias = std::vector<float>(2, 1.0f);
    std::vector<float> votes = std::vector<float>(2 * 4, -7.0f);
    float scale = 2.0f;
    std::vector<int64_t> pose_shape{2, 9, 4}, weight_shape{3, 4}, bias_shape{2}, votes_shape{2, 4};
    std::vector<int64_t> pose_strides{36, 4, 1}, votes_strides{4, 1};
    DLTensor pose_tensor = tensor(pose, pose_shape), weight_tensor = tensor(weight, weight_shape),
             bias_tensor = tensor(bias, bias_shape), votes_tensor = tensor(votes, votes_shape);
    const void* args[5] = {&pose_tensor, &weight_tensor, &scale, &bias_tensor, &votes_tensor};

    static DLTensor tensor(std::vector<float>& data, std::vector<int64_t>& shape) {
        return {
            data.data(), {kDLCPU, 0}, static_cast<int32_t>(shape.size()), {kDLFloat, 32, 1}, shape.data(), nullptr, 0};
    }
};

struct Refusal {
    const char* title;
    std::function<void(RowsCall&)> spoil;
    int code;
    const char* message;
};

constexpr int64_t large = int64_t{1} << 40;
constexpr int64_t most = std::numeric_limits<int64_t>::max();

const Refusal refusals[] = {
    {"null input", [](RowsCall& c) { c.args[0] = nullptr; }, COULTER_ERROR_NULL_ARGUMENT,
     "rows: argument `pose` is null"},
    {"null scalar", [](RowsCall& c) { c.args[2] = nullptr; }, COULTER_ERROR_NULL_ARGUMENT,
     "rows: argument `scale` is null"},
    {"null output", [](RowsCall& c) { c.args[4] = nullptr; }, COULTER_ERROR_NULL_ARGUMENT,
     "rows: output `votes` is null"},
    {"null shape", [](RowsCall& c) { c.pose_tensor.shape = nullptr; }, COULTER_ERROR_NULL_ARGUMENT,
     "rows: argument `pose` has a null shape"},
    {"null data of an input", [](RowsCall& c) { c.pose_tensor.data = nullptr; }, COULTER_ERROR_NULL_DATA,
     "rows: argument `pose` has null data, but 72 elements"},
    {"null data with an offset", [](RowsCall& c) { c.pose_tensor.data = nullptr, c.pose_tensor.byte_offset = 64; },
     COULTER_ERROR_NULL_DATA, "rows: argument `pose` has null data, but 72 elements"},
    {"null data of an output", [](RowsCall& c) { c.votes_tensor.data = nullptr; }, COULTER_ERROR_NULL_DATA,
     "rows: output `votes` has null data, but 8 elements"},
    {"type code", [](RowsCall& c) { c.pose_tensor.dtype.code = kDLInt; }, COULTER_ERROR_TYPE,
     "rows: argument `pose` has type i32, wanted f32"},
    {"type bits", [](RowsCall& c) { c.votes_tensor.dtype.bits = 64; }, COULTER_ERROR_TYPE,
     "rows: output `votes` has type f64, wanted f32"},
    {"type lanes", [](RowsCall& c) { c.bias_tensor.dtype.lanes = 4; }, COULTER_ERROR_TYPE,
     "rows: argument `bias` has type f32x4, wanted f32"},
    {"bfloat for float",
     [](RowsCall& c) {
         c.pose_tensor.dtype = {kDLBfloat, 16, 1};
     },
     COULTER_ERROR_TYPE, "rows: argument `pose` has type bf16, wanted f32"},
    {"complex",
     [](RowsCall& c) {
         c.pose_tensor.dtype = {kDLComplex, 64, 1};
     },
     COULTER_ERROR_TYPE, "rows: argument `pose` has type code 5 with 64 bits, wanted f32"},
    {"rank of an input", [](RowsCall& c) { c.pose_tensor.ndim = 2; }, COULTER_ERROR_RANK,
     "rows: argument `pose` has 2 dims, wanted 3 (batch, ix, k)"},
    {"negative rank", [](RowsCall& c) { c.bias_tensor.ndim = -1; }, COULTER_ERROR_RANK,
     "rows: argument `bias` has -1 dims, wanted 1 (batch)"},
    {"rank of an output", [](RowsCall& c) { c.votes_tensor.ndim = 3; }, COULTER_ERROR_RANK,
     "rows: output `votes` has 3 dims, wanted 2 (batch, x)"},
    {"device",
     [](RowsCall& c) {
         c.weight_tensor.device = {kDLCUDA, 1};
     },
     COULTER_ERROR_DEVICE, "rows: argument `weight` is on device cuda:1, wanted cpu"},
    {"unknown device",
     [](RowsCall& c) {
         c.votes_tensor.device = {kDLMetal, 0};
     },
     COULTER_ERROR_DEVICE, "rows: output `votes` is on device of type 8:0, wanted cpu"},
    {"negative extent", [](RowsCall& c) { c.pose_shape[1] = -3; }, COULTER_ERROR_EXTENT,
     "rows: argument `pose` has extent -3 in dim `ix`, wanted 0 or more"},
    {"extent beyond 31 bits", [](RowsCall& c) { c.pose_shape[0] = large; }, COULTER_ERROR_TOO_LARGE,
     "rows: argument `pose` has extent 1099511627776 in dim `batch`, more than 2147483647"},
    {"extent against a constant", [](RowsCall& c) { c.pose_shape[2] = 5; }, COULTER_ERROR_EXTENT,
     "rows: argument `pose` has extent 5 in dim `k`, wanted 4"},
    {"constant extent in a frozen input", [](RowsCall& c) { c.weight_shape[0] = 0; }, COULTER_ERROR_EXTENT,
     "rows: argument `weight` has extent 0 in dim `kx`, wanted 3"},
    {"inputs disagree", [](RowsCall& c) { c.bias_shape[0] = 1; }, COULTER_ERROR_EXTENT,
     "rows: argument `bias` has extent 1 in dim `batch`, but argument `pose` has 2"},
    {"output disagrees with an input", [](RowsCall& c) { c.votes_shape[0] = 3; }, COULTER_ERROR_EXTENT,
     "rows: output `votes` has extent 3 in dim `batch`, but argument `pose` has 2"},
    {"output disagrees with a computed extent", [](RowsCall& c) { c.votes_shape[1] = 5; }, COULTER_ERROR_EXTENT,
     "rows: output `votes` has extent 5 in dim `x`, wanted 4, which follows from other extents"},
    {"computed extent negative", [](RowsCall& c) { c.pose_shape[1] = 0; }, COULTER_ERROR_SIZE,
     "rows: the extent of dim `x` would be -1, wanted 0 to 2147483647"},
    {"innermost stride", [](RowsCall& c) { c.pose_strides[2] = 2, c.pose_tensor.strides = c.pose_strides.data(); },
     COULTER_ERROR_STRIDE, "rows: argument `pose` has stride 2 in its innermost dim `k`, wanted 1"},
    {"innermost stride zero", [](RowsCall& c) { c.pose_strides[2] = 0, c.pose_tensor.strides = c.pose_strides.data(); },
     COULTER_ERROR_STRIDE, "rows: argument `pose` has stride 0 in its innermost dim `k`, wanted 1"},
    {"output with stride zero",
     [](RowsCall& c) { c.votes_strides[0] = 0, c.votes_tensor.strides = c.votes_strides.data(); }, COULTER_ERROR_STRIDE,
     "rows: output `votes` has stride 0 in dim `batch`, wanted a positive one"},
    {"output with a negative stride",
     [](RowsCall& c) { c.votes_strides[0] = -4, c.votes_tensor.strides = c.votes_strides.data(); },
     COULTER_ERROR_STRIDE, "rows: output `votes` has stride -4 in dim `batch`, wanted a positive one"},
    {"output overlaps itself",
     [](RowsCall& c) { c.votes_strides[0] = 3, c.votes_tensor.strides = c.votes_strides.data(); },
     COULTER_ERROR_OVERLAP,
     "rows: output `votes` overlaps itself: stride 3 in dim `batch` is less than the 4 elements that the dims with "
     "smaller "
     "strides span"},
    {"span beyond 31 bits",
     [](RowsCall& c) { c.pose_strides[0] = 1 << 30, c.pose_tensor.strides = c.pose_strides.data(); },
     COULTER_ERROR_TOO_LARGE,
     "rows: argument `pose` spans more than 2147483647 elements (extent 2, stride 1073741824 in dim `batch`)"},
    {"size times stride overflows",
     [](RowsCall& c) { c.pose_strides[0] = most, c.pose_tensor.strides = c.pose_strides.data(); },
     COULTER_ERROR_TOO_LARGE,
     "rows: argument `pose` spans more than 2147483647 elements (extent 2, stride 9223372036854775807 in dim `batch`)"},
    {"product of extents",
     [](RowsCall& c) {
         c.pose_shape = {1 << 20, 1 << 20, 4}, c.bias_shape = {1 << 20}, c.votes_shape = {1 << 20, (1 << 19) - 1};
     },
     COULTER_ERROR_TOO_LARGE,
     "rows: argument `pose` spans more than 2147483647 elements (extent 1048576, stride 4194304 in dim `batch`)"},
    {"broadcast product of extents",
     [](RowsCall& c) {
         c.pose_shape = {1 << 20, 1 << 20, 4}, c.bias_shape = {1 << 20}, c.votes_shape = {1 << 20, (1 << 19) - 1};
         c.pose_strides = {0, 0, 1}, c.pose_tensor.strides = c.pose_strides.data();
     },
     COULTER_ERROR_TOO_LARGE,
     "rows: argument `pose` spans more than 2147483647 elements (extent 1048576, stride 0 in dim `batch`)"},
    {"byte offset leaves the address space", [](RowsCall& c) { c.pose_tensor.byte_offset = ~uint64_t{0}; },
     COULTER_ERROR_TOO_LARGE,
     "rows: argument `pose` has byte offset 18446744073709551615, which leaves the address space"},
    {"misaligned data", [](RowsCall& c) { c.pose_tensor.data = reinterpret_cast<char*>(c.pose.data()) + 2; },
     COULTER_ERROR_ALIGNMENT, "rows: argument `pose` is not aligned to its elements of 4 bytes"},
    {"misaligned by the byte offset", [](RowsCall& c) { c.votes_tensor.byte_offset = 3; }, COULTER_ERROR_ALIGNMENT,
     "rows: output `votes` is not aligned to its elements of 4 bytes"},
    {"output is an input", [](RowsCall& c) { c.votes_tensor.data = c.pose.data(); }, COULTER_ERROR_OVERLAP,
     "rows: output `votes` overlaps argument `pose`"},
    {"output reaches into an input",
     [](RowsCall& c) { c.votes_tensor.data = c.pose.data() + 65, c.pose_tensor.data = c.pose.data(); },
     COULTER_ERROR_OVERLAP, "rows: output `votes` overlaps argument `pose`"},
    {"output overlaps a broadcast input",
     [](RowsCall& c) {
         c.pose_strides = {0, 4, 1}, c.pose_tensor.strides = c.pose_strides.data();
         c.votes_tensor.data = c.pose.data() + 32;
     },
     COULTER_ERROR_OVERLAP, "rows: output `votes` overlaps argument `pose`"},
};

} // namespace

TEST_CASE("good arguments are accepted") {
    coulter::Context context;
    RowsCall call;
    CHECK(coulter_call(context.get(), &coulter::test::rows, call.args) == COULTER_OK);
    CHECK(call.votes == std::vector<float>(8, 25.0f));
    CHECK(std::string(coulter_context_last_error(context.get())).empty());
}

TEST_CASE("a refused argument is named, and nothing is written") {
    coulter::Context context;
    for (const Refusal& refusal : refusals) {
        CAPTURE(refusal.title);
        RowsCall call;
        refusal.spoil(call);
        const auto pose = call.pose, votes = call.votes;
        CHECK(coulter_call(context.get(), &coulter::test::rows, call.args) == refusal.code);
        CHECK(std::string(coulter_context_last_error(context.get())) == refusal.message);
        CHECK(call.pose == pose);
        CHECK(call.votes == votes);
    }
}

TEST_CASE("a null argument array is refused") {
    coulter::Context context;
    CHECK(coulter_call(context.get(), &coulter::test::rows, nullptr) == COULTER_ERROR_NULL_ARGUMENT);
    CHECK(std::string(coulter_context_last_error(context.get())) == "rows: the argument array is null");
}

TEST_CASE("an extent that overflows is refused, not wrapped") {
    coulter::Context context;
    const coulter::Tensor<float> a{4}, out{4};
    const DLTensor a_tensor = a.view().dl(), out_tensor = out.view().dl();
    const void* args[] = {&a_tensor, &out_tensor};
    CHECK(coulter_call(context.get(), &coulter::test::overflowing, args) == COULTER_ERROR_SIZE);
    CHECK(std::string(coulter_context_last_error(context.get())) ==
          "overflowing: the extent of dim `y` would be beyond 64 bits, wanted 0 to 2147483647");
}

TEST_CASE("computed extents are found in the order that the signature gives") {
    // y = z + 1, z = 2 * x: the dim table has users before sources.
    static constexpr coulter_dim dims[] = {{"y", -1, 0}, {"z", -1, 1}, {"x", -1, -1}};
    static constexpr int64_t a_dims[] = {2}, out_dims[] = {0}, order[] = {2, 1, 0}, wrong[] = {2, 1, 3};
    static constexpr coulter_argument arguments[] = {{"a", kDLFloat, 32, 1, a_dims, 0, -1},
                                                     {"out", kDLFloat, 32, 1, out_dims, COULTER_ARGUMENT_OUTPUT, -1}};
    static constexpr coulter_op y_ops[] = {{COULTER_OP_EXTENT, 1}, {COULTER_OP_CONST, 1}, {COULTER_OP_ADD, 0}};
    static constexpr coulter_op z_ops[] = {{COULTER_OP_EXTENT, 2}, {COULTER_OP_CONST, 2}, {COULTER_OP_MUL, 0}};
    static constexpr coulter_program programs[] = {{3, y_ops}, {3, z_ops}};
    const coulter_kernel_info info{"ordered", "o", 3, dims, 2, arguments, &coulter::test::rows.plan->build};
    const coulter::Tensor<float> a{4}, out{8};
    const DLTensor tensors[] = {a.view().dl(), out.view().dl()};
    const void* args[] = {&tensors[0], &tensors[1]};
    coulter::Context context;
    const auto call = [&](const int64_t* given) {
        const coulter_signature signature{COULTER_ABI, &info, 2, programs, 0, nullptr, given};
        const coulter_kernel_descriptor kernel{&signature, coulter::test::rows.plan};
        return coulter_call(context.get(), &kernel, args);
    };
    CHECK(call(order) == COULTER_ERROR_EXTENT);
    CHECK(std::string(coulter_context_last_error(context.get())) ==
          "ordered: output `out` has extent 8 in dim `y`, wanted 9, which follows from other extents");
    CHECK(call(nullptr) == COULTER_ERROR_INVALID);
    CHECK(call(wrong) == COULTER_ERROR_INVALID);
}

TEST_CASE("a check of the kernel is reported with its own code and text, and guarded") {
    coulter::Context context;
    const auto call = [&](int64_t n, int64_t m) {
        const coulter::Tensor<float> a{n, m}, sum{n};
        const DLTensor a_tensor = a.view().dl(), sum_tensor = sum.view().dl();
        const void* args[] = {&a_tensor, &sum_tensor};
        return coulter_call(context.get(), &coulter::test::total_not_empty, args);
    };
    CHECK(call(3, 2) == COULTER_OK);
    CHECK(call(3, 0) == COULTER_ERROR_EMPTY);
    CHECK(std::string(coulter_context_last_error(context.get())) ==
          "total: the mean over dim `m` of extent 0 has no value");
    CHECK(call(0, 0) == COULTER_OK);
}

TEST_CASE("outputs of one call may not overlap each other, and an update only its own input") {
    coulter::Context context;
    std::vector<float> w(8, 5.0f), g(8, 1.0f), memory(16, -1.0f);
    float rate = 2.0f;
    const auto call = [&](float* w_in, float* g_in, float* w_new, float* twice) {
        const coulter::TensorView<float> views[] = {{w_in, {8}}, {g_in, {8}}, {w_new, {8}}, {twice, {8}}};
        const DLTensor tensors[] = {views[0].dl(), views[1].dl(), views[2].dl(), views[3].dl()};
        const void* args[] = {&tensors[0], &tensors[1], &rate, &tensors[2], &tensors[3]};
        return coulter_call(context.get(), &coulter::test::update, args);
    };
    CHECK(call(w.data(), g.data(), memory.data(), memory.data() + 4) == COULTER_ERROR_OVERLAP);
    CHECK(std::string(coulter_context_last_error(context.get())) == "update: output `twice` overlaps output `w_new`");
    CHECK(call(w.data(), g.data(), g.data(), memory.data()) == COULTER_ERROR_OVERLAP);
    CHECK(std::string(coulter_context_last_error(context.get())) == "update: output `w_new` overlaps argument `g`");
    CHECK(call(memory.data(), g.data(), memory.data() + 1, w.data()) == COULTER_ERROR_OVERLAP);
    CHECK(std::string(coulter_context_last_error(context.get())) == "update: output `w_new` overlaps argument `w`");
    CHECK(memory == std::vector<float>(16, -1.0f));
    CHECK(call(w.data(), g.data(), w.data(), memory.data()) == COULTER_OK);
    CHECK(w == std::vector<float>(8, 3.0f));
    CHECK(memory[0] == 2.0f);
}

TEST_CASE("a context that is none is refused") {
    RowsCall call;
    CHECK(coulter_call(nullptr, &coulter::test::rows, call.args) == COULTER_ERROR_CONTEXT);
    coulter_context* context = nullptr;
    CHECK(coulter_context_create(COULTER_ABI + 1, &context) == COULTER_ERROR_ABI);
    CHECK(context == nullptr);
    CHECK(coulter_context_create(COULTER_ABI, nullptr) == COULTER_ERROR_INVALID);
    REQUIRE(coulter_context_create(COULTER_ABI, &context) == COULTER_OK);
    CHECK(coulter_context_destroy(context) == COULTER_OK);
    CHECK(coulter_call(context, &coulter::test::rows, call.args) == COULTER_ERROR_CONTEXT);
    CHECK(std::string(coulter_context_last_error(context)) ==
          "the context is null, was destroyed, or is not a context");
    CHECK(coulter_context_destroy(context) == COULTER_ERROR_CONTEXT);
    CHECK(coulter_context_set_threads(context, 1) == COULTER_ERROR_CONTEXT);
    CHECK(coulter_context_destroy(nullptr) == COULTER_OK);
    alignas(16) unsigned char garbage[64] = {1, 2, 3};
    CHECK(coulter_call(reinterpret_cast<coulter_context*>(garbage), &coulter::test::rows, call.args) ==
          COULTER_ERROR_CONTEXT);
    CHECK(call.votes == std::vector<float>(8, -7.0f));
}

TEST_CASE("a descriptor of another version is refused") {
    coulter::Context context;
    RowsCall call;
    coulter_signature signature = *coulter::test::rows.signature;
    signature.abi = COULTER_ABI + 1;
    const coulter_kernel_descriptor kernel{&signature, coulter::test::rows.plan};
    CHECK(coulter_call(context.get(), &kernel, call.args) == COULTER_ERROR_ABI);
    CHECK(coulter_call(context.get(), nullptr, call.args) == COULTER_ERROR_INVALID);
}

TEST_CASE("settings out of range are refused") {
    coulter::Context context;
    CHECK(coulter_context_set_threads(context.get(), -1) == COULTER_ERROR_INVALID);
    CHECK(coulter_context_set_threads(context.get(), 257) == COULTER_ERROR_INVALID);
    CHECK(std::string(coulter_context_last_error(context.get())) ==
          "set_threads: the count must be 0 (all processors) to 256");
    CHECK(coulter_context_set_threads(context.get(), 0) == COULTER_OK);
    CHECK(coulter_context_memory(context.get(), nullptr) == COULTER_ERROR_INVALID);
    const auto allocate = [](void*, size_t, size_t) -> void* { return nullptr; };
    CHECK(coulter_context_set_allocator(context.get(), allocate, nullptr, nullptr) == COULTER_ERROR_INVALID);
}

TEST_CASE("every code has its own name") {
    for (int code = 0; code >= COULTER_ERROR_FILE; --code) {
        CHECK(std::string(coulter_error_name(code)) != "COULTER_ERROR_UNKNOWN");
    }
    CHECK(std::string(coulter_error_name(COULTER_ERROR_OVERLAP)) == "COULTER_ERROR_OVERLAP");
    CHECK(std::string(coulter_error_name(COULTER_ERROR_KERNEL)) == "COULTER_ERROR_KERNEL");
    CHECK(std::string(coulter_error_name(7)) == "COULTER_ERROR_UNKNOWN");
}
