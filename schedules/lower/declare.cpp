// Passes `declare-arguments` and `declare-stages`.

#include "names.hpp"
#include "pipeline.hpp"

#include "coulter/schedule/memory_order.hpp"
#include "coulter/schedule/rewrite.hpp"

#include <algorithm>
#include <cstring>

namespace coulter::lower {
namespace {

using Halide::Expr;

std::vector<std::string> reversed(std::vector<std::string> dims) {
    std::reverse(dims.begin(), dims.end());
    return dims;
}

// Outer strides of arguments are free, the innermost is 1 (the C entry has checked both).
Halide::ImageParam declare_image(const std::string& name, Type type, const std::vector<std::string>& args,
                                 const Extents& extents, bool compact) {
    Halide::ImageParam image(halide_type(type), static_cast<int>(args.size()), mangle(name));
    Expr stride = 1;
    for (std::size_t i = 0; i < args.size(); ++i) {
        image.dim(static_cast<int>(i)).set_bounds(0, extents[args[i]]);
        if (i == 0 || compact) {
            image.dim(static_cast<int>(i)).set_stride(stride);
            stride = Halide::Internal::simplify(stride * extents[args[i]]);
        }
    }
    return image;
}

Source image_source(const Halide::ImageParam& image, std::vector<std::string> args) {
    // Halide's own function around the image would name its indices by a `let`, alike for every read: two of them in a
    // condition on lanes are one name for two things.
    const Halide::Parameter parameter = image.parameter();
    return {
        std::move(args),
        [parameter](const std::vector<Expr>& indices, int) { return Halide::Internal::Call::make(parameter, indices); },
        false};
}

// Variants hold constants of one name in layouts of their own, and what is linked goes by names.
Source constant_source(const ir::Const& tensor, const Extents& extents, const std::string& variant) {
    const std::vector<std::string> args = reversed(tensor.dims);
    std::vector<int> sizes;
    for (const std::string& dim : args) {
        sizes.push_back(static_cast<int>(*extents.constant(dim)));
    }
    Halide::Buffer<> buffer(halide_type(tensor.type), sizes,
                            mangle(variant.empty() ? tensor.name : variant + ':' + tensor.name));
    COULTER_INTERNAL_ASSERT(buffer.size_in_bytes() == tensor.data.size());
    std::memcpy(buffer.data(), tensor.data.data(), tensor.data.size());
    return {args, [buffer](const std::vector<Expr>& indices, int) { return buffer(indices); }, false};
}

} // namespace

void declare_arguments(Lowering& lowering) {
    const ir::Kernel& kernel = lowering.plan.kernel;
    lowering.extents = std::make_unique<Extents>(kernel);
    const Halide::Parameter zero(Halide::Int(32), false, 0, "always_zero");
    lowering.zero = Halide::Internal::Variable::make(Halide::Int(32), zero.name(), zero);
    lowering.zero_argument = {
        Halide::Argument(zero.name(), Halide::Argument::InputScalar, Halide::Int(32), 0, Halide::ArgumentEstimates{})};
    lowering.math = std::make_unique<Math>(lowering.plan.numerics, lowering.zero);
    for (const ir::Input& input : kernel.inputs) {
        if (input.dims.empty()) {
            const Halide::Type type = halide_type(input.type);
            const Halide::Parameter scalar(type, false, 0, mangle(input.name));
            lowering.scalars.emplace(input.name, scalar);
            const Expr value = Halide::Internal::Variable::make(type, scalar.name(), scalar);
            lowering.sources[input.name] = {{}, [value](const std::vector<Expr>&, int) { return value; }, false};
            continue;
        }
        const std::vector<std::string> args = reversed(input.dims);
        const auto image = declare_image(input.name, input.type, args, *lowering.extents, false);
        lowering.images.emplace(input.name, image);
        lowering.sources[input.name] = image_source(image, args);
    }
    for (const ir::Const& tensor : kernel.consts) {
        lowering.sources[tensor.name] = constant_source(tensor, *lowering.extents, lowering.variant);
    }
}

void declare_stages(Lowering& lowering) {
    const ir::Kernel& kernel = lowering.plan.kernel;
    COULTER_INTERNAL_ASSERT(kernel.definitions.size() == lowering.plan.stages.size());
    for (std::size_t i = 0; i < kernel.definitions.size(); ++i) {
        const ir::Definition& definition = kernel.definitions[i];
        Stage stage;
        stage.definition = &definition;
        stage.plan = &lowering.plan.stages[i];
        stage.args = reversed(schedule::memory_order(kernel, definition, *stage.plan));
        stage.func = Halide::Func(mangle(definition.name));
        const std::vector<std::string> scanned_dims =
            definition.scan ? definition.scan->dims() : std::vector<std::string>();
        for (const std::string& dim : stage.args) {
            // No loop runs over the pure index of a scan's dim, and the reduced one has the dim's name.
            const bool scanned = std::find(scanned_dims.begin(), scanned_dims.end(), dim) != scanned_dims.end();
            const std::string name = mangle(schedule::display_name(dim));
            stage.vars.emplace(dim, Halide::Var(scanned ? name + "_scanned" : name));
        }
        for (const schedule::Pack& pack : lowering.plan.packs) {
            stage.packed_once = stage.packed_once || (pack.once && pack.stage == definition.name);
        }
        Source source;
        source.args = stage.args;
        if (stage.packed_once) {
            stage.packed = declare_image(definition.name, definition.types[0], stage.args, *lowering.extents, true);
            source = image_source(stage.packed, stage.args);
        } else {
            const Halide::Func func = stage.func;
            const bool tuple = definition.types.size() > 1;
            source.load = [func, tuple](const std::vector<Expr>& indices, int component) -> Expr {
                return tuple ? Expr(func(indices)[component]) : Expr(func(indices));
            };
        }
        lowering.sources[definition.name] = std::move(source);
        lowering.stages.emplace(definition.name, std::move(stage));
    }
}

std::vector<Halide::Argument> Lowering::arguments() const {
    std::vector<Halide::Argument> all;
    for (const ir::Input& input : plan.kernel.inputs) {
        if (input.dims.empty()) {
            const Halide::Parameter& scalar = scalars.at(input.name);
            all.emplace_back(scalar.name(), Halide::Argument::InputScalar, scalar.type(), 0,
                             Halide::ArgumentEstimates{});
        } else {
            all.emplace_back(images.at(input.name));
        }
    }
    for (const schedule::Pack& pack : plan.packs) {
        if (pack.once) {
            all.emplace_back(stages.at(pack.stage).packed);
        }
    }
    all.insert(all.end(), extents->arguments().begin(), extents->arguments().end());
    all.insert(all.end(), zero_argument.begin(), zero_argument.end());
    return all;
}

std::vector<Halide::Argument> Lowering::pack_arguments(const Stage& stage) const {
    // A copy of the source may stand between it and the packed form.
    const auto pack = std::ranges::find(plan.packs, stage.definition->name, &schedule::Pack::stage);
    COULTER_INTERNAL_ASSERT(pack != plan.packs.end());
    std::vector<Halide::Argument> all{images.at(pack->source)};
    all.insert(all.end(), extents->arguments().begin(), extents->arguments().end());
    all.insert(all.end(), zero_argument.begin(), zero_argument.end());
    return all;
}

std::vector<Halide::Func> Lowering::outputs() const {
    std::vector<Halide::Func> funcs;
    for (const std::string& name : plan.kernel.outputs) {
        funcs.push_back(stages.at(name).func);
    }
    return funcs;
}

} // namespace coulter::lower
