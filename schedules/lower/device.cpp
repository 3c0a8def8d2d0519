// What kernels of a device need of Halide's lowered code, and of modules that are linked.

#include "pipeline.hpp"

#include <algorithm>
#include <sstream>

namespace coulter::lower {
namespace {

using namespace Halide::Internal;

bool is_device(ForType type) {
    return type == ForType::GPUBlock || type == ForType::GPUThread || type == ForType::GPULane;
}

// A grid without blocks is refused by the driver, and so is memory of no bytes: a launch waits for a grid that is not
// empty, and memory on a device has an element at least.
//
// Halide leaves the checks inside of kernels out. One that still stands there guards memory against what could not be
// proved: without it a wrong result would pass for a right one, so that the schedule is refused.
//
// Halide's own pass that takes conditions on vectors to OpenCL knows no strict comparisons: from here on nothing folds
// the ordinary ones.
//
// Halide's OpenCL divides unsigned numbers as they are, and the quotient by zero is zero.
//
// What the processor's libm calls `log1pf` is `log1p` in OpenCL and `__nv_log1pf` in CUDA.
class Kernels : public IRMutator {
public:
    explicit Kernels(bool opencl) : opencl_(opencl) {}

private:
    using IRMutator::visit;

    [[nodiscard]] std::string device_name(const Call& call) const {
        static const std::set<std::string> known{"fmod", "fma",   "exp",   "log",  "expm1", "tanh",
                                                 "erf",  "log1p", "sin",   "cos",  "tan",   "asin",
                                                 "acos", "atan",  "atan2", "sinh", "cosh",  "pow"};
        const bool single = call.type.bits() == 32 && call.name.ends_with('f');
        const std::string name = single ? call.name.substr(0, call.name.size() - 1) : call.name;
        if (call.call_type != Call::PureExtern || !known.contains(name)) {
            return {};
        }
        return opencl_ ? name : "__nv_" + call.name;
    }

    Stmt visit(const AssertStmt* op) override {
        if (in_kernel_) {
            std::ostringstream text;
            text << "a kernel of a device cannot check what this schedule depends on: " << op->condition << " (else "
                 << op->message << ")";
            throw Halide::CompileError(text.str());
        }
        return IRMutator::visit(op);
    }

    Stmt visit(const For* op) override {
        if (!is_device(op->for_type) || in_kernel_) {
            return IRMutator::visit(op);
        }
        in_kernel_ = true;
        const Stmt kernel = IRMutator::visit(op);
        in_kernel_ = false;
        Halide::Expr some = const_true();
        for (const For* loop = op; loop != nullptr && loop->for_type == ForType::GPUBlock;
             loop = loop->body.as<For>()) {
            some = some && loop->extent > 0;
        }
        return IfThenElse::make(simplify(some), kernel);
    }

    Halide::Expr visit(const Div* op) override {
        const Halide::Expr kept = IRMutator::visit(op);
        const Div* div = kept.as<Div>();
        return div != nullptr && may_be_zero(div->b) ? nonzero(div->b, div->a / divisor(div->b)) : kept;
    }

    Halide::Expr visit(const Mod* op) override {
        const Halide::Expr kept = IRMutator::visit(op);
        const Mod* mod = kept.as<Mod>();
        return mod != nullptr && may_be_zero(mod->b) ? nonzero(mod->b, mod->a % divisor(mod->b)) : kept;
    }

    [[nodiscard]] bool may_be_zero(const Halide::Expr& b) const {
        return in_kernel_ && opencl_ && b.type().is_uint() && !is_const(b);
    }

    static Halide::Expr divisor(const Halide::Expr& b) { return max(b, make_one(b.type())); }

    static Halide::Expr nonzero(const Halide::Expr& b, const Halide::Expr& value) {
        return Select::make(b != make_zero(b.type()), value, make_zero(value.type()));
    }

