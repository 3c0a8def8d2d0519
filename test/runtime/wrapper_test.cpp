/// The C++ wrapper: tensors, views, DLPack, 16-bit floats.
#include <coulter/runtime.hpp>
#include <doctest/doctest.h>

#include <bit>
#include <cmath>
#include <limits>
#include <string>
#include <type_traits>
#include <vector>

using coulter::Tensor;
using coulter::TensorView;

namespace {

template <typename F>
int code_of(F&& body) {
    try {
        body();
        return COULTER_OK;
    } catch (const coulter::Error& error) {
        return error.code();
    }
}

struct Managed {
    std::vector<float> data = {1, 2, 3, 4, 5, 6};
    std::vector<int64_t> shape{2, 3};
    int deleted = 0;
    DLManagedTensorVersioned tensor{
        {1, 1},
        this,
        [](DLManagedTensorVersioned* self) { ++static_cast<Managed*>(self->manager_ctx)->deleted; },
        0,
        {data.data(), {kDLCPU, 0}, 2, {kDLFloat, 32, 1}, shape.data(), nullptr, 0}};
};

} // namespace

TEST_CASE("a tensor converts to views for reading and writing, a const view only for reading") {
    static_assert(std::is_convertible_v<Tensor<float>&, TensorView<float>>);
    static_assert(std::is_convertible_v<Tensor<float>&, TensorView<const float>>);
    static_assert(std::is_convertible_v<TensorView<float>, TensorView<const float>>);
    static_assert(!std::is_convertible_v<TensorView<const float>, TensorView<float>>);
    static_assert(!std::is_copy_constructible_v<Tensor<float>>);
    Tensor<float> tensor({2, 2}, {1, 2, 3, 4});
    const TensorView<const float> view = tensor;
    CHECK(view(1, 0) == 3.0f);
    CHECK(view.dl().data == tensor.data());
    CHECK(reinterpret_cast<uintptr_t>(tensor.data()) % 64 == 0);
    Tensor<float> moved = std::move(tensor);
    CHECK(moved(1, 1) == 4.0f);
}

TEST_CASE("shapes and values that do not fit are refused") {
    std::vector<float> values(6);
    CHECK(code_of([&] { TensorView<float>(values, {2, 4}); }) == COULTER_ERROR_EXTENT);
    CHECK(code_of([&] { TensorView<float>(values, {2, 3}); }) == COULTER_OK);
    CHECK(code_of([&] { TensorView<float>(values.data(), {2, -3}); }) == COULTER_ERROR_EXTENT);
    CHECK(code_of([&] { TensorView<float>(values.data(), {2, 3}, {1}); }) == COULTER_ERROR_RANK);
    CHECK(code_of([&] { TensorView<float>(values.data(), std::vector<int64_t>(17, 1)); }) == COULTER_ERROR_RANK);
    CHECK(code_of([&] { Tensor<float>({2}, {1, 2, 3}); }) == COULTER_ERROR_EXTENT);
    CHECK(code_of([&] { Tensor<float>{int64_t{1} << 40, int64_t{1} << 40}; }) == COULTER_ERROR_TOO_LARGE);
    CHECK(code_of([&] { Tensor<double>{int64_t{1} << 62}; }) == COULTER_ERROR_TOO_LARGE);
    CHECK(code_of([&] { Tensor<float>{0, int64_t{1} << 62}; }) == COULTER_OK);
}

TEST_CASE("a DLPack tensor is viewed, with its read-only flag, type and version respected") {
    Managed managed;
    CHECK(TensorView<float>(managed.tensor)(1, 2) == 6.0f);
    managed.tensor.dl_tensor.byte_offset = 4;
    managed.shape = {1, 3};
    CHECK(TensorView<const float>(managed.tensor)(0, 2) == 4.0f);
    managed.tensor.flags = DLPACK_FLAG_BITMASK_READ_ONLY;
    CHECK(code_of([&] { TensorView<const float>{managed.tensor}; }) == COULTER_OK);
    CHECK(code_of([&] { TensorView<float>{managed.tensor}; }) == COULTER_ERROR_READ_ONLY);
    CHECK(code_of([&] { TensorView<const int>{managed.tensor}; }) == COULTER_ERROR_TYPE);
    managed.tensor.version.major = 2;
    CHECK(code_of([&] { TensorView<const float>{managed.tensor}; }) == COULTER_ERROR_ABI);
    CHECK(managed.deleted == 0);
}

TEST_CASE("an adopted DLPack tensor is deleted once, also when it is refused") {
    Managed managed;
    {
        Tensor<float> tensor = Tensor<float>::adopt(&managed.tensor);
        Tensor<float> other = std::move(tensor);
        CHECK(other(0, 1) == 2.0f);
        CHECK(managed.deleted == 0);
    }
    CHECK(managed.deleted == 1);
    managed.tensor.flags = DLPACK_FLAG_BITMASK_READ_ONLY;
    CHECK(code_of([&] { Tensor<float>::adopt(&managed.tensor); }) == COULTER_ERROR_READ_ONLY);
    CHECK(managed.deleted == 2);
    CHECK(code_of([&] { Tensor<float>::adopt(nullptr); }) == COULTER_ERROR_NULL_ARGUMENT);
}

TEST_CASE("16-bit floats survive a round trip through float, every one of them") {
    for (uint32_t bits = 0; bits < 65536; ++bits) {
        coulter::float16 half;
        coulter::bfloat16 brain;
        half.bits = brain.bits = static_cast<uint16_t>(bits);
        const float from_half = static_cast<float>(half), from_brain = static_cast<float>(brain);
        const bool good = (std::isnan(from_half) ? std::isnan(static_cast<float>(coulter::float16(from_half)))
                                                 : coulter::float16(from_half).bits == bits) &&
                          (std::isnan(from_brain) ? std::isnan(static_cast<float>(coulter::bfloat16(from_brain)))
                                                  : coulter::bfloat16(from_brain).bits == bits);
        if (!good) {
            CAPTURE(bits);
            FAIL_CHECK("changed");
        }
    }
}

TEST_CASE("conversion to f16 rounds to nearest, ties to even") {
    const auto bits = [](float value) { return coulter::float16(value).bits; };
    CHECK(bits(1.0f) == 0x3c00);
    CHECK(bits(1.0f + 0x1p-11f) == 0x3c00);
    CHECK(bits(1.0f + 3 * 0x1p-11f) == 0x3c02);
    CHECK(bits(65504.0f) == 0x7bff);
    CHECK(bits(65519.9f) == 0x7bff);
    CHECK(bits(65520.0f) == 0x7c00);
    CHECK(bits(-std::numeric_limits<float>::infinity()) == 0xfc00);
    CHECK(bits(0x1p-24f) == 0x0001);
    CHECK(bits(0x1p-25f) == 0x0000);
    CHECK(bits(3 * 0x1p-26f) == 0x0001);
    CHECK(bits(-0.0f) == 0x8000);
    CHECK(coulter::bfloat16(1.0f + 0x1p-8f).bits == 0x3f80);
    CHECK(coulter::bfloat16(1.0f + 3 * 0x1p-8f).bits == 0x3f82);
    CHECK(coulter::bfloat16(std::numeric_limits<float>::max()).bits == 0x7f80);
}
