#include "default_tile.hpp"

#include "default_dots.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace coulter::schedule {

bool may_reassociate(const Analysis& analysis, const ir::Definition& stage) {
    const ir::ReduceOp op = stage.reduction->op;
    if (!stage.reduction->into.empty() || op == ir::ReduceOp::custom) {
        return false; // `combine` is associative, and need not commute
    }
    const bool rounds = (op == ir::ReduceOp::sum || op == ir::ReduceOp::product) && is_float(stage.types.front());
    return analysis.options().numerics != Numerics::exact || !rounds;
}

namespace {

/// A limit of data for what a reduction's condition compares it with, which depends on reduced dims.
struct DataLimit {
    std::vector<std::string> dims; ///< of the limit
    bool is_lower = false;
    bool is_upper = false;
};

std::vector<DataLimit> limits_of_data(const Analysis& analysis, const ir::Definition& stage) {
    std::vector<DataLimit> limits;
    if (!stage.reduction || !stage.reduction->where) {
        return limits;
    }
    const std::vector<std::string>& reduced = stage.reduction->dims;
    const auto is_reduced = [&](const std::string& dim) {
        return std::find(reduced.begin(), reduced.end(), dim) != reduced.end();
    };
    for (const ir::Node* node : ir::postorder({stage.reduction->where})) {
        const bool compares =
            node->kind == ir::Kind::binary && node->type == Type::boolean && node->args[0]->type == Type::index;
        for (std::size_t side = 0; compares && side < 2; ++side) {
            const std::vector<const ir::Node*> limit = ir::postorder({node->args[side]});
            const std::vector<std::string> own = ir::free_dims(analysis.kernel(), {node->args[side]});
            const std::vector<std::string> other = ir::free_dims(analysis.kernel(), {node->args[1 - side]});
            const bool is_data = std::any_of(limit.begin(), limit.end(),
                                             [](const ir::Node* each) { return each->kind == ir::Kind::access; });
            if (is_data && std::none_of(own.begin(), own.end(), is_reduced) &&
                std::any_of(other.begin(), other.end(), is_reduced)) {
                const bool is_less = node->op == ir::Op::lt || node->op == ir::Op::le;
                const bool is_greater = node->op == ir::Op::gt || node->op == ir::Op::ge;
                limits.push_back({own, side == 0 ? is_less : is_greater, side == 0 ? is_greater : is_less});
            }
        }
    }
    return limits;
}

} // namespace

std::vector<std::string> limiting_dims(const Analysis& analysis, const ir::Definition& stage) {
    std::vector<std::string> limiting;
    for (const DataLimit& limit : limits_of_data(analysis, stage)) {
        limiting.insert(limiting.end(), limit.dims.begin(), limit.dims.end());
    }
    return limiting;
}

std::vector<std::string> segmenting_dims(const Analysis& analysis, const ir::Definition& stage) {
    const std::vector<DataLimit> limits = limits_of_data(analysis, stage);
    std::vector<std::string> found;
    for (const DataLimit& lower : limits) {
        for (const std::string& dim : lower.dims) {
            const auto bounds_it = [&](const DataLimit& upper) {
                return upper.is_upper && std::find(upper.dims.begin(), upper.dims.end(), dim) != upper.dims.end();
            };
            if (lower.is_lower && std::any_of(limits.begin(), limits.end(), bounds_it) &&
                std::find(found.begin(), found.end(), dim) == found.end()) {
                found.push_back(dim);
            }
        }
    }
    return found;
}

namespace {

/// Cells touched per useful cell when a loop of that dim runs in steps of `size`.
double waste(const Region& region, const std::string& dim, std::int64_t size) {
    const std::int64_t extent = region.extent(dim);
    const std::int64_t steps = (extent + size - 1) / size;
    return static_cast<double>(steps * size) / static_cast<double>(extent);
}

} // namespace

namespace {

/// Whether a tensor has one reader, or several that compute the same, such as clones.
bool read_alike(const Analysis& analysis, const std::string& tensor) {
    const std::vector<std::string> readers = analysis.readers(tensor);
    const ir::Definition& first = *analysis.kernel().find_definition(readers.front());
    return std::all_of(readers.begin(), readers.end(), [&](const std::string& reader) {
        const ir::Definition& each = *analysis.kernel().find_definition(reader);
        return each.dims == first.dims && each.values.size() == first.values.size() &&
               std::equal(each.values.begin(), each.values.end(), first.values.begin(),
                          [](const ir::Ref& a, const ir::Ref& b) { return ir::equal(a, b); });
    });
}

} // namespace

