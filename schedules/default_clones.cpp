#include "default_clones.hpp"

#include "default_layouts.hpp"

namespace coulter::schedule {
namespace {

/// How many times the operations that a clone adds it must save: the estimate of small nests inside others is rough.
constexpr double worth_repeating = 8;

/// The same for slices of several times the second cache: the last one is for the other threads and for other programs
/// as well, and memory that grows with the number of threads is worth saving.
constexpr double worth_repeating_large = 1.25;
constexpr double large = 3;

/// Readers of a stage that share the loops next to them.
struct Group {
    std::vector<std::string> readers;
    std::vector<PlaceLoop> path;
    bool writes_out = false; ///< the one reader keeps the stage in registers
};

class Chooser {
public:
    Chooser(const Analysis& analysis, const std::map<std::string, StageShape>& shapes)
        : analysis_(analysis), kernel_(analysis.kernel()), shapes_(shapes), costs_(analysis, shapes) {}

    std::optional<Clone> run() const {
        // Readers first: a clone of a reader gives its operands more readers.
        for (auto stage = kernel_.definitions.rbegin(); stage != kernel_.definitions.rend(); ++stage) {
            const StageShape& shape = shapes_.at(stage->name);
            if (has_nest(shape) && shape.strategy != Strategy::total && !kernel_.is_output(stage->name)) {
                if (std::optional<Clone> clone = clone_of(*stage)) {
                    return clone;
                }
            }
        }
        return std::nullopt;
    }

private:
    [[nodiscard]] std::optional<Clone> clone_of(const ir::Definition& stage) const {
        const std::vector<std::string> readers = analysis_.readers(stage.name);
        if (readers.size() < 2) {
            return std::nullopt;
        }
        const std::vector<Group> groups = groups_of(stage, readers);
        if (groups.size() < 2) {
            return std::nullopt;
        }
        const std::optional<std::string> decided = analysis_.decided("clone", stage.name, {"no", "yes"});
        if (decided ? *decided == "no" : !is_worth_it(stage, readers, groups)) {
            return std::nullopt;
        }
        const std::vector<std::string> consumers = consumers_of(stage.name, groups.front().readers);
        return consumers.empty() ? std::nullopt : std::optional(Clone{stage.name, consumers});
    }

    [[nodiscard]] bool is_worth_it(const ir::Definition& stage, const std::vector<std::string>& readers,
                                   const std::vector<Group>& groups) const {
        const double all = analysis_.points(stage.dims) * Costs::element_bytes(stage);
        const double slice = slice_in(stage, costs_.common_path(stage, readers));
        if (slice <= analysis_.options().machine.l2_bytes / 2) {
            return false;
        }
        double largest = 0;
        double operations = 0;
        double most_operations = 0;
        const double whole = costs_.arithmetic(costs_.computed_by(stage), Region(analysis_));
        for (const Group& group : groups) {
            largest = std::max(largest, group.writes_out ? 0 : slice_for(stage, group));
            const double own = whole * std::min(1.0, asked(group, Region(analysis_)) / analysis_.points(stage.dims));
            operations += own;
            most_operations = std::max(most_operations, own);
        }
        const double passes = 1 + static_cast<double>(readers.size());
        const double saved = all * passes * (1 / costs_.rate(slice) - 1 / costs_.rate(largest));
        const bool is_large = slice > large * analysis_.options().machine.l2_bytes;
        return saved > (is_large ? worth_repeating_large : worth_repeating) * (operations - most_operations);
    }

    /// The definitions that read a stage for `readers`: these, or maps that are inlined into these. Empty where such a
    /// map is for others too, and would have to be cloned first.
    [[nodiscard]] std::vector<std::string> consumers_of(const std::string& stage,
                                                        const std::vector<std::string>& readers) const {
        std::vector<std::string> consumers;
        for (const ir::Definition& each : kernel_.definitions) {
            if (!has(ir::reads(each), stage)) {
                continue;
            }
            const std::vector<std::string> stored =
                analysis_.is_inlined(each.name) ? stored_readers(each.name) : std::vector<std::string>{each.name};
            const auto own = std::count_if(stored.begin(), stored.end(),
                                           [&](const std::string& reader) { return has(readers, reader); });
            if (own == static_cast<std::ptrdiff_t>(stored.size())) {
                consumers.push_back(each.name);
            } else if (own != 0) {
                return {};
            }
        }
        return consumers;
    }

    /// What stores results that come from an inlined map.
    [[nodiscard]] std::vector<std::string> stored_readers(const std::string& inlined) const {
        std::vector<std::string> found;
        for (const ir::Definition& each : kernel_.definitions) {
            if (!has(ir::reads(each), inlined)) {
                continue;
            }
            const std::vector<std::string> further =
                analysis_.is_inlined(each.name) ? stored_readers(each.name) : std::vector<std::string>{each.name};
            for (const std::string& reader : further) {
                if (!has(found, reader)) {
                    found.push_back(reader);
                }
            }
        }
        return found;
    }

    [[nodiscard]] std::vector<Group> groups_of(const ir::Definition& stage,
                                               const std::vector<std::string>& readers) const {
        const std::size_t shared = costs_.common_path(stage, readers).size();
        std::vector<Group> groups;
        for (const std::string& reader : readers) {
            const std::vector<PlaceLoop> path = costs_.common_path(stage, {reader});
            const auto group = std::find_if(groups.begin(), groups.end(), [&](const Group& each) {
                return path.size() > shared && each.path.size() > shared && each.path[shared] == path[shared];
            });
            if (group == groups.end()) {
                groups.push_back({{reader}, path, can_write_out(analysis_, *kernel_.find_definition(reader), stage)});
                continue;
            }
            group->readers.push_back(reader);
            group->path = costs_.common_path(stage, group->readers);
            group->writes_out = false;
        }
        return groups;
    }

    [[nodiscard]] double slice_in(const ir::Definition& stage, const std::vector<PlaceLoop>& path) const {
        return costs_.region_in(stage, path).points(stage.dims) * Costs::element_bytes(stage);
    }

    /// Bytes that a group needs of a stage in an iteration of its loops.
    [[nodiscard]] double slice_for(const ir::Definition& stage, const Group& group) const {
        const double asked_for = asked(group, costs_.region_in(stage, group.path));
        return std::min(slice_in(stage, group.path), asked_for * Costs::element_bytes(stage));
    }

    /// Elements that a group asks for in a region, at most.
    [[nodiscard]] double asked(const Group& group, const Region& region) const {
        double most = 0;
        for (const std::string& reader : group.readers) {
            most = std::max(most, region.points(ir::loop_dims(*kernel_.find_definition(reader))));
        }
        return most;
    }

    const Analysis& analysis_;
    const ir::Kernel& kernel_;
    const std::map<std::string, StageShape>& shapes_;
    Costs costs_;
};

} // namespace

std::optional<Clone> choose_clone(const Analysis& analysis, const std::map<std::string, StageShape>& shapes) {
    return Chooser(analysis, shapes).run();
}

} // namespace coulter::schedule
