/// What a kernel sees of its arguments: strides, offsets, types, empty tensors, variants.
#include <coulter/runtime.hpp>
#include <doctest/doctest.h>

#include <cstddef>
#include <numeric>
#include <string>
#include <vector>

#include "kernels.hpp"

using coulter::Tensor;
using coulter::TensorView;

namespace {

/// As the generated header of `rows` would have it.
void rows(coulter::Context& context, const TensorView<const float>& pose, const TensorView<const float>& weight,
          float scale, const TensorView<const float>& bias, const TensorView<float>& votes) {
    const DLTensor tensors[] = {pose.dl(), weight.dl(), bias.dl(), votes.dl()};
    const void* args[] = {&tensors[0], &tensors[1], &scale, &tensors[2], &tensors[3]};
    check(context, coulter_call(context.get(), &coulter::test::rows, args));
}

float expected_vote(const TensorView<const float>& pose, const TensorView<const float>& weight, float scale, float bias,
                    int64_t b, int64_t x) {
    float sum = 0;
    for (int64_t kx = 0; kx < 3; ++kx) {
        for (int64_t k = 0; k < 4; ++k) {
            sum += pose(b, 2 * x + kx, k) * weight(kx, k);
        }
    }
    return bias + scale * sum;
}

void check_rows(const TensorView<const float>& pose, const TensorView<float>& votes) {
    coulter::Context context;
    Tensor<float> weight{3, 4}, bias{2};
    std::iota(weight.values().begin(), weight.values().end(), -4.0f);
    bias.fill(0.25f);
    rows(context, pose, weight, 0.5f, bias, votes);
    for (int64_t b = 0; b < votes.shape()[0]; ++b) {
        for (int64_t x = 0; x < votes.shape()[1]; ++x) {
            CHECK(votes(b, x) == doctest::Approx(expected_vote(pose, weight, 0.5f, 0.25f, b, x)));
        }
    }
}

int variant_of(const TensorView<const float>& a, const TensorView<float>& out) {
    coulter::Context context;
    const DLTensor tensors[] = {a.dl(), out.dl()};
    const void* args[] = {&tensors[0], &tensors[1]};
    check(context, coulter_call(context.get(), &coulter::test::variants, args));
    return static_cast<int>(out(0, 0));
}

} // namespace

TEST_CASE("outer strides of inputs are free: gaps, broadcast, reversed, swapped") {
    std::vector<float> memory(4000);
    std::iota(memory.begin(), memory.end(), 0.0f);
    const Tensor<float> votes{2, 4};
    check_rows({memory.data(), {2, 9, 4}}, votes);
    check_rows({memory.data(), {2, 9, 4}, {500, 7, 1}}, votes);
    check_rows({memory.data(), {2, 9, 4}, {0, 4, 1}}, votes);
    check_rows({memory.data(), {2, 9, 4}, {0, 0, 1}}, votes);
    check_rows({memory.data() + 2000, {2, 9, 4}, {-400, -9, 1}}, votes);
    check_rows({memory.data(), {2, 9, 4}, {4, 100, 1}}, votes);
    check_rows({memory.data(), {2, 9, 4}, {2, 3, 1}}, votes); // An input may overlap itself.
}

TEST_CASE("strides of outputs may leave gaps, which stay untouched") {
    std::vector<float> memory(100, -7.0f), pose(2 * 9 * 4, 1.0f);
    check_rows({pose.data(), {2, 9, 4}}, {memory.data() + 10, {2, 4}, {30, 1}});
    int untouched = 0;
    for (const float value : memory) {
        untouched += value == -7.0f ? 1 : 0;
    }
    CHECK(untouched == 92);
}

TEST_CASE("the stride of a dim with one element means nothing") {
    std::vector<float> pose(3 * 4);
    std::iota(pose.begin(), pose.end(), 0.0f);
    coulter::Context context;
    Tensor<float> weight{3, 4}, bias{1}, votes{1, 1};
    weight.fill(1.0f);
    rows(context, {pose.data(), {1, 3, 4}, {-99, 4, 1}}, weight, 1.0f, bias, {votes.data(), {1, 1}, {0, 77}});
    CHECK(votes(0, 0) == 66.0f);
}