std::int64_t Region::extent(const std::string& dim) const {
    const auto limited = extents_.find(dim);
    return limited == extents_.end() ? analysis_->extent(dim) : limited->second;
}

std::optional<std::int64_t> Region::constant(const std::string& dim) const {
    const auto limited = extents_.find(dim);
    const std::optional<std::int64_t> whole = analysis_->constant(dim);
    return bent_.count(dim) != 0 || (limited != extents_.end() && limited->second != whole) ? std::nullopt : whole;
}

double Region::points(const std::vector<std::string>& dims) const {
    double total = 1;
    for (const std::string& dim : dims) {
        total *= static_cast<double>(extent(dim));
    }
    return total;
}

namespace {

/// Whether an access takes the index of a loop of the same name, whose steps are those in the tensor, and none beyond
/// it has a value of its own.
bool follows(const Analysis& analysis, const ir::Node& access, const std::string& dim) {
    const std::vector<std::string>& dims = analysis.kernel().dims_of(access.name);
    return access.boundary != ir::Boundary::padded && std::find(dims.begin(), dims.end(), dim) != dims.end() &&
           std::find(access.dims.begin(), access.dims.end(), dim) == access.dims.end();
}

/// Whether a stage reads a tensor in expressions of its own alone, not in those of maps that are inlined into it: these
/// are what a copy for the stage would be for.
bool reads_itself(const Analysis& analysis, const ir::Definition& stage, const std::string& tensor) {
    const std::vector<const ir::Node*> own = ir::postorder(ir::roots(stage));
    const std::vector<ir::Ref>& reads = analysis.reads(stage.name);
    return std::all_of(reads.begin(), reads.end(), [&](const ir::Ref& read) {
        return read->name != tensor || std::any_of(own.begin(), own.end(), [&](const ir::Node* node) {
                   return node->kind == ir::Kind::access && node->name == tensor && node->dims == read->dims &&
                          std::equal(node->args.begin(), node->args.end(), read->args.begin(), read->args.end(),
                                     [](const ir::Ref& a, const ir::Ref& b) { return ir::equal(a, b); });
               });
    });
}

} // namespace

bool is_packable(const Analysis& analysis, const ir::Node& access, const std::string& dim) {
    return analysis.is_constant(access.name) && follows(analysis, access, dim) && read_alike(analysis, access.name);
}

bool is_transposable(const Analysis& analysis, const ir::Definition& stage, const ir::Node& access,
                     const std::string& dim) {
    // About two cycles for an element, and half a cycle for a vector of multiplications that add: a quarter of the
    // time.
    constexpr double worth_copying = 16;
    const ir::Kernel& kernel = analysis.kernel();
    const double elements = analysis.points(kernel.dims_of(access.name));
    return stage.reduction && kernel.find_definition(access.name) == nullptr && follows(analysis, access, dim) &&
           !is_packable(analysis, access, dim) &&
           elements * worth_copying * static_cast<double>(analysis.lanes(stage.name)) <=
               analysis.points(ir::loop_dims(stage)) &&
           reads_itself(analysis, stage, access.name);
}

namespace {

/// Largest power of two up to `most` that the extent of the dim fills at least once.
std::int64_t fitting_lanes(const Region& region, const std::string& dim, std::int64_t most) {
    const std::int64_t extent = region.extent(dim);
    if (region.constant(dim) && extent <= most) {
        return extent;
    }
    std::int64_t lanes = 1;
    while (lanes * 2 <= std::min(most, extent)) {
        lanes *= 2;
    }
    return lanes;
}

/// Cost of a load from a copy that each call makes, beside 1 of others: among equals none is made.
constexpr double copied_load = 1.2;

/// The word for a stage without vectors, which is no name of a dim.
const std::string no_vector = "-";

/// Dims along which a stage can be vectorized, and `no_vector`.
std::vector<std::string> vector_dims(const Analysis& analysis, const ir::Definition& stage, const Region& region) {
    std::vector<std::string> dims = stage.dims;
    for (const std::string& dim : ir::whole_dims(stage)) {
        std::erase(dims, dim);
    }
    for (const std::string& dim : limiting_dims(analysis, stage)) {
        std::erase(dims, dim);
    }
    if (stage.reduction && may_reassociate(analysis, stage)) {
        dims.insert(dims.end(), stage.reduction->dims.begin(), stage.reduction->dims.end());
    }
    const std::int64_t most = analysis.lanes(stage.name);
    const auto end = std::remove_if(dims.begin(), dims.end(),
                                    [&](const std::string& dim) { return fitting_lanes(region, dim, most) < 2; });
    dims.erase(end, dims.end());
    dims.push_back(no_vector);
    return dims;
}

} // namespace

