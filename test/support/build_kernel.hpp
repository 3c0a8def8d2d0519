#pragma once
/// Kernels for tests, built as plain IR without the language's front end.

#include "coulter/array.hpp"
#include "coulter/ir.hpp"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

namespace coulter::test {

/// An expression with operators. Operands must have one type already; an int beside an expression takes its type.
struct E {
    ir::Ref ref;
    E(ir::Ref r) : ref(std::move(r)) {} // NOLINT(google-explicit-constructor)
    [[nodiscard]] Type type() const { return ref->type; }
};

inline E constant(Type type, double value) {
    return is_float(type) ? ir::real_constant(type, round_to(type, value))
                          : ir::integer_constant(type, static_cast<std::int64_t>(value));
}
inline E loop(const std::string& dim) {
    return ir::dim_node(dim);
}
inline E extent(const std::string& dim) {
    return ir::extent_node(dim);
}
inline E left(Type type, int component = 0) {
    return ir::operand(type, component, false);
}
inline E right(Type type, int component = 0) {
    return ir::operand(type, component, true);
}
inline E cast(Type type, const E& a) {
    return ir::cast(type, a.ref);
}
inline E select(const E& condition, const E& yes, const E& no) {
    return ir::select(condition.ref, yes.ref, no.ref);
}
inline E call(ir::Op op, const std::vector<E>& args) {
    std::vector<ir::Ref> refs;
    for (const E& arg : args) {
        refs.push_back(arg.ref);
    }
    return ir::call(op, std::move(refs));
}
inline E unary(ir::Op op, const E& a) {
    return ir::unary(op, a.ref);
}
inline E binary(ir::Op op, const E& a, const E& b) {
    return ir::binary(op, a.ref, b.ref);
}

inline E operator+(const E& a, const E& b) {
    return binary(ir::Op::add, a, b);
}
inline E operator-(const E& a, const E& b) {
    return binary(ir::Op::sub, a, b);
}
inline E operator*(const E& a, const E& b) {
    return binary(ir::Op::mul, a, b);
}
inline E operator/(const E& a, const E& b) {
    return binary(ir::Op::div, a, b);
}
inline E operator%(const E& a, const E& b) {
    return binary(ir::Op::mod, a, b);
}
inline E operator<(const E& a, const E& b) {
    return binary(ir::Op::lt, a, b);
}
inline E operator+(const E& a, double b) {
    return a + constant(a.type(), b);
}
inline E operator-(const E& a, double b) {
    return a - constant(a.type(), b);
}
inline E operator*(double a, const E& b) {
    return constant(b.type(), a) * b;
}
inline E operator/(const E& a, double b) {
    return a / constant(a.type(), b);
}
inline E operator%(const E& a, double b) {
    return a % constant(a.type(), b);
}
inline E operator<(const E& a, double b) {
    return a < constant(a.type(), b);
}

using Bindings = std::vector<std::pair<std::string, E>>;

class KernelBuilder {
public:
    explicit KernelBuilder(std::string name = "test") { kernel_.name = std::move(name); }

