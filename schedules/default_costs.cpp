#include "default_costs.hpp"

#include "default_layouts.hpp"

#include <algorithm>
#include <cmath>

namespace coulter::schedule {

namespace {

constexpr double loop_cycles = 50; ///< of a nest of small loops, besides what they do

/// Of what is shorter, operations or moves: the processor fetches ahead while it computes.
constexpr double unhidden_share = 0.25;
/// To take memory whose size is known at run time only from the pool that all threads share, and to give it back.
constexpr double allocation_cycles = 100;

} // namespace

bool has_nest(const StageShape& shape) {
    return shape.strategy == Strategy::map || shape.strategy == Strategy::write_out ||
           shape.strategy == Strategy::reduction || shape.strategy == Strategy::total;
}

bool is_placed(const StageShape& shape) {
    return has_nest(shape) || shape.strategy == Strategy::sequential;
}

const ir::Definition& Costs::computed_by(const ir::Definition& stage) const {
    const StageShape& shape = shapes_.at(stage.name);
    return shape.strategy == Strategy::write_out ? *kernel_.find_definition(shape.accumulator) : stage;
}

std::vector<PlaceLoop> Costs::loops_of(const std::string& nest) const {
    const StageShape& shape = shapes_.at(nest);
    std::vector<PlaceLoop> loops;
    if (!shape.host.empty()) {
        loops = loops_of(shape.host);
        const auto end = std::find(loops.begin(), loops.end(), PlaceLoop{shape.host, shape.depth, {}, 1});
        loops.erase(end == loops.end() ? end : end + 1, loops.end());
    }
    if (shape.strategy != Strategy::total) {
        for (std::size_t i = 0; i < shape.outer.size(); ++i) {
            loops.push_back({nest, i + 1, shape.outer[i].dim, shape.outer[i].block});
        }
    }
    return loops;
}

std::vector<PlaceLoop> Costs::loops_around(const std::string& stage) const {
    const StageShape& shape = shapes_.at(stage);
    const std::string& nest = shape.strategy == Strategy::accumulated ? shape.owner : stage;
    return is_placed(shapes_.at(nest)) ? loops_of(nest) : std::vector<PlaceLoop>();
}

std::vector<PlaceLoop> Costs::shared_loops(const std::vector<std::string>& stages) const {
    std::vector<PlaceLoop> path;
    for (std::size_t i = 0; i < stages.size(); ++i) {
        const std::vector<PlaceLoop> loops = loops_around(stages[i]);
        path = i == 0 ? loops : path;
        path.erase(std::mismatch(path.begin(), path.end(), loops.begin(), loops.end()).first, path.end());
    }
    return path;
}

std::vector<PlaceLoop> Costs::common_path(const ir::Definition& stage, const std::vector<std::string>& readers) const {
    std::vector<PlaceLoop> path = shared_loops(readers);
    const std::vector<std::string> whole = ir::whole_dims(stage); // computed whole in each iteration
    const auto end = std::find_if(path.begin(), path.end(), [&](const PlaceLoop& loop) {
        return !has(stage.dims, loop.dim) || has(whole, loop.dim) ||
               std::any_of(readers.begin(), readers.end(), [&](const std::string& reader) {
                   return !reads_by_name(analysis_, reader, stage.name, {loop.dim});
               });
    });
    path.erase(end, path.end());
    return path;
}

Region Costs::region_in(const ir::Definition& stage, const std::vector<PlaceLoop>& path) const {
    Region region(analysis_);
    for (const PlaceLoop& loop : path) {
        region.limit(loop.dim, loop.block);
        region.bend(loop.dim);
    }
    if (!path.empty()) {
        for (const std::string& dim : stage.dims) {
            if (!is_whole(stage.name, dim)) {
                region.bend(dim);
            }
        }
    }
    return region;
}

double Costs::estimate(const ir::Definition& stage, const std::vector<PlaceLoop>& path) const {
    const Region region = region_in(stage, path);
    const ir::Definition& computed = computed_by(stage);
    const double iterations = this->iterations(path);
    double moves = 0;
    const double slice = region.points(stage.dims) * element_bytes(stage);
    const double passes = 1 + static_cast<double>(analysis_.readers(stage.name).size());
    const double share = path.empty() ? 1 / static_cast<double>(analysis_.options().threads) : 1;
    moves += analysis_.points(stage.dims) * element_bytes(stage) * passes / rate(slice * share);
    for (const ir::Ref& access : analysis_.reads(computed.name)) {
        if (kernel_.find_definition(access->name) == nullptr && !kernel_.dims_of(access->name).empty()) {
            const double bytes = footprint(*access, computed, region);
            moves += iterations * bytes / rate(bytes);
        }
    }
    const double operations = arithmetic(computed, region);
    double cycles = std::max(operations, moves) + unhidden_share * std::min(operations, moves);
    const double threads = analysis_.options().threads;
    const bool has_fixed_size = std::all_of(stage.dims.begin(), stage.dims.end(), [&](const std::string& dim) {
        return region.is_fixed(dim) || analysis_.constant(dim);
    });
    cycles += path.empty() ? machine_.task_cycles * threads : has_fixed_size ? 0 : iterations * allocation_cycles;
    return cycles * idle(path, cycles);
}

/// Extent of a loop's dim, seen from outside of it.
double Costs::outside(const std::vector<PlaceLoop>& path, const PlaceLoop& loop) const {
    auto extent = static_cast<double>(analysis_.extent(loop.dim));
    for (const PlaceLoop& other : path) {
        if (&other == &loop) {
            break;
        }
        if (other.dim == loop.dim) {
            extent = static_cast<double>(other.block);
        }
    }
    return extent;
}

/// How many times longer a stage takes because tasks are too few for the threads.
double Costs::idle(const std::vector<PlaceLoop>& path, double cycles) const {
    const double threads = analysis_.options().threads;
    double tasks = path.empty() ? threads : 1;
    if (path.empty() && cycles < worth_threads) {
        tasks = 1;
    }
    for (const PlaceLoop& loop : path) {
        if (loop.nest == path.front().nest) {
            tasks *= std::ceil(outside(path, loop) / static_cast<double>(loop.block));
        }
    }
    return threads / std::min(threads, tasks);
}

double Costs::arithmetic(const ir::Definition& stage, const Region& region) const {
    const VectorChoice vector = choose_vector(analysis_, stage, region);
    const double points = analysis_.points(ir::loop_dims(stage));
    if (stage.scan) {
        const double cost = analysis_.cost(stage.name) + expression_cost(stage.scan->combine);
        return points * cost / static_cast<double>(vector.dim.empty() ? 1 : vector.lanes);
    }
    if (vector.dim.empty()) {
        return points * analysis_.cost(stage.name);
    }
    const auto lanes = static_cast<double>(vector.lanes);
    if (!stage.reduction || vector.reduced) {
        const double sums = vector.reduced ? analysis_.points(stage.dims) * 2 * std::log2(lanes) : 0;
        return points / lanes * analysis_.cost(stage.name) + sums;
    }
    const RegisterTile tile = choose_tile(analysis_, stage, vector, region);
    const double operations = analysis_.operations(stage.name);
    return points / lanes * std::max(tile.cycles * static_cast<double>(stage.types.size()), operations / 4);
}

double Costs::footprint(const ir::Node& access, const ir::Definition& stage, const Region& region) const {
    const std::vector<std::string>& dims = kernel_.dims_of(access.name);
    std::vector<double> reached(dims.size(), 1);
    for (const std::string& dim : ir::loop_dims(stage)) {
        const std::vector<std::optional<std::int64_t>>& steps = analysis_.steps(access, dim);
        for (std::size_t i = 0; i < dims.size(); ++i) {
            reached[i] *= steps[i] != 0 ? static_cast<double>(region.extent(dim)) : 1;
        }
    }
    double elements = 1;
    for (std::size_t i = 0; i < dims.size(); ++i) {
        elements *= std::min(reached[i], static_cast<double>(analysis_.extent(dims[i])));
    }
    return elements * bytes(access.type);
}

double Costs::passes(const ir::Node& access, const ir::Definition& stage, const std::vector<PlaceLoop>& path,
                     double share) const {
    Region region(analysis_);
    for (const PlaceLoop& loop : path) {
        region.limit(loop.dim, loop.block);
    }
    const double bytes = footprint(access, stage, region);
    // The source comes from further away than what is copied lies.
    return iterations(path) * (loop_cycles + share * bytes * 2 / std::min(rate(bytes), machine_.l2_rate));
}

double Costs::iterations(const std::vector<PlaceLoop>& path) const {
    double all = 1;
    for (const PlaceLoop& loop : path) {
        all *= std::ceil(outside(path, loop) / static_cast<double>(loop.block));
    }
    return all;
}

double Costs::element_bytes(const ir::Definition& stage) {
    double total = 0;
    for (const Type type : stage.types) {
        total += bytes(type);
    }
    return total;
}

double Costs::rate(double slice) const {
    return slice <= machine_.l1_bytes / 2                                 ? machine_.l1_rate
           : slice <= machine_.l2_bytes / 2                               ? machine_.l2_rate
           : slice <= machine_.l3_bytes / 2 / analysis_.options().threads ? machine_.l3_rate
                                                                          : machine_.memory_rate;
}

double Costs::lost(const ir::Definition& stage, const std::vector<PlaceLoop>& path) const {
    const double cycles = arithmetic(stage, Region(analysis_));
    return path.empty() ? 0 : cycles * (idle(path, cycles) - 1);
}

/// Whether a stage that has its place has all of a dim, whose extent is constant.
bool Costs::is_known(const std::string& nest, const std::string& dim) const {
    const auto region = regions_.find(nest);
    return region != regions_.end() && region->second.constant(dim);
}

/// Whether it is known that the readers ask for all of a dim of constant extent: they read it by name, and either have
/// all of it themselves or reduce over it, though not in lanes, each of which reads a part.
bool Costs::is_whole(const std::string& stage, const std::string& dim) const {
    const std::vector<std::string> readers = analysis_.readers(stage);
    return std::all_of(readers.begin(), readers.end(), [&](const std::string& reader) {
        const StageShape& shape = shapes_.at(reader);
        const std::string& nest = shape.strategy == Strategy::accumulated ? shape.owner : reader;
        const VectorChoice& vector = shapes_.at(nest).vector;
        const bool in_lanes = shape.strategy != Strategy::write_out && vector.reduced && vector.dim == dim &&
                              analysis_.constant(dim) != vector.lanes;
        const bool reduced = !has(kernel_.find_definition(reader)->dims, dim);
        return reads_by_name(analysis_, reader, stage, {dim}) && !in_lanes && (reduced || is_known(nest, dim));
    });
}

} // namespace coulter::schedule
