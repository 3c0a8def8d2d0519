#include "default_joins.hpp"

#include "default_layouts.hpp"

#include "coulter/schedule/rewrite.hpp"

namespace coulter::schedule {
namespace {

/// How many times its cost a join must save, and what part of the arithmetic: the estimates are rough.
constexpr double worth_joining = 2;
constexpr double worth_saving = 0.1;

/// Reduced indices beside which storing a result, and loading it, is little.
constexpr double worth_storing = 8;

/// Bytes of a tensor that the nest of an output reads.
struct Part {
    double step = 0; ///< in a step of its outermost loop
    double all = 0;
};
using Parts = std::map<std::string, Part>;

class Chooser {
public:
    Chooser(const Analysis& analysis, const std::map<std::string, StageShape>& shapes)
        : analysis_(analysis), kernel_(analysis.kernel()), shapes_(shapes), costs_(analysis, shapes) {
        for (const ir::Definition& stage : kernel_.definitions) {
            if (has_nest(shapes_.at(stage.name))) {
                arithmetic_ += costs_.arithmetic(costs_.computed_by(stage), Region(analysis_));
            }
        }
    }

    [[nodiscard]] std::optional<Join> run() const {
        std::map<std::string, Parts> parts; // of the outputs that could be joined
        for (const ir::Definition& stage : kernel_.definitions) {
            if (can_join(stage)) {
                parts.emplace(stage.name, parts_of(stage));
            }
        }
        std::optional<Join> best;
        double most = 0;
        for (const auto& [first, tensors] : parts) {
            for (const auto& [tensor, of_first] : tensors) {
                Join join{{}, tensor};
                Part part;
                for (const ir::Definition& stage : kernel_.definitions) {
                    const auto own = parts.find(stage.name);
                    if (own == parts.end() || stage.dims != dims(first)) {
                        continue;
                    }
                    if (const auto read = own->second.find(tensor); read != own->second.end()) {
                        join.stages.push_back(stage.name);
                        part.step = std::max(part.step, read->second.step);
                        part.all = std::max(part.all, read->second.all);
                    }
                }
                // The same outputs come up for each of them.
                const double saved = join.stages.size() < 2 || join.stages.front() != first ? 0 : saved_by(join, part);
                if (saved > most) {
                    most = saved;
                    best = std::move(join);
                }
            }
        }
        return best;
    }

private:
    [[nodiscard]] bool can_join(const ir::Definition& stage) const {
        const Strategy strategy = shapes_.at(stage.name).strategy;
        return kernel_.is_output(stage.name) && !stage.dims.empty() && analysis_.readers(stage.name).empty() &&
               (strategy == Strategy::map || strategy == Strategy::write_out || strategy == Strategy::reduction);
    }

    [[nodiscard]] const std::vector<std::string>& dims(const std::string& stage) const {
        return kernel_.find_definition(stage)->dims;
    }

    /// What the outermost loop of a nest needs of inputs that each of its steps needs a part of, the stages included
    /// that only this nest needs.
    [[nodiscard]] Parts parts_of(const ir::Definition& output) const {
        const std::string& dim = output.dims.front();
        Region step(analysis_);
        step.limit(dim, 1);
        Parts parts;
        std::set<std::string> invariant;
        std::set<std::string> family{output.name};
        for (auto stage = kernel_.definitions.rbegin(); stage != kernel_.definitions.rend(); ++stage) {
            if (is_only_for(family, *stage, dim)) {
                family.insert(stage->name);
            }
            if (!family.contains(stage->name)) {
                continue;
            }
            for (const ir::Ref& access : analysis_.reads(stage->name)) {
                if (kernel_.find_definition(access->name) == nullptr && !kernel_.dims_of(access->name).empty()) {
                    Part& part = parts[access->name];
                    part.step = std::max(part.step, costs_.footprint(*access, *stage, step));
                    part.all = std::max(part.all, costs_.footprint(*access, *stage, Region(analysis_)));
                    if (analysis_.stride(*access, dim) == 0) {
                        invariant.insert(access->name);
                    }
                }
            }
        }
        std::erase_if(parts, [&](const auto& each) { return invariant.contains(each.first); });
        return parts;
    }

