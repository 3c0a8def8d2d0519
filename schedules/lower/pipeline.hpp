#pragma once
/// A plan as Halide functions: the state that the passes of the lowering hand on.

#include "coulter/schedule/plan.hpp"
#include "expressions.hpp"

#include <memory>

namespace coulter::lower {

/// A reduced loop whose products an instruction adds at once. The dim runs over whole groups, and over the rest in an
/// update of its own.
struct Dot {
    std::string dim;
    std::string outer;  ///< the loop over groups
    std::string inner;  ///< the one in a group
    int factor = 0;     ///< size of a group
    bool exact = false; ///< there is no rest
};

/// One definition of the plan's kernel in Halide.
struct Stage {
    const ir::Definition* definition = nullptr;
    const schedule::StagePlan* plan = nullptr;
    Halide::Func func;
    std::vector<std::string> args; ///< dims, innermost in memory first
    std::map<std::string, Halide::Var> vars;
    std::map<std::string, Halide::RVar> rvars; ///< by dim; of a dot product, its two loops by their names
    std::optional<Dot> dot;
    std::map<std::string, Halide::RVar> rest_rvars; ///< of its second update
    /// Number of elements of a dim that one realisation computes, where constant.
    std::map<std::string, std::int64_t> computed;
    std::set<std::string> overrun; ///< dims whose last tile or vector may pass the extent
    std::set<std::string> rounded; ///< loops that are split into vectors without a rest
    /// A reduction over a few partial results, all unrolled: defined without an update, as halves that meet.
    bool tree = false;
    std::vector<Halide::Func> halves; ///< of the tree, over `lane` and the stage's dims; whole vectors
    Halide::Var lane{"lane"};
    /// The value beyond the tensor's ends, where the stage itself provides it for its readers (see absorb_padding), and
    /// the dims along which they go there.
    ir::Ref pad;
    std::set<std::string> padded_dims;
    /// A copy of an input that the caller's context keeps: a function of its own computes it, and the main function is
    /// given its buffer.
    bool packed_once = false;
    Halide::ImageParam packed;
};

/// Whether several threads combine into the elements of one stage at the same time.
[[nodiscard]] bool is_atomic(const schedule::LoopNest& nest);

/// Everything from a checked plan to Halide functions ready to compile.
struct Lowering {
    schedule::Plan plan;
    std::string variant; ///< its name; empty: the common part
    Halide::Target target;
    std::unique_ptr<Extents> extents;
    std::unique_ptr<Math> math;
    Halide::Expr zero; ///< int32 argument that is always 0
    std::vector<Halide::Argument> zero_argument;
    std::map<std::string, Halide::ImageParam> images; ///< tensor inputs
    std::map<std::string, Halide::Parameter> scalars;
    std::map<std::string, Source> sources;
    std::map<std::string, Stage> stages;

    /// Arguments of the main function in the order of the calling convention (descriptor.h), outputs left out.
    [[nodiscard]] std::vector<Halide::Argument> arguments() const;
    /// Arguments of the function that computes a stage packed once.
    [[nodiscard]] std::vector<Halide::Argument> pack_arguments(const Stage& stage) const;
    [[nodiscard]] std::vector<Halide::Func> outputs() const;
};

// The passes, in their order; each says what holds after it.

/// Copies of constants that are packed once are constants themselves.
void fold_constants(Lowering& lowering);
/// Arguments exist: extents, inputs, scalars, constants, packed buffers.
void declare_arguments(Lowering& lowering);
/// Every definition has a Halide function with its memory order, without a definition.
void declare_stages(Lowering& lowering);
/// A map that is stored, and that every reader reads padded with one constant, holds the padding itself: its function
/// is defined beyond its ends, and the readers' inner loops ask no questions.
void absorb_padding(Lowering& lowering);
/// The dims that each stage's loops run past are known, and its reads of other stages along them are computed there.
void find_overruns(Lowering& lowering);
/// Every function is defined.
void define_stages(Lowering& lowering);
/// Extents that are known to be constant, and the sizes of outputs, are stated.
void bound_stages(Lowering& lowering);
/// Loop nests have the shape of the plan.
void shape_loops(Lowering& lowering);
/// Every stage is computed and stored where the plan says.
void place_stages(Lowering& lowering);

/// Functions to compile, with the corrections that Halide's lowered code needs.
[[nodiscard]] Halide::Pipeline make_pipeline(const std::vector<Halide::Func>& outputs, const Math& math);

/// Parts of vectors that lie in registers are taken from these.
void read_whole_vectors(Halide::Pipeline& pipeline);

/// Sines and cosines of f32 are computed in the lanes of vectors, on the processor.
void calculate_in_lanes(Halide::Pipeline& pipeline, const Math& math);

/// Launches of empty grids, and empty memory of a device, do not happen in code lowered for a device, and no check is
/// lost.
void correct_kernels(Halide::Pipeline& pipeline, const Halide::Target& target);
/// The module with names of its kernels' sources and of their state that no other prefix gives: so that it can be
/// linked.
[[nodiscard]] Halide::Module with_names_of_its_own(const Halide::Module& module, const std::string& prefix);
/// A line for each launch in the module's code, the first first:
/// `// launch ENTRY: stage STAGE step N, threads X Y Z, shared memory BYTES`. Step 0 of a reduction is its
/// initialisation; `?` stands for a number that is no constant.
[[nodiscard]] std::string launch_comments(const Halide::Module& module);
/// What an OpenCL device must have for the types of a kernel.
[[nodiscard]] std::vector<Halide::Target::Feature> device_features(const ir::Kernel& kernel);

/// All of them.
void run_passes(Lowering& lowering);

/// Halide's target of that name (see find_target), with what the numerics ask of it.
[[nodiscard]] Halide::Target halide_target(const std::string& name, schedule::Numerics numerics);

} // namespace coulter::lower
