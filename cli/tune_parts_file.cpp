// The parts of a schedule with variants, each by itself and together in a file.

#include "completed_file.hpp"
#include "completion.hpp"
#include "coulter/estimates.hpp"
#include "coulter/tune/holes.hpp"
#include "describe.hpp"
#include "size_finder.hpp"
#include "tune_parts.hpp"
#include "tune_space.hpp"
#include "variants.hpp"

#include <algorithm>
#include <fmt/format.h>

namespace coulter::cli {
namespace {

using schedule::Statement;

// Sizes that nobody gave must fit into the memory and the patience of every machine.
constexpr std::int64_t most_bytes = INT64_C(1) << 30;
constexpr double most_flops = 1e11;

bool is_modest(const ir::Kernel& kernel, const std::map<std::string, std::int64_t>& extents) {
    const KernelEstimate figures = estimate(kernel, extents);
    return figures.argument_bytes <= most_bytes && figures.flops <= most_flops;
}

/// The files with `filled` in place of the one that is tuned, completed for the sizes of the part.
Loaded loaded_for(const TuneSubject& subject, const TunedPart& part, const std::string& filled,
                  const schedule::Decided& decided) {
    LoadOptions options;
    options.target = subject.target;
    options.texts = subject.texts;
    if (subject.completes) { // otherwise what is left out stays so, whatever the part is tuned for
        options.defaults = defaults_of(subject);
        options.defaults.sizes = part.sizes;
        options.defaults.decided = decided;
    }
    const auto given = static_cast<std::ptrdiff_t>(subject.loaded.schedules.size());
    const std::vector<std::string> layers(subject.schedules.begin(), subject.schedules.begin() + given);
    if (changes_given_file(subject)) {
        options.texts[subject.schedules[subject.tuned]] = filled;
    }
    return load({subject.work().path}, layers, options);
}

/// The holes that stand at the top and that the variant gives no value of its own.
std::vector<std::string> inherited(const std::string& text, const std::string& variant) {
    std::vector<std::string> names;
    const auto statements = schedule::parse_schedule(text, {}).file.statements;
    for (const Statement& each : statements) {
        if (each.kind == Statement::Kind::tune) {
            names.push_back(each.stage.text);
        }
    }
    for (const Statement& each : statements) {
        if (each.kind == Statement::Kind::variant && each.stage.text == variant) {
            for (const Statement& inner : each.body) {
                if (inner.kind == Statement::Kind::tune) {
                    std::erase(names, inner.stage.text);
                }
            }
        }
    }
    return names;
}

bool has(const std::vector<std::string>& names, const std::string& name) {
    return std::ranges::find(names, name) != names.end();
}

/// `text` with values in holes, where the lines stand that are in force in the variant.
std::string with_values(const std::string& text, const std::string& variant,
                        const std::map<std::string, std::string>& values) {
    tune::HoleScope scope;
    scope.variant = variant;
    scope.wanted = [&](const std::string& name) { return values.contains(name); };
    const tune::HoleSpace holes(text, {}, scope);
    tune::Assignment assignment;
    for (const tune::Choice& each : holes.choices()) {
        const auto at = std::ranges::find(each.domain, values.at(each.name));
        assignment.push_back(static_cast<std::size_t>(at - each.domain.begin()));
    }
    return holes.schedule_text(assignment);
}

std::vector<Statement>::const_iterator find_variant(const std::vector<Statement>& statements, const std::string& name) {
    return std::ranges::find_if(statements, [&](const Statement& each) {
        return each.kind == Statement::Kind::variant && each.stage.text == name;
    });
}

/// `text` with lines at the beginning of the body of a variant that stands in it.
std::string with_lines(const std::string& text, const std::string& variant, const std::vector<std::string>& lines) {
    const auto statements = schedule::parse_schedule(text, {}).file.statements;
    const auto at = find_variant(statements, variant);
    std::size_t begin = 0;
    for (int line = 1; line < at->span.line; ++line) {
        begin = text.find('\n', begin) + 1;
    }
    begin += static_cast<std::size_t>(at->span.column - 1 + at->span.length);
    const std::size_t brace = text.find('{', begin);
    const std::size_t next = text.find_first_not_of(" \t", brace + 1);
    std::string added;
    if (next != std::string::npos && text[next] != '\n' && text[next] != '#') {
        for (const std::string& line : lines) {
            added += ' ' + line + ';';
        }
        return text.substr(0, brace + 1) + added + text.substr(brace + 1);
    }
    const std::size_t end = text.find('\n', brace) + 1;
    for (const std::string& line : lines) {
        added += "    " + line + '\n';
    }
    return text.substr(0, end) + added + text.substr(end);
}

std::string hole_line(const std::string& text, const std::string& name, const std::string& value) {
    tune::HoleScope scope;
    scope.wanted = [&](const std::string& each) { return each == name; };
    const tune::HoleSpace hole(text, {}, scope);
    return fmt::format("tune {} in {{{}}} = {}", name, fmt::join(hole.choices().front().domain, ", "), value);
}

std::string value_at_top(const std::string& text, const std::string& hole) {
    for (const Statement& each : schedule::parse_schedule(text, {}).file.statements) {
        if (each.kind == Statement::Kind::tune && each.stage.text == hole) {
            return std::to_string(each.value.value);
        }
    }
    return {};
}

/// Whether the statements, or files that they include, have the variant.
bool mention(const std::vector<Statement>& statements, const std::string& variant) {
    return find_variant(statements, variant) != statements.end() ||
           std::ranges::any_of(statements, [&](const Statement& each) {
               return each.kind == Statement::Kind::include && each.included != nullptr &&
                      mention(each.included->statements, variant);
           });
}

/// Whether the tuned file or one below it has the variant, files that they include too.
bool knows_variant(const TuneSubject& subject, const std::string& variant) {
    const std::vector<std::string>& own = subject.work().schedules;
    for (std::size_t i = 0; i <= subject.tuned; ++i) {
        const schedule::ScheduleFile& file = subject.loaded.schedules[i];
        if (std::ranges::find(own, file.path) != own.end() && mention(file.statements, variant)) {
            return true;
        }
    }
    return false;
}

/// `text` with `tune` lines of variants. A variant that stands in another layer, or in an included file, gets a body
/// more, above what an earlier tuning added.
std::string with_lines_of_variants(const TuneSubject& subject, std::string text,
                                   const std::map<std::string, std::vector<std::string>>& lines) {
    std::string bodies;
    std::string earlier; // variants are tried in the order in which they are first mentioned
    const auto statements = schedule::parse_schedule(text, {}).file.statements;
    for (const schedule::Variant& variant : subject.work().variants) {
        const auto own = lines.find(variant.name);
        if (find_variant(statements, variant.name) != statements.end()) {
            text = own == lines.end() ? text : with_lines(text, variant.name, own->second);
            continue;
        }
        std::string body = fmt::format("variant {} when {} {{\n", variant.name, variant.when.text);
        if (own == lines.end()) {
            earlier += knows_variant(subject, variant.name) ? "" : body + "}\n";
            continue;
        }
        for (const std::string& line : own->second) {
            body += fmt::format("    {}\n", line);
        }
        bodies += earlier + body + "}\n";
        earlier.clear();
    }
    const std::size_t end = end_of_own(text);
    const bool ends_line = end == 0 || text[end - 1] == '\n';
    return bodies.empty() ? text : text.substr(0, end) + (ends_line ? "" : "\n") + bodies + text.substr(end);
}

/// The file with the values of the holes of all parts. Parts that were not tuned keep theirs.
std::string with_all_values(const TuneSubject& subject, std::string text, const std::vector<TunedPart>& parts) {
    // A line at the top has one value: that of the common part, or of the first variant where that one does not use it.
    std::vector<const TunedPart*> order;
    for (const TunedPart& part : parts) {
        order.insert(part.name == "common" ? order.begin() : order.end(), &part);
    }
    std::map<std::string, std::string> before;
    std::map<std::string, std::string> at_top;
    for (const TunedPart* part : order) {
        for (const std::string& hole : inherited(text, part->variant())) {
            if (has(part->holes, hole)) {
                before[hole] = value_at_top(text, hole);
                at_top.try_emplace(hole, part->tuned ? part->choices.at(hole) : before[hole]);
            }
        }
    }
    text = with_values(text, "", at_top);
    std::map<std::string, std::vector<std::string>> lines;
    for (const TunedPart& part : parts) {
        if (part.variant().empty()) {
            continue;
        }
        std::map<std::string, std::string> own;
        const std::vector<std::string> from_top = inherited(text, part.variant());
        for (const std::string& hole : part.holes) {
            if (!has(from_top, hole)) {
                if (part.tuned) {
                    own[hole] = part.choices.at(hole);
                }
                continue;
            }
            const std::string& value = part.tuned ? part.choices.at(hole) : before.at(hole);
            if (at_top.at(hole) != value) {
                lines[part.name].push_back(hole_line(text, hole, value));
            }
        }
        text = with_values(text, part.variant(), own);
    }
    return with_lines_of_variants(subject, std::move(text), lines);
}

/// The kernel with what was chosen for the part. \throws Failure where the checker refuses the file with all values, of
/// which it took each by itself.
Work work_for(const TuneSubject& subject, const TunedPart& part, const std::string& filled) {
    Loaded loaded = loaded_for(subject, part, filled, part.choices);
    if (loaded.report.has_errors()) {
        throw Failure(environment, fmt::format("internal error: the file with the values of all parts is refused; "
                                               "nothing was written\n{}",
                                               loaded.report.text()));
    }
    return std::move(loaded.work.front());
}

} // namespace

std::string own_text(const TuneSubject& subject) {
    return changes_given_file(subject) ? subject.texts.at(subject.schedules[subject.tuned]) : "";
}

std::vector<TunedPart> parts_of(const TuneSubject& subject) {
    const Work& work = subject.work();
    const std::string text = own_text(subject);
    const SizeFinder finder(work);
    const auto [dims, marks] = deciding_sizes(work, finder);
    std::vector<TunedPart> parts;
    for (const std::string& name : part_names(work)) {
        TunedPart part;
        part.name = name;
        part.target = subject.target;
        const schedule::Plan& plan = plan_of_part(work, name);
        const auto variant = std::ranges::find(work.variants, name, &schedule::Variant::name);
        if (variant != work.variants.end() && !variant->when.target.empty()) {
            part.target = schedule::target_matches(variant->when.target, "host")
                              ? schedule::variant_target(variant->when, subject.loaded.target).name
                              : "";
        }
        if (const auto found = finder.nearest(dims, marks, subject.sizes, [&](const auto& extents) {
                return parts_at(work, extents).contains(name) &&
                       (extents == subject.sizes || is_modest(work.kernel, extents));
            })) {
            part.sizes = *found;
        }
        part.completes = subject.completes && !plan.completion_why.empty() && !plan.decisions.empty();
        parts.push_back(std::move(part));
    }
    if (!subject.fills) {
        return parts;
    }
    for (TunedPart& part : parts) {
        const std::string now = part_text(subject, part, text, {});
        tune::HoleScope scope;
        scope.variant = part.variant();
        const tune::HoleSpace all(text, {}, scope);
        for (const tune::Choice& hole : all.choices()) {
            // Whether another value makes a difference; where the checker refuses all others, nobody knows.
            bool is_known = false;
            bool differs = false;
            bool has_others = false;
            for (std::size_t i = 0; i < hole.domain.size() && !differs; ++i) {
                const std::string filled = with_values(text, scope.variant, {{hole.name, hole.domain[i]}});
                if (filled == text) {
                    continue;
                }
                has_others = true;
                const std::string other = part_text(subject, part, filled, {});
                if (!other.empty()) {
                    is_known = true;
                    differs = other != now;
                }
            }
            if (differs || (has_others && !is_known)) {
                part.holes.push_back(hole.name);
            }
        }
    }
    return parts;
}

std::string part_text(const TuneSubject& subject, const TunedPart& part, const std::string& filled,
                      const schedule::Decided& decided) {
    const Loaded loaded = loaded_for(subject, part, filled, decided);
    if (loaded.report.has_errors()) {
        return {};
    }
    const Work& work = loaded.work.front();
    return schedule_in_force(work.kernel, plan_of_part(work, part.name));
}

std::vector<schedule::Decision> decisions_of_part(const TuneSubject& subject, const TunedPart& part,
                                                  const std::string& filled) {
    const Loaded loaded = loaded_for(subject, part, filled, {});
    return plan_of_part(loaded.work.front(), part.name).decisions;
}

std::string parts_file(const TuneSubject& subject, const std::vector<TunedPart>& parts) {
    const std::string text = own_text(subject);
    const std::string filled = subject.fills ? with_sections_of(text, with_all_values(subject, text, parts)) : text;
    if (!subject.completes) {
        return filled;
    }
    const TunedPart& common = parts.back();
    Work work = work_for(subject, common, filled);
    for (const TunedPart& part : parts) {
        if (!part.variant().empty()) {
            const Work own = work_for(subject, part, filled);
            const auto plan = std::ranges::find(own.variants, part.name, &schedule::Variant::name);
            std::ranges::find(work.variants, part.name, &schedule::Variant::name)->plan = plan->plan;
        }
    }
    schedule::DefaultOptions defaults = defaults_of(subject);
    defaults.sizes = common.sizes;
    const std::string& target = subject.loaded.target.name;
    return changes_given_file(subject) ? with_completion(filled, completion_section(work, target, defaults, by_tune()))
                                       : completion_file(work, target, defaults, by_tune());
}

} // namespace coulter::cli
