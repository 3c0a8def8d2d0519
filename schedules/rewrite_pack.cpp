// pack: a tensor in tiles of constant size, zero beyond the extent.

#include "rewrite_common.hpp"

#include <algorithm>
#include <cmath>

namespace coulter::schedule {
namespace {

ir::Ref zero(Type type) {
    if (is_float(type)) {
        return ir::real_constant(type, 0);
    }
    return type == Type::boolean ? ir::bool_constant(false) : ir::integer_constant(type, 0);
}

bool is_positive_zero(const ir::Ref& value) {
    if (value->kind != ir::Kind::constant) {
        return false;
    }
    return is_float(value->type) ? value->real == 0 && !std::signbit(value->real) : value->integer == 0;
}

/// One tiled dim of the source.
struct Tiled {
    std::string dim;
    std::int64_t factor = 1;
    detail::SplitDim split;
};

/// What reads the packed tensor where `access` read the source.
ir::Ref read_packed(const ir::Node& access, const std::vector<ir::Ref>& args, const std::vector<Tiled>& tiles,
                    const std::string& name, const std::vector<std::string>& packed_dims) {
    const auto index_of_dim = [&](const std::string& dim) {
        const auto at = std::find(access.dims.begin(), access.dims.end(), dim);
        return at == access.dims.end() ? ir::dim_node(dim) : args[static_cast<std::size_t>(at - access.dims.begin())];
    };
    std::vector<ir::Ref> bindings(packed_dims.size());
    const auto bind = [&](const std::string& dim, const ir::Ref& index) {
        const auto at = std::find(packed_dims.begin(), packed_dims.end(), dim);
        bindings[static_cast<std::size_t>(at - packed_dims.begin())] = index;
    };
    for (const std::string& dim : packed_dims) {
        bind(dim, index_of_dim(dim));
    }
    const bool padded = access.boundary == ir::Boundary::padded;
    const ir::Ref pad = padded ? args.back() : nullptr;
    ir::Ref in_range;
    for (const Tiled& tile : tiles) {
        ir::Ref index = index_of_dim(tile.dim);
        const bool own_loop = index->kind == ir::Kind::dim && index->name == tile.dim;
        if (access.boundary == ir::Boundary::clamped && !own_loop) {
            // Clamped against the source's extent: the packed tensor's is rounded up.
            const ir::Ref last = ir::binary(ir::Op::sub, ir::extent_node(tile.dim), ir::index_constant(1));
            index = ir::binary(ir::Op::min, ir::binary(ir::Op::max, index, ir::index_constant(0)), last);
        }
        if (padded && !own_loop && !tile.split.exact && !is_positive_zero(pad)) {
            // Beyond the extent the packed tensor holds 0, which is not this access's value there.
            ir::Ref below = ir::binary(ir::Op::lt, index, ir::extent_node(tile.dim));
            in_range = in_range ? ir::binary(ir::Op::logical_and, in_range, below) : below;
        }
        bind(tile.split.outer, ir::binary(ir::Op::div, index, ir::index_constant(tile.factor)));
        bind(tile.split.inner, ir::binary(ir::Op::mod, index, ir::index_constant(tile.factor)));
    }
    ir::Ref value = detail::with_bindings(access, name, packed_dims, bindings, pad);
    return in_range ? ir::select(in_range, value, pad) : value;
}

} // namespace

ir::Kernel pack(const ir::Kernel& kernel, const std::string& source, const std::vector<PackTile>& tiles,
                const std::string& name) {
    const std::vector<std::string> source_dims = kernel.dims_of(source);
    const std::vector<Type> types = kernel.types_of(source);
    COULTER_INTERNAL_ASSERT(types.size() == 1 && !tiles.empty());

    ir::Kernel result = kernel;
    detail::pin_inferred_extents(result);
    std::vector<Tiled> tiled;
    for (const PackTile& tile : tiles) {
        COULTER_INTERNAL_ASSERT(std::find(source_dims.begin(), source_dims.end(), tile.dim) != source_dims.end());
        tiled.push_back({tile.dim, tile.factor, detail::add_split_dim(result, name, tile.dim, tile.factor)});
    }

    ir::Definition packed;
    packed.name = name;
    packed.types = types;
    for (const Tiled& tile : tiled) {
        packed.dims.push_back(tile.split.outer);
    }
    std::vector<ir::Ref> bindings;
    bool exact = true;
    for (const std::string& dim : source_dims) {
        const auto at = std::find_if(tiled.begin(), tiled.end(), [&](const Tiled& tile) { return tile.dim == dim; });
        if (at == tiled.end()) {
            packed.dims.push_back(dim);
            bindings.push_back(ir::dim_node(dim));
        } else {
            bindings.push_back(at->split.index);
            exact = exact && at->split.exact;
        }
    }
    for (const Tiled& tile : tiled) {
        packed.dims.push_back(tile.split.inner);
    }
    ir::Node read;
    read.kind = ir::Kind::access;
    read.type = types.front();
    read.boundary = exact ? ir::Boundary::checked : ir::Boundary::padded;
    packed.values.push_back(detail::with_bindings(read, source, source_dims, bindings, zero(types.front())));

    // After the source, before its first reader.
    std::size_t at = result.definitions.size();
    for (std::size_t i = result.definitions.size(); i-- > 0;) {
        const std::vector<std::string> read_here = ir::reads(result.definitions[i]);
        if (std::find(read_here.begin(), read_here.end(), source) != read_here.end()) {
            at = i;
        }
    }
    for (ir::Definition& definition : result.definitions) {
        detail::rewrite_definition(definition, [&](const ir::Node& node, const std::vector<ir::Ref>& args) {
            return node.kind == ir::Kind::access && node.name == source
                       ? read_packed(node, args, tiled, name, packed.dims)
                       : ir::Ref{};
        });
    }
    if (at < result.definitions.size()) {
        packed.span = result.definitions[at].span;
    }
    result.definitions.insert(result.definitions.begin() + static_cast<std::ptrdiff_t>(at), std::move(packed));
    return result;
}

} // namespace coulter::schedule
