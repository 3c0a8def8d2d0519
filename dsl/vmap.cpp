// Lifting a kernel over another dim.
//
// An access binds what dims of its tensor it names, and the others bind themselves by name: a tensor that gets a dim is
// read at the same index of it by readers that have it too, without a change to any expression.

#include "coulter/vmap.hpp"

#include "language_nodes.hpp"
#include "lists.hpp"
#include "renaming.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <set>

namespace coulter {
namespace {

class Lifting {
public:
    Lifting(const ir::Kernel& kernel, const std::string& dim, const VmapOptions& options)
        : kernel_(kernel), dim_(dim), options_(options) {}

    ir::Kernel run(const std::vector<std::string>& inputs) {
        check(inputs);
        require_no_problems();
        lifted_.insert(inputs.begin(), inputs.end());
        lift_tensors();
        check_updates();
        check_layouts();
        require_no_problems();
        ir::Dim added;
        added.name = dim_;
        added.size = options_.size;
        kernel_.dims.insert(kernel_.dims.begin(), std::move(added));
        lift_rules();
        if (options_.estimate) {
            kernel_.estimates[dim_] = *options_.estimate;
        }
        kernel_.name += ".vmap";
        COULTER_INTERNAL_ASSERT(ir::validate(kernel_).empty());
        return std::move(kernel_);
    }

private:
    void report(const char* code, const Span& span, std::string message, std::string help) {
        problems_.push_back({Severity::error, code, span, std::move(message), {}, std::move(help)});
    }

    void require_no_problems() {
        if (!problems_.empty()) {
            throw LanguageError(std::move(problems_));
        }
    }

    void check(const std::vector<std::string>& inputs) {
        std::vector<std::string> names;
        for (const ir::Input& input : kernel_.inputs) {
            names.push_back(input.name);
        }
        if (!detail::check_identifier("dim", dim_, SourceLoc::here()).empty()) {
            report("G020", {}, fmt::format("`{}` is no name of a dim", dim_), "names of dims are identifiers");
        } else if (const ir::Dim* const known = kernel_.find_dim(dim_)) {
            report("G020", known->span, fmt::format("`{}` has a dim `{}` already", kernel_.name, dim_),
                   "lift over a dim that is new");
        } else if (contains(names, dim_) || kernel_.find_definition(dim_) != nullptr ||
                   kernel_.find_const(dim_) != nullptr) {
            report("G020", {}, fmt::format("`{}` is a tensor of `{}`", dim_, kernel_.name),
                   "lift over a dim with another name");
        }
        if (inputs.empty()) {
            report("G021", {}, fmt::format("no input of `{}` is named", kernel_.name),
                   "inputs are " + quoted_list(names));
        }
        for (std::size_t i = 0; i < inputs.size(); ++i) {
            if (!contains(names, inputs[i])) {
                const std::string close = closest_match(inputs[i], names);
                report("G021", {}, fmt::format("`{}` is no input of `{}`", inputs[i], kernel_.name),
                       close.empty() ? "inputs are " + quoted_list(names) : fmt::format("did you mean `{}`?", close));
            } else if (std::find(inputs.begin(), inputs.begin() + static_cast<std::ptrdiff_t>(i), inputs[i]) !=
                       inputs.begin() + static_cast<std::ptrdiff_t>(i)) {
                report("G021", {}, fmt::format("`{}` is named twice", inputs[i]), "name each input once");
            }
        }
    }

    /// The dims of a tensor with the new one among them.
    std::vector<std::string> with_dim(const std::string& tensor, std::vector<std::string> dims) const {
        const auto layout = options_.layouts.find(tensor);
        if (layout != options_.layouts.end()) {
            return layout->second;
        }
        dims.insert(dims.begin(), dim_);
        return dims;
    }

    void lift_tensors() {
        for (ir::Input& input : kernel_.inputs) {
            if (lifted_.contains(input.name)) {
                check_layout(input.name, input.dims, input.span);
                input.dims = with_dim(input.name, input.dims);
            }
        }
        for (ir::Definition& definition : kernel_.definitions) {
            const std::vector<std::string> read = ir::reads(definition);
            if (std::ranges::any_of(read, [&](const std::string& tensor) { return lifted_.contains(tensor); })) {
                lifted_.insert(definition.name);
                check_layout(definition.name, definition.dims, definition.span);
                definition.dims = with_dim(definition.name, definition.dims);
            }
        }
    }

