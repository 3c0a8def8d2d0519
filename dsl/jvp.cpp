// Forward mode over the definitions of a kernel.
//
// The tangent of an expression is the sum over what it reads of the derivative by that, which reverse accumulation over
// the expression gives, times its tangent. So each operation has one rule for both modes.

#include "grad_assemble.hpp"
#include "grad_builder.hpp"
#include "grad_expression.hpp"
#include "grad_math.hpp"
#include "grad_varied.hpp"

#include <algorithm>
#include <fmt/core.h>

namespace coulter {
namespace gradient {
namespace {

using ir::Kind;
using ir::Op;
using ir::ReduceOp;
using ir::Ref;

class Tangents {
public:
    Tangents(const ir::Kernel& forward, const Sizes& sizes, const std::vector<std::string>& wrt)
        : builder_(forward, sizes), forward_(forward), wrt_(wrt) {}

    ir::Kernel run() {
        check_wrt(forward_, wrt_);
        varied_ = varied_elements(forward_, wrt_);
        for (const std::string& input : wrt_) {
            const ir::Input& own = *forward_.find_input(input);
            const std::string name = builder_.adjoint_name(input, 0);
            builder_.add_input({name, own.type, own.dims, false, own.span});
            seeds_.insert(name);
            tangents_[{input, 0}] = name;
        }
        for (const ir::Definition& definition : forward_.definitions) {
            differentiate(definition);
        }
        if (!problems_.empty()) {
            throw LanguageError(std::move(problems_));
        }
        std::vector<std::string> outputs;
        for (const std::string& output : forward_.outputs) {
            if (tangents_.contains({output, 0})) {
                outputs.push_back(tangents_.at({output, 0}));
            }
        }
        if (outputs.empty()) {
            throw_no_influence(forward_, wrt_);
        }
        GradientReport ignored;
        assemble(builder_, ".jvp", outputs, seeds_, ignored);
        return std::move(builder_.kernel());
    }

private:
    [[nodiscard]] bool is_varied(const std::string& tensor, int component) const {
        return varied_.contains({tensor, component});
    }

    void missing(const ir::Definition& definition, const ir::Node& node) {
        problems_.push_back(no_rule(definition, ir::name(node.op), "its derivative is not known"));
    }

    /// The element of a tangent where the leaf reads the tensor; what lies outside has none.
    [[nodiscard]] Ref tangent_at(const Ref& leaf) const {
        ir::Node access = *leaf;
        access.name = tangents_.at({leaf->name, leaf->component});
        access.component = 0;
        access.type = builder_.type_of(access.name, 0);
        if (access.boundary == ir::Boundary::padded) {
            access.args.back() = zero(access.type);
        }
        return ir::make_node(std::move(access));
    }

    /// The derivative of `root` along the tangents of the leaves that `wanted` names, in its adjoint type; null: none.
    [[nodiscard]] Ref along(const ir::Definition& definition, const Ref& root, const Ref& result,
                            const std::function<bool(const ir::Node&)>& wanted,
                            const std::function<Ref(const Ref&)>& tangent) {
        const Type type = adjoint_type(root->type);
        const std::vector<LeafFlow> leaves =
            backward({{root, {ir::real_constant(type, 1), nullptr}, result}}, wanted, outside,
                     [&](const ir::Node& node) { missing(definition, node); });
        Ref total;
        for (const LeafFlow& leaf : leaves) {
            if (leaf.flow.value) {
                const Ref term = product_of(as(type, leaf.flow.value), as(type, tangent(leaf.leaf)));
                total = sum_of(total, masked(leaf.flow.guard, term));
            }
        }
        return total;
    }

    [[nodiscard]] Ref of_value(const ir::Definition& definition, const Ref& value, const Ref& result = nullptr) {
        return along(
            definition, value, result,
            [&](const ir::Node& node) { return node.kind == Kind::access && is_varied(node.name, node.component); },
            [&](const Ref& leaf) { return tangent_at(leaf); });
    }

    [[nodiscard]] std::string role(const ir::Definition& definition, const std::string& word) const {
        return builder_.helper_name(fmt::format("{}.{}.{}", builder_.prefix(), definition.name, word));
    }

    /// Adds a definition over the dims of another.
    void add(const ir::Definition& like, const std::string& name, const Ref& value,
             std::optional<ir::Reduction> reduction = std::nullopt) {
        ir::Definition made;
        made.name = name;
        made.dims = like.dims;
        made.types = {value->type};
        made.values = {value};
        made.reduction = std::move(reduction);
        made.span = like.span;
        builder_.add(std::move(made));
    }