TEST_CASE("the byte offset is honoured") {
    std::vector<float> memory(80);
    std::iota(memory.begin(), memory.end(), 0.0f);
    coulter::Context context;
    Tensor<float> weight{3, 4}, bias{2}, votes{2, 4}, wanted{2, 4};
    weight.fill(1.0f);
    rows(context, {memory.data() + 8, {2, 9, 4}}, weight, 1.0f, bias, wanted);
    const TensorView<float> pose_view(memory.data(), {2, 9, 4});
    DLTensor pose = pose_view.dl();
    pose.byte_offset = 8 * sizeof(float);
    const float scale = 1.0f;
    const DLTensor tensors[] = {weight.view().dl(), bias.view().dl(), votes.view().dl()};
    const void* args[] = {&pose, &tensors[0], &scale, &tensors[1], &tensors[2]};
    REQUIRE(coulter_call(context.get(), &coulter::test::rows, args) == COULTER_OK);
    CHECK(std::equal(votes.values().begin(), votes.values().end(), wanted.values().begin()));
}

TEST_CASE("views that interleave but share no element are accepted") {
    // Columns 0..3 are read, columns 4..7 written, in rows of eight.
    std::vector<float> memory(16, 1.0f), twice(8);
    coulter::Context context;
    const TensorView<float> a(memory.data(), {2, 4}, {8, 1}), out(memory.data() + 4, {2, 4}, {8, 1});
    const DLTensor tensors[] = {a.dl(), out.dl()};
    const void* args[] = {&tensors[0], &tensors[1]};
    CHECK(coulter_call(context.get(), &coulter::test::scratch, args) == COULTER_OK);
    CHECK(memory == std::vector<float>{1, 1, 1, 1, 3, 3, 3, 3, 1, 1, 1, 1, 3, 3, 3, 3});
    const TensorView<float> one_column_common(memory.data() + 3, {2, 4}, {8, 1});
    const DLTensor bad[] = {a.dl(), one_column_common.dl()};
    const void* bad_args[] = {&bad[0], &bad[1]};
    CHECK(coulter_call(context.get(), &coulter::test::scratch, bad_args) == COULTER_ERROR_OVERLAP);
}

TEST_CASE("nothing is called when there is nothing to write, and an empty sum is zero") {
    coulter::Context context;
    const auto total = [&](const TensorView<const float>& a, const TensorView<float>& sum) {
        const DLTensor tensors[] = {a.dl(), sum.dl()};
        const void* args[] = {&tensors[0], &tensors[1]};
        check(context, coulter_call(context.get(), &coulter::test::total, args));
    };
    Tensor<float> sum{3};
    sum.fill(-7.0f);
    total({nullptr, {3, 0}}, sum);
    CHECK(std::vector<float>(sum.values().begin(), sum.values().end()) == std::vector<float>(3, 0.0f));
    total({nullptr, {0, 5}}, {nullptr, {0}});
    total({nullptr, {0, 0}, {-3, 9}}, {nullptr, {0}, {0}});
}

TEST_CASE("an empty batch is legal where a size is computed") {
    coulter::Context context;
    Tensor<float> weight{3, 4};
    rows(context, {nullptr, {0, 9, 4}}, weight, 1.0f, {nullptr, {0}}, {nullptr, {0, 4}});
    Tensor<float> bias{2};
    rows(context, {bias.data(), {2, 1, 4}}, weight, 1.0f, bias, {nullptr, {2, 0}});
}

