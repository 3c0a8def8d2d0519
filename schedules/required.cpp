#include "required.hpp"

#include "check_model.hpp"
#include "coulter/schedule/footprint.hpp"
#include "coulter/sizes.hpp"
#include "expand_names.hpp"

#include <algorithm>
#include <fmt/core.h>

namespace coulter::schedule::detail {
namespace {

using Home = Footprint::Home;

/// Extents of all dims: the estimates, and a typical one where there is none.
std::map<std::string, std::int64_t> sizes_of(const ir::Kernel& kernel) {
    std::vector<Diagnostic> ignored;
    const Sizes sizes = infer_sizes(kernel, ignored);
    std::map<std::string, std::int64_t> given;
    auto extents = resolve_extents(kernel, sizes, given);
    // Sources come first: what is taken for one may settle others.
    for (const std::string& dim : sizes.order) {
        if (!extents.contains(dim)) {
            given[dim] = unknown_extent;
            extents = resolve_extents(kernel, sizes, given);
            extents.try_emplace(dim, unknown_extent);
        }
    }
    return extents;
}

std::string bytes_text(std::int64_t bytes, const std::string& unit) {
    const auto at = std::ranges::find(units(), unit, &Unit::name);
    return at->bytes == 1 ? fmt::format("{} B", bytes)
                          : fmt::format("{:.2f} {}", static_cast<double>(bytes) / static_cast<double>(at->bytes), unit);
}

std::int64_t limit_of(const Statement& line) {
    return saturating_mul(line.value.value, std::ranges::find(units(), line.unit, &Unit::name)->bytes);
}

/// What one plan takes.
class Measured {
public:
    explicit Measured(const Plan& plan)
        : plan_(plan), extents_(sizes_of(plan.kernel)), use_(memory_use(plan, extents_, DefaultOptions{}.threads)) {}

    [[nodiscard]] const MemoryUse& use() const { return use_; }

    /// Whether all of a stage is in memory at one time.
    [[nodiscard]] bool is_whole(const Footprint& stage) const {
        if (stage.place.is_root()) {
            return true;
        }
        if (stage.home == Home::registers || stage.home == Home::stack) {
            return false;
        }
        const ir::Definition& definition = *plan_.kernel.find_definition(stage.stage);
        std::int64_t whole = 0;
        for (const Type type : definition.types) {
            whole += bytes(type);
        }
        for (const std::string& dim : definition.dims) {
            whole = saturating_mul(whole, extents_.at(dim));
        }
        return stage.bytes >= whole;
    }

    /// Bytes of shared memory by the stage whose blocks they belong to. What is not needed at one time may lie in the
    /// same place: a sum is a bound.
    [[nodiscard]] std::map<std::string, std::int64_t> shared() const {
        std::map<std::string, std::int64_t> all;
        for (const Footprint& each : use_.stages) {
            if (each.home == Home::shared) {
                all[launch_of(each.place)] += each.bytes;
            }
        }
        return all;
    }

    [[nodiscard]] std::string launch_of(Place place) const {
        std::string launch;
        while (!place.is_root()) {
            const auto stage = std::ranges::find_if(plan_.stages, [&](const StagePlan& each) {
                return each.name == place.stage || each.name + ".init" == place.stage;
            });
            launch = stage->name;
            place = stage->compute;
        }
        return launch;
    }

