#include "translate.hpp"

#include <algorithm>
#include <stdexcept>

namespace coulter::bench {
namespace {

using Halide::Expr;
using ir::Op;
using ir::ReduceOp;

Halide::Type halide_type(Type type) {
    switch (type) {
    case Type::index: return Halide::Int(32);
    case Type::boolean: return Halide::Bool();
    case Type::bf16: return Halide::BFloat(16);
    default: break;
    }
    if (is_float(type)) {
        return Halide::Float(bits(type));
    }
    return is_signed_integer(type) ? Halide::Int(bits(type)) : Halide::UInt(bits(type));
}

std::string plain(std::string name) {
    std::replace_if(
        name.begin(), name.end(), [](char c) { return c == '.' || c == '[' || c == ']'; }, '_');
    return name;
}

std::vector<std::string> innermost_first(std::vector<std::string> dims) {
    std::reverse(dims.begin(), dims.end());
    return dims;
}

Expr unary(Op op, const Expr& a) {
    switch (op) {
    case Op::neg: return -a;
    case Op::logical_not: return !a;
    default: return ~a;
    }
}

Expr binary(Op op, const Expr& a, const Expr& b) {
    switch (op) {
    case Op::add: return a + b;
    case Op::sub: return a - b;
    case Op::mul: return a * b;
    case Op::div: return a / b;
    case Op::mod: return a % b;
    case Op::min: return Halide::min(a, b);
    case Op::max: return Halide::max(a, b);
    case Op::eq: return a == b;
    case Op::ne: return a != b;
    case Op::lt: return a < b;
    case Op::le: return a <= b;
    case Op::gt: return a > b;
    case Op::ge: return a >= b;
    case Op::logical_and: return a && b;
    case Op::logical_or: return a || b;
    default: throw std::runtime_error(std::string("no translation of `") + ir::name(op) + "`");
    }
}

Expr call(Op op, const std::vector<Expr>& args) {
    const Expr& x = args[0];
    const Expr one = Halide::Internal::make_one(x.type());
    switch (op) {
    case Op::abs: return Halide::abs(x);
    case Op::sqrt: return Halide::sqrt(x);
    case Op::exp: return Halide::exp(x);
    case Op::log: return Halide::log(x);
    case Op::log1p: return Halide::log(one + x);
    case Op::tanh: return Halide::tanh(x);
    case Op::erf: return Halide::erf(x);
    case Op::sigmoid: return one / (one + Halide::exp(-x));
    case Op::is_finite: return Halide::is_finite(x);
    case Op::stop_gradient: return x;
    default: throw std::runtime_error(std::string("no translation of `") + ir::name(op) + "`");
    }
}

class Translator {
public:
    Translator(const ir::Kernel& kernel, const std::map<std::string, std::int64_t>& extents)
        : kernel_(kernel), extents_(extents) {}

    Translated run() {
        Translated result;
        for (const ir::Input& input : kernel_.inputs) {
            if (input.dims.empty()) {
                throw std::runtime_error("no translation of the scalar `" + input.name + "`");
            }
            Halide::ImageParam image(halide_type(input.type), static_cast<int>(input.dims.size()), plain(input.name));
            fix(image, input.dims);
            images_.emplace(input.name, image);
            result.inputs.push_back(image);
        }
        for (const ir::Definition& definition : kernel_.definitions) {
            define(definition);
            result.functions.push_back(funcs_.at(definition.name));
        }
        for (const std::string& name : kernel_.outputs) {
            result.outputs.push_back(output(*kernel_.find_definition(name)));
        }
        return result;
    }

private:
    [[nodiscard]] int extent(const std::string& dim) const { return static_cast<int>(extents_.at(dim)); }

    // Row-major and of constant size.
    template <class Image>
    void fix(Image& image, const std::vector<std::string>& dims) const {
        int stride = 1;
        int at = 0;
        for (const std::string& dim : innermost_first(dims)) {
            image.dim(at).set_bounds(0, extent(dim)).set_stride(stride);
            image.dim(at).set_estimate(0, extent(dim));
            stride *= extent(dim);
            ++at;
        }
    }

