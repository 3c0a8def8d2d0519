#include "sums.hpp"

#include <algorithm>

namespace coulter::lower {
namespace {

bool is_product(const ir::Ref& value) {
    return is_float(value->type) && value->kind == ir::Kind::binary && value->op == ir::Op::mul;
}

} // namespace

std::vector<bool> plain_sums(const ir::Definition& definition) {
    const std::vector<ir::Ref>& combine = definition.reduction->combine;
    std::vector<bool> sums(combine.size(), false);
    const auto operand = [](const ir::Ref& node, std::size_t component) {
        return node->kind == ir::Kind::operand && static_cast<std::size_t>(node->component) == component;
    };
    for (std::size_t i = 0; i < combine.size(); ++i) {
        const ir::Node& node = *combine[i];
        sums[i] = is_float(node.type) && node.kind == ir::Kind::binary && node.op == ir::Op::add &&
                  operand(node.args[0], i) && operand(node.args[1], i) && node.args[0]->right != node.args[1]->right;
        for (std::size_t other = 0; other < combine.size(); ++other) {
            const std::vector<const ir::Node*> nodes = ir::postorder({combine[other]});
            sums[i] = sums[i] && (other == i || std::none_of(nodes.begin(), nodes.end(), [&](const ir::Node* each) {
                                      return each->kind == ir::Kind::operand &&
                                             static_cast<std::size_t>(each->component) == i;
                                  }));
        }
    }
    return sums;
}

std::optional<SharedFactor> shared_factor(const ir::Definition& definition, std::size_t component) {
    const ir::Ref& value = definition.values[component];
    if (!is_product(value)) {
        return std::nullopt;
    }
    for (std::size_t i = 0; i < 2; ++i) {
        const ir::Ref& factor = value->args[i];
        const bool shared = is_product(factor) && std::any_of(definition.values.begin(), definition.values.end(),
                                                              [&](const ir::Ref& v) { return ir::equal(v, factor); });
        if (shared) {
            return SharedFactor{factor, value->args[1 - i]};
        }
    }
    return std::nullopt;
}

bool is_factor_of_another(const ir::Definition& definition, std::size_t component) {
    for (std::size_t other = 0; other < definition.values.size(); ++other) {
        const std::optional<SharedFactor> shared = shared_factor(definition, other);
        if (shared && ir::equal(shared->factor, definition.values[component])) {
            return true;
        }
    }
    return false;
}

bool adds_beside_products(const Halide::Target& target, schedule::Numerics numerics) {
    // Sapphire Rapids has all features of Zen 4, and adds where it multiplies.
    return target.has_feature(Halide::Target::AVX512_Zen4) &&
           !target.has_feature(Halide::Target::AVX512_SapphireRapids) && numerics == schedule::Numerics::reassociate;
}

} // namespace coulter::lower