VectorChoice choose_vector(const Analysis& analysis, const ir::Definition& stage, const Region& region) {
    const std::int64_t most = analysis.lanes(stage.name);
    // A scan waits for its last step, of several at once for a part of it; a scatter reads and writes in each.
    const std::vector<std::string> whole = ir::whole_dims(stage);
    const std::vector<std::string> limits = limiting_dims(analysis, stage);
    const double operations = stage.scan ? expression_cost(stage.scan->combine) : 1;
    const double step = whole.empty() ? 0 : 1;
    const double scalar = 1 + operations + step + static_cast<double>(analysis.reads(stage.name).size());
    VectorChoice best;
    double least = std::numeric_limits<double>::infinity();
    double second = scalar;
    const double reduced_points = stage.reduction && whole.empty() ? region.points(stage.reduction->dims) : 1;
    const std::vector<std::string> dims = vector_dims(analysis, stage, region);
    // On a device lanes say what a layout is for, which has a decision of its own.
    std::optional<std::string> decided =
        analysis.is_for_device() ? std::nullopt : analysis.decided("vector", stage.name, dims);
    const std::optional<std::string>& everywhere = analysis.lanes_everywhere();
    if (!decided && everywhere && std::find(dims.begin(), dims.end(), *everywhere) != dims.end()) {
        decided = everywhere;
    }
    VectorChoice none;
    none.cost = scalar;
    if (decided && *decided == no_vector) {
        return none;
    }
    const auto consider = [&](const std::string& dim, bool reduced) {
        const std::int64_t lanes = fitting_lanes(region, dim, most);
        if (lanes < 2 || (decided && dim != *decided)) {
            return;
        }
        // In a scan nothing else hides how elements come into lanes and out of them.
        const auto gather = static_cast<double>(stage.scan ? 2 * lanes : lanes) + 2;
        double cost = 0;
        const std::optional<DotChoice> dot = reduced ? std::nullopt : choose_dot(analysis, stage, dim);
        for (const ir::Ref& access : analysis.reads(stage.name)) {
            const std::optional<std::int64_t> stride = analysis.stride(*access, dim);
            const bool packed = stage.reduction && stride != 1 &&
                                (is_packable(analysis, *access, dim) || (dot && dot->packed == access->name));
            const bool copied = stride != 1 && is_transposable(analysis, stage, *access, dim);
            const double load = stride == 0 ? 0.5 : stride == 1 || packed ? 1 : copied ? copied_load : gather;
            // What is the same for all steps of a scan stays in a register.
            const bool is_kept = stage.scan && std::all_of(whole.begin(), whole.end(), [&](const std::string& each) {
                                     return analysis.stride(*access, each) == 0;
                                 });
            cost += is_kept ? load / region.points(whole) : load;
        }
        if (reduced) {
            cost += 1 + gather / static_cast<double>(region.extent(dim)); // partial sums, and adding them up
        } else {
            const bool contiguous = analysis.is_innermost(stage.name, dim);
            cost += (contiguous ? 1 : gather) / reduced_points;
        }
        cost += operations + step;
        cost *= waste(region, dim, lanes) / static_cast<double>(lanes * (dot ? dot->factor : 1));
        if (cost < least) {
            second = least;
            least = cost;
            best = {dim, reduced, lanes, 0, cost};
        } else {
            second = std::min(second, cost);
        }
    };
    // Innermost first: among equals it wins.
    for (auto dim = stage.dims.rbegin(); dim != stage.dims.rend(); ++dim) {
        const auto is_in = [&](const std::vector<std::string>& dims_left_out) {
            return std::find(dims_left_out.begin(), dims_left_out.end(), *dim) != dims_left_out.end();
        };
        if (!is_in(whole) && !is_in(limits)) {
            consider(*dim, false);
        }
    }
    if (stage.reduction && may_reassociate(analysis, stage)) {
        for (auto dim = stage.reduction->dims.rbegin(); dim != stage.reduction->dims.rend(); ++dim) {
            consider(*dim, true);
        }
    }
    best.margin = std::max(0.0, std::min(second, scalar) - least);
    return (decided && !best.dim.empty()) || least <= scalar ? best : none;
}