TEST_CASE("bool, bf16 and f16 arrive as themselves") {
    coulter::Context context;
    Tensor<bool> mask({5}, {true, false, true, true, false}), inverse{5};
    Tensor<coulter::bfloat16> values{5}, kept{5};
    Tensor<coulter::float16> half{5};
    for (int i = 0; i < 5; ++i) {
        values(i) = coulter::bfloat16(1.5f * static_cast<float>(i + 1));
    }
    bool flip = false;
    const DLTensor tensors[] = {mask.view().dl(), values.view().dl(), kept.view().dl(), inverse.view().dl(),
                                half.view().dl()};
    const void* args[] = {&tensors[0], &tensors[1], &flip, &tensors[2], &tensors[3], &tensors[4]};
    for (const bool flipped : {false, true}) {
        flip = flipped;
        context.check(coulter_call(context.get(), &coulter::test::types, args));
        for (int i = 0; i < 5; ++i) {
            CHECK(static_cast<float>(kept(i)) == (mask(i) != flip ? 1.5f * static_cast<float>(i + 1) : 0.0f));
            CHECK(inverse(i) == !(mask(i) != flip));
            CHECK(static_cast<float>(half(i)) == 1.5f * static_cast<float>(i + 1));
        }
    }
}

TEST_CASE("the first variant that applies is called") {
    alignas(64) float a[1024] = {}, out[1024] = {};
    CHECK(variant_of({a, {2, 3}}, {out, {2, 3}}) == 1);
    CHECK(variant_of({a, {2, 200}}, {out, {2, 200}}) == 2);
    CHECK(variant_of({a + 1, {2, 50}}, {out, {2, 50}}) == 3);
    CHECK(variant_of({a, {2, 50}, {51, 1}}, {out, {2, 50}}) == 3);
    CHECK(variant_of({a, {1, 50}, {51, 1}}, {out, {1, 50}}) == 2); // A stride that means nothing is compact.
    try {
        variant_of({a, {2, 200}, {201, 1}}, {out, {2, 200}});
        FAIL("accepted");
    } catch (const coulter::Error& error) {
        CHECK(error.code() == COULTER_ERROR_PROCESSOR);
        CHECK(std::string(error.what()) == "variants: this processor lacks instructions of the target x86-64-linux");
    }
}

TEST_CASE("no variant is an error that leaves the output alone") {
    coulter::Context context;
    coulter_plan plan = *coulter::test::variants.plan;
    plan.variants += 3;
    plan.variant_count = 1;
    const coulter_kernel_descriptor kernel{coulter::test::variants.signature, &plan};
    Tensor<float> a{1, 100}, out{1, 100};
    out.fill(-7.0f);
    const DLTensor tensors[] = {a.view().dl(), out.view().dl()};
    const void* args[] = {&tensors[0], &tensors[1]};
    CHECK(coulter_call(context.get(), &kernel, args) == COULTER_ERROR_NO_VARIANT);
    CHECK(std::string(coulter_context_last_error(context.get())) ==
          "variants: no variant of the schedule accepts these extents, strides and alignments");
    CHECK(out(0, 99) == -7.0f);
}

TEST_CASE("a plan may come from assembly") {
    coulter::Context context;
    Tensor<float> a({2, 3}, {1, 2, 3, 4, 5, 6}), sum{2};
    const DLTensor tensors[] = {a.view().dl(), sum.view().dl()};
    const void* args[] = {&tensors[0], &tensors[1]};
    const coulter_kernel_descriptor& kernel = coulter::test::total_from_assembly;
    REQUIRE(coulter_call(context.get(), &kernel, args) == COULTER_OK);
    CHECK(sum(0) == 6.0f);
    CHECK(sum(1) == 15.0f);
    CHECK(std::string(kernel.plan->build.schedule) == "schedule total\n");
    CHECK(std::string(kernel.plan->build.halide_version) == "21.0.0");
    CHECK(kernel.plan->build.flops == 6);
    CHECK(kernel.plan->build.bytes == -1);
}

/// The compiler driver emits plans as assembly data and relies on these.
TEST_CASE("a plan is words of eight bytes") {
    CHECK(sizeof(coulter_op) == 16);
    CHECK(sizeof(coulter_program) == 16);
    CHECK(sizeof(coulter_variant) == 8 * 8);
    CHECK(sizeof(coulter_pack) == 8 * 8);
    CHECK(sizeof(coulter_plan) == 8 * 14);
    CHECK(offsetof(coulter_plan, build) == 8 * 7);
    CHECK(sizeof(coulter_build_info) == 8 * 7);
    CHECK(offsetof(coulter_variant, features) == 8 * 5);
    CHECK(offsetof(coulter_pack, function) == 8 * 6);
}
