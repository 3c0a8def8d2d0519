#include "coulter/array.hpp"
#include "support/array_compare.hpp"

#include <bit>
#include <cmath>
#include <doctest/doctest.h>
#include <limits>
#include <stdexcept>

using namespace coulter;
using namespace coulter::test;

namespace {

/// The nearest of all finite values of a 16-bit format, the even pattern of two equally near ones: by search.
std::uint16_t nearest(double value, double (*decode)(std::uint16_t), std::uint16_t infinity_bits) {
    std::uint16_t best = 0;
    for (std::uint16_t bits = 1; bits < infinity_bits; ++bits) {
        const double error = std::fabs(decode(bits) - value);
        const double least = std::fabs(decode(best) - value);
        if (error < least || (error == least && bits % 2 == 0)) {
            best = bits;
        }
    }
    return best;
}

} // namespace

TEST_CASE("known values of f16") {
    CHECK(double_to_half(0.0) == 0x0000);
    CHECK(double_to_half(-0.0) == 0x8000);
    CHECK(double_to_half(1.0) == 0x3c00);
    CHECK(double_to_half(-2.0) == 0xc000);
    CHECK(double_to_half(65504.0) == 0x7bff);
    CHECK(double_to_half(65519.9) == 0x7bff);
    CHECK(double_to_half(65520.0) == 0x7c00); // half way to 2^16 rounds to even, which is infinity
    CHECK(double_to_half(1e300) == 0x7c00);
    CHECK(double_to_half(-infinity) == 0xfc00);
    CHECK(double_to_half(0x1p-14) == 0x0400);
    CHECK(double_to_half(0x1p-24) == 0x0001);
    CHECK(double_to_half(0x1p-25) == 0x0000); // a tie, to even
    CHECK(double_to_half(0x1.8p-24) == 0x0002);
    CHECK(double_to_half(0x1.000001p-25) == 0x0001);
    CHECK(double_to_half(0x1p-1070) == 0x0000);
    CHECK(std::isnan(half_to_double(double_to_half(not_a_number))));
    CHECK(std::isnan(half_to_double(0x7c01)));
}

TEST_CASE("known values of bf16") {
    CHECK(double_to_bfloat(1.0) == 0x3f80);
    CHECK(double_to_bfloat(-1.0) == 0xbf80);
    CHECK(double_to_bfloat(0x1.01p0) == 0x3f80); // a tie, to even
    CHECK(double_to_bfloat(0x1.03p0) == 0x3f82);
    CHECK(double_to_bfloat(3.4e38) == 0x7f80);
    CHECK(double_to_bfloat(0x1p-133) == 0x0001);
    CHECK(double_to_bfloat(infinity) == 0x7f80);
    CHECK(std::isnan(bfloat_to_double(double_to_bfloat(-not_a_number))));
}

TEST_CASE("every pattern of the 16-bit floats survives a round trip") {
    int wrong = 0;
    for (int bits = 0; bits < 0x10000; ++bits) {
        const auto pattern = static_cast<std::uint16_t>(bits);
        const double half = half_to_double(pattern);
        const double bfloat = bfloat_to_double(pattern);
        wrong += !std::isnan(half) && double_to_half(half) != pattern;
        wrong += !std::isnan(bfloat) && double_to_bfloat(bfloat) != pattern;
        // bf16 is the upper half of f32.
        const auto single = std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16);
        wrong += !std::isnan(bfloat) && bfloat != static_cast<double>(single);
    }
    CHECK(wrong == 0);
}

TEST_CASE("rounding to the 16-bit floats finds the nearest value, and the even one of two") {
    const Array values = random_array(Type::f32, {40}, 7);
    for (std::int64_t i = 0; i < values.size(); ++i) {
        for (const double scale : {1.0, 0x1.0002p-9, 0x1.fffp-22, 0x1.8p-24, 317.7}) {
            const double value = std::fabs(values.real(i)) * scale * 1.0003;
            CAPTURE(value);
            CHECK(double_to_half(value) == nearest(value, half_to_double, 0x7c00));
            CHECK(double_to_bfloat(value) == nearest(value, bfloat_to_double, 0x7f80));
        }
    }
}

