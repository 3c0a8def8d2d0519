#pragma once
/// The kernel IR: one definition per tensor over an unordered set of named dims.
///
/// Expressions are immutable nodes of a DAG. Everything refers to tensors and dims by *name*, so a kernel is plain data
/// that prints, parses and compares. Passes walk `postorder` and memoise by node; nothing recurses on the depth of the
/// input, destruction included.

#include "coulter/diagnostic.hpp"
#include "coulter/types.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace coulter::ir {

enum class Kind : std::uint8_t {
    constant, ///< `integer` for index, integer and bool types (u64 as its bit pattern), `real` for floats
    dim,      ///< the loop index of dim `name`; type index
    extent,   ///< the extent of dim `name`; type index
    access,   ///< element of tensor `name`, see Node::dims
    operand,  ///< in Reduction::combine and Scan::combine only: component `component` of the left state, or value
              ///< `component` on the right. The left one of a scan may be bound, see Node::dims
    unary,
    binary,
    select, ///< args: condition, value if true, value if false
    cast,
    call
};

enum class Op : std::uint8_t {
    none,
    // unary
    neg,
    logical_not,
    bit_not,
    // binary; div and mod of integers and indices floor, and give 0 for a divisor of 0; +, -, * of integers wrap
    add,
    sub,
    mul,
    div,
    mod,
    min, ///< min and max: a NaN operand gives NaN
    max,
    eq,
    ne,
    lt,
    le,
    gt,
    ge,
    logical_and,
    logical_or,
    bit_and,
    bit_or,
    bit_xor,
    shl, ///< shifts by a negative amount or by at least the width give 0 (shr of a negative number: -1)
    shr,
    // calls on floats (abs also on integers)
    abs,
    sqrt,
    exp,
    log,
    log1p,
    expm1,
    sin,
    cos,
    tan,
    asin,
    acos,
    atan,
    atan2,
    sinh,
    cosh,
    tanh,
    erf,
    sigmoid,
    floor,
    ceil,
    round, ///< half to even
    trunc,
    pow,
    fma,
    is_nan,
    is_inf,
    is_finite,
    stop_gradient ///< the operand itself; its derivative is 0 by definition
};

/// What an access does when an index lies outside the tensor.
enum class Boundary : std::uint8_t {
    checked, ///< proved, or checked by the C entry: it never happens
    padded,  ///< the value is the last of `args` (of the tensor's type) when any index is outside
    clamped  ///< each index is clamped to 0 .. extent-1
};

struct Node;
struct Scan;
using Ref = std::shared_ptr<const Node>;

struct Node {
    Kind kind = Kind::constant;
    Op op = Op::none;
    Type type = Type::index;
    std::vector<Ref> args;
    std::int64_t integer = 0;
    double real = 0;
    std::string name;
    /// access: the dims of the tensor that are bound explicitly, args[i] the index (type index) of dims[i]. All other
    /// dims of the tensor bind themselves by name. Canonical: in the order of the tensor's declaration, and an identity
    /// binding (dim d bound to loop index d) is left out.
    /// operand: the dims along which the state is another than the step's own, args[i] a constant: how far away it is
    /// along dims[i]. In the order of the scan's dims, without those that are 0. Without dims: the state of the step
    /// before.
    std::vector<std::string> dims;
    int component = 0;  ///< access to a tuple, operand
    bool right = false; ///< operand: the right state
    Boundary boundary = Boundary::checked;

    Node() = default;
    Node(const Node&) = default;
    Node& operator=(const Node&) = default;
    Node(Node&&) = default;
    Node& operator=(Node&&) = default;
    ~Node(); ///< iterative: a chain of a million nodes does not overflow the stack

    /// Pad value of a padded access.
    [[nodiscard]] const Ref& pad() const { return args.back(); }
};