    /// Makes `value` the tangent of a component.
    void finish(const ir::Definition& definition, std::size_t component, const Ref& value,
                std::optional<ir::Reduction> reduction = std::nullopt) {
        const std::string name = builder_.adjoint_name(definition.name, static_cast<int>(component));
        const Type own = definition.types[component];
        const Type type = forward_.is_output(definition.name) ? own : adjoint_type(own);
        const Ref given = value ? value : zero(adjoint_type(own));
        if (reduction && given->type != type) {
            const std::string wide = role(definition, "wide");
            add(definition, wide, given, std::move(reduction));
            add(definition, name, as(type, builder_.read(wide)));
        } else {
            add(definition, name, as(type, given), std::move(reduction));
        }
        tangents_[{definition.name, static_cast<int>(component)}] = name;
    }

    void differentiate(const ir::Definition& definition) {
        std::vector<std::size_t> varied;
        for (std::size_t c = 0; c < definition.types.size(); ++c) {
            if (is_varied(definition.name, static_cast<int>(c))) {
                varied.push_back(c);
            }
        }
        if (varied.empty()) {
            return;
        }
        if (definition.scan) {
            with_states(definition, varied, definition.scan->identity, definition.scan->combine);
        } else if (!definition.reduction) {
            for (const std::size_t c : varied) {
                finish(definition, c,
                       of_value(definition, definition.values[c], builder_.read(definition.name, static_cast<int>(c))));
            }
        } else {
            reduce(definition, varied);
        }
    }

    void reduce(const ir::Definition& definition, const std::vector<std::size_t>& varied) {
        const ir::Reduction& reduction = *definition.reduction;
        switch (reduction.op) {
        case ReduceOp::sum: finish(definition, 0, of_value(definition, definition.values[0]), reduction); return;
        case ReduceOp::min:
        case ReduceOp::max: extreme(definition); return;
        case ReduceOp::argmin:
        case ReduceOp::argmax: chosen(definition); return;
        case ReduceOp::product: product(definition); return;
        case ReduceOp::custom: with_states(definition, varied, reduction.identity, reduction.combine); return;
        case ReduceOp::any:
        case ReduceOp::all: return;
        }
    }

    /// The definition's own element in its loops.
    [[nodiscard]] Ref here(const ir::Definition& definition, int component) const {
        std::map<std::string, Ref> indices;
        for (const ir::Into& into : definition.reduction->into) {
            indices[into.dim] = into.index;
        }
        return builder_.read_at(definition.name, component, indices);
    }

    /// The mean of the tangents of the elements that are the result.
    void extreme(const ir::Definition& definition) {
        const Ref& value = definition.values[0];
        const Type type = adjoint_type(value->type);
        const Ref is_result = ir::binary(Op::eq, value, here(definition, 0));
        const Ref one = ir::real_constant(type, 1);
        ir::Reduction sum = *definition.reduction;
        sum.op = ReduceOp::sum;
        const std::string ties = role(definition, "ties");
        const std::string total = role(definition, "chosen");
        const Ref tangent = of_value(definition, value);
        add(definition, ties, ir::select(is_result, one, zero(type)), sum);
        add(definition, total, masked(is_result, tangent ? tangent : zero(type)), sum);
        // No element at all, or NaN, which equals nothing: the tangent is 0.
        const Ref count = ir::binary(Op::max, builder_.read(ties), one);
        finish(definition, 0, quotient_of(builder_.read(total), count));
    }

    void chosen(const ir::Definition& definition) {
        ir::Reduction sum = *definition.reduction;
        sum.op = ReduceOp::sum;
        const Ref index = ir::cast(Type::i32, ir::dim_node(sum.dims.front()));
        sum.where = both(sum.where, ir::binary(Op::eq, index, here(definition, 0)));
        finish(definition, 1, of_value(definition, definition.values[0]), sum);
    }

    /// Products of pairs (p, dp): (p q, p dq + dp q), which is right where factors are zero.
    void product(const ir::Definition& definition) {
        const Type own = definition.types[0];
        const Type type = adjoint_type(own);
        const auto state = [&](int component, bool right) {
            return ir::operand(component == 0 ? own : type, component, right);
        };
        const Ref combined = ir::binary(Op::mul, state(0, false), state(0, true));
        const Ref tangent = sum_of(product_of(as(type, state(0, false)), state(1, true)),
                                   product_of(state(1, false), as(type, state(0, true))));
        states(definition, {0}, {ir::real_constant(own, 1)}, {combined}, {tangent});
    }

