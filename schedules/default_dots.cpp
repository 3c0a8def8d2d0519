#include "default_dots.hpp"

#include "coulter/schedule/dot_products.hpp"

#include <algorithm>

namespace coulter::schedule {
namespace {

/// Whether a tensor may be packed along both dims for a reduction, beside which its other readers do little.
bool is_packable_for(const Analysis& analysis, const ir::Definition& reduction, const ir::Node& access,
                     const std::vector<std::string>& dims) {
    const std::vector<std::string>& own = analysis.kernel().dims_of(access.name);
    const bool by_name = std::ranges::all_of(dims, [&](const std::string& dim) {
        return std::ranges::find(own, dim) != own.end() && std::ranges::find(access.dims, dim) == access.dims.end();
    });
    const double work = analysis.points(iterated_dims(reduction));
    const std::vector<std::string> readers = analysis.readers(access.name);
    return analysis.is_constant(access.name) && by_name && std::ranges::all_of(readers, [&](const std::string& reader) {
               const ir::Definition& each = *analysis.kernel().find_definition(reader);
               return reader == reduction.name || 4 * analysis.points(iterated_dims(each)) <= work;
           });
}

} // namespace

std::optional<DotChoice> choose_dot(const Analysis& analysis, const ir::Definition& reduction,
                                    const std::string& lanes) {
    const std::optional<NarrowProduct> product = narrow_product(reduction, analysis.kernel());
    if (!product || analysis.is_for_device() || lanes.empty()) {
        return std::nullopt;
    }
    const std::int64_t factor =
        products_at_once(product->left->type, product->right->type, analysis.options().vector_bytes >= 64);
    for (const std::string& dim : reduction.reduction->dims) {
        for (const bool swapped : {false, true}) {
            const ir::Node& row = *(swapped ? product->right : product->left);
            const ir::Node& column = *(swapped ? product->left : product->right);
            const bool fits = analysis.extent(dim) >= factor && !analysis.is_inlined(row.name) &&
                              analysis.stride(row, lanes) == 0 && analysis.stride(row, dim) == 1 &&
                              analysis.stride(column, lanes) != 0 &&
                              is_packable_for(analysis, reduction, column, {lanes, dim});
            if (fits && analysis.decided("dot", reduction.name, {"no"}) != "no") {
                return DotChoice{dim, factor, column.name};
            }
        }
    }
    return std::nullopt;
}

} // namespace coulter::schedule
