#include "default_nests.hpp"

#include <algorithm>

namespace coulter::schedule {
namespace {

constexpr double cached_bytes = 128 * 1024; ///< of a slice that its readers find in the cache

bool is_plain_reduction(const ir::Definition& stage) {
    return stage.reduction && stage.reduction->into.empty();
}

bool has(const std::vector<std::string>& list, const std::string& item) {
    return std::find(list.begin(), list.end(), item) != list.end();
}

class Chooser {
public:
    explicit Chooser(const Analysis& analysis) : analysis_(analysis), kernel_(analysis.kernel()) {}

    std::map<std::string, StageShape> run() {
        for (const ir::Definition& stage : kernel_.definitions) {
            shapes_[stage.name] = alone(stage);
        }
        for (const ir::Definition& stage : kernel_.definitions) {
            pair_with_reader(stage);
        }
        for (auto stage = kernel_.definitions.rbegin(); stage != kernel_.definitions.rend(); ++stage) {
            find_host(*stage);
        }
        return std::move(shapes_);
    }

private:
    [[nodiscard]] StageShape alone(const ir::Definition& stage) const {
        StageShape shape;
        if (analysis_.is_scheduled(stage.name)) {
            shape.strategy = Strategy::given;
        } else if (analysis_.is_inlined(stage.name)) {
            shape.strategy = Strategy::inlined;
        } else if (stage.scan || (stage.reduction && !is_plain_reduction(stage))) {
            shape.strategy = Strategy::sequential;
        } else {
            shape.strategy = !stage.reduction     ? Strategy::map
                             : stage.dims.empty() ? Strategy::total
                                                  : Strategy::reduction;
            shape.vector = choose_vector(analysis_, stage);
            if (shape.has_tile() && stage.reduction) {
                shape.tile = choose_tile(analysis_, stage, shape.vector);
            } else if (shape.has_tile()) {
                shape.tile.lanes = shape.vector.lanes;
                shape.tile.vector = {shape.vector.dim, shape.vector.lanes,
                                     analysis_.constant(shape.vector.dim) == shape.vector.lanes};
            }
            set_outer(shape, stage);
        }
        return shape;
    }

    static void set_outer(StageShape& shape, const ir::Definition& stage) {
        shape.outer.clear();
        for (const std::string& dim : stage.dims) {
            const bool unrolled = std::any_of(shape.tile.unrolled.begin(), shape.tile.unrolled.end(),
                                              [&](const TileDim& tile) { return tile.dim == dim; });
            if (dim != shape.tile.vector.dim && !unrolled) {
                shape.outer.push_back(dim);
            }
        }
    }

    /// A reduction whose only reader is a map of the same dims, by name, keeps its tile below that map.
    void pair_with_reader(const ir::Definition& stage) {
        if (shapes_.at(stage.name).strategy != Strategy::reduction || kernel_.is_output(stage.name)) {
            return;
        }
        const std::vector<std::string> readers = analysis_.readers(stage.name);
        if (readers.size() != 1) {
            return;
        }
        const ir::Definition& reader = *kernel_.find_definition(readers.front());
        StageShape& shape = shapes_.at(reader.name);
        const bool same_dims = reader.dims.size() == stage.dims.size() &&
                               std::is_permutation(reader.dims.begin(), reader.dims.end(), stage.dims.begin());
        if ((shape.strategy != Strategy::map && shape.strategy != Strategy::write_out) || !same_dims ||
            !reads_by_name(reader.name, stage.name, stage.dims)) {
            return;
        }
        if (shape.strategy == Strategy::write_out) {
            // Of several, the one with the most to do; the others accumulate on their own.
            if (work_of(analysis_, shape.accumulator) >= work_of(analysis_, stage.name)) {
                return;
            }
            shapes_.at(shape.accumulator).strategy = Strategy::reduction;
            shapes_.at(shape.accumulator).owner.clear();
        }
        StageShape& own = shapes_.at(stage.name);
        own.strategy = Strategy::accumulated;
        own.owner = reader.name;
        shape.strategy = Strategy::write_out;
        shape.accumulator = stage.name;
        shape.vector = own.vector;
        shape.tile = own.tile;
        set_outer(shape, reader);
    }

    /// Whether `reader` binds each of `dims` of `tensor` to its own loop.
    [[nodiscard]] bool reads_by_name(const std::string& reader, const std::string& tensor,
                                     const std::vector<std::string>& dims) const {
        for (const ir::Ref& access : analysis_.reads(reader)) {
            if (access->name == tensor &&
                std::any_of(dims.begin(), dims.end(), [&](const std::string& dim) { return has(access->dims, dim); })) {
                return false;
            }
        }
        return true;
    }