    /// States with their tangents beside them: what combines the one tells how to combine the other.
    void with_states(const ir::Definition& definition, const std::vector<std::size_t>& varied,
                     const std::vector<Ref>& identity, const std::vector<Ref>& combine) {
        // States, their tangents, the other values of a scan, and tangents of these.
        const auto count = static_cast<int>(definition.types.size());
        const auto more = static_cast<int>(varied.size());
        std::map<int, int> position;
        for (std::size_t i = 0; i < varied.size(); ++i) {
            position[static_cast<int>(varied[i])] = count + static_cast<int>(i);
        }
        for (const std::size_t value : varied_values(definition)) {
            const auto at = static_cast<int>(position.size()) - more;
            position[static_cast<int>(value)] = static_cast<int>(definition.values.size()) + more + at;
        }
        const auto moved = [&](const ir::Node& operand, Type type, int component) {
            ir::Node node = operand;
            node.type = type;
            node.component = component;
            return ir::make_node(std::move(node));
        };
        const auto own = [&](const Ref& expression) {
            ir::RewriteMemo memo;
            return ir::rewrite(
                expression,
                [&](const ir::Node& node, const std::vector<Ref>&) {
                    return node.kind == Kind::operand && node.component >= count
                               ? moved(node, node.type, node.component + more)
                               : nullptr;
                },
                memo);
        };
        std::vector<Ref> combined;
        for (const Ref& each : combine) {
            combined.push_back(own(each));
        }
        std::vector<Ref> tangents;
        for (const std::size_t c : varied) {
            const Ref tangent = along(
                definition, combine[c], nullptr,
                [&](const ir::Node& node) { return node.kind == Kind::operand && position.contains(node.component); },
                [&](const Ref& leaf) {
                    // Behind all components, so that the others can be told from tangents below.
                    return moved(*leaf, adjoint_type(leaf->type), -1 - position.at(leaf->component));
                });
            ir::RewriteMemo tangent_memo;
            const Ref settled = !tangent ? tangent
                                         : ir::rewrite(
                                               own(tangent),
                                               [&](const ir::Node& node, const std::vector<Ref>&) {
                                                   return node.kind == Kind::operand && node.component < 0
                                                              ? moved(node, node.type, -1 - node.component)
                                                              : nullptr;
                                               },
                                               tangent_memo);
            tangents.push_back(settled ? settled : zero(adjoint_type(definition.types[c])));
        }
        states(definition, varied, identity, combined, tangents);
    }

    /// Values that are no component of the state and vary.
    [[nodiscard]] std::vector<std::size_t> varied_values(const ir::Definition& definition) const {
        std::vector<std::size_t> values;
        for (std::size_t i = definition.types.size(); definition.scan && i < definition.values.size(); ++i) {
            if (is_varied(definition.name, static_cast<int>(i))) {
                values.push_back(i);
            }
        }
        return values;
    }

    void states(const ir::Definition& definition, const std::vector<std::size_t>& varied, std::vector<Ref> identity,
                std::vector<Ref> combine, const std::vector<Ref>& tangents) {
        ir::Definition made = definition;
        made.name = role(definition, "states");
        const auto add_tangent = [&](std::size_t at, std::size_t value) {
            const Type type = adjoint_type(definition.values[value]->type);
            const Ref tangent = of_value(definition, definition.values[value]);
            made.values.insert(made.values.begin() + static_cast<std::ptrdiff_t>(at), tangent ? tangent : zero(type));
            return type;
        };
        for (std::size_t i = 0; i < varied.size(); ++i) {
            made.types.push_back(add_tangent(definition.types.size() + i, varied[i]));
            identity.push_back(zero(made.types.back()));
            combine.push_back(tangents[i]);
        }
        for (const std::size_t value : varied_values(definition)) {
            (void)add_tangent(made.values.size(), value);
        }
        if (made.scan) {
            made.scan->identity = std::move(identity);
            made.scan->combine = std::move(combine);
        } else {
            made.reduction->op = ReduceOp::custom;
            made.reduction->identity = std::move(identity);
            made.reduction->combine = std::move(combine);
        }
        const std::string name = made.name;
        builder_.add(std::move(made));
        for (std::size_t i = 0; i < varied.size(); ++i) {
            finish(definition, varied[i], builder_.read(name, static_cast<int>(definition.types.size() + i)));
        }
    }

    Builder builder_;
    const ir::Kernel& forward_;
    const std::vector<std::string>& wrt_;
    std::set<Element> varied_;
    std::set<std::string> seeds_; ///< the inputs that are tangents
    std::map<Element, std::string> tangents_;
    std::vector<Diagnostic> problems_;
};

} // namespace
} // namespace gradient

ir::Kernel jvp(const ir::Kernel& kernel, const std::vector<std::string>& wrt) {
    const Sizes sizes = gradient::sizes_or_throw(kernel);
    ir::Kernel result = gradient::Tangents(kernel, sizes, wrt).run();
    COULTER_INTERNAL_ASSERT(ir::validate(result).empty());
    static_cast<void>(gradient::sizes_or_throw(result));
    return result;
}

Kernel jvp(const Kernel& kernel, const std::vector<std::string>& wrt) {
    return Kernel(jvp(kernel.ir(), wrt));
}

} // namespace coulter
