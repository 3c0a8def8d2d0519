#include "default_gpu_loops.hpp"

#include <algorithm>
#include <functional>
#include <limits>

namespace coulter::schedule {
namespace {

constexpr std::int64_t most_third_threads = 64; ///< in the outermost of three loops

/// Of the transactions of threads that read apart, those that remain where each of them walks along what it has begun
/// to read: the nearest cache has the rest.
constexpr double walked_share = 0.35;

/// Transactions for one element, by the distance of neighbouring threads.
double per_element(const Analysis& analysis, std::optional<std::int64_t> stride, const std::string& dim) {
    const double sector = analysis.options().device_model.sector_elements;
    if (stride == 0) {
        return 1.0 / static_cast<double>(analysis.options().device_model.warp);
    }
    if (!stride) {
        return 1;
    }
    // Threads beyond a short dim start elsewhere.
    const double together = std::min(sector, static_cast<double>(analysis.extent(dim)));
    return std::min(1.0, std::max(1.0, static_cast<double>(std::abs(*stride))) / together);
}

std::int64_t round_up_to_power(std::int64_t value) {
    std::int64_t power = 1;
    while (power < value) {
        power *= 2;
    }
    return power;
}

} // namespace

double transactions(const Analysis& analysis, const ir::Definition& stage, const std::string& dim,
                    const ThreadWork& work) {
    double total = 0;
    const double points = analysis.points(ir::loop_dims(stage));
    std::vector<std::string> walked = work.walked;
    if (stage.reduction) {
        walked.insert(walked.end(), stage.reduction->dims.begin(), stage.reduction->dims.end());
    }
    const auto is_walked = [&](const std::function<bool(const std::string&)>& is_along) {
        return std::any_of(walked.begin(), walked.end(),
                           [&](const std::string& each) { return each != dim && is_along(each); });
    };
    const auto cost = [&](std::optional<std::int64_t> stride, bool walks) {
        const double apart = per_element(analysis, stride, dim);
        return walks && stride != 0 && stride != 1 ? walked_share * apart : apart;
    };
    for (const ir::Ref& access : analysis.reads(stage.name)) {
        if (work.near.count(access->name) != 0 || analysis.kernel().dims_of(access->name).empty()) {
            continue;
        }
        double reuse = 1;
        for (const TileDim& each : work.tile.dims) {
            reuse *= analysis.stride(*access, each.dim) == 0 ? static_cast<double>(each.size) : 1;
        }
        const bool walks = is_walked([&](const std::string& each) { return analysis.stride(*access, each) == 1; });
        total += points * cost(analysis.stride(*access, dim), walks) / reuse;
    }
    if (work.near.count(stage.name) == 0) {
        const bool own = std::find(stage.dims.begin(), stage.dims.end(), dim) != stage.dims.end();
        const bool contiguous = own && analysis.is_innermost(stage.name, dim);
        const bool walks = is_walked([&](const std::string& each) { return analysis.is_innermost(stage.name, each); });
        total += analysis.points(stage.dims) * cost(contiguous ? std::optional<std::int64_t>(1) : std::nullopt, walks);
    }
    return total;
}

std::string coalesced(const Analysis& analysis, const ir::Definition& stage, const std::vector<std::string>& dims,
                      const ThreadWork& work) {
    std::string best = dims.back();
    double least = std::numeric_limits<double>::infinity();
    for (auto dim = dims.rbegin(); dim != dims.rend(); ++dim) {
        const double cost = transactions(analysis, stage, *dim, work);
        if (cost < 0.999 * least) {
            least = cost;
            best = *dim;
        }
    }
    return best;
}

double idle(const DeviceModel& device, double threads) {
    return std::max(1.0, device.busy_threads / threads);
}

std::int64_t threads_along(std::int64_t extent, std::int64_t most) {
    if (extent < 32) {
        return std::min(most, round_up_to_power(extent));
    }
    std::int64_t best = 0;
    std::int64_t least = std::numeric_limits<std::int64_t>::max() / 32;
    for (std::int64_t threads = 32; threads <= most; threads *= 2) {
        const std::int64_t computed = (extent + threads - 1) / threads * threads;
        if (16 * computed <= 17 * least) { // a few idle threads are no loss
            best = threads;
        }
        least = std::min(least, computed);
    }
    return best == 0 ? most : best;
}

namespace {

/// Threads of a block along the dim of neighbouring ones, where that is decided.
std::optional<std::int64_t> decided_neighbours(const Analysis& analysis, const ir::Definition& stage,
                                               const DeviceLoop& loop, std::int64_t block) {
    const std::int64_t extent = (analysis.extent(loop.dim) + loop.tile - 1) / loop.tile;
    std::vector<std::string> words;
    for (std::int64_t threads = 4; threads <= std::min(block, round_up_to_power(extent)); threads *= 2) {
        words.push_back(std::to_string(threads));
    }
    if (loop.whole || words.size() < 2) {
        return std::nullopt;
    }
    const auto word = analysis.decided("neighbours", stage.name, words, true);
    return word ? std::optional<std::int64_t>(std::stoll(*word)) : std::nullopt;
}

} // namespace

std::vector<DeviceLoop> spread_loops(const Analysis& analysis, const ir::Definition& stage,
                                     const std::vector<std::string>& spread, const std::vector<std::string>& inner,
                                     const std::string& first, const ThreadTile& tile) {
    const DeviceModel& device = analysis.options().device_model;
    std::vector<DeviceLoop> loops;
    const auto add = [&](const std::string& dim, bool serial) {
        const std::int64_t size = tile.size(dim);
        loops.push_back({dim, 1, size, size > 1 && analysis.constant(dim) == size, serial});
    };
    add(first, false);
    for (auto dim = spread.rbegin(); dim != spread.rend(); ++dim) {
        if (*dim != first) {
            add(*dim, false);
        }
    }
    double threads = 1;
    for (const DeviceLoop& loop : loops) {
        threads *= static_cast<double>((analysis.extent(loop.dim) + loop.tile - 1) / loop.tile);
    }
    std::int64_t block = device.block_threads;
    while (block > device.warp && threads / static_cast<double>(block) < device.busy_blocks) {
        block /= 2;
    }
    if (const auto decided = analysis.decided("threads", stage.name, {"32", "64", "128", "256", "512"}, true)) {
        block = std::stoll(*decided);
    }
    const std::optional<std::int64_t> neighbours = decided_neighbours(analysis, stage, loops.front(), block);
    std::int64_t left = block;
    int dims = 0;
    for (DeviceLoop& loop : loops) {
        const std::int64_t extent = (analysis.extent(loop.dim) + loop.tile - 1) / loop.tile;
        if (loop.whole || left < 2 || extent < 2 || dims == 3) {
            continue;
        }
        // Of a tile, what threads along the one dim load serves those along the other: a block is not a line of them.
        const std::int64_t most = dims == 2 ? most_third_threads : dims == 0 && !tile.dims.empty() ? device.warp : left;
        loop.threads = dims == 0 && neighbours ? *neighbours : threads_along(extent, std::min(left, most));
        left /= loop.threads;
        ++dims;
    }
    // A block is whole warps, also where there is not that much to do.
    if (block / left < device.warp) {
        loops.front().threads *= device.warp / (block / left);
    }
    // A constant extent needs no split, as long as there is another loop for the blocks.
    const auto is_block = [](const DeviceLoop& loop) { return !loop.whole; };
    for (DeviceLoop& loop : loops) {
        if (!loop.whole && loop.tile == 1 && loop.threads > 1 && analysis.constant(loop.dim) == loop.threads &&
            std::count_if(loops.begin(), loops.end(), is_block) > 1) {
            loop.whole = true;
        }
    }
    for (auto dim = inner.rbegin(); dim != inner.rend(); ++dim) {
        add(*dim, true);
    }
    return loops;
}

} // namespace coulter::schedule