    void find_host(const ir::Definition& stage) {
        StageShape& shape = shapes_.at(stage.name);
        const bool movable = shape.strategy == Strategy::map || shape.strategy == Strategy::write_out ||
                             shape.strategy == Strategy::reduction;
        if (!movable || kernel_.is_output(stage.name)) {
            return;
        }
        std::string host;
        std::size_t depth = stage.dims.size();
        for (const std::string& reader : analysis_.readers(stage.name)) {
            const StageShape& direct = shapes_.at(reader);
            const std::string& nest = direct.strategy == Strategy::accumulated ? direct.owner : reader;
            const StageShape& outer = shapes_.at(nest);
            if (outer.strategy == Strategy::given || outer.strategy == Strategy::sequential ||
                (outer.strategy == Strategy::total && outer.host.empty())) {
                return;
            }
            const std::string& candidate = outer.host.empty() ? nest : outer.host;
            if (!host.empty() && host != candidate) {
                return;
            }
            host = candidate;
            depth = std::min(depth, outer.host.empty() ? outer.outer.size() : outer.depth);
        }
        if (host.empty()) {
            return;
        }
        const std::vector<std::string>& loops = shapes_.at(host).outer;
        std::size_t shared = 0;
        while (shared < depth && has(stage.dims, loops[shared]) && all_read_by_name(stage.name, loops[shared])) {
            ++shared;
        }
        double tasks = 1;
        for (std::size_t i = 0; i < shared; ++i) {
            tasks *= static_cast<double>(analysis_.extent(loops[i]));
        }
        double slice = bytes(stage.types.front());
        for (const std::string& dim : stage.dims) {
            const bool fixed = std::find(loops.begin(), loops.begin() + static_cast<std::ptrdiff_t>(shared), dim) !=
                               loops.begin() + static_cast<std::ptrdiff_t>(shared);
            slice *= fixed ? 1 : static_cast<double>(analysis_.extent(dim));
        }
        const bool few_tasks = tasks < analysis_.options().threads && work_of(analysis_, stage.name) > worth_threads;
        // In a slice, a dim has its whole constant extent only where the readers take each element by name; elsewhere its
        // loop could be neither vectorized nor unrolled.
        const bool whole = std::all_of(stage.dims.begin(), stage.dims.end(), [&](const std::string& dim) {
            return all_read_by_name(stage.name, dim);
        });
        if (shared == 0 || slice > cached_bytes || few_tasks || !whole) {
            return;
        }
        shape.host = host;
        shape.depth = shared;
        if (shape.strategy == Strategy::reduction && shared == stage.dims.size()) {
            shape.strategy = Strategy::total;
        }
        shape.fixed = read_in_place(stage.name, shape);
        shape.one_value = shape.fixed && shared == stage.dims.size();
        shape.outer.erase(
            std::remove_if(shape.outer.begin(), shape.outer.end(),
                           [&](const std::string& dim) {
                               return std::find(loops.begin(), loops.begin() + static_cast<std::ptrdiff_t>(shared),
                                                dim) != loops.begin() + static_cast<std::ptrdiff_t>(shared);
                           }),
            shape.outer.end());
    }

    /// Whether all readers take the same one index of the host's outer dims, as the checker sees it: the host's own
    /// nest, or fixed stages in the same loop. Accumulators and lanes lie one loop further inside.
    [[nodiscard]] bool read_in_place(const std::string& stage, const StageShape& shape) const {
        const std::vector<std::string> readers = analysis_.readers(stage);
        return std::all_of(readers.begin(), readers.end(), [&](const std::string& reader) {
            const StageShape& other = shapes_.at(reader);
            const bool reads_itself = other.strategy == Strategy::map || other.strategy == Strategy::write_out ||
                                      (other.strategy == Strategy::total && !other.vector.reduced);
            const bool same_loop = other.host == shape.host && other.depth == shape.depth && other.fixed;
            return reads_itself && (reader == shape.host || same_loop);
        });
    }

    [[nodiscard]] bool all_read_by_name(const std::string& stage, const std::string& dim) const {
        const std::vector<std::string> readers = analysis_.readers(stage);
        return std::all_of(readers.begin(), readers.end(),
                           [&](const std::string& reader) { return reads_by_name(reader, stage, {dim}); });
    }

    const Analysis& analysis_;
    const ir::Kernel& kernel_;
    std::map<std::string, StageShape> shapes_;
};

} // namespace

std::map<std::string, StageShape> choose_shapes(const Analysis& analysis) {
    return Chooser(analysis).run();
}

double work_of(const Analysis& analysis, const std::string& stage) {
    return analysis.points(ir::loop_dims(*analysis.kernel().find_definition(stage))) * analysis.cost(stage);
}

} // namespace coulter::schedule
