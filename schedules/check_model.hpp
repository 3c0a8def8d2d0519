#pragma once
/// The state of a check: the kernel as rewritten so far, and what is known about each stage.

#include "check_nest.hpp"
#include "coulter/schedule/check.hpp"
#include "expand_names.hpp"

namespace coulter::schedule::detail {

/// One definition and what its statements said.
struct Stage {
    enum class Where : std::uint8_t { unset, root, inlined, at };
    std::string origin; ///< the definition of the given kernel that it derives from; empty: an Input or Const
    Span span;          ///< its first statement
    Span block;         ///< its block, and that of its initialisation
    Span init_block;
    Where where = Where::unset;
    PlaceSyntax place;
    Span where_span;
    std::vector<Note> where_via; ///< the uses of the macros that the directive comes from
    bool store_given = false;
    PlaceSyntax store;
    Span store_span;
    std::vector<Note> store_via;
    std::optional<Memory> memory;
    Span memory_span;
    std::vector<std::string> layout; ///< names of the IR
    Span layout_span;
    Nest main;
    Nest init;
    bool pack_once = false;
    std::string lanes_of; ///< made by `vectorize` on a reduced loop of this stage
    Span lanes_span;
    bool broken = false; ///< a directive failed: what depends on the finished nest is not judged

    [[nodiscard]] bool has_loop_steps() const { return !main.steps().empty() || !init.steps().empty(); }
};

class Model {
public:
    Model(ir::Kernel kernel, std::vector<Diagnostic>& diagnostics);

    /// Applies all statements of one file (or of the default schedule).
    void apply(const ScheduleFile& file);

    /// Takes out the stages that nothing reads any more, as all their readers got clones. Not those with a block.
    void leave_out_unread();

    /// Judges the finished state and writes the plan; nothing where there was an error.
    [[nodiscard]] std::optional<Plan> finish();

    [[nodiscard]] const ir::Kernel& kernel() const { return kernel_; }
    /// Stages with a block or a place of their own, or with a stage placed in them: not the default schedule's.
    [[nodiscard]] std::vector<std::string> mentioned() const;
    /// The definition of the given kernel that a stage derives from; empty: an Input or Const.
    [[nodiscard]] const std::string& origin(const std::string& stage) const { return stages_.at(stage).origin; }
    /// The statement about a stage; line 0: there is none.
    [[nodiscard]] Span span_of(const std::string& stage) const;
    [[nodiscard]] bool has_errors() const;
    /// The statements in force so far, with the names of their stages: no wildcards, no layers, no macros.
    [[nodiscard]] std::vector<Statement> applied() const;
    [[nodiscard]] const std::vector<Span>& applied_spans() const { return spans_; }

    Numerics numerics = Numerics::reassociate;
    std::string target;
    std::string build_target;                    ///< that is built for; empty: any
    std::optional<Device> device;                ///< of the target; nothing where any may come
    bool one_kernel = true;                      ///< the files are for this kernel alone
    std::optional<std::size_t> first_directives; ///< see CheckOptions

private:
    friend class Finish;

    /// A nest as a block names it.
    struct Subject {
        std::string stage;
        bool init = false;
    };

    /// A statement that waits for a stage made below it.
    struct Pending {
        Statement statement;
        std::size_t index = 0;
    };

    // check_apply.cpp
    void statement(const ScheduleFile& file, std::size_t index, const Statement& s);
    void rewrite(const ScheduleFile& file, std::size_t index, const Statement& s);
    bool make(const Statement& s);
    void mention(const Statement& rewrite);
    void retry_pending();
    void block(const ScheduleFile& file, std::size_t index, const Statement& s);
    void apply_block(const Subject& subject, const Statement& s);
    std::optional<Subject> subject(const ScheduleFile& file, std::size_t index, const Name& name);
    void placement(Stage& stage, const std::string& name, const Directive& directive);
    void layout(Stage& stage, const std::string& name, const Directive& directive);
    void stamp(const Statement& block, const std::string& stage);
    bool within_limit(const Span& span);

    // check_wildcard.cpp
    void each_match(const ScheduleFile& file, std::size_t index);
    [[nodiscard]] std::optional<Statement> filled(const Statement& s, const Captures& captures);
    [[nodiscard]] const Statement* in_force(const ScheduleFile& file, const std::string& name) const;
    [[nodiscard]] std::optional<std::size_t> replacement(const ScheduleFile& file, std::size_t index,
                                                         const std::string& made) const;
    [[nodiscard]] bool is_dropped(const ScheduleFile& file, int layer, const std::string& name) const;
    void check_drop(const ScheduleFile& file, std::size_t index);
    void follow_renames(const ScheduleFile& file);
    [[nodiscard]] bool computes(const ir::Definition& definition, const std::string& stamp) const;
    void renamed(Statement& s) const;

    // check_like.cpp
    bool like(const Subject& subject, const Directive& directive);
    bool take_over(const Subject& subject, const Directive& directive, const std::vector<Directive>& directives);

