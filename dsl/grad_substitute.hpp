#pragma once
// Loop indices replaced by expressions of other loops, in values, conditions and indices.

#include "grad_builder.hpp"

namespace coulter::gradient {

/// Replaces the loop indices named in `indices`, those that accesses bind by name included. `loops` are the loops where
/// the results stand. A checked access whose index changes becomes clamped where it is not proved to stay inside: it
/// is evaluated, or loaded for lanes that a condition leaves out, where the original was not.
class Substitution {
public:
    Substitution(Builder& builder, std::map<std::string, ir::Ref> indices, std::vector<std::string> loops)
        : builder_(builder), indices_(std::move(indices)), loops_(std::move(loops)) {
        std::erase_if(indices_, [](const auto& item) {
            return item.second->kind == ir::Kind::dim && item.second->name == item.first;
        });
    }

    [[nodiscard]] ir::Ref operator()(const ir::Ref& expression);

private:
    [[nodiscard]] ir::Ref access(const ir::Node& node, const std::vector<ir::Ref>& args);

    Builder& builder_;
    std::map<std::string, ir::Ref> indices_;
    std::vector<std::string> loops_;
    ir::RewriteMemo memo_;
    std::vector<ir::Ref> kept_; ///< the memo's keys stay alive
};

} // namespace coulter::gradient
