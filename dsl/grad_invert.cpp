// What the equations of an access are, and what becomes of the loops once they are solved.

#include "grad_inverter.hpp"

#include "coulter/text.hpp"
#include "grad_substitute.hpp"
#include "lists.hpp"

#include <algorithm>
#include <fmt/core.h>

namespace coulter::gradient {
using ir::Kind;
using ir::Op;
using ir::Ref;

Ref number(std::int64_t value) {
    return ir::index_constant(value);
}

Ref plus(const Ref& a, const Ref& b) {
    return ir::binary(Op::add, a, b);
}

Ref minus(const Ref& a, const Ref& b) {
    return ir::binary(Op::sub, a, b);
}

Ref times(std::int64_t factor, const Ref& a) {
    return ir::binary(Op::mul, number(factor), a);
}

Ref divided(const Ref& a, std::int64_t divisor) {
    return ir::binary(Op::div, a, number(divisor));
}

Ref remainder(const Ref& a, std::int64_t divisor) {
    return ir::binary(Op::mod, a, number(divisor));
}

bool reads_data(const Ref& index) {
    const auto parts = ir::postorder({index});
    return std::any_of(parts.begin(), parts.end(), [](const ir::Node* part) { return part->kind == Kind::access; });
}

std::vector<std::string> dims_in(const Ref& index) {
    std::vector<std::string> names;
    for (const ir::Node* part : ir::postorder({index})) {
        if (part->kind == Kind::dim && !contains(names, part->name)) {
            names.push_back(part->name);
        }
    }
    return names;
}

Ref replaced(const Ref& index, const std::map<std::string, Ref>& with) {
    ir::RewriteMemo memo;
    return ir::rewrite(
        index,
        [&](const ir::Node& node, const std::vector<Ref>&) -> Ref {
            const auto at = node.kind == Kind::dim ? with.find(node.name) : with.end();
            return at == with.end() ? nullptr : at->second;
        },
        memo);
}

Inverter::Inverter(Builder& builder, const ir::Node& access, const std::vector<std::string>& loops,
                   const std::vector<std::string>& reduced, const Ref& where)
    : builder_(builder), access_(access), loops_(loops), dims_(builder.dims_of(access.name)) {
    for (const std::string& loop : loops) {
        unknowns_.push_back(
            {key_of(loop), loop, builder.extent(loop), builder.size(loop), contains(reduced, loop), false, true});
    }
    for (const std::string& dim : dims_) {
        add_equation(dim, where);
    }
    split_digits();
}

Inverse Inverter::run() {
    note_free_loops();
    while (solve_one()) {}
    name_open();
    finish_loops();
    finish_equations();
    return std::move(result_);
}

void Inverter::add_equation(const std::string& dim, const Ref& where) {
    Ref index = ir::index_of(access_, dim);
    const bool data = reads_data(index);
    bool bent = false;
    if (access_.boundary == ir::Boundary::clamped && !proved_inside(index, dim, where)) {
        const Ref last = minus(ir::extent_node(dim), number(1));
        index = ir::binary(Op::min, ir::binary(Op::max, index, number(0)), last);
        bent = true;
    }
    std::map<std::string, Ref> keys;
    for (const std::string& loop : loops_) {
        keys[loop] = ir::dim_node(key_of(loop));
    }
    equations_.push_back({dim, data || bent ? nullptr : replaced(index, keys), index});
}

// A clamped index whose reader runs only where it is inside is as good as a checked one.
bool Inverter::proved_inside(const Ref& index, const std::string& dim, const Ref& where) {
    if (reads_data(index)) {
        return false;
    }
    const Ref room = minus(minus(ir::extent_node(dim), number(1)), index);
    const auto shown = [&](const Ref& value) {
        if (builder_.nonnegative(value, loops_)) {
            return true;
        }
        for (const Ref& part : conjuncts(where)) {
            const Ref known = slack(*part);
            if (known && !reads_data(known) && builder_.nonnegative(minus(value, known), loops_)) {
                return true;
            }
        }
        return false;
    };
    return shown(index) && shown(room);
}

Unknown* Inverter::find(const std::string& key) {
    const auto at =
        std::find_if(unknowns_.begin(), unknowns_.end(), [&](const Unknown& each) { return each.key == key; });
    return at == unknowns_.end() ? nullptr : &*at;
}

std::vector<std::string> Inverter::unknowns_in(const Ref& index) {
    std::vector<std::string> keys;
    for (const std::string& key : dims_in(index)) {
        if (find(key) != nullptr) {
            keys.push_back(key);
        }
    }
    return keys;
}

void Inverter::note_free_loops() {
    std::vector<std::string> used;
    for (const Equation& equation : equations_) {
        const std::vector<std::string> here =
            equation.index ? dims_in(equation.index) : ir::free_dims(builder_.kernel(), {equation.original});
        for (const std::string& name : here) {
            const std::size_t end = name.find_first_of("/%");
            used.push_back(name.starts_with("'") ? name.substr(1, end == std::string::npos ? end : end - 1) : name);
        }
    }
    for (const std::string& loop : loops_) {
        if (!contains(used, loop)) {
            result_.free.push_back(loop);
        }
    }
}

void Inverter::name_open() {
    std::vector<std::string> taken = dims_;
    for (const Unknown& each : unknowns_) {
        const bool keeps = each.loop && !contains(taken, each.base);
        const std::string name = keeps ? each.base : builder_.make_dim(each.base, wanted_extent(each), taken);
        taken.push_back(name);
        result_.open.push_back(name);
        final_[each.key] = ir::dim_node(name);
    }
    // What was solved later may stand in what was solved earlier.
    for (auto key = order_.rbegin(); key != order_.rend(); ++key) {
        final_[*key] = builder_.simplified(replaced(solved_.at(*key), final_));
    }
    all_loops_ = dims_;
    all_loops_.insert(all_loops_.end(), result_.open.begin(), result_.open.end());
}

Ref Inverter::wanted_extent(const Unknown& each) const {
    return each.loop ? builder_.extent(each.base) : each.extent;
}

void Inverter::finish_loops() {
    for (const std::string& loop : loops_) {
        const Ref index = final_.at(key_of(loop));
        result_.indices[loop] = index;
        const bool is_open = index->kind == Kind::dim && contains(result_.open, index->name);
        if (!is_open) {
            bound(index, builder_.extent(loop));
        }
    }
    for (const auto& [digit, size] : checks_) {
        bound(builder_.simplified(replaced(digit, final_)), size);
    }
    for (const Ref& condition : conditions_) {
        const Ref final = replaced(condition, final_);
        result_.conditions.push_back(
            ir::binary(final->op, builder_.simplified(final->args[0]), builder_.simplified(final->args[1])));
    }
}

// 0 <= index < size, where it is not sure.
void Inverter::bound(const Ref& index, const Ref& size) {
    if (!builder_.nonnegative(index, all_loops_)) {
        result_.conditions.push_back(ir::binary(Op::ge, index, number(0)));
    }
    if (!builder_.nonnegative(minus(minus(size, number(1)), index), all_loops_)) {
        result_.conditions.push_back(ir::binary(Op::lt, index, size));
    }
}

// Equations that nothing was solved for: a condition where all loops in them are known, a scatter elsewhere.
void Inverter::finish_equations() {
    Substitution substitute(builder_, result_.indices, all_loops_);
    for (const Equation& equation : equations_) {
        Ref index =
            equation.index ? builder_.simplified(replaced(equation.index, final_)) : substitute(equation.original);
        const std::vector<std::string> used = ir::free_dims(builder_.kernel(), {index});
        const bool known =
            std::none_of(used.begin(), used.end(), [&](const auto& dim) { return contains(result_.open, dim); });
        const Ref element = ir::dim_node(equation.dim);
        if (known) {
            if (!ir::equal(index, element)) {
                result_.conditions.push_back(ir::binary(Op::eq, element, index));
            }
            continue;
        }
        const Ref last = minus(ir::extent_node(equation.dim), number(1));
        if (access_.boundary == ir::Boundary::padded) {
            result_.conditions.push_back(ir::binary(Op::ge, index, number(0)));
            result_.conditions.push_back(ir::binary(Op::le, index, last));
        }
        const bool same = access_.boundary == ir::Boundary::checked && index == equation.original;
        // A clamped index that was solved as it stands is inside where the reader runs, which no extent shows.
        const bool bent = access_.boundary == ir::Boundary::clamped && !equation.index;
        if (!same && !bent) {
            index = ir::binary(Op::min, ir::binary(Op::max, index, number(0)), last);
        }
        result_.why.push_back(fmt::format("`{}` = {} {}", equation.dim, print(equation.original),
                                          reads_data(equation.original) ? "depends on data"
                                          : bent                        ? "is clamped"
                                                                        : "has no inverse that is known"));
        result_.into.push_back({equation.dim, index});
    }
}

Inverse invert(Builder& builder, const ir::Node& access, const std::vector<std::string>& loops,
               const std::vector<std::string>& reduced, const Ref& where) {
    return Inverter(builder, access, loops, reduced, where).run();
}

} // namespace coulter::gradient