[[nodiscard]] Ref make_node(Node node);
[[nodiscard]] Ref index_constant(std::int64_t value);
/// \pre not Type::index for `real_constant`. The value is rounded to the type.
[[nodiscard]] Ref real_constant(Type type, double value);
[[nodiscard]] Ref integer_constant(Type type, std::int64_t value);
[[nodiscard]] Ref bool_constant(bool value);
[[nodiscard]] Ref dim_node(std::string name);
[[nodiscard]] Ref extent_node(std::string name);
[[nodiscard]] Ref unary(Op op, Ref a);
/// The type is the operands' common type, or boolean for comparisons and logic. No folding.
[[nodiscard]] Ref binary(Op op, Ref a, Ref b);
[[nodiscard]] Ref select(Ref condition, Ref yes, Ref no);
[[nodiscard]] Ref cast(Type type, Ref a);
[[nodiscard]] Ref call(Op op, std::vector<Ref> args);
[[nodiscard]] Ref operand(Type type, int component, bool right);
/// Left operands of a scan's `combine` that name the step they mean, each distance once, in order of first use: by
/// distance along `scan.dims()`.
[[nodiscard]] std::vector<std::vector<std::int64_t>> distances(const Scan& scan);
/// How far away the state of a bound operand is along `dim`.
[[nodiscard]] std::int64_t distance(const Node& operand, const std::string& dim);

/// The name of an operation in the text form: "+", "min", "exp", "select" ...
[[nodiscard]] const char* name(Op op);
/// The operation of a call or of `min`/`max` by its name in the text form.
[[nodiscard]] std::optional<Op> op_from_name(std::string_view text);
/// Number of operands of a call.
[[nodiscard]] int arity(Op op);

/// All nodes reachable from `roots`, operands before users, each once, in a deterministic order. Iterative.
[[nodiscard]] std::vector<const Node*> postorder(const std::vector<Ref>& roots);

/// Rebuilds `root` bottom-up. `visit(node, args)` gets the node and its already rewritten operands and returns the
/// replacement, or null to keep the node (with the new operands where they changed). Shared nodes are visited once per
/// `memo`, which callers may keep over several roots.
using RewriteMemo = std::unordered_map<const Node*, Ref>;
[[nodiscard]] Ref rewrite(const Ref& root, const std::function<Ref(const Node&, const std::vector<Ref>&)>& visit,
                          RewriteMemo& memo);

/// Structural equality; types, names and constants' bits compare (NaN equals NaN).
[[nodiscard]] bool equal(const Ref& a, const Ref& b);

enum class ReduceOp : std::uint8_t { sum, product, min, max, argmin, argmax, any, all, custom };
[[nodiscard]] const char* name(ReduceOp op);

/// `tensor[index of dim] = ...`: a scatter. Only in a reduction; the bound dim is a dim of the tensor.
struct Into {
    std::string dim;
    Ref index;
};

/// Combines the definition's `values` over `dims` where `where` holds (null: everywhere).
///
/// The result of an empty reduction is the identity: 0, 1, +inf or the type's highest, -inf or its lowest, false, true,
/// `identity`. argmin and argmax have the components (index: i32, value) and reduce one dim; the smallest index wins
/// ties, the first NaN wins over everything.
struct Reduction {
    ReduceOp op = ReduceOp::sum;
    std::vector<std::string> dims;
    Ref where;
    std::vector<Into> into;
    /// With `into`: elements may meet in an order that differs from call to call, as when threads add to one place.
    bool atomic = false;
    std::vector<Ref> identity; ///< custom: one constant per component
    std::vector<Ref> combine;  ///< custom: one expression over `operand` nodes per component;
                               ///< associative and commutative
};

/// The combinations of all prefixes along `dim`: from `identity` on, one value after the other.
///
/// `combine` may read states of other steps than the one before, each a constant distance away along the scan's dims
/// and earlier in their order: then it is sequential and inclusive, and outside of the tensor the state is `identity`.
/// A definition may have more values than components: the others are on the right of `combine` alone.
struct Scan {
    std::string dim;
    std::vector<std::string> inner; ///< dims through which each step of `dim` runs, outermost first; mostly none
    bool reversed = false;
    bool exclusive = false;
    /// `combine` is associative and `identity` neutral on its left, so that parts may be combined before they meet.
    /// Else it is sequential: the state may be of another kind than the values.
    bool associative = false;
    std::vector<Ref> identity;
    std::vector<Ref> combine;

    /// `dim` and the inner ones, in the order of the steps.
    [[nodiscard]] std::vector<std::string> dims() const;
};

/// The one definition of a tensor. A map has neither reduction nor scan.
struct Definition {
    std::string name;
    std::vector<std::string> dims; ///< a set; the order is the memory layout where the tensor is an output
    std::vector<Type> types;       ///< one per component; more than one makes a tuple
    std::vector<Ref> values; ///< one per component (argmin, argmax: the one compared value); of a scan at least so many
    std::optional<Reduction> reduction;
    std::optional<Scan> scan;
    Span span; ///< the author's line; outside equality and fingerprints
};