    /// The stages of a kind, those that take most first.
    [[nodiscard]] std::vector<Footprint> largest(const std::function<bool(const Footprint&)>& counts) const {
        std::vector<Footprint> found;
        std::ranges::copy_if(use_.stages, std::back_inserter(found), counts);
        std::ranges::stable_sort(found, std::greater<>(),
                                 [](const Footprint& each) { return each.bytes * each.copies; });
        return found;
    }

private:
    const Plan& plan_;
    std::map<std::string, std::int64_t> extents_;
    MemoryUse use_;
};

std::vector<std::string> names_of(const std::vector<Footprint>& stages) {
    std::vector<std::string> names;
    for (const Footprint& each : stages) {
        names.push_back(each.stage);
    }
    return names;
}

/// The largest three.
std::string listed(std::vector<Footprint> stages, const std::string& unit) {
    stages.resize(std::min<std::size_t>(stages.size(), 3));
    std::string text;
    for (const Footprint& each : stages) {
        text += fmt::format("{}`{}` {}{}", text.empty() ? "" : ", ", each.stage, bytes_text(each.bytes, unit),
                            each.copies > 1 ? fmt::format(" for each of {} threads", each.copies) : "");
    }
    return text;
}

Violation stored(const Statement& line, const Footprint& stage) {
    Violation violation{&line, {stage.stage}, stage.bytes, {}, {}};
    violation.message = stage.place.is_root() ? fmt::format("`{}` is stored as a whole, at root", stage.stage)
                                              : fmt::format("`{}` is stored as a whole, at `{}/{}`", stage.stage,
                                                            stage.place.stage, stage.place.loop);
    violation.help =
        "inline it, or compute it in a loop of its readers that needs a part of it; `clone` gives each reader "
        "its own";
    return violation;
}

} // namespace

void Requirements::check_names(const ir::Kernel& kernel, const std::vector<std::string>& made, bool one_kernel,
                               std::vector<Diagnostic>& diagnostics) const {
    const auto tell = [&](Severity severity, std::string code, const Span& span, std::string message,
                          std::string help) {
        diagnostics.push_back({severity, std::move(code), span, std::move(message), {}, std::move(help)});
    };
    std::vector<std::string> names;
    for (const ir::Definition& each : kernel.definitions) {
        names.push_back(each.name);
    }
    std::vector<std::string> all = names;
    all.insert(all.end(), made.begin(), made.end());
    for (const Statement& line : lines_) {
        if (line.limited != Limited::stage || diagnostics.size() >= most_diagnostics) {
            continue;
        }
        const std::string& text = line.stage.text;
        const bool found =
            std::ranges::any_of(all, [&](const std::string& name) { return match(text, name).has_value(); });
        if (kernel.is_output(text)) {
            tell(Severity::error, "S130", line.stage.span, fmt::format("`{}` is an output, and those are stored", text),
                 "require it of what the output is made of");
        } else if (kernel.find_input(text) != nullptr || kernel.find_const(text) != nullptr) {
            tell(Severity::error, "S020", line.stage.span, fmt::format("`{}` is an argument and no stage", text),
                 choices(text, names, "the stages are"));
        } else if (!found && !is_pattern(text)) {
            tell(Severity::error, "S020", line.stage.span,
                 fmt::format("kernel `{}` has no stage `{}`", kernel.name, text),
                 choices(text, names, "the stages are"));
        } else if (!found && one_kernel) {
            tell(Severity::warning, "S092", line.stage.span, fmt::format("no stage is called `{}`", text),
                 fmt::format("the statement has no effect; the stages are {}", quoted_list(names, 16)));
        }
    }
}

std::vector<Violation> Requirements::broken_by(const Plan& plan, const Origin& origin) const {
    std::vector<Violation> violations;
    if (lines_.empty()) {
        return violations;
    }
    const Measured measured(plan);
    for (const Statement& line : lines_) {
        switch (line.limited) {
        case Limited::stage:
            for (const Footprint& each : measured.use().stages) {
                const bool meant = match(line.stage.text, each.stage) || match(line.stage.text, origin(each.stage));
                if (meant && !plan.kernel.is_output(origin(each.stage)) && measured.is_whole(each)) {
                    violations.push_back(stored(line, each));
                }
            }
            break;
        case Limited::memory: {
            const std::int64_t held = measured.use().scratch_peak + measured.use().packed;
            if (held > limit_of(line)) {
                const auto largest = measured.largest(
                    [](const Footprint& each) { return each.home == Home::scratch || each.home == Home::context; });
                violations.push_back(
                    {&line, names_of(largest), held - limit_of(line),
                     fmt::format("a call holds {} of memory at the estimates", bytes_text(held, line.unit)),
                     fmt::format("most of it is {}", listed(largest, line.unit))});
            }
            break;
        }
        case Limited::shared:
            for (const auto& [launch, held] : measured.shared()) {
                if (held > limit_of(line)) {
                    const auto largest = measured.largest([&, name = launch](const Footprint& each) {
                        return each.home == Home::shared && measured.launch_of(each.place) == name;
                    });
                    violations.push_back(
                        {&line, names_of(largest), held - limit_of(line),
                         fmt::format("a block of `{}` takes {} of shared memory", launch, bytes_text(held, line.unit)),
                         fmt::format("most of it is {}", listed(largest, line.unit))});
                }
            }
            break;
        }
    }
    return violations;
}

} // namespace coulter::schedule::detail
