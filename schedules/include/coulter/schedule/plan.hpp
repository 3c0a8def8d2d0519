#pragma once
/// What the lowering is given: a kernel whose stages are all explicit, and a checked loop nest for each.
///
/// `accumulate`, `copy`, `pack` and `rfactor` are rewrites of the IR, done before the plan exists: their stages are
/// ordinary definitions of Plan::kernel, which the interpreter can run as well.

#include "coulter/ir.hpp"
#include "coulter/schedule/decisions.hpp"

namespace coulter::schedule {

/// What runs the kernels of a GPU schedule, by the interface that it is called through.
enum class Device : std::uint8_t { none, opencl, cuda };

/// How far a schedule may change the bits of a result.
enum class Numerics : std::uint8_t { exact, reassociate, fast };

/// What happens to the part of the last tile that lies outside: only tails that keep results exist.
enum class Tail : std::uint8_t {
    guard,     ///< `if` around the body; always legal
    predicate, ///< predicated loads and stores; always legal
    round_up,  ///< the factor divides the extent, for every extent
    shift      ///< the last tile starts earlier and recomputes; the extent is at least the factor, pure stages only
};

/// One step on the loops of a stage, in the written order. Loops are named as in the schedule (`out`, `out.o`).
struct LoopStep {
    enum class Kind : std::uint8_t {
        split,
        fuse,
        reorder,
        vectorize,
        unroll,
        parallel,
        serial,
        gpu_block,  ///< each iteration is a block of threads
        gpu_thread, ///< each iteration is a thread of the block
        gpu_lane    ///< each iteration is a lane of a warp; CUDA only
    } kind = Kind::split;
    std::string loop;               ///< split: the loop that ends; fuse: the inner one; others: the loop
    std::string outer;              ///< split: new loop; fuse: the outer one
    std::string inner;              ///< split: new loop; fuse: the fused loop
    std::int64_t factor = 0;        ///< split
    Tail tail = Tail::guard;        ///< split
    std::vector<std::string> order; ///< reorder: innermost first
    Span span;                      ///< the directive in the file, for messages about a failed lowering
};

/// A loop nest in its final form, for `coulter show --as loops` and for placing other stages.
struct Loop {
    std::string name;
    bool reduced = false;               ///< runs over (part of) a reduced dim
    std::optional<std::int64_t> extent; ///< where it is constant
    LoopStep::Kind kind = LoopStep::Kind::serial; ///< serial, or what a directive made of it
};

[[nodiscard]] inline bool is_gpu(LoopStep::Kind kind) {
    return kind == LoopStep::Kind::gpu_block || kind == LoopStep::Kind::gpu_thread || kind == LoopStep::Kind::gpu_lane;
}

struct LoopNest {
    std::vector<LoopStep> steps;
    std::vector<Loop> loops; ///< outermost first, after all steps
};

/// On a device, `heap` is global memory, and `shared` is that of a block.
enum class Memory : std::uint8_t { automatic, heap, stack, registers, shared };

/// Inside the loop `loop` of stage `stage`, or at root where `stage` is empty.
struct Place {
    std::string stage; ///< `votes`, or `votes.init` for the initialisation of a reduction
    std::string loop;
    [[nodiscard]] bool is_root() const { return stage.empty(); }
};

struct StagePlan {
    std::string name; ///< the definition
    bool inlined = false;
    Place compute;
    std::optional<Place> store; ///< where it differs from compute
    Memory memory = Memory::automatic;
    std::vector<std::string> layout; ///< storage order, outermost first; empty: the order of Definition::dims
    /// Constant number of elements of a dim that one realisation computes, where the schedule fixes it (a tile of its
    /// consumer): the loops over it run exactly so long and reads beyond a tensor are clamped.
    std::map<std::string, std::int64_t> tile;
    std::optional<LoopNest> init; ///< reductions only
    LoopNest main;
    Span span; ///< the `stage` statement; empty file for defaults
};

/// A stage computed by a function of its own whose result the caller's context keeps.
struct Pack {
    std::string stage;
    std::string source; ///< Input or Const
    bool once = false;
};

struct Plan {
    ir::Kernel kernel;
    Numerics numerics = Numerics::reassociate;
    std::vector<StagePlan> stages; ///< one per definition of `kernel`, in its order
    std::vector<Pack> packs;
    std::string target;        ///< of the `target` line; empty: any
    std::string schedule_text; ///< canonical text in force, for metadata; empty: the default schedule
    std::string completion_text; ///< statements that the default schedule added for all other stages
    std::string completion_why;  ///< the same with the reason for each directive as a comment
    std::vector<Decision> decisions; ///< of the default schedule
};

/// When a variant is called: everything that is said must hold.
struct Condition {
    ir::Ref extents;            ///< boolean, over extents of the kernel's dims; null: whatever they are
    bool compact = false;       ///< every tensor has the strides of a compact one
    std::int64_t alignment = 1; ///< every data pointer is a multiple of so many bytes
    std::string target;         ///< compiled for it, and called where the processor has it; empty: as the library
    std::string text;           ///< as the schedule says it
};

/// A whole plan of its own for some calls: the common part of a schedule and what the variant changes in it.
struct Variant {
    std::string name;
    Condition when;
    Plan plan;
    Span span; ///< the `variant` line
};

} // namespace coulter::schedule