    KernelBuilder& dim(const std::string& name, std::int64_t size) {
        dim_of(name).size = size;
        return *this;
    }
    KernelBuilder& dim(const std::string& name, const E& expression) {
        dim_of(name).extent = expression.ref;
        return *this;
    }
    KernelBuilder& input(const std::string& name, Type type, const std::vector<std::string>& dims) {
        mention(dims);
        kernel_.inputs.push_back({name, type, dims, false, {}});
        return *this;
    }
    KernelBuilder& tensor_const(const std::string& name, Type type, const std::vector<std::string>& dims,
                                std::vector<std::byte> data) {
        mention(dims);
        kernel_.consts.push_back({name, type, dims, std::move(data), {}});
        return *this;
    }
    KernelBuilder& map(const std::string& name, const std::vector<std::string>& dims, const std::vector<E>& values) {
        add(name, dims, values);
        return *this;
    }
    /// The last definition becomes a reduction of that kind.
    KernelBuilder& reduce(const std::string& name, const std::vector<std::string>& dims, ir::ReduceOp op,
                          const std::vector<std::string>& over, const std::vector<E>& values) {
        ir::Definition& definition = add(name, dims, values);
        if (op == ir::ReduceOp::argmin || op == ir::ReduceOp::argmax) {
            definition.types.insert(definition.types.begin(), Type::i32);
        }
        mention(over);
        definition.reduction.emplace();
        definition.reduction->op = op;
        definition.reduction->dims = over;
        return *this;
    }
    KernelBuilder& scan(const std::string& name, const std::vector<std::string>& dims, ir::Scan scan,
                        const std::vector<E>& values) {
        add(name, dims, values).scan = std::move(scan);
        return *this;
    }
    KernelBuilder& where(const E& condition) {
        last().reduction->where = condition.ref;
        return *this;
    }
    KernelBuilder& into(const std::string& dim, const E& index) {
        last().reduction->into.push_back({dim, index.ref});
        return *this;
    }
    KernelBuilder& combine(const std::vector<E>& identity, const std::vector<E>& combine) {
        for (const E& e : identity) {
            last().reduction->identity.push_back(e.ref);
        }
        for (const E& e : combine) {
            last().reduction->combine.push_back(e.ref);
        }
        return *this;
    }
    /// The element of a tensor that is declared already; dims that are not bound bind themselves by name.
    [[nodiscard]] E at(const std::string& tensor, const Bindings& bindings = {}, int component = 0) const {
        return access(tensor, bindings, ir::Boundary::checked, component, nullptr);
    }
    [[nodiscard]] E clamped(const std::string& tensor, const Bindings& bindings) const {
        return access(tensor, bindings, ir::Boundary::clamped, 0, nullptr);
    }
    [[nodiscard]] E padded(const std::string& tensor, const Bindings& bindings, double pad) const {
        return access(tensor, bindings, ir::Boundary::padded, 0, constant(kernel_.types_of(tensor)[0], pad).ref);
    }

    [[nodiscard]] ir::Definition& last() { return kernel_.definitions.back(); }
    /// The kernel with these outputs; by default the last definition.
    [[nodiscard]] ir::Kernel kernel(std::vector<std::string> outputs = {}) {
        kernel_.outputs = outputs.empty() ? std::vector<std::string>{last().name} : std::move(outputs);
        return kernel_;
    }

private:
    ir::Dim& dim_of(const std::string& name) {
        for (ir::Dim& dim : kernel_.dims) {
            if (dim.name == name) {
                return dim;
            }
        }
        kernel_.dims.push_back({name, {}, nullptr, {}});
        return kernel_.dims.back();
    }
    void mention(const std::vector<std::string>& dims) {
        for (const std::string& dim : dims) {
            dim_of(dim);
        }
    }
    ir::Definition& add(const std::string& name, const std::vector<std::string>& dims, const std::vector<E>& values) {
        mention(dims);
        ir::Definition definition;
        definition.name = name;
        definition.dims = dims;
        for (const E& value : values) {
            definition.types.push_back(value.type());
            definition.values.push_back(value.ref);
        }
        kernel_.definitions.push_back(std::move(definition));
        return kernel_.definitions.back();
    }
    [[nodiscard]] E access(const std::string& tensor, const Bindings& bindings, ir::Boundary boundary, int component,
                           const ir::Ref& pad) const {
        ir::Node node;
        node.kind = ir::Kind::access;
        node.type = kernel_.types_of(tensor)[static_cast<std::size_t>(component)];
        node.name = tensor;
        node.component = component;
        node.boundary = boundary;
        for (const std::string& dim : kernel_.dims_of(tensor)) { // canonical: in the order of the declaration
            for (const auto& [bound, index] : bindings) {
                if (bound == dim) {
                    node.dims.push_back(dim);
                    node.args.push_back(index.ref);
                }
            }
        }
        if (pad) {
            node.args.push_back(pad);
        }
        return ir::make_node(std::move(node));
    }

    ir::Kernel kernel_;
};

} // namespace coulter::test