    [[nodiscard]] std::vector<Halide::Var> vars(const ir::Definition& definition) const {
        std::vector<Halide::Var> all;
        for (const std::string& dim : innermost_first(definition.dims)) {
            all.emplace_back(plain(dim));
        }
        return all;
    }

    void define(const ir::Definition& definition) {
        if (definition.scan || (definition.reduction && !definition.reduction->into.empty())) {
            throw std::runtime_error("no translation of `" + definition.name + "`, which is a scan or a scatter");
        }
        Halide::Func func(plain(definition.name));
        indices_.clear();
        const std::vector<Halide::Var> at = vars(definition);
        const std::vector<std::string> dims = innermost_first(definition.dims);
        for (std::size_t i = 0; i < dims.size(); ++i) {
            indices_[dims[i]] = at[i];
        }
        if (definition.reduction) {
            reduce(definition, *definition.reduction, func, at);
        } else {
            func(at) = tuple(lower_all(definition.values));
        }
        funcs_.emplace(definition.name, func);
    }

    void reduce(const ir::Definition& definition, const ir::Reduction& reduction, Halide::Func& func,
                const std::vector<Halide::Var>& at) {
        func(at) = tuple(identity(definition, reduction));
        const std::vector<std::string> dims = innermost_first(reduction.dims);
        Halide::Region ranges;
        for (const std::string& dim : dims) {
            ranges.emplace_back(0, extent(dim));
        }
        Halide::RDom domain(ranges, plain(definition.name) + "_r");
        for (std::size_t i = 0; i < dims.size(); ++i) {
            indices_[dims[i]] = domain[static_cast<int>(i)];
        }
        if (reduction.where) {
            domain.where(lower(reduction.where));
        }
        std::vector<Expr> state;
        for (std::size_t i = 0; i < definition.types.size(); ++i) {
            state.push_back(definition.types.size() == 1 ? Expr(func(at)) : Expr(func(at)[static_cast<int>(i)]));
        }
        func(at) = tuple(combine(reduction, state, lower_all(definition.values), dims.front()));
    }

    std::vector<Expr> identity(const ir::Definition& definition, const ir::Reduction& reduction) {
        const Halide::Type type = halide_type(definition.types.back());
        switch (reduction.op) {
        case ReduceOp::sum: return {Halide::Internal::make_zero(type)};
        case ReduceOp::product: return {Halide::Internal::make_one(type)};
        case ReduceOp::min: return {type.max()};
        case ReduceOp::max: return {type.min()};
        case ReduceOp::argmin: return {Expr(-1), type.max()};
        case ReduceOp::argmax: return {Expr(-1), type.min()};
        case ReduceOp::any: return {Halide::Internal::const_false()};
        case ReduceOp::all: return {Halide::Internal::const_true()};
        case ReduceOp::custom: break;
        }
        return lower_all(reduction.identity);
    }

    std::vector<Expr> combine(const ir::Reduction& reduction, const std::vector<Expr>& state,
                              const std::vector<Expr>& values, const std::string& dim) {
        const Expr& value = values[0];
        switch (reduction.op) {
        case ReduceOp::sum: return {state[0] + value};
        case ReduceOp::product: return {state[0] * value};
        case ReduceOp::min: return {Halide::min(state[0], value)};
        case ReduceOp::max: return {Halide::max(state[0], value)};
        case ReduceOp::any: return {state[0] || value};
        case ReduceOp::all: return {state[0] && value};
        case ReduceOp::argmin:
        case ReduceOp::argmax: {
            const Expr better = reduction.op == ReduceOp::argmin ? value < state[1] : value > state[1];
            return {Halide::select(better, indices_.at(dim), state[0]), Halide::select(better, value, state[1])};
        }
        case ReduceOp::custom: break;
        }
        left_ = state;
        right_ = values;
        return lower_all(reduction.combine);
    }

    // What is compiled as an output, by the row-major order of its dims.
    Halide::Func output(const ir::Definition& definition) {
        Halide::Func func = funcs_.at(definition.name);
        const std::vector<Halide::Var> at = vars(definition);
        if (definition.reduction) {
            // Autoschedulers place a producer among a result's loops, but not a result's own update.
            Halide::Func copy(plain(definition.name) + "_out");
            copy(at) = func(at);
            func = copy;
        }
        Halide::OutputImageParam buffer = func.output_buffer();
        fix(buffer, definition.dims);
        Halide::Region region;
        for (const std::string& dim : innermost_first(definition.dims)) {
            region.emplace_back(0, extent(dim));
        }
        func.set_estimates(region);
        return func;
    }

