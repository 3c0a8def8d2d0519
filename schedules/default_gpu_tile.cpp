#include "default_gpu_tile.hpp"

#include "default_gpu_loops.hpp"
#include "default_gpu_uses.hpp"

#include "coulter/schedule/rewrite.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace coulter::schedule {
namespace {

/// That Halide's runtime lets CUDA's driver give a thread: what has no room among them goes to memory.
constexpr double thread_registers = 64;
/// Of those, what loops, bounds and strides take.
constexpr double fixed_registers = 14;

constexpr const char* no_vector = "-";
constexpr std::int64_t most_elements = 16; ///< of a map, in one thread

/// Loops over blocks, of which two become one where there are more.
constexpr std::size_t most_block_loops = 3;

/// Whether the loop over `dim` of something that the stage reads, directly or not, may be one of two that become one.
/// Of parts of that dim that a reader has, Halide cannot prove there that they end where the producer does.
bool is_fused_in_producer(const Analysis& analysis, const ir::Definition& stage, const std::string& dim) {
    std::set<std::string> reached{stage.name};
    const std::vector<ir::Definition>& all = analysis.kernel().definitions;
    for (auto reader = all.rbegin(); reader != all.rend(); ++reader) {
        if (reached.count(reader->name) == 0) {
            continue;
        }
        const bool has_dim = std::find(reader->dims.begin(), reader->dims.end(), dim) != reader->dims.end();
        if (reader->name != stage.name && !analysis.is_inlined(reader->name) && has_dim &&
            reader->dims.size() > most_block_loops) {
            return true;
        }
        for (const std::string& read : ir::reads(*reader)) {
            reached.insert(read);
        }
    }
    return false;
}

std::string tile_decision(const std::string& dim) {
    return "tile " + display_name(dim);
}

/// 32 bits each.
double registers_of(Type type) {
    return bits(type) > 32 ? 2 : 1;
}

} // namespace

std::int64_t ThreadTile::size(const std::string& dim) const {
    const auto at = std::find_if(dims.begin(), dims.end(), [&](const TileDim& each) { return each.dim == dim; });
    return at == dims.end() ? 1 : at->size;
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
          vectorizes_(may_vectorize && is_vectorizable(analysis, stage)) {
        for (const std::string& dim : stage.dims) {
            tiles_[dim] = tiles_of(dim);
        }
    }

    /// Decisions count in the order of the dims, as far as there is a tile that follows the earlier ones too.
    ThreadTile run() {
        for (const auto& [dim, size] : decided_sizes()) {
            sizes_[dim] = size;
            search();
            if (std::isinf(least_)) {
                sizes_.erase(dim);
            }
        }
        const std::vector<std::string> words = vector_words();
        if (words.size() > 1) {
            vector_ = analysis_.decided("vector", stage_.name, words);
        }
        search();
        if (std::isinf(least_)) {
            vector_ = std::nullopt;
            search();
        }
        return best_;
    }

private:
    void search() {
        best_ = {};
        least_ = std::numeric_limits<double>::infinity();
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
    }

    [[nodiscard]] std::vector<std::pair<std::string, std::int64_t>> decided_sizes() const {
        std::vector<std::pair<std::string, std::int64_t>> sizes;
        for (const std::string& dim : stage_.dims) {
            std::vector<std::string> words{"1"};
            const bool parts = !is_fused_in_producer(analysis_, stage_, dim);
            for (const TileDim& tile : tiles(dim)) {
                if (parts || tile.whole) {
                    words.push_back(std::to_string(tile.size));
                }
            }
            if (words.size() == 1) {
                continue;
            }
            if (const auto size = analysis_.decided(tile_decision(dim), stage_.name, words, true)) {
                sizes.emplace_back(dim, std::stoll(*size));
            }
        }
        return sizes;
    }

    /// Dims of which vectors can be moved at some size, and none.
    [[nodiscard]] std::vector<std::string> vector_words() const {
        std::vector<std::string> words{no_vector};
        for (const std::string& dim : stage_.dims) {
            const std::vector<TileDim>& sizes = tiles(dim);
            const bool fits = std::any_of(sizes.begin(), sizes.end(), is_vector);
            if (vectorizes_ && fits && is_contiguous(dim)) {
                words.push_back(dim);
            }
        }
        return words;
    }

    static bool is_vector(const TileDim& dim) { return dim.size == 2 || dim.size == 4; }

    /// Whether a tile is as decided.
    [[nodiscard]] bool follows(const ThreadTile& tile) const {
        return (!vector_ || tile.vector == (*vector_ == no_vector ? std::string() : *vector_)) &&
               std::all_of(sizes_.begin(), sizes_.end(),
                           [&](const auto& each) { return tile.size(each.first) == each.second; });
    }

    [[nodiscard]] const std::vector<TileDim>& tiles(const std::string& dim) const { return tiles_.at(dim); }

    [[nodiscard]] std::vector<TileDim> tiles_of(const std::string& dim) const {
        std::vector<TileDim> result;
        const std::optional<std::int64_t> constant = analysis_.constant(dim);
        // Of a part of a dim, Halide cannot prove what a condition leaves.
        const bool parts = !stage_.reduction->where && !is_read_at_one(analysis_, stage_, dim);
        for (const std::int64_t size : {2, 3, 4, 5, 6, 7, 8}) {
            const bool whole = constant == size;
            const bool even = parts && (size == 2 || size == 4 || size == 8);
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
            if (vectorizes_ && is_vector(dim) && is_contiguous(dim.dim)) {
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
        // The estimate of registers is for what nobody decided.
        const bool fits = results <= 1 || !sizes_.empty() || registers(tile, results) <= thread_registers;
        if (!fits || !follows(tile)) {
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
    std::map<std::string, std::vector<TileDim>> tiles_; ///< of each dim
    std::map<std::string, std::int64_t> sizes_;         ///< as decided
    std::optional<std::string> vector_;                 ///< likewise
    double least_ = std::numeric_limits<double>::infinity();
    ThreadTile best_;
};

} // namespace

ThreadTile choose_thread_tile(const Analysis& analysis, const ir::Definition& reduction, bool may_vectorize) {
    return TileSearch(analysis, reduction, may_vectorize).run();
}

ThreadTile decided_map_tile(const Analysis& analysis, const ir::Definition& map) {
    ThreadTile tile;
    std::int64_t elements = 1;
    for (const std::string& dim : map.dims) {
        const std::optional<std::int64_t> constant = analysis.constant(dim);
        std::vector<std::string> words{"1"};
        for (const std::int64_t size : {2, 4, 8}) {
            // A whole dim would leave no loop of it for the blocks.
            const bool fits = constant ? *constant % size == 0 && *constant > size : 2 * size <= analysis.extent(dim);
            if (fits) {
                words.push_back(std::to_string(size));
            }
        }
        if (words.size() > 1 && (is_fused_in_producer(analysis, map, dim) || is_read_at_one(analysis, map, dim))) {
            continue;
        }
        if (words.size() == 1) {
            continue;
        }
        const auto word = analysis.decided(tile_decision(dim), map.name, words, true);
        const std::int64_t size = word ? std::stoll(*word) : 1;
        if (size > 1 && tile.dims.size() < 2 &&
            elements * size * static_cast<std::int64_t>(map.types.size()) <= most_elements) {
            tile.dims.push_back({dim, size, false});
            elements *= size;
        }
    }
    return tile;
}

} // namespace coulter::schedule
