#include "coulter/schedule/check.hpp"

#include "check_model.hpp"
#include "check_variants.hpp"
#include "complete_plan.hpp"
#include "coulter/schedule/target.hpp"
#include "expand.hpp"

#include <algorithm>
#include <fmt/core.h>
#include <tuple>

namespace coulter::schedule {
namespace {

void add(std::vector<Diagnostic>& to, Severity severity, std::string code, const Span& span, std::string message,
         std::string help = {}, std::vector<Note> notes = {}) {
    to.push_back({severity, std::move(code), span, std::move(message), std::move(notes), std::move(help)});
}

/// Whether the file's `schedule` line names the kernel; the header's mistakes are reported.
bool applies(const ir::Kernel& kernel, const ScheduleFile& file, std::vector<Diagnostic>& diagnostics) {
    const Statement* header = nullptr;
    const Statement* seen[3] = {};
    for (const Statement& s : file.statements) {
        const auto kind = static_cast<std::size_t>(s.kind);
        if (kind >= 3) {
            continue;
        }
        if (seen[kind] != nullptr) {
            static constexpr std::string_view words[] = {"schedule", "target", "numerics"};
            add(diagnostics, Severity::error, "S008", s.span, fmt::format("a second `{}` line", words[kind]),
                kind == 0 ? "one line may name several kernels: `schedule a, b`" : "keep one of the two",
                {{seen[kind]->span, "the first one"}});
        } else {
            seen[kind] = &s;
        }
    }
    header = seen[0];
    if (header == nullptr) {
        add(diagnostics, Severity::error, "S007", Span{file.path, 1, 1, 1}, "the file has no `schedule` line",
            fmt::format("begin it with `schedule {}`", kernel.name));
        return false;
    }
    for (const Name& pattern : header->patterns) {
        if (pattern_matches(pattern.text, kernel.name)) {
            return true;
        }
    }
    std::vector<std::string> patterns;
    for (const Name& pattern : header->patterns) {
        patterns.push_back(pattern.text);
    }
    const std::string close = closest_match(kernel.name, patterns);
    add(diagnostics, Severity::warning, "S011", header->span,
        fmt::format("this file is for {}, not for kernel `{}`", quoted_list(patterns), kernel.name),
        close.empty() ? "it has no effect here" : fmt::format("did you mean `schedule {}`?", kernel.name));
    return false;
}

/// Position of each file, so that diagnostics come in the order of the files given.
void sort(std::vector<Diagnostic>& diagnostics, const std::vector<std::string>& paths) {
    const auto key = [&](const Diagnostic& each) {
        return std::tuple(std::ranges::find(paths, each.span.file) - paths.begin(), each.span.line, each.span.column);
    };
    std::ranges::stable_sort(diagnostics, {}, key);
    // One mistake seen from two sides is told once.
    const auto same = [](const Diagnostic& a, const Diagnostic& b) {
        return a.code == b.code && a.message == b.message && a.span.file == b.span.file && a.span.line == b.span.line &&
               a.span.column == b.span.column;
    };
    diagnostics.erase(std::unique(diagnostics.begin(), diagnostics.end(), same), diagnostics.end());
}

bool has_error(const std::vector<Diagnostic>& diagnostics) {
    return std::ranges::any_of(diagnostics, [](const Diagnostic& d) { return d.severity == Severity::error; });
}

/// What the header lines of all layers say.
struct Header {
    std::vector<const Statement*> lines; ///< of the highest layer that has each, for the text in force
    std::vector<const Statement*> targets;
    Numerics numerics = Numerics::reassociate;
    std::string target;
    bool one_kernel = true; ///< no file is for other kernels as well
};

Header header_of(const std::vector<const ScheduleFile*>& layers) {
    Header header;
    const Statement* last[3] = {};
    for (const ScheduleFile* file : layers) {
        for (const Statement& s : file->statements) {
            if (const auto kind = static_cast<std::size_t>(s.kind); kind < 3) {
                last[kind] = &s;
            }
            if (s.kind == Statement::Kind::schedule) {
                header.one_kernel = header.one_kernel && s.patterns.size() == 1 && !is_pattern(s.patterns.front().text);
            } else if (s.kind == Statement::Kind::target) {
                header.targets.push_back(&s);
                header.target = s.patterns.front().text;
            } else if (s.kind == Statement::Kind::numerics) {
                header.numerics = s.numerics;
            }
        }
    }
    for (const Statement* line : last) {
        if (line != nullptr) {
            header.lines.push_back(line);
        }
    }
    return header;
}

/// What the author can change about a requirement that is not kept: the stage, where he placed it himself.
void report(const detail::Violation& violation, const detail::Model& model, const detail::Completed& completed,
            std::vector<Diagnostic>& diagnostics) {
    const Statement& line = *violation.line;
    const bool by_author =
        completed.text.empty() || std::ranges::count(model.mentioned(), violation.stages.front()) > 0;
    if (by_author) {
        std::vector<Note> notes;
        if (const Span span = model.span_of(violation.stages.front()); span.line != 0) {
            notes.push_back({span, "its statement"});
        }
        diagnostics.push_back(
            {Severity::error, "S130", line.span, violation.message, std::move(notes), violation.help});
    } else {
        diagnostics.push_back({Severity::error,
                               "S131",
                               line.span,
                               fmt::format("no default schedule keeps to this: {}", violation.message),
                               {},
                               violation.help});
    }
}

/// One whole plan: the statements, then the default schedule for the rest.
std::optional<Plan> plan_of(const ir::Kernel& kernel, const ScheduleFile& statements, const Header& header,
                            const std::vector<Statement>& required, const CheckOptions& options, CheckResult& result) {
    const std::size_t first = result.diagnostics.size();
    detail::Model model(kernel, result.diagnostics);
    model.numerics = header.numerics;
    model.target = header.target;
    model.build_target = options.target;
    if (!options.target.empty() && result.target_matches) {
        model.device = device_of(options.target);
    } else if (device_of(header.target) != Device::none) {
        model.device = device_of(header.target);
    }
    model.one_kernel = header.one_kernel;
    model.first_directives = options.first_directives;
    model.apply(statements);
    if (result.directives.empty()) {
        result.directives = model.applied_spans();
    }
    const std::vector<Statement> applied = model.applied();
    model.first_directives.reset();
    model.leave_out_unread();
    // What is left of a schedule for an experiment need not keep to anything.
    const bool is_whole = options.complete && !options.first_directives;
    const std::vector<Statement> lines = is_whole ? required : std::vector<Statement>{};
    const detail::Requirements requirements(lines);
    std::vector<std::string> made;
    for (const ir::Definition& each : model.kernel().definitions) {
        made.push_back(each.name);
    }
    requirements.check_names(kernel, made, header.one_kernel, result.diagnostics);
    detail::Completed completed = detail::complete_plan(model, requirements, options, result.diagnostics);
    for (std::size_t i = 0; i < completed.violations.size() && result.diagnostics.size() < detail::most_diagnostics;
         ++i) {
        report(completed.violations[i], model, completed, result.diagnostics);
    }
    std::optional<Plan> plan = std::move(completed.plan);
    if (!plan || std::any_of(result.diagnostics.begin() + static_cast<std::ptrdiff_t>(first), result.diagnostics.end(),
                             [](const Diagnostic& each) { return each.severity == Severity::error; })) {
        return std::nullopt;
    }
    if (!header.lines.empty()) {
        ScheduleFile in_force;
        for (const Statement* line : header.lines) {
            in_force.statements.push_back(*line);
        }
        in_force.statements.insert(in_force.statements.end(), required.begin(), required.end());
        in_force.statements.insert(in_force.statements.end(), applied.begin(), applied.end());
        plan->schedule_text = format_bare(in_force);
    }
    plan->completion_why = completed.text;
    plan->decisions = completed.log.all();
    for (StagePlan& stage : plan->stages) {
        if (stage.span.file == "default schedule") {
            stage.span = {};
        }
    }
    return plan;
}

} // namespace

bool pattern_matches(std::string_view pattern, std::string_view kernel) {
    if (!pattern.ends_with('*')) {
        return pattern == kernel;
    }
    pattern.remove_suffix(1);
    return kernel.size() > pattern.size() && kernel.starts_with(pattern);
}

CheckResult check(const ir::Kernel& kernel, const std::vector<ScheduleFile>& files, const CheckOptions& options) {
    CheckResult result;
    std::vector<std::string> paths;
    std::vector<const ScheduleFile*> layers;
    for (const ScheduleFile& each : files) {
        paths.push_back(each.path);
        if (applies(kernel, each, result.diagnostics)) {
            layers.push_back(&each);
        }
    }
    Header header = header_of(layers);
    for (const Statement* line : header.targets) {
        const Name& wanted = line->patterns.front();
        if (!find_target(wanted.text)) {
            add(result.diagnostics, Severity::error, "S012", wanted.span,
                fmt::format("unknown target `{}`", wanted.text), target_choices(wanted.text, "the targets are"));
        } else if (!options.target.empty() && !target_matches(wanted.text, options.target)) {
            result.target_matches = false;
            add(result.diagnostics, Severity::error, "S012", wanted.span,
                fmt::format("this schedule is for `{}`, and the target is `{}`", wanted.text, options.target),
                device_of(wanted.text) != Device::none && device_of(options.target) != device_of(wanted.text)
                    ? "build for a target with its device, or give another schedule"
                    : "build for a processor that has its instruction sets, or give another schedule");
        }
    }
    const detail::Expanded expanded = detail::expand(kernel, layers, result.diagnostics, result.texts);
    result.holes = expanded.holes;
    result.plan = plan_of(kernel, expanded.common, header, expanded.requirements, options, result);
    for (const detail::ExpandedVariant& each : expanded.variants) {
        Variant variant;
        variant.name = each.line->stage.text;
        variant.span = each.line->span;
        const bool good = detail::condition(kernel, *each.line, variant.when, result.diagnostics);
        CheckOptions for_variant = options;
        if (!variant.when.target.empty()) {
            for_variant.target = variant_target(variant.when, find_target(options.target).value_or(Target{})).name;
        }
        ScheduleFile statements = each.common;
        statements.statements.insert(statements.statements.end(), each.statements.begin(), each.statements.end());
        if (std::optional<Plan> plan = plan_of(kernel, statements, header, expanded.requirements, for_variant, result);
            plan && good) {
            variant.plan = std::move(*plan);
            result.variants.push_back(std::move(variant));
        }
    }
    sort(result.diagnostics, paths);
    if (has_error(result.diagnostics)) {
        result.plan.reset();
        result.variants.clear();
    }
    return result;
}

CheckResult check_texts(const ir::Kernel& kernel, const std::vector<ScheduleText>& texts, const CheckOptions& options) {
    std::vector<ScheduleFile> files;
    std::vector<Diagnostic> syntax;
    std::vector<std::string> paths;
    std::vector<ScheduleText> included;
    const auto read = [&](const std::string& path) -> std::optional<std::string> {
        const auto at = std::ranges::find(texts, path, &ScheduleText::path);
        return at == texts.end() ? std::nullopt : std::optional(at->text);
    };
    for (const ScheduleText& each : texts) {
        SyntaxResult parsed = parse_schedule(each.text, each.path);
        paths.push_back(each.path);
        if (parsed.ok()) {
            resolve_includes(parsed.file, read, syntax, included);
            files.push_back(std::move(parsed.file));
        }
        syntax.insert(syntax.end(), parsed.diagnostics.begin(), parsed.diagnostics.end());
    }
    std::erase_if(files, [&](const ScheduleFile& file) {
        const bool layer = std::ranges::any_of(
            file.statements, [](const Statement& each) { return each.kind == Statement::Kind::schedule; });
        return !layer && std::ranges::find(included, file.path, &ScheduleText::path) != included.end();
    });
    if (files.empty() && !texts.empty()) {
        CheckResult result;
        result.diagnostics = std::move(syntax);
        sort(result.diagnostics, paths);
        return result;
    }
    CheckResult result = check(kernel, files, options);
    if (has_error(syntax)) {
        result.plan.reset();
        result.variants.clear();
    }
    result.diagnostics.insert(result.diagnostics.begin(), syntax.begin(), syntax.end());
    sort(result.diagnostics, paths);
    return result;
}

std::string render(const std::vector<Diagnostic>& diagnostics, const std::vector<ScheduleText>& texts) {
    std::string out;
    for (const Diagnostic& each : diagnostics) {
        const auto at = std::ranges::find(texts, each.span.file, &ScheduleText::path);
        out += coulter::render(each, at == texts.end() ? std::string_view() : std::string_view(at->text));
    }
    return out;
}

} // namespace coulter::schedule