    static Halide::Tuple tuple(const std::vector<Expr>& values) { return Halide::Tuple(values); }

    std::vector<Expr> lower_all(const std::vector<ir::Ref>& expressions) {
        std::vector<Expr> values;
        for (const ir::Ref& expression : expressions) {
            values.push_back(lower(expression));
        }
        return values;
    }

    Expr lower(const ir::Ref& expression) {
        std::unordered_map<const ir::Node*, Expr> done;
        for (const ir::Node* node : ir::postorder({expression})) {
            std::vector<Expr> args;
            for (const ir::Ref& arg : node->args) {
                args.push_back(done.at(arg.get()));
            }
            done[node] = lower_node(*node, args);
        }
        return done.at(expression.get());
    }

    Expr lower_node(const ir::Node& node, const std::vector<Expr>& args) {
        const Halide::Type type = halide_type(node.type);
        switch (node.kind) {
        case ir::Kind::constant:
            return is_float(node.type) ? Halide::Internal::make_const(type, node.real)
                                       : Halide::Internal::make_const(type, node.integer);
        case ir::Kind::dim: return indices_.at(node.name);
        case ir::Kind::extent: return extent(node.name);
        case ir::Kind::access: return access(node, args);
        case ir::Kind::operand: return (node.right ? right_ : left_)[static_cast<std::size_t>(node.component)];
        case ir::Kind::unary: return unary(node.op, args[0]);
        case ir::Kind::binary: return binary(node.op, args[0], args[1]);
        case ir::Kind::select: return Halide::select(args[0], args[1], args[2]);
        case ir::Kind::cast: return Halide::cast(type, args[0]);
        case ir::Kind::call: break;
        }
        return call(node.op, args);
    }

    Expr access(const ir::Node& node, const std::vector<Expr>& args) {
        const std::vector<std::string> dims = innermost_first(kernel_.dims_of(node.name));
        std::vector<Expr> at;
        for (const std::string& dim : dims) {
            const auto bound = std::find(node.dims.begin(), node.dims.end(), dim);
            Expr index =
                bound == node.dims.end() ? indices_.at(dim) : args[static_cast<std::size_t>(bound - node.dims.begin())];
            if (node.boundary == ir::Boundary::clamped && bound != node.dims.end()) {
                index = Halide::clamp(index, 0, extent(dim) - 1);
            }
            at.push_back(index);
        }
        // Without the functions that BoundaryConditions::constant_exterior adds, which autoschedulers place one by one.
        Expr inside = Halide::Internal::const_true();
        if (node.boundary == ir::Boundary::padded) {
            for (std::size_t i = 0; i < dims.size(); ++i) {
                if (std::find(node.dims.begin(), node.dims.end(), dims[i]) != node.dims.end()) {
                    inside = inside && at[i] >= 0 && at[i] < extent(dims[i]);
                    at[i] = Halide::clamp(at[i], 0, extent(dims[i]) - 1);
                }
            }
        }
        const Expr value = element(node, at);
        return node.boundary == ir::Boundary::padded ? Halide::select(inside, value, args.back()) : value;
    }

    Expr element(const ir::Node& node, const std::vector<Expr>& at) {
        const auto image = images_.find(node.name);
        if (image != images_.end()) {
            return image->second(at);
        }
        const Halide::Func func = funcs_.at(node.name);
        return func.outputs() == 1 ? Expr(func(at)) : Expr(func(at)[node.component]);
    }

    const ir::Kernel& kernel_;
    const std::map<std::string, std::int64_t>& extents_;
    std::map<std::string, Halide::ImageParam> images_;
    std::map<std::string, Halide::Func> funcs_;
    std::map<std::string, Expr> indices_; ///< of the loops of the definition at hand
    std::vector<Expr> left_;              ///< operands of a combine
    std::vector<Expr> right_;
};

} // namespace

Translated translate(const ir::Kernel& kernel, const std::map<std::string, std::int64_t>& extents) {
    return Translator(kernel, extents).run();
}

} // namespace coulter::bench
