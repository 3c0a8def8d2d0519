#pragma once
/// Tensors, their definitions and accesses, and the frame of a library function.

#include "coulter/expr.hpp"

#include <functional>

namespace coulter {

class Tuple;

/// One argument of an access: a dim by its name, or `dim(index)`. There are no positional indices: an expression here
/// is reported as a mistake.
class AccessArg {
public:
    AccessArg(const Dim& dim, SourceLoc loc = SourceLoc::here());
    AccessArg(const Binding& binding, SourceLoc loc = SourceLoc::here());
    AccessArg(const Expr& index, SourceLoc loc = SourceLoc::here());
    template <Number T>
    AccessArg(T value, SourceLoc loc = SourceLoc::here()) : AccessArg(Expr(value, loc), loc) {}

    [[nodiscard]] const detail::DimRef& dim() const { return dim_; }      ///< null for a positional index
    [[nodiscard]] const detail::NodeRef& index() const { return index_; } ///< null: by name
    [[nodiscard]] SourceLoc loc() const { return loc_; }

private:
    detail::DimRef dim_;
    detail::NodeRef index_;
    SourceLoc loc_;
};

/// `t(args...)`: on the left of `=` the definition of `t`, elsewhere an element of it.
class Access {
public:
    Access(detail::TensorRef tensor, std::vector<AccessArg> args, SourceLoc loc);
    Access(const Access&) = default;

    /// Defines the tensor over the listed dims; their order is the memory layout where it is an output.
    void operator=(const Expr& value) const;
    void operator=(const Access& value) const;

    [[nodiscard]] const detail::TensorRef& tensor() const { return tensor_; }
    [[nodiscard]] const std::vector<AccessArg>& args() const { return args_; }
    [[nodiscard]] SourceLoc loc() const { return loc_; }

private:
    detail::TensorRef tensor_;
    std::vector<AccessArg> args_;
    SourceLoc loc_;
};

/// The number of a tuple's component, with the line that asks for it.
class Component {
public:
    Component(int number, SourceLoc loc = SourceLoc::here()) : number_(number), loc_(loc) {}
    [[nodiscard]] int number() const { return number_; }
    [[nodiscard]] SourceLoc loc() const { return loc_; }

private:
    int number_;
    SourceLoc loc_;
};

/// A tensor over a set of named dims: a handle, so that a copy means the same tensor.
///
/// Assignment is a definition. `t = expr` takes the expression's free dims in order of first appearance; where the
/// whole right side is a reduction, a tensor without a name or the result of a library function, `t` becomes that
/// tensor.
class Tensor {
public:
    explicit Tensor(SourceLoc loc = SourceLoc::here());
    explicit Tensor(std::string name, SourceLoc loc = SourceLoc::here());
    explicit Tensor(const char* name, SourceLoc loc = SourceLoc::here());
    /// A tensor without a name that is `value`; it gets its name from its one user.
    Tensor(const Expr& value, SourceLoc loc = SourceLoc::here());
    Tensor(const Tensor&) = default;
    explicit Tensor(detail::TensorRef state) : state_(std::move(state)) {}

    Tensor& operator=(const Expr& value);
    Tensor& operator=(const Tensor& value);
    /// A tensor of several components, read as `t[0]`, `t[1]`.
    Tensor& operator=(const Tuple& value);

    /// All dims by name; on the left: a scalar.
    [[nodiscard]] Access operator()(SourceLoc loc = SourceLoc::here()) const { return {state_, {}, loc}; }
    template <class... Rest>
    [[nodiscard]] Access operator()(const AccessArg& first, const Rest&... rest) const {
        return {state_, {first, AccessArg(rest, first.loc())...}, first.loc()};
    }
    [[nodiscard]] Access operator()(const std::vector<Dim>& dims, SourceLoc loc = SourceLoc::here()) const;

    /// One component of a tuple, all dims by name.
    [[nodiscard]] Expr operator[](const Component& component) const;
    /// The dims; empty before the definition.
    [[nodiscard]] std::vector<Dim> dims() const;
    [[nodiscard]] const detail::TensorRef& state() const { return state_; }

private:
    detail::TensorRef state_;
};

/// An argument of the kernel. Without dims it is a scalar, passed by value.
class Input : public Tensor {
public:
    /// The order of `dims` is the memory layout, outermost first; nothing else depends on it.
    Input(std::string name, Type type, const std::vector<Dim>& dims = {}, SourceLoc loc = SourceLoc::here());
    Input(const Input&) = default;
    Input& operator=(const Input&) = delete;
    /// Does not change between calls until `coulter_context_forget`, so it may be packed once.
    Input& frozen();
};

/// A tensor whose elements are known now, row-major. Its dims have constant extents.
class Const : public Tensor {
public:
    Const(std::string name, Type type, const std::vector<Dim>& dims, const std::vector<double>& values,
          SourceLoc loc = SourceLoc::here());
    Const(std::string name, Type type, const std::vector<Dim>& dims, const std::vector<float>& values,
          SourceLoc loc = SourceLoc::here());
    Const(std::string name, Type type, const std::vector<Dim>& dims, const std::vector<std::int64_t>& values,
          SourceLoc loc = SourceLoc::here());
    Const(std::string name, Type type, const std::vector<Dim>& dims, std::initializer_list<double> values,
          SourceLoc loc = SourceLoc::here());
    Const(std::string name, Type type, const std::vector<Dim>& dims, std::initializer_list<int> values,
          SourceLoc loc = SourceLoc::here());
    Const(const Const&) = default;
    Const& operator=(const Const&) = delete;
};

/// The components of a reduction or scan over tuples, or of the result of one.
class Tuple {
public:
    Tuple(std::initializer_list<Expr> components) : components_(components) {}
    explicit Tuple(std::vector<Expr> components) : components_(std::move(components)) {}
    Tuple(detail::TensorRef tensor, SourceLoc loc);

