// Index expressions of a kernel, and what they allow.

#include "sizes_uses.hpp"

#include <algorithm>
#include <limits>

namespace coulter::detail {
namespace {

void append_unique(std::vector<std::string>& list, const std::string& item) {
    if (std::find(list.begin(), list.end(), item) == list.end()) list.push_back(item);
}

} // namespace

std::vector<std::string> mentioned(const ir::Ref& expression, ir::Kind kind) {
    std::vector<std::string> names;
    if (!expression) return names;
    for (const ir::Node* node : ir::postorder({expression})) {
        if (node->kind == kind) append_unique(names, node->name);
    }
    return names;
}

std::vector<IndexUse> index_uses(const ir::Kernel& kernel, Polys& polys) {
    std::vector<IndexUse> uses;
    for (const ir::Definition& definition : kernel.definitions) {
        const auto add = [&](const std::string& tensor, const std::string& dim, const ir::Ref& index,
                             ir::Boundary boundary, bool scatter) {
            uses.push_back({&definition, tensor, dim, index, polys.convert(index), boundary, scatter});
        };
        for (const ir::Node* node : ir::postorder(ir::roots(definition))) {
            if (node->kind != ir::Kind::access) continue;
            for (std::size_t i = 0; i < node->dims.size(); ++i) {
                add(node->name, node->dims[i], node->args[i], node->boundary, false);
            }
        }
        if (!definition.reduction) continue;
        for (const ir::Into& into : definition.reduction->into) {
            add(definition.name, into.dim, into.index, ir::Boundary::checked, true);
        }
    }
    return uses;
}

std::optional<Inference> infer_from(const IndexUse& use, const std::string& dim, Polys& polys) {
    if (use.boundary != ir::Boundary::checked || use.scatter) return std::nullopt;
    if (!use.poly.terms.contains({"d:" + dim})) return std::nullopt;
    Inference result;
    result.use = &use;
    Poly offset; // c0
    std::vector<std::pair<std::string, std::int64_t>> others;
    std::int64_t mine = 0;
    for (const auto& [monomial, coefficient] : use.poly.terms) {
        const Atom* single = monomial.size() == 1 ? &polys.atom(monomial.front()) : nullptr;
        if (single != nullptr && single->kind == Atom::Kind::dim) {
            if (single->name == dim) {
                mine = coefficient;
            } else {
                others.emplace_back(single->name, coefficient);
                result.dims.push_back(single->name);
            }
            continue;
        }
        Poly term;
        term.terms[monomial] = coefficient;
        const ir::Ref expression = polys.rebuild(term);
        for (const ir::Node* node : ir::postorder({expression})) {
            // A value or a bent index: no extent follows from it.
            if (node->kind == ir::Kind::dim || node->kind == ir::Kind::access || node->kind == ir::Kind::cast)
                return std::nullopt;
        }
        for (const std::string& extent : mentioned(expression, ir::Kind::extent)) {
            append_unique(result.needs, extent);
        }
        offset.terms[monomial] = coefficient;
    }
    if (mine == 0 || mine == std::numeric_limits<std::int64_t>::min()) return std::nullopt;
    const bool up = mine > 0;
    result.step = up ? mine : -mine;
    std::optional<Poly> room = offset;
    if (up) {
        append_unique(result.needs, use.dim);
        room = Polys::add(polys.extent(use.dim), Polys::constant(-1));
        if (room) room = Polys::add(*room, offset, -1);
    }
    for (const auto& [other, coefficient] : others) {
        if ((coefficient > 0) != up) continue;
        append_unique(result.needs, other);
        const std::optional<Poly> last = Polys::add(polys.extent(other), Polys::constant(-1));
        if (room && last) room = Polys::add(*room, *last, up ? -coefficient : coefficient);
    }
    if (!room) return std::nullopt;
    result.room = *std::move(room);
    return result;
}

} // namespace coulter::detail
