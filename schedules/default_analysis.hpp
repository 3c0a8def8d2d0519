#pragma once
/// What the default schedule knows of a kernel: typical extents, costs, which maps to inline, strides of reads.

#include "coulter/schedule/defaults.hpp"

#include <algorithm>
#include <set>

namespace coulter::schedule {

/// What the default schedule made of a kernel, and is stored whatever computing it costs.
struct MadeStages {
    std::set<std::string> held;                ///< copies of inputs for the tiles of an iteration
    std::set<std::string> transposed;          ///< copies of inputs with another dim innermost
    std::map<std::string, std::string> joined; ///< tuples of several stages, with the first of these
    std::map<std::string, std::string> steps;  ///< reductions that go by steps, with the sums of each step
};

inline constexpr const char* lanes_everywhere_decision = "lanes of *";
/// A word for that decision, which is no name of a dim: each stage has the lanes that suit it.
inline constexpr const char* own_lanes = "-";

class Analysis {
public:
    Analysis(const ir::Kernel& kernel, const std::vector<std::string>& already, const DefaultOptions& options,
             MadeStages made = {});

    [[nodiscard]] const ir::Kernel& kernel() const { return kernel_; }
    [[nodiscard]] const DefaultOptions& options() const { return options_; }
    /// Typical extent, at least 1.
    [[nodiscard]] std::int64_t extent(const std::string& dim) const { return extents_.at(dim); }
    [[nodiscard]] std::optional<std::int64_t> constant(const std::string& dim) const;
    [[nodiscard]] double points(const std::vector<std::string>& dims) const;

    [[nodiscard]] bool is_scheduled(const std::string& stage) const { return already_.count(stage) != 0; }
    [[nodiscard]] bool is_inlined(const std::string& stage) const { return inlined_.count(stage) != 0; }
    [[nodiscard]] bool is_held(const std::string& stage) const { return made_.held.contains(stage); }
    [[nodiscard]] bool is_transposed(const std::string& stage) const { return made_.transposed.contains(stage); }
    /// Whether a reduction goes by steps, or is the sum of each step.
    [[nodiscard]] bool is_stepped(const std::string& stage) const {
        return std::any_of(made_.steps.begin(), made_.steps.end(),
                           [&](const auto& each) { return each.first == stage || each.second == stage; });
    }
    /// The reduction that goes by the steps of which this is the sum; empty: none.
    [[nodiscard]] std::string stepping(const std::string& sum) const {
        const auto at =
            std::find_if(made_.steps.begin(), made_.steps.end(), [&](const auto& each) { return each.second == sum; });
        return at == made_.steps.end() ? std::string() : at->first;
    }
    /// Whether a tensor is the same in every call: a const, or a frozen input.
    [[nodiscard]] bool is_constant(const std::string& tensor) const;
    /// Whether a definition is what `pack` made: it is never inlined.
    [[nodiscard]] static bool is_packed(const ir::Definition& definition);
    /// Whether the device, where there is one, has the types that a definition computes with.
    [[nodiscard]] bool is_on_device(const ir::Definition& definition) const;
    /// Whether stages are to be launches of a device, which nothing exact is.
    [[nodiscard]] bool is_for_device() const {
        return options_.device != Device::none && options_.numerics != Numerics::exact;
    }
    /// Values and `where` of a definition, with inlined maps replaced by what they compute.
    [[nodiscard]] const std::vector<ir::Ref>& expanded(const std::string& stage) const { return expanded_.at(stage); }
    /// Distinct accesses of the expanded expressions.
    [[nodiscard]] const std::vector<ir::Ref>& reads(const std::string& stage) const { return reads_.at(stage); }
    /// What the other components of inlined tuples read, whose component this stage reads: for the checker it is read
    /// where the tuple is.
    [[nodiscard]] const std::vector<ir::Ref>& beside(const std::string& stage) const { return beside_.at(stage); }
    /// Definitions that are not inlined and whose expanded expressions read `tensor`, or that have it beside them.
    [[nodiscard]] const std::vector<std::string>& readers(const std::string& tensor) const;
    /// Cost of one evaluation of the expanded expressions, in simple operations.
    [[nodiscard]] double cost(const std::string& stage) const;
    /// The same without its loads, and without what depends on indices alone, which moves out of the inner loops; at
    /// least 1.
    [[nodiscard]] double operations(const std::string& stage) const;
    /// Elements of the widest type that fill a vector register.
    [[nodiscard]] std::int64_t lanes(const std::string& stage) const;