    Halide::Expr visit(const Call* op) override {
        const Halide::Expr kept = IRMutator::visit(op);
        const Call* call = kept.as<Call>();
        if (const std::string name = call != nullptr && in_kernel_ ? device_name(*call) : ""; !name.empty()) {
            return Call::make(call->type, name, call->args, call->call_type);
        }
        if (call != nullptr && in_kernel_ && opencl_ && call->type.is_vector()) {
            if (call->is_intrinsic(Call::strict_lt)) {
                return LT::make(call->args[0], call->args[1]);
            }
            if (call->is_intrinsic(Call::strict_le)) {
                return LE::make(call->args[0], call->args[1]);
            }
            if (call->is_intrinsic(Call::strict_eq)) {
                return EQ::make(call->args[0], call->args[1]);
            }
        }
        return call != nullptr && is_shape(*call) ? with_elements(*call) : kept;
    }

    /// The dims of a buffer, which may stand in a `let` of their own.
    static bool is_shape(const Call& call) {
        const halide_handle_cplusplus_type* const handle = call.type.handle_type;
        return call.is_intrinsic(Call::make_struct) && handle != nullptr &&
               handle->inner_name.name == "halide_dimension_t" && call.args.size() % 4 == 0;
    }

    static Halide::Expr with_elements(const Call& shape) {
        std::vector<Halide::Expr> members = shape.args; // min, extent, stride and flags of each dim
        for (std::size_t i = 1; i < members.size(); i += 4) {
            members[i] = max(members[i], 1);
        }
        return Call::make(shape.type, shape.name, members, shape.call_type);
    }

    bool opencl_;
    bool in_kernel_ = false;
};

// Halide gives the kernels of every function, and the state that it keeps of them, the same names.
class Renamer : public IRMutator {
public:
    explicit Renamer(const std::map<std::string, std::string>& names) : names_(names) {}

private:
    using IRMutator::visit;

    Halide::Expr visit(const Variable* op) override {
        const auto name = names_.find(op->name);
        return name == names_.end() ? Halide::Expr(op) : Variable::make(op->type, name->second);
    }

    const std::map<std::string, std::string>& names_;
};

} // namespace

void correct_kernels(Halide::Pipeline& pipeline, const Halide::Target& target) {
    pipeline.add_custom_lowering_pass(
        new Kernels(target.has_feature(Halide::Target::OpenCL))); // the pipeline deletes it
}

Halide::Module with_names_of_its_own(const Halide::Module& module, const std::string& prefix) {
    if (module.buffers().empty()) {
        return module;
    }
    Halide::Module renamed(module.name(), module.target());
    renamed.set_any_strict_float(module.any_strict_float());
    std::map<std::string, std::string> names;
    for (const Halide::Buffer<>& buffer : module.buffers()) {
        Halide::Buffer<> copy = buffer; // shares the data
        if (buffer.name().ends_with("_gpu_source_kernels") || buffer.name().ends_with("_buf")) {
            const std::string name = prefix + '_' + buffer.name();
            names[buffer.name() + ".buffer"] = name + ".buffer";
            copy = buffer.copy();
            copy.set_name(name);
        }
        renamed.append(copy);
    }
    for (LoweredFunc function : module.functions()) {
        function.body = Renamer(names).mutate(function.body);
        renamed.append(function);
    }
    return renamed;
}

std::vector<Halide::Target::Feature> device_features(const ir::Kernel& kernel) {
    std::set<Type> types;
    for (const ir::Input& input : kernel.inputs) {
        types.insert(input.type);
    }
    for (const ir::Definition& definition : kernel.definitions) {
        for (const ir::Node* node : ir::postorder(ir::roots(definition))) {
            types.insert(node->type);
        }
        types.insert(definition.types.begin(), definition.types.end());
    }
    std::vector<Halide::Target::Feature> features;
    if (types.contains(Type::f64)) {
        features.push_back(Halide::Target::CLDoubles);
    }
    if (types.contains(Type::f16)) {
        features.push_back(Halide::Target::CLHalf);
    }
    return features;
}

} // namespace coulter::lower