namespace {

/// Operations of a step of a reduction besides loads, in those that multiply and add. Of short steps it is one: what
/// else they have, indices and conditions, the compiler takes out of the loops.
double operations_of_step(const Analysis& analysis, const ir::Definition& stage) {
    constexpr double fewest = 8;
    const double operations = analysis.operations(stage.name) / 2;
    return operations > fewest ? operations : 1;
}

/// Searches the tiles of up to two unrolled dims beside the vectorized one.
class TileSearch {
public:
    TileSearch(const Analysis& analysis, const ir::Definition& stage, const VectorChoice& vector, const Region& region)
        : analysis_(analysis), region_(region), stage_(stage), vector_(vector), limits_(limiting_dims(analysis, stage)),
          components_(static_cast<double>(stage.types.size())), steps_(region.points(stage.reduction->dims)),
          operations_(operations_of_step(analysis, stage)) {
        for (const ir::Ref& access : analysis.reads(stage.name)) {
            if (!analysis.kernel().dims_of(access->name).empty()) {
                accesses_.push_back(access.get());
                for (const std::string& dim : stage.dims) {
                    const std::optional<std::int64_t> stride = analysis.stride(*access, dim);
                    if (stride != 0) {
                        depends_.emplace(access.get(), dim);
                    }
                    if (stride && std::abs(*stride) * bytes(access->type) > page_bytes) {
                        far_.emplace(access.get(), dim);
                    }
                }
            }
        }
    }

