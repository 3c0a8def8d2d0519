#include "grad_group.hpp"

#include "grad_math.hpp"
#include "lists.hpp"
#include "renaming.hpp"

#include <algorithm>
#include <fmt/core.h>

namespace coulter::gradient {

using ir::Kind;
using ir::Ref;

namespace {

/// Renames the tensors that expressions read. Bindings of dims go into the order of the tensor that is read now.
class Application {
public:
    Application(Builder& builder, const ir::Group& group, const std::map<std::string, std::string>& adjoints,
                const std::vector<std::string>& wanted)
        : builder_(builder), group_(group), rule_(*group.vjp), adjoints_(adjoints), wanted_(wanted),
          renaming_([&builder](const std::string& tensor) { return builder.dims_of(tensor); }),
          base_(builder.prefix() + "." + group.path) {}

    RuleResult run() {
        take_dims();
        for (const ir::Input& input : rule_.inputs) {
            if (!contains(group_.inputs, input.name) && !contains(group_.outputs, input.name)) {
                take_cotangent(input);
            }
        }
        for (const ir::Const& constant : rule_.consts) {
            ir::Const copy = constant;
            copy.name = base_ + "." + constant.name;
            renaming_.add(constant.name, copy.name);
            builder_.add_const(std::move(copy));
        }
        for (const ir::Definition& definition : rule_.definitions) {
            take(definition);
        }
        for (const std::string& input : wanted_) {
            if (!contains(rule_.outputs, "d." + input)) {
                result_.missing.push_back(input);
            }
        }
        return std::move(result_);
    }

private:
    // A dim of the rule is the kernel's of that name.
    void take_dims() {
        for (const ir::Dim& dim : rule_.dims) {
            const ir::Dim* const known = builder_.kernel().find_dim(dim.name);
            if (known == nullptr) {
                builder_.add_dim(dim);
                continue;
            }
            const auto size = builder_.size(dim.name);
            const bool differs = (dim.size && size && *dim.size != *size) ||
                                 (dim.extent && known->extent && !ir::equal(dim.extent, known->extent));
            if (differs) {
                result_.problems.push_back(
                    {Severity::error,
                     "G004",
                     group_.span,
                     fmt::format("the gradient rule of `{}` has the dim `{}` with another extent than the kernel",
                                 group_.function, dim.name),
                     {},
                     "give the rule's own dims names of their own"});
            }
        }
    }

    void take_cotangent(const ir::Input& input) {
        const std::string output = input.name.substr(input.name.find('.') + 1);
        const auto adjoint = adjoints_.find(output);
        const bool known = adjoint != adjoints_.end() && !adjoint->second.empty();
        if (known && builder_.type_of(adjoint->second, 0) == input.type) {
            renaming_.add(input.name, adjoint->second);
            return;
        }
        ir::Definition cotangent;
        cotangent.name = base_ + "." + output + ".cotangent";
        cotangent.dims = input.dims;
        cotangent.types = {input.type};
        cotangent.values = {known ? as(input.type, builder_.read(adjoint->second)) : zero(input.type)};
        cotangent.span = group_.span;
        renaming_.add(input.name, cotangent.name);
        builder_.add(std::move(cotangent));
    }

    void take(const ir::Definition& definition) {
        ir::Definition copy = definition;
        const bool is_output = contains(rule_.outputs, definition.name);
        const std::string input = is_output ? definition.name.substr(2) : std::string();
        copy.name =
            is_output ? builder_.adjoint_name(input, 0) + ".from." + group_.path : base_ + "." + definition.name;
        copy.span = group_.span;
        renaming_.apply(copy);
        renaming_.add(definition.name, copy.name);
        if (!is_output) {
            builder_.add(std::move(copy));
            return;
        }
        // An output may be read by others of the rule, so it is a definition in any case.
        builder_.add(copy);
        if (contains(wanted_, input)) {
            Contribution contribution;
            contribution.value = as(adjoint_type(copy.types[0]), builder_.read(copy.name));
            contribution.report = {input,     group_.path,
                                   copy.name, GradientReport::Form::pointwise,
                                   {},        fmt::format("the rule of `{}`", group_.function)};
            result_.contributions[input] = std::move(contribution);
        }
    }

    Builder& builder_;
    const ir::Group& group_;
    const ir::Kernel& rule_;
    const std::map<std::string, std::string>& adjoints_;
    const std::vector<std::string>& wanted_;
    Renaming renaming_;
    std::string base_;
    RuleResult result_;
};

} // namespace

std::map<std::string, RuledOutput> ruled_outputs(const ir::Kernel& kernel) {
    std::map<std::string, RuledOutput> result;
    std::vector<const ir::Group*> ruled;
    for (const ir::Group& group : kernel.groups) {
        if (group.vjp) {
            ruled.push_back(&group);
        }
    }
    // The outermost has the shortest path.
    std::stable_sort(ruled.begin(), ruled.end(),
                     [](const ir::Group* a, const ir::Group* b) { return a->path.size() < b->path.size(); });
    for (const ir::Group* group : ruled) {
        bool first = true;
        for (const ir::Definition& definition : kernel.definitions) {
            if (contains(group->outputs, definition.name) &&
                result.try_emplace(definition.name, RuledOutput{group, first}).second) {
                first = false;
            }
        }
    }
    return result;
}

RuleResult apply_rule(Builder& builder, const ir::Group& group, const std::map<std::string, std::string>& adjoints,
                      const std::vector<std::string>& wanted) {
    return Application(builder, group, adjoints, wanted).run();
}

} // namespace coulter::gradient
