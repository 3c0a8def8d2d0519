#pragma once
/// Expressions compiled to a list of steps over columns of lanes; one lane is one point of a definition's loops.
///
/// Evaluating some hundred points per step keeps the interpreter fast without any rewriting of the arithmetic: every
/// step does to each lane exactly what the node says, in the node's type.

#include "coulter/array.hpp"
#include "coulter/ir.hpp"

#include <array>
#include <memory>

namespace coulter::interpreter {

/// A value: floats of every type in `f`, exact; everything else in `i` (u64 as its bit pattern, bool as 0 or 1).
union Lane {
    double f;
    std::int64_t i;
};

/// A tensor that accesses can read. The arrays are owned elsewhere.
struct Tensor {
    std::vector<std::string> dims;
    std::vector<std::int64_t> shape;
    std::vector<std::int64_t> strides; ///< in elements
    std::vector<const Array*> components;

    Tensor() = default;
    Tensor(std::vector<std::string> dims, std::vector<const Array*> components); ///< shape from the arrays
};

/// Counts evaluated steps. \throws std::runtime_error past the limit.
struct Budget {
    std::int64_t limit = 0; ///< 0: none
    std::int64_t used = 0;
    void spend(std::int64_t steps);
};

/// What the expressions of one definition may refer to.
struct Scope {
    std::string definition; ///< for messages
    const std::map<std::string, Tensor>* tensors = nullptr;
    const std::map<std::string, std::int64_t>* extents = nullptr;
    std::vector<std::string> loop_dims;
    std::vector<Lane*> loops; ///< the column of each loop dim, filled before each run
    std::vector<Type> state;  ///< components that `operand` nodes may name, of the state or of the values
    bool in_double = false;
};

/// The type in which values of `type` are computed and stored.
[[nodiscard]] inline Type working_type(Type type, bool in_double) {
    return in_double && is_float(type) ? Type::f64 : type;
}

/// Reads elements `offsets[0 .. count)` of an array into lanes.
void load_lanes(const Array& array, const std::int64_t* offsets, int count, Lane* out);
/// Writes lanes to elements; the lanes' values are of the array's type already.
void store_lanes(Array& array, const std::int64_t* offsets, int count, const Lane* values);

/// "`y` = 3, `ky` = 0": the point of one lane.
[[nodiscard]] std::string point_text(const Scope& scope, int lane);

class Program {
public:
    /// Compiles `roots` for up to `lanes` lanes a run. Null roots are allowed and have no result.
    /// \throws std::runtime_error for a name that the scope lacks.
    Program(const Scope& scope, const std::vector<ir::Ref>& roots, int lanes);
    Program(const Program&) = delete;
    Program& operator=(const Program&) = delete;

    /// Evaluates lanes 0 .. count-1. \throws std::runtime_error for a checked access out of range.
    void run(int count, Budget& budget);
    /// The column of root number `root`, valid until the next run.
    [[nodiscard]] const Lane* result(std::size_t root) const { return results_[root]; }
    /// The column that `operand` nodes of one component read; to be filled before a run.
    [[nodiscard]] Lane* operand(std::size_t component, bool right) {
        return operands_[component * 2 + (right ? 1 : 0)].data();
    }
    /// The state of another step: its node, and the column that is to be filled before a run.
    struct Placed {
        const ir::Node* node;
        std::vector<Lane> column;
    };
    [[nodiscard]] std::vector<std::unique_ptr<Placed>>& placed() { return placed_; }

private:
    struct Binding {
        std::string dim;
        const Lane* index = nullptr;
        std::int64_t stride = 0;
        std::int64_t extent = 0;
        bool by_name = false; ///< cannot leave the range: the loop has the dim's own extent
    };
    struct Access {
        const Array* array = nullptr;
        std::vector<Binding> bindings;
        const Lane* pad = nullptr; ///< null unless padded
    };
    struct Step {
        const ir::Node* node = nullptr;
        Type type = Type::index;    ///< of the result
        Type operand = Type::index; ///< of the last operand, which tells how a comparison or a cast reads
        Lane* out = nullptr;
        std::array<const Lane*, 3> in{};
        int access = -1;
    };

    void compile(const std::vector<ir::Ref>& roots);
    [[nodiscard]] const Lane* leaf(const ir::Node& node);
    void bind(Access& access, const ir::Node& node, const std::map<const ir::Node*, const Lane*>& columns) const;
    void run_access(const Step& step, int count);
    [[noreturn]] void out_of_range(const ir::Node& node, const Access& access, int lane) const;

    const Scope& scope_;
    int lanes_;
    std::vector<std::vector<Lane>> registers_;
    std::vector<std::vector<Lane>> operands_;
    std::vector<std::unique_ptr<Placed>> placed_;
    std::map<std::pair<Type, std::int64_t>, std::vector<Lane>> constants_; ///< by type and bits
    std::vector<Step> steps_;
    std::vector<Access> accesses_;
    std::vector<ir::Ref> roots_; ///< keeps the nodes alive
    std::vector<const Lane*> results_;
    std::vector<std::int64_t> offsets_;
    std::vector<unsigned char> outside_;
};

} // namespace coulter::interpreter
