#pragma once
/// The loops of one stage while directives are applied to them.

#include "coulter/schedule/plan.hpp"

#include <set>

namespace coulter::schedule::detail {

/// A contribution of a loop to a dim: the loop's index times `stride`.
struct Component {
    std::string dim; ///< of the IR
    std::int64_t stride = 1;
    std::optional<std::int64_t> extent;
};

struct LiveLoop {
    std::string name;
    bool reduced = false;
    std::optional<std::int64_t> extent;
    LoopStep::Kind kind = LoopStep::Kind::serial;
    Span marked; ///< the directive that gave `kind`
    std::vector<Component> components;
    int fused = -1;          ///< the fuse step that this loop comes from
    bool fuse_split = false; ///< it is a part of that loop
    bool from_split = false;
    bool from_shift = false; ///< of a split with the tail `shift`
};

/// A loop that a nest begins with.
struct BaseLoop {
    std::string name; ///< display_name(dim)
    std::string dim;
    bool reduced = false;
};

/// Loops as they stand, and the steps that made them.
class Nest {
public:
    Nest() = default;
    explicit Nest(std::vector<BaseLoop> base);

    /// \pre the step's loops exist and its new names are free.
    void apply(const LoopStep& step);

    [[nodiscard]] const LiveLoop* find(const std::string& name) const;
    /// The place of a loop, outermost 0; \pre it exists.
    [[nodiscard]] std::size_t position(const std::string& name) const;
    [[nodiscard]] std::vector<std::string> names() const; ///< outermost first
    [[nodiscard]] bool was_used(const std::string& name) const { return used_.contains(name); }

    [[nodiscard]] const std::vector<BaseLoop>& base() const { return base_; }
    [[nodiscard]] const std::vector<LoopStep>& steps() const { return steps_; }
    [[nodiscard]] const std::vector<LiveLoop>& loops() const { return loops_; }

    /// Extents of the base loops by dim, before any step is applied.
    void set_extents(const std::map<std::string, std::int64_t>& extents);

    /// The step that ended the loop `name`, or null.
    [[nodiscard]] const LoopStep* consumer(const std::string& name) const;

    /// Number of elements of `dim` between the first and the last that the loops inside position `at` touch while those
    /// outside stand still; nothing where it is not constant.
    [[nodiscard]] std::optional<std::int64_t> span_inside(const std::string& dim, std::size_t at) const;

    /// Names of loops that a failed directive would have made, and other names of loops.
    std::set<std::string> phantoms;
    std::map<std::string, std::string> aliases;
    std::map<std::string, std::string> moved; ///< loop to the stage that a rewrite moved it to

private:
    std::vector<BaseLoop> base_;
    std::vector<LoopStep> steps_;
    std::vector<LiveLoop> loops_;
    std::set<std::string> used_;
};

/// Pure loops of a definition's main nest, outermost first, then its reduced ones.
[[nodiscard]] std::vector<BaseLoop> main_loops(const ir::Definition& definition);
/// Loops of the initialisation; empty for a map.
[[nodiscard]] std::vector<BaseLoop> init_loops(const ir::Definition& definition);

/// Whether a definition has an initialisation. A scan has none: each element is written once.
[[nodiscard]] inline bool has_init(const ir::Definition& definition) { return definition.reduction.has_value(); }

[[nodiscard]] inline bool is_map(const ir::Definition& definition) { return !definition.reduction && !definition.scan; }

/// Applies what is left of a step of another nest to `to`, which lacks some of its loops. After a reorder its loops
/// come in the relative order of `order`, outermost first; a fuse of loops that are not adjacent here is left out.
void apply_rest(Nest& to, LoopStep step, const std::vector<std::string>& order);

/// The steps of `from`, applied to `to` in this way.
void replay(const Nest& from, Nest& to);

[[nodiscard]] std::int64_t ceil_div(std::int64_t a, std::int64_t b);
/// The product of two numbers that are not negative, or 2^60 where it is larger.
[[nodiscard]] std::int64_t saturating_mul(std::int64_t a, std::int64_t b);

} // namespace coulter::schedule::detail
