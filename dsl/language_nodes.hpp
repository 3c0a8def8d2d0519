#pragma once
// What stands behind the handles of the language: expression nodes, tensors, dims and groups, before they have names.

#include "coulter/kernel.hpp"

namespace coulter::detail {

/// Destroys what `owner` holds without recursion: nested calls only queue.
void discard(std::shared_ptr<const void> owner);

struct DimState {
    std::string name;
    std::optional<std::int64_t> size;
    NodeRef extent;
    SourceLoc loc;
    std::vector<Diagnostic> problems;
};

enum class Literal : std::uint8_t { none, integer, real, boolean };

/// Distinct dims, by name, in order of first appearance.
using DimList = std::vector<DimRef>;
using DimListRef = std::shared_ptr<const DimList>;

/// Like ir::Node, but with handles in place of names. A poisoned node has no type because something in or under it is
/// wrong; it keeps its operands so that all mistakes are found, and whatever uses it is poisoned silently.
struct ExprNode {
    ir::Kind kind = ir::Kind::constant;
    ir::Op op = ir::Op::none;
    Type type = Type::index;
    Literal literal = Literal::none; ///< constant: without a type of its own
    bool above_i64 = false;          ///< integer literal beyond i64: `integer` is its bit pattern
    bool poison = false;
    bool undefined = false; ///< access: the tensor had no definition yet, and `pending` is set in place of `tensor`
    std::weak_ptr<TensorState> pending; ///< weak, as a definition that uses itself would own itself
    std::string pending_name;
    SourceLoc pending_loc; ///< its declaration
    std::vector<NodeRef> args;
    std::int64_t integer = 0;
    double real = 0;
    DimRef dim;                          ///< dim, extent
    TensorRef tensor;                    ///< access
    std::vector<DimRef> bound;           ///< access: args[i] is the index of bound[i]; the pad value follows
    std::vector<std::int64_t> distances; ///< operand: how far away the state is along bound[i]
    int component = 0;
    bool right = false;
    ir::Boundary boundary = ir::Boundary::checked;
    DimListRef free;
    SourceLoc loc;
    std::vector<Diagnostic> problems;

    ExprNode() = default;
    ExprNode(const ExprNode&) = default;
    ExprNode(ExprNode&&) = default;
    ExprNode& operator=(const ExprNode&) = delete;
    ~ExprNode();
};

struct IntoState {
    DimRef dim;
    NodeRef index;
};

enum class TensorKind : std::uint8_t { plain, input, constant };

/// A tensor while the kernel is written. `alias`: the handle's tensor became another one (`y = softmax(x, k)`).
struct TensorState {
    TensorKind kind = TensorKind::plain;
    std::string name;    ///< empty: anonymous
    GroupRef name_group; ///< the group in which `name` is a role; null: the kernel
    GroupRef home;       ///< the group that was open at the creation
    std::string role;    ///< what an anonymous tensor is called after its user: "sum", "max", "map"
    SourceLoc loc;
    TensorRef alias;
    std::uint64_t sequence = 0; ///< order of declaration

    bool defined = false;
    SourceLoc definition_loc;
    GroupRef definition_group;
    DimList dims;
    std::vector<Type> types;
    bool poison = false; ///< the types are unknown because the definition is wrong
    std::vector<NodeRef> values;
    std::optional<ir::ReduceOp> reduce;
    DimList reduced;
    NodeRef where;
    std::vector<IntoState> into;
    bool atomic = false;
    bool scan = false;
    DimList scan_dims; ///< outermost first
    bool reversed = false;
    bool exclusive = false;
    bool associative = false;
    std::vector<NodeRef> identity;
    std::vector<NodeRef> combine;

    bool frozen = false;         ///< input
    std::vector<std::byte> data; ///< constant
    std::vector<Diagnostic> problems;