TEST_CASE("arrays hold every type") {
    for (const Type type : {Type::f64, Type::f32, Type::f16, Type::bf16, Type::i8, Type::i16, Type::i32, Type::i64,
                            Type::u8, Type::u16, Type::u32, Type::u64}) {
        CAPTURE(name(type));
        Array array(type, {2, 3});
        CHECK(array.size() == 6);
        CHECK(array.data.size() == 6 * static_cast<std::size_t>(bytes(type)));
        array.set_integer(5, 17);
        CHECK(array.integer(5) == 17);
        CHECK(array.real(5) == 17.0);
        array.set_real(4, 3.0);
        CHECK(array.integer(4) == 3);
        CHECK(array.integer(0) == 0);
    }
}

TEST_CASE("integers wrap from integers, and saturate from floats") {
    Array bytes_array(Type::u8, {4});
    bytes_array.set_integer(0, 257);
    bytes_array.set_integer(1, -1);
    bytes_array.set_real(2, 300.7);
    bytes_array.set_real(3, -3.0);
    CHECK(difference(bytes_array, array_of(Type::u8, {4}, {1, 255, 255, 0})).empty());
    Array wide(Type::i64, {4});
    wide.set_real(0, 1e30);
    wide.set_real(1, -1e30);
    wide.set_real(2, not_a_number);
    wide.set_real(3, -2.9);
    CHECK(wide.integer(0) == std::numeric_limits<std::int64_t>::max());
    CHECK(wide.integer(1) == std::numeric_limits<std::int64_t>::min());
    CHECK(wide.integer(2) == 0);
    CHECK(wide.integer(3) == -2);
    Array most(Type::u64, {1});
    most.set_real(0, 1.8e19);
    CHECK(static_cast<std::uint64_t>(most.integer(0)) == 18000000000000000000U);
    CHECK(most.real(0) == 1.8e19);
    Array truth(Type::boolean, {1});
    truth.set_integer(0, 256);
    CHECK(truth.data[0] == std::byte{1});
}

TEST_CASE("empty arrays, scalars and impossible shapes") {
    CHECK(Array(Type::f32, {3, 0, 1}).data.empty());
    CHECK(Array(Type::f32, {}).size() == 1);
    CHECK_THROWS_AS(Array(Type::f32, {2, -1}), std::invalid_argument);
    CHECK_THROWS_AS(Array(Type::f64, {std::int64_t{1} << 40, std::int64_t{1} << 40}), std::invalid_argument);
}

TEST_CASE("round_to keeps infinities and NaN and rounds once") {
    CHECK(round_to(Type::f32, 0x1.000001p0) == 1.0);
    CHECK(round_to(Type::f64, 0.1) == 0.1);
    CHECK(round_to(Type::f32, 1e300) == infinity);
    CHECK(std::isnan(round_to(Type::bf16, not_a_number)));
    // By way of f32 this would become the tie 1 + 2^-11, and round down to 1.
    CHECK(round_to(Type::f16, 1 + 0x1p-11 + 0x1p-40) == 1 + 0x1p-10);
}

TEST_CASE("a comparison finds the worst element, and says where") {
    const Array wanted = array_of(Type::f32, {2, 2}, {1, 2, 3, 4});
    CHECK(difference(wanted, wanted, exactly).empty());
    CHECK(difference(array_of(Type::f32, {2, 2}, {1, 2, 3.00001, 4}), wanted).empty());
    CHECK(difference(array_of(Type::f32, {2, 2}, {1, 2.5, 4, 4}), wanted) ==
          "max |error| / max |wanted| is 1 / 4 = 0.25, worst at [1, 0]: got 4, wanted 3");
    CHECK(difference(array_of(Type::f32, {4}, {1, 2, 3, 4}), wanted) == "the shape is [4], and [2, 2] is wanted");
    CHECK(difference(array_of(Type::i32, {2, 2}, {1, 2, 3, 4}), wanted) == "the type is i32, and f32 is wanted");
    CHECK(difference(array_of(Type::f64, {2, 2}, {1, 2, 3, 4}), wanted).empty());
    CHECK(difference(array_of(Type::i8, {2}, {1, 2}), array_of(Type::i8, {2}, {1, 3})) ==
          "1 of 2 elements differ, the first at [1]: got 2, wanted 3");
}

TEST_CASE("a comparison wants NaN and infinities at their places") {
    const Array wanted = array_of({not_a_number, infinity, 1});
    CHECK(difference(wanted, wanted).empty());
    CHECK(difference(array_of({not_a_number, infinity, not_a_number}), wanted) == "at [2]: got nan, wanted 1");
    CHECK(difference(array_of({1, infinity, 1}), wanted) == "at [0]: got 1, wanted nan");
    CHECK(difference(array_of({not_a_number, -infinity, 1}), wanted) == "at [1]: got -inf, wanted inf");
}
