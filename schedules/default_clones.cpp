#include "default_clones.hpp"

#include "default_layouts.hpp"

namespace coulter::schedule {
namespace {

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
        const Analysis& analysis = analysis_;
        const double all = analysis.points(stage.dims) * Costs::element_bytes(stage);
        const double slice = slice_in(stage, costs_.common_path(stage, readers));
        if (slice <= analysis.options().machine.l2_bytes / 2) {
            return std::nullopt;
        }
        const std::vector<Group> groups = groups_of(stage, readers);
        if (groups.size() < 2) {
            return std::nullopt;
        }
        double largest = 0;
        double operations = 0;
        double most_operations = 0;
        const double whole = costs_.arithmetic(costs_.computed_by(stage), Region(analysis));
        for (const Group& group : groups) {
            largest = std::max(largest, group.writes_out ? 0 : slice_in(stage, group.path));
            const double own = whole * std::min(1.0, evaluations(group) / analysis.points(stage.dims));
            operations += own;
            most_operations = std::max(most_operations, own);
        }
        const double passes = 1 + static_cast<double>(readers.size());
        const double saved = all * passes * (1 / costs_.rate(slice) - 1 / costs_.rate(largest));
        // The estimate of small nests inside others is rough: a stage that is mostly computed several times must save a
        // lot.
        if (saved <= 8 * (operations - most_operations)) {
            return std::nullopt;
        }
        const std::vector<std::string> consumers = consumers_of(stage.name, groups.front().readers);
        return consumers.empty() ? std::nullopt : std::optional(Clone{stage.name, consumers});
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
                groups.push_back({{reader}, path, could_write_out(reader, stage)});
                continue;
            }
            group->readers.push_back(reader);
            group->path = costs_.common_path(stage, group->readers);
            group->writes_out = false;
        }
        return groups;
    }

    /// Whether a reader would keep the sums of a reduction in registers, if it were the only one.
    [[nodiscard]] bool could_write_out(const std::string& reader, const ir::Definition& stage) const {
        const ir::Definition& map = *kernel_.find_definition(reader);
        return stage.reduction && !map.reduction && !map.scan && map.dims.size() == stage.dims.size() &&
               std::is_permutation(map.dims.begin(), map.dims.end(), stage.dims.begin()) &&
               reads_by_name(analysis_, reader, stage.name, stage.dims);
    }

    [[nodiscard]] double slice_in(const ir::Definition& stage, const std::vector<PlaceLoop>& path) const {
        return costs_.region_in(stage, path).points(stage.dims) * Costs::element_bytes(stage);
    }

    /// Elements that a group asks for.
    [[nodiscard]] double evaluations(const Group& group) const {
        double total = 0;
        for (const std::string& reader : group.readers) {
            total = std::max(total, analysis_.points(ir::loop_dims(*kernel_.find_definition(reader))));
        }
        return total;
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