    /// Whether all readers of a stage are in a family, and take its index of `dim`.
    [[nodiscard]] bool is_only_for(const std::set<std::string>& family, const ir::Definition& stage,
                                   const std::string& dim) const {
        const std::vector<std::string> readers = analysis_.readers(stage.name);
        return !kernel_.is_output(stage.name) && !readers.empty() && has(stage.dims, dim) &&
               std::all_of(readers.begin(), readers.end(), [&](const std::string& reader) {
                   return family.contains(reader) && reads_by_name(analysis_, reader, stage.name, {dim});
               });
    }

    /// Cycles; 0 where the join is not worth it.
    [[nodiscard]] double saved_by(const Join& join, const Part& part) const {
        const Machine& machine = analysis_.options().machine;
        double results = 0;
        for (const std::string& stage : join.stages) {
            results += analysis_.points(dims(stage)) * Costs::element_bytes(*kernel_.find_definition(stage));
        }
        // Each thread has its part of what is far away.
        const double far = costs_.rate(part.all / analysis_.options().threads);
        const double others = static_cast<double>(join.stages.size() - 1);
        const double saved = others * part.all * (1 / far - 1 / costs_.rate(part.step));
        const bool is_worth_it =
            part.step <= machine.l2_bytes / 2 && part.all / analysis_.options().threads > machine.l2_bytes / 2 &&
            saved > worth_joining * 2 * results / costs_.rate(results) && saved > worth_saving * arithmetic_;
        const std::optional<std::string> decided = analysis_.decided("join", join.stages.front(), {"no", "yes"});
        return decided ? (*decided == "yes" ? std::max(saved, 1.0) : 0) : is_worth_it ? saved : 0;
    }

    const Analysis& analysis_;
    const ir::Kernel& kernel_;
    const std::map<std::string, StageShape>& shapes_;
    Costs costs_;
    double arithmetic_ = 0;
};

/// Whether a stage is worth computing once for two parts of a kernel: a map, if it is stored anyway.
bool is_worth_sharing(const Analysis& analysis, const ir::Definition& stage) {
    if (analysis.is_scheduled(stage.name) || stage.scan) {
        return false;
    }
    return stage.reduction ? analysis.points(stage.reduction->dims) >= worth_storing &&
                                 work_of(analysis, stage.name) >= worth_threads
                           : !analysis.kernel().is_output(stage.name) && !analysis.is_inlined(stage.name) &&
                                 !Analysis::is_packed(stage);
}

/// Whether two stages compute the same; maps for the same readers, so that one place is as good for both.
bool may_share(const Analysis& analysis, const ir::Definition& a, const ir::Definition& b) {
    return a.reduction.has_value() == b.reduction.has_value() && compute_the_same(a, b) &&
           (a.reduction || analysis.readers(a.name) == analysis.readers(b.name));
}

} // namespace

std::optional<Join> choose_same(const Analysis& analysis) {
    const std::vector<ir::Definition>& all = analysis.kernel().definitions;
    std::vector<const ir::Definition*> open;
    for (const ir::Definition& stage : all) {
        if (is_worth_sharing(analysis, stage)) {
            open.push_back(&stage);
        }
    }
    std::set<std::string> apart; // as decided for the first of them
    for (auto first = open.begin(); first != open.end(); ++first) {
        Join join{{(*first)->name}, {}};
        for (auto other = first + 1; !apart.contains((*first)->name) && other != open.end(); ++other) {
            if (may_share(analysis, **first, **other)) {
                join.stages.push_back((*other)->name);
            }
        }
        if (join.stages.size() < 2) {
            continue;
        }
        if (analysis.decided("same", (*first)->name, {"once", "each"}) != "each") {
            return join;
        }
        apart.insert(join.stages.begin(), join.stages.end());
    }
    return std::nullopt;
}

bool may_join(const ir::Kernel& kernel) {
    return kernel.outputs.size() > 1;
}

std::optional<Join> choose_join(const Analysis& analysis, const std::map<std::string, StageShape>& shapes) {
    return Chooser(analysis, shapes).run();
}

} // namespace coulter::schedule