    [[nodiscard]] Expr operator[](std::size_t component) const;
    [[nodiscard]] std::size_t size() const { return components_.size(); }
    [[nodiscard]] const detail::TensorRef& tensor() const { return tensor_; } ///< null unless it is a result

private:
    std::vector<Expr> components_;
    detail::TensorRef tensor_;
};

/// An access that may leave the tensor: `padded(pose, 0)(iy(y - 1 + ky))`, `clamped(table)(row(index(i)))`.
class Padded {
public:
    Padded(const Expr& access, ir::Boundary boundary, detail::NodeRef pad, SourceLoc loc);
    template <class... Rest>
    [[nodiscard]] Padded operator()(const AccessArg& first, const Rest&... rest) const {
        return bind({first, AccessArg(rest, first.loc())...});
    }
    [[nodiscard]] const detail::NodeRef& node() const { return node_; }

private:
    [[nodiscard]] Padded bind(const std::vector<AccessArg>& args) const;
    detail::NodeRef node_;
    SourceLoc loc_;
};

/// Reads `value` where an index lies outside the tensor. `access`: a tensor, or an element of one.
[[nodiscard]] Padded padded(const Expr& access, const Expr& value, SourceLoc loc = SourceLoc::here());
/// Moves each index to the nearest one inside the tensor.
[[nodiscard]] Padded clamped(const Expr& access, SourceLoc loc = SourceLoc::here());

/// The argument of a library function: an expression with the line of the call. A parameter `const Arg& x` makes
/// messages from inside the function name the author's line first.
class Arg : public Expr {
public:
    template <Number T>
    Arg(T value, SourceLoc loc = SourceLoc::here()) : Expr(value, loc), call_(loc) {}
    Arg(const Expr& value, SourceLoc loc = SourceLoc::here()) : Expr(value), call_(loc) {}
    Arg(const Tensor& value, SourceLoc loc = SourceLoc::here()) : Expr(value, loc), call_(loc) {}
    Arg(const Access& value, SourceLoc loc = SourceLoc::here()) : Expr(value, loc), call_(loc) {}
    Arg(const Padded& value, SourceLoc loc = SourceLoc::here()) : Expr(value, loc), call_(loc) {}
    Arg(const Dim& value, SourceLoc loc = SourceLoc::here()) : Expr(value, loc), call_(loc) {}
    [[nodiscard]] SourceLoc call() const { return call_; }

private:
    SourceLoc call_;
};

/// Opens a group: while it lives, tensors and reductions belong to one call of a library function.
///
///     Tensor softmax(const Arg& x, const Dim& over) {
///         Function f("softmax", {x});
///         Tensor highest("max"), e("exp");          // become <result>.softmax.max, <result>.softmax.exp
///         highest = max({over}, x);
///         e = exp(x - highest);
///         return e / sum({over}, e);                // the result; `y = softmax(x, k)` makes y this tensor
///     }
class Function {
public:
    Function(std::string name, const std::vector<Arg>& inputs, SourceLoc loc = SourceLoc::here());
    ~Function();
    Function(const Function&) = delete;
    Function& operator=(const Function&) = delete;
    /// A schedule macro file that travels with the function: schedules of its callers may say `use
    /// FUNCTION.MACRO(...)`. `file` is a path, or the path from the folder of this source file; it is read now and
    /// becomes part of the kernel.
    Function& macros(const std::string& file, SourceLoc loc = SourceLoc::here());
    /// The same with the text itself; `name` is what messages call it.
    Function& macros(const std::string& name, std::string text);
    /// What the function asks of its arguments: `message` says what is wrong where it does not hold.
    /// \throws LanguageError [L060] with the author's line first.
    void require(bool holds, const std::string& message, const std::string& help = "",
                 SourceLoc loc = SourceLoc::here()) const;

    /// What a gradient rule is written over: stand-ins with the types and dims of the call's own tensors.
    struct Rule {
        std::vector<Tensor> inputs; ///< the arguments, in the order of the constructor's
        Tensor output;
        Tensor cotangent; ///< the derivative of the whole by the output
    };
    /// The function's own gradient: for each argument of a float type, in order, the derivative of the whole by it, over
    /// the argument's dims. It is traced now, and travels with the function in the kernel's text; what the function
    /// computes is then not differentiated. `result` is what the function returns. The arguments have to be tensors.
    ///
    ///     Tensor result = x * sigmoid(x);
    ///     return f.with_vjp(result, [](const Function::Rule& r) {
    ///         const Expr s = sigmoid(r.inputs[0]);
    ///         return std::vector<Expr>{r.cotangent * (s + r.inputs[0] * s * (1 - s))};
    ///     });
    Tensor with_vjp(const Tensor& result, const std::function<std::vector<Expr>(const Rule&)>& rule,
                    SourceLoc loc = SourceLoc::here());

private:
    detail::GroupRef group_;
    detail::GroupRef outer_;
};

template <class... Rest>
Expr Expr::operator()(const AccessArg& first, const Rest&... rest) const {
    return bind({first, AccessArg(rest, first.loc())...});
}

inline Expr Expr::operator()(const std::vector<AccessArg>& args) const {
    return args.empty() ? *this : bind(args);
}

} // namespace coulter