struct Input {
    std::string name;
    Type type = Type::f32;
    std::vector<std::string> dims; ///< memory layout, outermost first; empty: a scalar, passed by value
    bool frozen = false;           ///< constant between calls until `coulter_context_forget`: may be packed once
    Span span;
};

/// A tensor whose elements are known when the kernel is written. All its dims are constant.
struct Const {
    std::string name;
    Type type = Type::f32;
    std::vector<std::string> dims; ///< row-major, outermost first
    std::vector<std::byte> data;   ///< little endian
    Span span;
};

/// A dim has one extent per kernel, from exactly one source (see sizes.hpp).
struct Dim {
    std::string name;
    std::optional<std::int64_t> size; ///< constant extent
    Ref extent;                       ///< or an expression over other extents, or null
    Span span;
};

struct Kernel;

/// One call of a library function.
struct Group {
    std::string path;     ///< "logits.softmax", "[n]" appended among equals
    std::string function; ///< "softmax"
    std::vector<std::string> inputs;
    std::vector<std::string> outputs;
    std::string macro_file; ///< schedule macros that travel with the function; empty for none
    Span span;
    /// The function's own gradient rule: a kernel whose inputs are among `inputs`, `outputs` and `d.<output>`, and
    /// whose outputs are `d.<input>`, each with the type and dims of the tensor. Null: derived from the definitions.
    std::shared_ptr<const Kernel> vjp = nullptr;
};

struct Kernel {
    std::string name;
    std::vector<Dim> dims; ///< every dim used, in order of first use
    std::vector<Input> inputs;
    std::vector<Const> consts;
    std::vector<Definition> definitions;                      ///< producers before consumers
    std::vector<std::string> outputs;                         ///< names of definitions, in the order of the C signature
    std::vector<std::pair<std::string, std::string>> updates; ///< (input, output) that share memory
    std::vector<Group> groups;
    std::map<std::string, std::string> macro_files; ///< texts of the groups' macro files, by name
    std::map<std::string, std::int64_t> estimates;  ///< typical extents by dim name

    [[nodiscard]] const Dim* find_dim(std::string_view name) const;
    [[nodiscard]] const Input* find_input(std::string_view name) const;
    [[nodiscard]] const Const* find_const(std::string_view name) const;
    [[nodiscard]] const Definition* find_definition(std::string_view name) const;
    [[nodiscard]] bool is_output(std::string_view name) const;
    /// Dims of the input, const or definition of that name; \pre it exists.
    [[nodiscard]] const std::vector<std::string>& dims_of(std::string_view tensor) const;
    [[nodiscard]] const std::vector<Type> types_of(std::string_view tensor) const;
};

/// The index that an access uses for `dim` of its tensor: the explicit binding, or the loop index of that name.
[[nodiscard]] Ref index_of(const Node& access, const std::string& dim);

/// Roots of all expressions of a definition: values, where, into, identity, combine.
[[nodiscard]] std::vector<Ref> roots(const Definition& definition);

/// Names of tensors that a definition reads, in order of first use.
[[nodiscard]] std::vector<std::string> reads(const Definition& definition);

/// Loop dims of a definition: its dims, then its reduced dims or the scan's dims.
[[nodiscard]] std::vector<std::string> loop_dims(const Definition& definition);

/// Dims of the tensor that no loop of its own runs over freely: the scan's dims, and those that `into` binds. Whatever
/// a reader takes, all of them is computed.
[[nodiscard]] std::vector<std::string> whole_dims(const Definition& definition);

/// Dims whose loop index an expression uses, implicit by-name bindings of accesses included.
[[nodiscard]] std::vector<std::string> free_dims(const Kernel& kernel, const std::vector<Ref>& roots);

/// Structural equality of kernels; spans do not count.
[[nodiscard]] bool equal(const Kernel& a, const Kernel& b);

/// Checks the IR's own invariants (names resolve, types agree, topological order, canonical accesses). For passes and
/// the text parser: each violation is a diagnostic with the definition's span.
[[nodiscard]] std::vector<Diagnostic> validate(const Kernel& kernel);

} // namespace coulter::ir