    RegisterTile run() {
        vectors_ = number("vectors", {"1", "2", "3", "4"});
        rows_ = number("rows", {"1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "12", "14", "16"});
        search();
        if (best_.vector.dim.empty()) { // no tile has as many vectors and rows
            vectors_ = rows_ = std::nullopt;
            search();
        }
        return best_;
    }

private:
    [[nodiscard]] std::optional<std::int64_t> number(const std::string& about,
                                                     const std::vector<std::string>& words) const {
        const std::optional<std::string> decided = analysis_.decided(about, stage_.name, words, true);
        return decided ? std::optional<std::int64_t>(std::stoll(*decided)) : std::nullopt;
    }

    void search() {
        const std::vector<std::string>& dims = stage_.dims;
        for (const std::int64_t vectors : {1, 2, 3, 4}) {
            if (vectors > 1 && vectors * vector_.lanes > region_.extent(vector_.dim)) {
                continue;
            }
            if (region_.constant(vector_.dim) && region_.extent(vector_.dim) % (vectors * vector_.lanes) != 0 &&
                vectors > 1) {
                continue;
            }
            consider(vectors, {});
            // Among equals the first wins: one dim before two, innermost first.
            for (std::size_t a = dims.size(); a-- > 0;) {
                for (const std::int64_t size : sizes(dims[a])) {
                    consider(vectors, {tile(dims[a], size)});
                }
            }
            for (std::size_t a = dims.size(); a-- > 0;) {
                for (std::size_t b = a; b-- > 0;) {
                    for (const std::int64_t size : sizes(dims[a])) {
                        for (const std::int64_t other : sizes(dims[b])) {
                            consider(vectors, {tile(dims[a], size), tile(dims[b], other)});
                        }
                    }
                }
            }
        }
    }

    [[nodiscard]] std::vector<std::int64_t> sizes(const std::string& dim) const {
        std::vector<std::int64_t> result;
        if (dim == vector_.dim || std::find(limits_.begin(), limits_.end(), dim) != limits_.end()) {
            return result;
        }
        for (const std::int64_t size : {2, 3, 4, 5, 6, 7, 8, 12, 14}) {
            const std::int64_t extent = region_.extent(dim);
            if (size <= extent && (!region_.constant(dim) || extent % size == 0)) {
                result.push_back(size);
            }
        }
        return result;
    }

    [[nodiscard]] TileDim tile(const std::string& dim, std::int64_t size) const {
        return {dim, size, region_.constant(dim) == size};
    }

    void consider(std::int64_t vectors, const std::vector<TileDim>& unrolled) {
        double accumulators = static_cast<double>(vectors);
        double wasted = waste(region_, vector_.dim, vectors * vector_.lanes);
        std::int64_t rows = 1;
        for (const TileDim& dim : unrolled) {
            rows *= dim.size;
            wasted *= waste(region_, dim.dim, dim.size);
        }
        if (vectors_.value_or(vectors) != vectors || rows_.value_or(rows) != rows) {
            return;
        }
        accumulators *= static_cast<double>(rows);
        double loads = 0;
        double far = 0;  // loads each from a page of its own
        double held = 0; // vectors that serve several results; what is the same for all lanes is read from memory
        for (const ir::Node* access : accesses_) {
            double count = 1;
            double pages = 0;
            for (const TileDim& dim : unrolled) {
                count *= depends(*access, dim.dim) ? static_cast<double>(dim.size) : 1;
                pages = std::max(pages, is_far(*access, dim.dim) ? static_cast<double>(dim.size) : 0.0);
            }
            far += pages;
            if (depends(*access, vector_.dim)) {
                count *= static_cast<double>(vectors);
                held = std::max(held, count < accumulators ? count : 1);
            }
            loads += count;
        }
        const double registers = analysis_.options().vector_registers;
        if (accumulators * components_ + held + 1 > registers) {
            return;
        }
        // Two operations and two loads per cycle; a long chain of dependent additions needs eight of them in flight,
        // while of short ones the processor overlaps several.
        const double work = accumulators * components_;
        double time =
            std::max({work / 2 * operations_, loads / 2, 4.0 * std::min(1.0, steps_ / 64)}) + 0.05 * loads + 0.2 * far;
        time *= wasted / work;
        // More rows cost addresses, and those of long expressions much code.
        const bool is_long = operations_ > 1 && !unrolled.empty();
        if (time < least_ * (is_long || (unrolled.size() > 1 && far > 0) ? 0.97 : 0.999)) {
            least_ = time;
            best_.vector = {vector_.dim, vectors * vector_.lanes, false};
            best_.vector.whole = region_.constant(vector_.dim) == best_.vector.size;
            best_.lanes = vector_.lanes;
            best_.unrolled = unrolled;
            best_.cycles = time;
        }
    }

    [[nodiscard]] bool is_far(const ir::Node& access, const std::string& dim) const {
        return far_.contains({&access, dim});
    }

    [[nodiscard]] bool depends(const ir::Node& access, const std::string& dim) const {
        return depends_.count({&access, dim}) != 0;
    }

    const Analysis& analysis_;
    const Region& region_;
    const ir::Definition& stage_;
    const VectorChoice& vector_;
    std::vector<std::string> limits_; ///< dims of a segment
    double components_ = 1;
    double steps_ = 1;      ///< of the reduction
    double operations_ = 1; ///< of one step, in multiplications that add
    std::vector<const ir::Node*> accesses_;
    std::set<std::pair<const ir::Node*, std::string>> depends_;
    std::set<std::pair<const ir::Node*, std::string>> far_; ///< a step of the dim leads to another page
    std::optional<std::int64_t> vectors_;                   ///< decided
    std::optional<std::int64_t> rows_;                      ///< decided
    double least_ = std::numeric_limits<double>::infinity();
    RegisterTile best_;
};

} // namespace

std::int64_t vectors_of_map(const Analysis& analysis, const ir::Definition& stage, const VectorChoice& vector,
                            const Region& region) {
    std::vector<std::string> words;
    for (const std::int64_t vectors : {2, 4}) {
        const std::int64_t size = vectors * vector.lanes;
        if (size <= region.extent(vector.dim) &&
            (!region.constant(vector.dim) || region.extent(vector.dim) % size == 0)) {
            words.push_back(std::to_string(vectors));
        }
    }
    const std::optional<std::string> decided = analysis.decided("vectors", stage.name, words, true);
    return decided ? std::stoll(*decided) : 1;
}

RegisterTile choose_tile(const Analysis& analysis, const ir::Definition& stage, const VectorChoice& vector,
                         const Region& region) {
    return TileSearch(analysis, stage, vector, region).run();
}

} // namespace coulter::schedule
