#include "default_ordered.hpp"

#include "coulter/schedule/rewrite.hpp"

#include <algorithm>
#include <fmt/format.h>

namespace coulter::schedule {
namespace {

/// Scans of one thread at once, each in a register.
constexpr std::int64_t scans_at_once = 4;
/// Simple operations of a step beyond which the processor has enough to do while one waits.
constexpr double busy_step = 30;

constexpr std::int64_t cache_line = 64;

/// Vectors that run at once: whole cache lines, and steps of scans that need not wait for each other.
std::int64_t vectors_of(const Analysis& analysis, const ir::Definition& stage, const VectorChoice& vector,
                        const Region& region) {
    const std::optional<std::int64_t> constant = region.constant(vector.dim);
    std::int64_t best = 1;
    std::vector<std::string> words{"1"};
    for (const std::int64_t vectors : {2, 4}) {
        const std::int64_t size = vectors * vector.lanes;
        if (size <= region.extent(vector.dim) && (!constant || *constant % size == 0)) {
            best = stage.scan || size * bytes(stage.types.front()) <= cache_line ? vectors : best;
            words.push_back(std::to_string(vectors));
        }
    }
    const std::optional<std::string> decided = analysis.decided("vectors", stage.name, words, true);
    return decided ? std::stoll(*decided) : best;
}

/// Results of a scatter for which one vector of what it adds is read: rows along this dim.
constexpr std::int64_t rows_at_once = 8;

/// The longest dim of a scatter, beside that of its vectors, that something which is read along the vectors does not
/// depend on: several of its indices share the read. Empty: there is none.
std::string dim_of_rows(const Analysis& analysis, const ir::Definition& stage, const VectorChoice& vector) {
    std::string best;
    for (const std::string& dim : free_dims_of(stage)) {
        const std::vector<ir::Ref>& reads = analysis.reads(stage.name);
        const bool is_shared = std::any_of(reads.begin(), reads.end(), [&](const ir::Ref& read) {
            return analysis.stride(*read, vector.dim) == 1 && analysis.stride(*read, dim) == 0;
        });
        if (dim != vector.dim && is_shared && analysis.extent(dim) >= 2 * rows_at_once &&
            (best.empty() || analysis.extent(dim) > analysis.extent(best))) {
            best = dim;
        }
    }
    return best;
}

} // namespace

bool is_ordered(const ir::Definition& stage) {
    return stage.scan || (stage.reduction && !stage.reduction->into.empty());
}

std::vector<std::string> free_dims_of(const ir::Definition& stage) {
    std::vector<std::string> dims = stage.dims;
    for (const std::string& dim : ir::whole_dims(stage)) {
        std::erase(dims, dim);
    }
    return dims;
}

OrderedNest ordered_nest(const Analysis& analysis, const ir::Definition& stage, const Region& region) {
    OrderedNest nest;
    const std::vector<std::string> dims = free_dims_of(stage);
    const VectorChoice vector = dims.empty() ? VectorChoice{} : choose_vector(analysis, stage, region);
    std::string inner_dim = vector.dim;
    std::int64_t size = 1;
    if (!inner_dim.empty()) {
        size = vector.lanes * vectors_of(analysis, stage, vector, region);
    } else if (stage.scan && !dims.empty() && analysis.cost(stage.name) <= busy_step &&
               region.extent(dims.back()) >= scans_at_once) {
        inner_dim = dims.back();
        size = scans_at_once;
    }
    std::vector<std::string> order; // innermost first
    const bool whole = !inner_dim.empty() && region.constant(inner_dim) == size;
    if (!inner_dim.empty()) {
        const std::string name = display_name(inner_dim);
        if (!whole) {
            nest.steps.push_back({fmt::format("split {} by {}", name, size),
                                  vector.dim.empty() ? "so many scans at once" : "vectors that lie side by side"});
        }
        order.push_back(whole ? name : name + ".i");
        nest.marks.push_back({fmt::format("{} {}", vector.dim.empty() ? "unroll" : "vectorize", order.front()),
                              vector.dim.empty() ? "steps that need not wait for each other" : "all lanes in step"});
    }
    const bool has_rows = stage.reduction && !vector.dim.empty();
    const std::string rows = has_rows ? dim_of_rows(analysis, stage, vector) : std::string();
    if (!rows.empty()) {
        const std::string name = display_name(rows);
        nest.steps.push_back({fmt::format("split {} by {}", name, rows_at_once), "what is read serves several rows"});
        order.push_back(name + ".i");
        nest.marks.push_back({"unroll " + order.back(), "rows side by side"});
    }
    std::vector<std::string> ordered = stage.scan ? stage.scan->dims() : stage.reduction->dims;
    for (auto dim = ordered.rbegin(); dim != ordered.rend(); ++dim) {
        order.push_back(display_name(*dim));
    }
    for (const std::string& dim : dims) {
        const std::int64_t extent = region.extent(dim);
        if (dim == rows) {
            nest.outer.emplace_back(display_name(dim) + ".o", (extent + rows_at_once - 1) / rows_at_once);
        } else if (dim != inner_dim) {
            nest.outer.emplace_back(display_name(dim), extent);
        } else if (!whole) {
            nest.outer.emplace_back(display_name(dim) + ".o", (extent + size - 1) / size);
        }
    }
    for (auto loop = nest.outer.rbegin(); loop != nest.outer.rend(); ++loop) {
        order.push_back(loop->first);
    }
    if (!inner_dim.empty() && order.size() > 1) {
        nest.steps.push_back({fmt::format("reorder {}", fmt::join(order, " ")), "each part from end to end"});
    }
    return nest;
}

} // namespace coulter::schedule
