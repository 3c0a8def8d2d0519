#include "coulter/schedule/dot_products.hpp"

#include <algorithm>

namespace coulter::schedule {
namespace {

bool is_narrow(Type type) {
    return type == Type::i8 || type == Type::u8 || type == Type::i16;
}

/// What a factor reads before it is widened, or null.
ir::Ref narrow_read(const ir::Ref& factor) {
    if (factor->kind != ir::Kind::cast || factor->args[0]->kind != ir::Kind::access) {
        return nullptr;
    }
    const ir::Ref& read = factor->args[0];
    return is_narrow(read->type) && read->boundary == ir::Boundary::checked ? read : nullptr;
}

/// Whether the index is `dim op n`, where `factor` divides n.
bool is_in_groups(const ir::Ref& index, ir::Op op, const std::string& dim, std::int64_t factor) {
    return index->kind == ir::Kind::binary && index->op == op && index->args[0]->kind == ir::Kind::dim &&
           index->args[0]->name == dim && index->args[1]->kind == ir::Kind::constant && index->args[1]->integer > 0 &&
           index->args[1]->integer % factor == 0;
}

} // namespace

std::optional<NarrowProduct> narrow_product(const ir::Definition& definition, const ir::Kernel& kernel) {
    const std::optional<ir::Reduction>& reduction = definition.reduction;
    if (!reduction || reduction->op != ir::ReduceOp::sum || reduction->where || !reduction->into.empty() ||
        definition.types != std::vector{Type::i32}) {
        return std::nullopt;
    }
    const ir::Ref& value = definition.values[0];
    if (value->kind != ir::Kind::binary || value->op != ir::Op::mul) {
        return std::nullopt;
    }
    NarrowProduct product{narrow_read(value->args[0]), narrow_read(value->args[1])};
    const std::vector<std::string> used = ir::free_dims(kernel, {value});
    const bool uses_all = std::ranges::all_of(
        reduction->dims, [&](const std::string& dim) { return std::ranges::find(used, dim) != used.end(); });
    return product.left && product.right && uses_all ? std::optional(product) : std::nullopt;
}

bool are_neighbours(const ir::Kernel& kernel, const ir::Node& access, const std::string& innermost,
                    const std::string& dim, std::int64_t factor) {
    const std::vector<std::string>& dims = kernel.dims_of(access.name);
    return std::ranges::all_of(dims, [&](const std::string& each) {
        const ir::Ref index = ir::index_of(access, each);
        if (each == innermost) {
            return (index->kind == ir::Kind::dim && index->name == dim) ||
                   is_in_groups(index, ir::Op::mod, dim, factor);
        }
        const std::vector<std::string> used = ir::free_dims(kernel, {index});
        return std::ranges::find(used, dim) == used.end() || is_in_groups(index, ir::Op::div, dim, factor);
    });
}

std::int64_t products_at_once(Type left, Type right, bool has_avx512) {
    const bool mixed = (left == Type::u8 && right == Type::i8) || (left == Type::i8 && right == Type::u8);
    return mixed && has_avx512 ? 4 : 2;
}

} // namespace coulter::schedule
