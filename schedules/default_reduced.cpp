#include "default_reduced.hpp"

#include "coulter/schedule/rewrite.hpp"
#include "default_dots.hpp"

#include <fmt/format.h>

namespace coulter::schedule {
namespace {

/// Copies of the innermost statement beyond which unrolling costs more than the loops that it saves.
constexpr std::int64_t most_copies = 48;
/// ... and beyond which a search does not go.
constexpr std::int64_t most_decided_copies = 128;

std::string joined(const std::vector<std::string>& words) {
    return fmt::format("{}", fmt::join(words, " "));
}

bool splits_vector(const RegisterTile& tile) {
    return !tile.vector.whole || tile.vector.size != tile.lanes;
}

std::string vector_loop(const RegisterTile& tile) {
    return display_name(tile.vector.dim) + (splits_vector(tile) ? ".i" : "");
}

/// Splits the vectorized dim of a tile into lanes; the loops to unroll.
std::vector<std::string> vector_split(const RegisterTile& tile, std::vector<Step>& steps) {
    const std::string loop = display_name(tile.vector.dim);
    std::vector<std::string> unrolled;
    if (splits_vector(tile)) {
        steps.push_back({fmt::format("split {} by {}", loop, tile.lanes), "lanes of a vector"});
        unrolled.push_back(loop + ".o");
    }
    for (const TileDim& dim : tile.unrolled) {
        unrolled.push_back(display_name(dim.dim));
    }
    return unrolled;
}

void finish_vector(const RegisterTile& tile, const std::vector<std::string>& unrolled, std::vector<Step>& steps) {
    steps.push_back({"vectorize " + vector_loop(tile), "contiguous, or the same for all lanes"});
    if (!unrolled.empty()) {
        steps.push_back({"unroll " + joined(unrolled), "so that each result is a register"});
    }
}

/// Reduced loops of a tile, innermost first, of which the first ones are unrolled.
struct ReducedLoops {
    std::vector<std::string> loops;
    std::size_t unrolled = 0;
};

std::int64_t copies_of(const RegisterTile& tile) {
    std::int64_t copies = tile.vector.size / tile.lanes;
    for (const TileDim& dim : tile.unrolled) {
        copies *= dim.size;
    }
    return copies;
}

/// Reduced dims, innermost first. What a condition is about stands outside of what it skips.
std::vector<std::string> conditions_outside(const Analysis& analysis, const ir::Definition& reduction) {
    std::vector<std::string> dims(reduction.reduction->dims.rbegin(), reduction.reduction->dims.rend());
    if (reduction.reduction->where && may_reassociate(analysis, reduction)) {
        const std::vector<std::string> asked = ir::free_dims(analysis.kernel(), {reduction.reduction->where});
        std::stable_partition(dims.begin(), dims.end(), [&](const std::string& dim) {
            return std::find(asked.begin(), asked.end(), dim) == asked.end();
        });
    }
    return dims;
}

/// The same, with the one innermost that a search decides for.
std::vector<std::string> reduced_order(const Analysis& analysis, const ir::Definition& reduction) {
    std::vector<std::string> dims = conditions_outside(analysis, reduction);
    if (dims.size() > 1 && may_reassociate(analysis, reduction)) {
        if (const auto inner = analysis.decided("inner", reduction.name, dims)) {
            const auto at = std::find(dims.begin(), dims.end(), *inner);
            std::rotate(dims.begin(), at, at + 1);
        }
    }
    return dims;
}

ReducedLoops reduced_loops(const Analysis& analysis, const ir::Definition& reduction, const RegisterTile& tile,
                           std::vector<Step>& steps) {
    std::vector<std::string> dims = reduced_order(analysis, reduction);
    ReducedLoops result;
    if (const std::optional<DotChoice> dot = choose_dot(analysis, reduction, tile.vector.dim)) {
        const std::string loop = display_name(dot->dim);
        steps.push_back({fmt::format("split {} by {}", loop, dot->factor), "products that one instruction adds"});
        result.loops = {loop + ".i", loop + ".o"};
        result.unrolled = 1;
        std::erase(dims, dot->dim);
        for (const std::string& dim : dims) {
            result.loops.push_back(display_name(dim));
        }
        return result;
    }
    std::vector<std::string> words{"0"};
    std::int64_t copies = copies_of(tile);
    const std::int64_t inner = analysis.constant(dims.front()).value_or(0);
    for (const std::int64_t part : {2, 4, 8}) {
        if (inner > part && inner % part == 0 && copies * part <= most_decided_copies) {
            words.push_back(fmt::format("by {}", part));
        }
    }
    std::size_t automatically = 0;
    for (const std::string& dim : dims) {
        result.loops.push_back(display_name(dim));
        copies *= std::min(analysis.constant(dim).value_or(most_decided_copies + 1), most_decided_copies + 1);
        copies = std::min(copies, most_decided_copies + 1);
        automatically += copies <= most_copies ? 1 : 0;
        if (copies <= most_decided_copies) {
            words.push_back(std::to_string(result.loops.size()));
        }
    }
    const std::string decided =
        analysis.decided("unroll", reduction.name, words).value_or(std::to_string(automatically));
    if (decided.rfind("by ", 0) == 0) {
        const std::string loop = result.loops.front();
        steps.push_back({fmt::format("split {} {}", loop, decided), "steps that run together"});
        result.loops.front() = loop + ".o";
        result.loops.insert(result.loops.begin(), loop + ".i");
        result.unrolled = 1;
    } else {
        result.unrolled = std::stoul(decided);
    }
    return result;
}

} // namespace

std::vector<Step> tile_steps(const Analysis& analysis, const ir::Definition& reduction, const RegisterTile& tile) {
    std::vector<Step> steps;
    std::vector<std::string> unrolled = vector_split(tile, steps);
    std::vector<std::string> order{vector_loop(tile)};
    order.insert(order.end(), unrolled.begin(), unrolled.end());
    const ReducedLoops reduced = reduced_loops(analysis, reduction, tile, steps);
    order.insert(order.end(), reduced.loops.begin(), reduced.loops.end());
    unrolled.insert(unrolled.end(), reduced.loops.begin(),
                    reduced.loops.begin() + static_cast<std::ptrdiff_t>(reduced.unrolled));
    steps.push_back({"reorder " + joined(order), "the whole tile at each reduced index"});
    finish_vector(tile, unrolled, steps);
    return steps;
}

std::vector<Step> start_steps(const RegisterTile& tile) {
    std::vector<Step> steps;
    const std::vector<std::string> unrolled = vector_split(tile, steps);
    finish_vector(tile, unrolled, steps);
    return steps;
}

std::vector<Step> partial_sum_steps(const Analysis& analysis, const ir::Definition& reduction,
                                    const VectorChoice& vector) {
    std::vector<Step> steps;
    const std::string loop = display_name(vector.dim);
    const std::int64_t extent = analysis.extent(vector.dim);
    std::vector<std::string> order{loop};
    if (analysis.constant(vector.dim) != vector.lanes) {
        std::int64_t vectors = extent >= 8 * vector.lanes ? 4 : 1;
        if (const auto decided = analysis.decided("sums", reduction.name, {"1", "2", "4", "8"}, true)) {
            vectors = std::stoll(*decided);
        }
        steps.push_back({fmt::format("split {} by {}", loop, vectors * vector.lanes),
                         vectors > 1 ? "lanes of vectors, several in flight" : "lanes of a vector"});
        order = {loop + ".i", loop + ".o"};
    }
    const std::string lanes = order.front();
    for (const std::string& dim : conditions_outside(analysis, reduction)) {
        if (dim != vector.dim) {
            order.push_back(display_name(dim));
        }
    }
    if (order.size() > 1) {
        steps.push_back({"reorder " + joined(order), "lanes innermost"});
    }
    steps.push_back({"vectorize " + lanes, "a partial result in each lane"});
    return steps;
}

} // namespace coulter::schedule
