#include "default_transposed.hpp"

#include "coulter/schedule/rewrite.hpp"
#include "default_dots.hpp"

#include <algorithm>
#include <fmt/core.h>

namespace coulter::schedule {
namespace {

/// Whether reads of a tensor by one stage are along the dim or do not depend on it: all of them read the copy.
bool reads_along(const Analysis& analysis, const ir::Definition& stage, const std::string& tensor,
                 const std::string& dim) {
    const std::vector<ir::Ref>& reads = analysis.reads(stage.name);
    return std::all_of(reads.begin(), reads.end(), [&](const ir::Ref& access) {
        return access->name != tensor || analysis.stride(*access, dim) == 0 ||
               is_transposable(analysis, stage, *access, dim);
    });
}

} // namespace

bool may_transpose(const Analysis& analysis) {
    const std::vector<ir::Definition>& all = analysis.kernel().definitions;
    return std::any_of(all.begin(), all.end(), [&](const ir::Definition& stage) {
        if (!stage.reduction || analysis.is_scheduled(stage.name)) {
            return false;
        }
        const std::vector<ir::Ref>& reads = analysis.reads(stage.name);
        return std::any_of(reads.begin(), reads.end(), [&](const ir::Ref& access) {
            const std::vector<std::string>& dims = analysis.kernel().dims_of(access->name);
            return std::any_of(dims.begin(), dims.end(), [&](const std::string& dim) {
                const std::optional<std::int64_t> stride = analysis.stride(*access, dim);
                return stride != 0 && stride != 1 && is_transposable(analysis, stage, *access, dim);
            });
        });
    });
}

std::optional<HeldCopy> choose_transposed(const Analysis& analysis, const std::map<std::string, StageShape>& shapes) {
    for (const ir::Definition& stage : analysis.kernel().definitions) {
        if (!stage.reduction || analysis.is_scheduled(stage.name)) {
            continue;
        }
        const StageShape& shape = shapes.at(stage.name);
        const StageShape& nest = shape.strategy == Strategy::accumulated ? shapes.at(shape.owner) : shape;
        const std::string& dim = nest.vector.dim; // of the results, or a reduced one
        if (dim.empty()) {
            continue;
        }
        const std::optional<DotChoice> dot = nest.has_tile() ? choose_dot(analysis, stage, dim) : std::nullopt;
        for (const ir::Ref& access : analysis.reads(stage.name)) {
            const std::optional<std::int64_t> stride = analysis.stride(*access, dim);
            const bool packed = dot && dot->packed == access->name;
            if (stride == 0 || stride == 1 || packed || !is_transposable(analysis, stage, *access, dim) ||
                !reads_along(analysis, stage, access->name, dim)) {
                continue;
            }
            if (analysis.decided("transposed", stage.name, {"copied", "read"}).value_or("copied") == "copied") {
                return HeldCopy{access->name, stage.name, "transposed",
                                fmt::format("with {} innermost", display_name(dim))};
            }
        }
    }
    return std::nullopt;
}

} // namespace coulter::schedule