    TensorState() = default;
    TensorState(const TensorState&) = delete;
    TensorState& operator=(const TensorState&) = delete;
    ~TensorState();
};

/// One call of a library function.
struct GroupState {
    std::string function;
    GroupRef outer;
    std::vector<NodeRef> inputs;
    std::string macro_file;
    std::string macro_text;
    std::shared_ptr<const ir::Kernel> vjp; ///< over `in0`, `in1` ..., `out` and `d_out`; gives `d_in0` ...
    std::vector<Diagnostic> problems;
    SourceLoc call; ///< the author's line
    SourceLoc body; ///< in the function
};

/// The innermost open library function, or null.
GroupRef& current_group();
/// True when `group` is `ancestor` or was called, directly or not, from it; null is the kernel itself.
[[nodiscard]] bool within(const GroupRef& group, const GroupRef& ancestor);

/// The tensor that a handle stands for.
[[nodiscard]] TensorRef resolve(TensorRef tensor);

/// The last two components of a path, so that no machine path shows.
[[nodiscard]] Span span_of(SourceLoc loc);
/// A diagnostic at `loc`; inside a library function the author's line comes first and `loc` is a note.
[[nodiscard]] Diagnostic diagnose(const char* code, SourceLoc loc, const GroupRef& group, std::string message,
                                  std::string help = {}, std::vector<Note> notes = {});
/// In the group that is open now.
[[nodiscard]] Diagnostic diagnose(const char* code, SourceLoc loc, std::string message, std::string help = {},
                                  std::vector<Note> notes = {});

/// Nothing for a valid name, else what is wrong with it. `what`: "tensor", "dim".
[[nodiscard]] std::vector<Diagnostic> check_identifier(const char* what, const std::string& name, SourceLoc loc);

[[nodiscard]] std::vector<std::string> names_of(const DimList& dims);
[[nodiscard]] bool contains(const DimList& dims, const std::string& name);
void append_unique(DimList& dims, const DimRef& dim);
[[nodiscard]] DimListRef no_dims();
[[nodiscard]] DimListRef merge(const DimListRef& a, const DimListRef& b);

/// Fills in `free` (and poison) from the operands, for all kinds but access.
[[nodiscard]] NodeRef finish(ExprNode node);
[[nodiscard]] NodeRef poison_node(std::vector<NodeRef> args, SourceLoc loc, std::vector<Diagnostic> problems);
/// `node` as a typed constant or cast where it is a literal or narrower; poison with a message where it cannot be.
/// `role` says what needs the type: "the pad value of `x`".
[[nodiscard]] NodeRef coerce(const NodeRef& node, Type type, SourceLoc loc, const std::string& role);
[[nodiscard]] NodeRef cast_node(Type type, const NodeRef& node, SourceLoc loc);
/// A literal has no type where nothing says one: poison with a message.
[[nodiscard]] NodeRef require_type(const NodeRef& node, SourceLoc loc);
[[nodiscard]] std::string describe(const ExprNode& node); ///< "the literal 300", "a value of type f32"

/// An access with all dims by name.
[[nodiscard]] NodeRef bare_access(const TensorRef& tensor, int component, SourceLoc loc);
[[nodiscard]] NodeRef access_node(const TensorRef& tensor, const std::vector<AccessArg>& args, int component,
                                  ir::Boundary boundary, const NodeRef& pad, SourceLoc loc);
/// The state of another step of a scan than the one before: `state` bound along some of the scan's dims.
[[nodiscard]] NodeRef bound_state(const ExprNode& state, const std::vector<AccessArg>& args, SourceLoc loc);
[[nodiscard]] bool is_bare_access(const ExprNode& node);
[[nodiscard]] TensorRef new_tensor(SourceLoc loc);
/// How messages call a tensor: "`votes`", or "this `sum`".
[[nodiscard]] std::string called(const TensorState& tensor);
/// Declares `tensor` anonymous and defined as a reduction or scan that is already filled in; sets its dims.
[[nodiscard]] TensorRef finish_reduction(TensorRef tensor, SourceLoc loc);

/// Tensors that the definition of `tensor` reads, in textual order.
[[nodiscard]] std::vector<TensorRef> producers(const TensorState& tensor);
/// All roots of the definition.
[[nodiscard]] std::vector<NodeRef> expression_roots(const TensorState& tensor);
/// Nodes under `roots`, operands first, each once. Iterative.
[[nodiscard]] std::vector<const ExprNode*> postorder(const std::vector<NodeRef>& roots);

/// The final names of tensors and groups.
struct Names {
    std::unordered_map<const TensorState*, std::string> tensors;
    std::vector<std::pair<const GroupState*, std::string>> groups; ///< in order of first definition
    std::unordered_map<const GroupState*, std::vector<const TensorState*>> outputs;
    std::vector<Diagnostic> problems;
};
/// Names every definition in `order` (producers first): its own name, or one made of its user and its role.
[[nodiscard]] Names name_tensors(const std::vector<TensorRef>& order, const std::vector<TensorRef>& outputs);

} // namespace coulter::detail
