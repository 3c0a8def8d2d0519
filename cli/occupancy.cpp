#include "occupancy.hpp"

#include <algorithm>
#include <array>

namespace coulter::cli {
namespace {

constexpr std::int64_t warp = 32;
constexpr std::int64_t registers = 65536; ///< of a multiprocessor, and at most of a block
constexpr std::int64_t partitions = 4;    ///< of its warps and registers
constexpr std::int64_t register_unit = 256;

/// What a multiprocessor has at most.
struct Multiprocessor {
    const char* name;
    std::int64_t warps;
    std::int64_t blocks;
    std::int64_t shared_bytes;
    std::int64_t shared_unit;
    std::int64_t shared_reserved; ///< of each block
};

constexpr std::array<Multiprocessor, 8> table{{{"sm_75", 32, 16, 64 * 1024, 256, 0},
                                               {"sm_80", 64, 32, 164 * 1024, 128, 1024},
                                               {"sm_86", 48, 16, 100 * 1024, 128, 1024},
                                               {"sm_87", 48, 16, 164 * 1024, 128, 1024},
                                               {"sm_89", 48, 24, 100 * 1024, 128, 1024},
                                               {"sm_90", 64, 32, 228 * 1024, 128, 1024},
                                               {"sm_100", 64, 32, 228 * 1024, 128, 1024},
                                               {"sm_120", 48, 24, 100 * 1024, 128, 1024}}};

std::int64_t rounded_up(std::int64_t value, std::int64_t unit) {
    return (value + unit - 1) / unit * unit;
}

/// Blocks for which there are registers. That a block fits is checked as if all partitions had the same number of
/// warps.
std::int64_t blocks_by_registers(const BlockNeeds& block, std::int64_t warps) {
    const std::int64_t of_warp = rounded_up(std::max<std::int64_t>(block.registers, 1) * warp, register_unit);
    if (of_warp * rounded_up(warps, partitions) > registers) {
        return 0;
    }
    return registers / partitions / of_warp * partitions / warps;
}

} // namespace

std::optional<Occupancy> occupancy(const std::string& architecture, const BlockNeeds& block) {
    const auto* const limits =
        std::find_if(table.begin(), table.end(), [&](const Multiprocessor& each) { return architecture == each.name; });
    if (limits == table.end() || block.threads < 1) {
        return std::nullopt;
    }
    const std::int64_t warps = rounded_up(block.threads, warp) / warp;
    const std::int64_t shared = rounded_up(block.shared_bytes + limits->shared_reserved, limits->shared_unit);
    struct Bound {
        std::int64_t blocks;
        const char* what;
    };
    // Of equals, the first is told.
    const std::array<Bound, 4> bounds{{{limits->warps / warps, "threads"},
                                       {blocks_by_registers(block, warps), "registers"},
                                       {shared == 0 ? limits->blocks : limits->shared_bytes / shared, "shared memory"},
                                       {limits->blocks, "blocks"}}};
    const Bound& least = *std::min_element(bounds.begin(), bounds.end(),
                                           [](const Bound& a, const Bound& b) { return a.blocks < b.blocks; });
    Occupancy result;
    result.blocks = least.blocks;
    result.share = static_cast<double>(least.blocks * warps) / static_cast<double>(limits->warps);
    result.limit = result.share == 1 ? "" : least.what;
    return result;
}

std::vector<std::string> architectures() {
    std::vector<std::string> names;
    for (const Multiprocessor& each : table) {
        names.emplace_back(each.name);
    }
    return names;
}

} // namespace coulter::cli