    // check_directive.cpp
    bool directive(const Subject& subject, const Directive& directive);
    const LiveLoop* loop(const Subject& subject, const Name& name);
    bool new_name(const Subject& subject, const Name& name, std::string_view help);
    bool unmarked(const Subject& subject, const LiveLoop& live, const Name& name, std::string_view verb);
    bool factor(const Number& number, const Name& loop_name);
    bool split(const Subject& subject, const Name& name, const Number& by, Name outer, Name inner, Tail tail,
               const Span& tail_span, const Span& span);
    bool fuse(const Subject& subject, const Directive& directive);
    bool reorder(const Subject& subject, const std::vector<Name>& names, const Span& span);
    bool may_meet(const Subject& subject, const Name& name, const LiveLoop& live, LoopStep::Kind kind);
    bool mark(const Subject& subject, const Name& name, LoopStep::Kind kind, const Span& span);
    bool tile(const Subject& subject, const Directive& directive);
    bool vectorize(const Subject& subject, const Directive& directive);
    bool unroll(const Subject& subject, const Directive& directive);

    // check_gpu.cpp
    bool gpu(const Subject& subject, const Directive& directive);

    // check_rewrite.cpp
    bool free_name(const Name& name);
    void made(const std::string& name, const std::string& origin, const Span& span);
    bool pack(const Statement& statement);
    bool copy(const Statement& statement);
    bool accumulate(const Statement& statement);
    bool join(const Statement& statement);

    // check_chunk.cpp
    bool chunk(const Statement& statement);
    [[nodiscard]] std::string atomic_obstacle(const ir::Definition& stage) const;

    bool clone(const Statement& statement);
    const ir::Definition* stage_to_read(const Name& name);
    static void place_as_said(Stage& fresh, const Statement& statement);

    // check_factor.cpp
    struct Factored;
    bool rfactor(const Statement& statement);
    bool lanes(const Subject& subject, const Name& loop_name, const Span& span);
    std::optional<Factored> factorable(const std::string& stage, const Name& loop_name, bool as_lanes,
                                       const Span& span);
    bool lanes_fit(const std::string& stage, const Name& loop_name, const Factored& what);
    void factor_out(const std::string& stage, const Factored& what, const std::string& part, bool as_lanes,
                    const Span& span);
    void into_lanes(const std::string& stage, const Factored& what, const std::string& part, const Span& span);

    bool keeps_numerics(const ir::Definition& definition, std::string_view what, const Span& span);

    // check_model.cpp
    Nest& nest(const Subject& subject);
    [[nodiscard]] const ir::Definition& definition(const std::string& name) const;
    [[nodiscard]] std::vector<std::string> stage_names() const; ///< with the initialisations
    [[nodiscard]] std::string made_later(const ScheduleFile& file, std::size_t index, std::string_view name,
                                         Span& where) const;
    bool error(std::string code, const Span& span, std::string message, std::string help = {},
               std::vector<Note> notes = {});
    void warning(std::string code, const Span& span, std::string message, std::string help = {},
                 std::vector<Note> notes = {});
    const std::map<std::string, std::int64_t>& constants();
    void rewritten(ir::Kernel kernel);

    ir::Kernel original_;
    ir::Kernel kernel_;
    std::vector<Diagnostic>& diagnostics_;
    std::map<std::string, Stage> stages_;
    std::set<std::string> mentioned_;
    std::set<std::string> failed_;     ///< stages that a refused statement would have made
    std::vector<Pending> pending_; ///< copy and pack statements
    std::vector<Statement> applied_;
    std::vector<Span> spans_;              ///< of each directive and rewrite applied
    std::vector<const Statement*> early_;  ///< statements of a higher layer that took the place of a lower one
    std::map<std::string, std::vector<Directive>> blocks_; ///< of each stage or initialisation, for `like`
    std::map<std::string, std::vector<BaseLoop>> block_loops_; ///< that each of these blocks began with
    std::map<std::string, std::string> renamed_;           ///< stages that a stamp finds under another name
    std::map<std::string, std::string> former_;            ///< the other way round
    std::vector<std::string> liking_;                      ///< stages whose directives are being taken over
    const std::vector<Note>* via_ = nullptr;               ///< macros around what is being applied
    std::vector<std::pair<std::string, Span>> packs_; ///< source and statement
    std::vector<Pack> plan_packs_;
    std::optional<std::map<std::string, std::int64_t>> constants_;
};

/// A help text: the candidate that `given` was likely meant to be, and `what` followed by the list of all.
[[nodiscard]] std::string choices(std::string_view given, const std::vector<std::string>& candidates,
                                  std::string_view what);

/// All inputs, consts and definitions.
[[nodiscard]] std::vector<std::string> tensor_names(const ir::Kernel& kernel);

/// Whether the order of combination shows in the result: sums, products of floats and custom reductions over them.
[[nodiscard]] bool order_matters(const ir::Definition& definition);

} // namespace coulter::schedule::detail
