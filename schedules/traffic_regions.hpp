#pragma once
/// The loops of a plan as a tree, and what each of them touches.

#include "coulter/schedule/footprint.hpp"
#include "footprint_regions.hpp"

namespace coulter::schedule::detail {

/// An assignment that runs once in each iteration of the loop that it stands in.
struct Assignment {
    const ir::Definition* stage = nullptr;
    bool init = false;
};

/// One iteration of a loop; at the root, one call.
struct LoopNode {
    Place place;
    double trips = 1; ///< iterations of the loop for each iteration around it
    LoopStep::Kind kind = LoopStep::Kind::serial;
    std::vector<std::unique_ptr<LoopNode>> loops;
    std::vector<Assignment> assignments;
    std::set<std::string> stored; ///< stages whose storage begins and ends in this iteration
};

/// What some code touches of a tensor.
struct Touch {
    double bytes = 0;
    bool read = false;
    bool written = false;
    bool made = false; ///< its first values are written here
};
using Touches = std::map<std::string, Touch>;

class LoopTree {
public:
    /// \param stored what each stage takes: memory that a loop uses again in each iteration counts once.
    LoopTree(const Plan& plan, const std::map<std::string, std::int64_t>& extents,
             const std::vector<Footprint>& stored);

    [[nodiscard]] const LoopNode& root() const { return root_; }

    /// What `part`, which is `whole` or one of the loops in it, touches in one iteration of `whole`: all iterations of
    /// that loop. What is stored inside `inside` is left out where that is not null, for it dies there.
    [[nodiscard]] Touches touched(const LoopNode& whole, const LoopNode& part, const LoopNode* inside);
    /// What the assignments in `whole` itself touch in one iteration of it.
    [[nodiscard]] Touches touched_by_assignments(const LoopNode& whole);
    /// Bytes of all that one iteration touches.
    [[nodiscard]] double footprint(const LoopNode& node);

private:
    using Box = std::vector<Range>;
    struct Boxes {
        std::vector<Box> all;
        double most = 0;  ///< elements, at most as many as there are accesses
        double bytes = 0; ///< of an element
    };
    struct Found {
        Touches touches;
        std::map<std::string, Boxes> boxes;
    };

    void place_stages(LoopNode& node);
    void add_nest(LoopNode& node, const ir::Definition& stage, bool init, std::size_t at);
    void collect(const LoopNode& whole, const LoopNode& part, double runs, Found& found);
    void collect(const LoopNode& whole, const Assignment& assignment, double runs, Found& found);
    void add_access(const LoopNode& whole, const ir::Definition& reader, const ir::Node& access, double runs,
                    Found& found);
    void add_box(const std::string& tensor, Box box, double runs, double bytes, Found& found) const;
    [[nodiscard]] Touches finish(Found found) const;

    const Plan& plan_;
    const std::map<std::string, std::int64_t>& extents_;
    Regions regions_;
    std::set<std::string> packed_;
    std::map<std::string, double> stored_; ///< bytes
    LoopNode root_;
    std::map<const LoopNode*, double> footprints_;
};

/// Adds the stages that are stored in an iteration of `node` or in loops inside of it.
void add_stored(const LoopNode& node, std::set<std::string>& stages);

} // namespace coulter::schedule::detail