    /// Dims of a tensor in memory, outermost first.
    [[nodiscard]] const std::vector<std::string>& layout(const std::string& tensor) const;
    void set_layout(const std::string& tensor, std::vector<std::string> dims) { layouts_[tensor] = std::move(dims); }
    /// Tensors whose layout is not decided yet: each of their dims counts as the innermost one.
    void set_open(std::set<std::string> tensors) { open_ = std::move(tensors); }
    [[nodiscard]] bool is_innermost(const std::string& tensor, const std::string& dim) const;

    /// How a search decided `about` of a stage, where that is one of `words`; empty: as the estimates say.
    [[nodiscard]] std::optional<std::string> decided(const std::string& about, const std::string& stage,
                                                     const std::vector<std::string>& words,
                                                     bool ordered = false) const {
        return log_.decide(options_.decided, about, stage, words, ordered);
    }
    [[nodiscard]] DecisionLog& log() const { return log_; }
    /// Dims that most stages have.
    [[nodiscard]] std::vector<std::string> common_dims() const;
    /// The dim that is to lie along the lanes of every stage that has it.
    [[nodiscard]] const std::optional<std::string>& lanes_everywhere() const { return lanes_everywhere_; }

    /// Distance in memory, in elements, from one index of the loop `dim` to the next; nothing where it varies.
    [[nodiscard]] std::optional<std::int64_t> stride(const ir::Node& access, const std::string& dim) const;
    /// By how much each index of an access grows with the loop `dim`, in the order of the tensor's declaration; nothing
    /// where that varies. \pre the access lives as long as this.
    [[nodiscard]] const std::vector<std::optional<std::int64_t>>& steps(const ir::Node& access,
                                                                        const std::string& dim) const;

private:
    void find_extents();
    void choose_inlined();
    void expand();
    void expand_beside(const ir::Definition& definition);
    void find_readers();
    void decide_lanes();

    const ir::Kernel& kernel_;
    const DefaultOptions& options_;
    std::set<std::string> already_;
    MadeStages made_;
    std::map<std::string, std::int64_t> extents_;
    std::set<std::string> inlined_;
    std::map<std::string, std::vector<ir::Ref>> expanded_;
    std::map<std::string, std::vector<ir::Ref>> reads_;
    std::map<std::string, std::vector<ir::Ref>> beside_;
    std::map<std::string, std::vector<std::string>> readers_;
    std::map<std::string, std::vector<std::string>> layouts_; ///< where it is not the order of the declaration
    std::set<std::string> open_;
    std::optional<std::string> lanes_everywhere_;
    mutable DecisionLog log_; ///< of what was asked: no part of what the analysis knows
    // Found already, as they are asked for many times.
    mutable std::map<std::pair<const ir::Node*, std::string>, std::vector<std::optional<std::int64_t>>> steps_;
    mutable std::map<std::string, double> operations_;
    mutable std::map<std::string, std::int64_t> lanes_;
};

/// Dims of the loops in which a definition is computed: no loop runs over what `into` binds.
[[nodiscard]] std::vector<std::string> iterated_dims(const ir::Definition& definition);

/// Cost of evaluating expressions once, in simple operations.
[[nodiscard]] double expression_cost(const std::vector<ir::Ref>& roots);

/// The constant by which an index grows with the loop `dim`; nothing where it varies. Inside a tile of a packed tensor,
/// where `index % n` grows like `index` and `index / n` stays.
[[nodiscard]] std::optional<std::int64_t> index_step(const ir::Kernel& kernel, const ir::Ref& index,
                                                     const std::string& dim);

} // namespace coulter::schedule
