#pragma once
/// What of each stage is needed inside one iteration of a loop, at given extents.

#include "check_nest.hpp"
#include "coulter/schedule/overrun.hpp"
#include "coulter/schedule/plan.hpp"

namespace coulter::schedule::detail {

/// Where a tile of the stage that owns the place begins, along one of its dims: `coefficient` times 0 to `count` - 1.
struct Start {
    std::int64_t coefficient = 1; ///< not 0
    std::int64_t count = 1;
    friend bool operator==(const Start&, const Start&) = default;
};

/// The indices of a dim that are touched: the sum of the starts of `base`, by dim, then `low` to `high`.
struct Range {
    std::map<std::string, Start> base;
    std::int64_t low = 0;
    std::int64_t high = 0;
    bool exact = true;     ///< false: more than is touched
    bool constant = false; ///< `high - low` is the same for all extents
    [[nodiscard]] std::int64_t width() const { return high - low + 1; }
};

/// Ranges of the dims of stages, reduced dims included, by stage and dim.
using StageRanges = std::map<std::string, std::map<std::string, Range>>;

class Regions {
public:
    /// \param extents of every dim of the plan's kernel. Both outlive this.
    Regions(const Plan& plan, const std::map<std::string, std::int64_t>& extents);

    /// What the iteration of the place's loop needs; at root, a whole call. Stages whose readers all are elsewhere are
    /// missing.
    [[nodiscard]] const StageRanges& inside(const Place& place);

    /// The loops of a stage's nest with the extents that one computation has.
    [[nodiscard]] const Nest& nest(const std::string& stage, bool init);

    [[nodiscard]] const StagePlan& plan_of(const std::string& stage) const { return *plans_.at(stage); }
    [[nodiscard]] const std::map<std::string, std::int64_t>& extents() const { return extents_; }

    /// How many elements of a pure dim one computation of the stage covers.
    [[nodiscard]] std::int64_t nest_extent(const std::string& stage, const std::string& dim);

    /// The indices of a dim of the tensor of an access while its reader's dims have the given ranges.
    [[nodiscard]] Range accessed(const ir::Node& access, const std::string& dim,
                                 const std::map<std::string, Range>& reader) const {
        return clipped(index(ir::index_of(access, dim), dim, reader), dim);
    }

    /// The stage that a place belongs to, and whether to its initialisation.
    [[nodiscard]] std::pair<std::string, bool> owner(const Place& place) const;

private:
    struct Use {
        const ir::Definition* reader = nullptr;
        const ir::Node* access = nullptr;
    };

    [[nodiscard]] StageRanges compute(const Place& place);
    void owner_ranges(const Place& place, StageRanges& ranges);
    [[nodiscard]] std::int64_t grain_at(const Place& place, const std::string& stage, const std::string& dim);
    void reduced_ranges(const ir::Definition& definition, StageRanges& ranges) const;
    [[nodiscard]] Range whole(const std::string& dim, bool exact) const;
    [[nodiscard]] std::optional<Range> read(const ir::Definition& definition, const std::string& dim,
                                            const StageRanges& ranges) const;
    [[nodiscard]] Range index(const ir::Ref& expression, const std::string& dim,
                              const std::map<std::string, Range>& reader) const;
    /// Whole vectors, where the stage computes no others.
    void round(const std::string& stage, const std::string& dim, Range& range) const;
    [[nodiscard]] Range clipped(Range range, const std::string& dim) const;

    const Plan& plan_;
    const std::map<std::string, std::int64_t>& extents_;
    std::map<std::string, std::int64_t> constants_;
    std::map<std::string, HeldPadding> padding_;
    std::map<std::string, Overrun> overruns_;
    std::map<std::string, const StagePlan*> plans_;
    std::map<std::string, std::vector<Use>> uses_;
    std::map<std::pair<std::string, std::string>, StageRanges> done_;
    std::map<std::pair<std::string, bool>, Nest> nests_;
};

} // namespace coulter::schedule::detail
