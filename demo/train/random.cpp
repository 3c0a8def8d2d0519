#include "random.hpp"

#include <cmath>
#include <numbers>

namespace train {

std::array<std::uint32_t, 4> philox(std::array<std::uint32_t, 4> counter, std::uint64_t seed) {
    auto key0 = static_cast<std::uint32_t>(seed);
    auto key1 = static_cast<std::uint32_t>(seed >> 32);
    for (int round = 0; round < 10; ++round) {
        const std::uint64_t a = std::uint64_t{0xD2511F53} * counter[0];
        const std::uint64_t b = std::uint64_t{0xCD9E8D57} * counter[2];
        counter = {static_cast<std::uint32_t>(b >> 32) ^ counter[1] ^ key0, static_cast<std::uint32_t>(b),
                   static_cast<std::uint32_t>(a >> 32) ^ counter[3] ^ key1, static_cast<std::uint32_t>(a)};
        key0 += 0x9E3779B9;
        key1 += 0xBB67AE85;
    }
    return counter;
}

double normal(std::uint64_t seed, std::uint32_t parameter, std::uint32_t element) {
    const std::array<std::uint32_t, 4> words =
        philox({element / 2, parameter, 0, static_cast<std::uint32_t>(Purpose::parameters)}, seed);
    const std::size_t first = 2 * (element % 2);
    const double u = (words[first] + 1.0) * 0x1p-32;
    const double v = words[first + 1] * 0x1p-32;
    return std::sqrt(-2 * std::log(u)) * std::cos(2 * std::numbers::pi * v);
}

} // namespace train
