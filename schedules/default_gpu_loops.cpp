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

/// That Halide's runtime lets CUDA's driver give a thread: what has no room among them goes to memory.
constexpr double thread_registers = 64;
/// Of those, what loops, bounds and strides take.
constexpr double fixed_registers = 14;

/// 32 bits each.
double registers_of(Type type) {
    return bits(type) > 32 ? 2 : 1;
}

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

std::int64_t ThreadTile::size(const std::string& dim) const {
    const auto at = std::find_if(dims.begin(), dims.end(), [&](const TileDim& each) { return each.dim == dim; });
    return at == dims.end() ? 1 : at->size;
}

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

bool is_vectorizable(const Analysis& analysis, const ir::Definition& stage) {
    const bool plain = stage.reduction && stage.reduction->op == ir::ReduceOp::sum && !stage.reduction->where &&
                       stage.types.size() == 1;
    if (!plain) {
        return false;
    }
    const std::vector<const ir::Node*> nodes = ir::postorder(analysis.expanded(stage.name));
    return std::all_of(nodes.begin(), nodes.end(), [](const ir::Node* node) {
        if (node->type == Type::index) {
            return node->kind != ir::Kind::access;
        }
        const bool arithmetic = node->kind == ir::Kind::binary &&
                                (node->op == ir::Op::mul || node->op == ir::Op::add || node->op == ir::Op::sub);
        const bool read = node->kind == ir::Kind::access && node->boundary == ir::Boundary::checked;
        return node->type == Type::f32 && (arithmetic || read || node->kind == ir::Kind::constant);
    });
}

namespace {

/// Searches the tiles of up to two dims.
class TileSearch {
public:
    TileSearch(const Analysis& analysis, const ir::Definition& stage, bool may_vectorize)
        : analysis_(analysis), device_(analysis.options().device_model), stage_(stage),
          components_(static_cast<double>(stage.types.size())), points_(analysis.points(stage.dims)),
          vectorizes_(may_vectorize && is_vectorizable(analysis, stage)) {}

    ThreadTile run() {
        consider({});
        const std::vector<std::string>& dims = stage_.dims;
        for (std::size_t a = dims.size(); a-- > 0;) {
            for (const TileDim& one : tiles(dims[a])) {
                consider({one});
                for (std::size_t b = a; b-- > 0;) {
                    for (const TileDim& other : tiles(dims[b])) {
                        consider({one, other});
                    }
                }
            }
        }
        return best_;
    }

private:
    [[nodiscard]] std::vector<TileDim> tiles(const std::string& dim) const {
        std::vector<TileDim> result;
        const std::optional<std::int64_t> constant = analysis_.constant(dim);
        for (const std::int64_t size : {2, 3, 4, 5, 6, 7, 8}) {
            const bool whole = constant == size;
            // Of a part of a dim, Halide cannot prove what a condition leaves.
            const bool even = (size == 2 || size == 4 || size == 8) && !stage_.reduction->where;
            if (whole || (even && (constant ? *constant % size == 0 : 2 * size <= analysis_.extent(dim)))) {
                result.push_back({dim, size, whole});
            }
        }
        return result;
    }

    void consider(const std::vector<TileDim>& dims) {
        // Something has to be left for blocks.
        const auto whole = std::count_if(dims.begin(), dims.end(), [](const TileDim& dim) { return dim.whole; });
        double results = 1;
        for (const TileDim& dim : dims) {
            results *= static_cast<double>(dim.size);
        }
        if (static_cast<std::size_t>(whole) == stage_.dims.size() ||
            results * components_ > static_cast<double>(device_.thread_values)) {
            return;
        }
        weigh({dims, ""}, results);
        for (const TileDim& dim : dims) {
            if (vectorizes_ && (dim.size == 2 || dim.size == 4) && is_contiguous(dim.dim)) {
                weigh({dims, dim.dim}, results);
            }
        }
    }

    /// Whether vectors along a dim are written, and read but where all lanes read the same.
    [[nodiscard]] bool is_contiguous(const std::string& dim) const {
        const std::vector<ir::Ref>& reads = analysis_.reads(stage_.name);
        return analysis_.is_innermost(stage_.name, dim) &&
               std::all_of(reads.begin(), reads.end(), [&](const ir::Ref& access) {
                   const std::optional<std::int64_t> stride = analysis_.stride(*access, dim);
                   return stride == 0 || stride == 1;
               });
    }

    /// Registers of a thread that keeps a tile: its results, and the elements that one step of the reduction reads,
    /// each row of them at an address of its own.
    [[nodiscard]] double registers(const ThreadTile& tile, double results) const {
        double all = fixed_registers;
        for (const Type type : stage_.types) {
            all += results * registers_of(type);
        }
        for (const ir::Ref& access : analysis_.reads(stage_.name)) {
            double values = 1;
            double rows = 1;
            for (const TileDim& dim : tile.dims) {
                const bool moves = analysis_.stride(*access, dim.dim) != 0;
                values *= moves ? static_cast<double>(dim.size) : 1;
                rows *= moves && dim.dim != tile.vector ? static_cast<double>(dim.size) : 1;
            }
            // An address has 64 bits, and where a row may lie beyond the ends of its tensor, that is kept too.
            all += values * registers_of(access->type) + (access->boundary == ir::Boundary::checked ? 2 : 3) * rows;
        }
        return all;
    }

    void weigh(const ThreadTile& tile, double results) {
        if (results > 1 && registers(tile, results) > thread_registers) {
            return;
        }
        double loads = 0;
        for (const ir::Ref& access : analysis_.reads(stage_.name)) {
            double count = 1;
            for (const TileDim& dim : tile.dims) {
                const std::optional<std::int64_t> stride = analysis_.stride(*access, dim.dim);
                const auto size = static_cast<double>(dim.size);
                // Scalars that lie side by side for one thread lie apart for its neighbours.
                count *= stride == 0 || dim.dim == tile.vector ? 1 : stride == 1 && !dim.whole ? 2 * size : size;
            }
            loads += count;
        }
        // Four operations in the time of a load.
        const double cost =
            (std::max(1.0, 4 * loads / results) + 0.01 * loads + 0.002 * results) * idle(device_, points_ / results);
        if (cost < 0.999 * least_) {
            least_ = cost;
            best_ = tile;
        }
    }

    const Analysis& analysis_;
    const DeviceModel& device_;
    const ir::Definition& stage_;
    double components_ = 1;
    double points_ = 1;
    bool vectorizes_ = false;
    double least_ = std::numeric_limits<double>::infinity();
    ThreadTile best_;
};

} // namespace

ThreadTile choose_thread_tile(const Analysis& analysis, const ir::Definition& reduction, bool may_vectorize) {
    return TileSearch(analysis, reduction, may_vectorize).run();
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

std::vector<DeviceLoop> spread_loops(const Analysis& analysis, const std::vector<std::string>& spread,
                                     const std::vector<std::string>& inner, const std::string& first,
                                     const ThreadTile& tile) {
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
    std::int64_t left = block;
    int dims = 0;
    for (DeviceLoop& loop : loops) {
        const std::int64_t extent = (analysis.extent(loop.dim) + loop.tile - 1) / loop.tile;
        if (loop.whole || left < 2 || extent < 2 || dims == 3) {
            continue;
        }
        // Of a tile, what threads along the one dim load serves those along the other: a block is not a line of them.
        const std::int64_t most = dims == 2 ? most_third_threads : dims == 0 && !tile.dims.empty() ? device.warp : left;
        loop.threads = threads_along(extent, std::min(left, most));
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