    void check_layout(const std::string& tensor, const std::vector<std::string>& own, const Span& span) {
        const auto layout = options_.layouts.find(tensor);
        if (layout == options_.layouts.end()) {
            return;
        }
        std::vector<std::string> rest = layout->second;
        const auto removed = std::erase(rest, dim_);
        if (removed != 1 || rest != own) {
            report("G022", span,
                   fmt::format("[{}] is no layout of `{}` with `{}`", fmt::join(layout->second, ", "), tensor, dim_),
                   fmt::format("put `{}` anywhere into [{}]", dim_, fmt::join(own, ", ")));
        }
    }

    void check_layouts() {
        for (const auto& [tensor, layout] : options_.layouts) {
            const bool is_argument = kernel_.find_input(tensor) != nullptr || kernel_.is_output(tensor);
            if (!is_argument || !lifted_.contains(tensor)) {
                report("G022", {},
                       fmt::format("`{}` has a layout, and is no input or output that gets `{}`", tensor, dim_),
                       "layouts are of arguments that the dim reaches");
            }
        }
    }

    void check_updates() {
        for (const auto& [input, output] : kernel_.updates) {
            if (lifted_.contains(input) != lifted_.contains(output)) {
                report("G023", kernel_.find_definition(output)->span,
                       fmt::format("`{}` lies where `{}` does, and only `{}` would get the dim `{}`", output, input,
                                   lifted_.contains(input) ? input : output, dim_),
                       fmt::format("lift `{}` too, or take the update back", input));
            } else if (lifted_.contains(input) && kernel_.dims_of(input) != kernel_.dims_of(output)) {
                report("G023", kernel_.find_definition(output)->span,
                       fmt::format("`{}` lies where `{}` does, and would have another layout", output, input),
                       "give both the same place for the dim");
            }
        }
    }

    /// Gradient rules of functions: what they take has the dim where its tensor has it, and so must what they give.
    void lift_rules() {
        for (ir::Group& group : kernel_.groups) {
            if (group.vjp) {
                lift_rule(group);
            }
        }
    }

    void lift_rule(ir::Group& group) const {
        const auto is_lifted = [&](const std::string& argument) {
            const bool own = contains(group.inputs, argument) || contains(group.outputs, argument);
            return lifted_.contains(own ? argument : argument.substr(2)); // else `d.<tensor>`
        };
        std::vector<std::string> inputs;
        for (const ir::Input& input : group.vjp->inputs) {
            if (is_lifted(input.name)) {
                inputs.push_back(input.name);
            }
        }
        if (inputs.empty()) {
            return;
        }
        VmapOptions options;
        options.size = options_.size;
        ir::Kernel rule = Lifting(*group.vjp, dim_, options).run(inputs);
        rule.name = group.vjp->name;
        for (const std::string& output : rule.outputs) {
            const bool wanted = is_lifted(output);
            if (wanted != contains(rule.dims_of(output), dim_)) {
                match(rule, output, wanted);
            }
        }
        group.vjp = std::make_shared<const ir::Kernel>(std::move(rule));
    }

    /// Makes the derivative by an input that has the dim, or by one that has not: that of all its uses together.
    void match(ir::Kernel& rule, const std::string& output, bool wanted) const {
        const auto found = std::ranges::find(rule.definitions, output, &ir::Definition::name);
        ir::Definition made = *found;
        found->name += wanted ? ".same" : ".each";
        made.values = {ir::make_node([&] {
            ir::Node access;
            access.kind = ir::Kind::access;
            access.type = found->types.front();
            access.name = found->name;
            return access;
        }())};
        made.reduction.reset();
        made.scan.reset();
        if (wanted) {
            made.dims.insert(made.dims.begin(), dim_);
        } else {
            std::erase(made.dims, dim_);
            made.reduction.emplace().dims = {dim_};
        }
        Renaming renaming([&rule](const std::string& tensor) { return rule.dims_of(tensor); });
        renaming.add(output, found->name);
        for (ir::Definition& reader : rule.definitions) {
            renaming.apply(reader);
        }
        rule.definitions.push_back(std::move(made));
    }

    ir::Kernel kernel_;
    const std::string& dim_;
    const VmapOptions& options_;
    std::set<std::string> lifted_;
    std::vector<Diagnostic> problems_;
};

} // namespace

ir::Kernel vmap(const ir::Kernel& kernel, const std::string& dim, const std::vector<std::string>& inputs,
                const VmapOptions& options) {
    return Lifting(kernel, dim, options).run(inputs);
}

Kernel vmap(const Kernel& kernel, const std::string& dim, const std::vector<std::string>& inputs,
            const VmapOptions& options) {
    return Kernel(vmap(kernel.ir(), dim, inputs, options));
}

} // namespace coulter
