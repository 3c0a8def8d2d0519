#include "coulter/schedule/check.hpp"

#include "check_model.hpp"
#include "coulter/schedule/target.hpp"

#include <algorithm>
#include <fmt/format.h>
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

/// The schedule of the stages that nobody mentioned.
std::string completion(const ir::Kernel& kernel, const std::vector<std::string>& mentioned, Numerics numerics,
                       const CheckOptions& options) {
    if (options.complete) {
        DefaultOptions defaults = options.defaults;
        defaults.numerics = numerics;
        if (const auto target = find_target(options.target)) {
            defaults.vector_bytes = target->vector_bytes;
            defaults.vector_registers = target->vector_registers;
        }
        return default_schedule(kernel, mentioned, defaults);
    }
    std::string text;
    for (const ir::Definition& each : kernel.definitions) {
        const bool map = !each.reduction && !each.scan;
        if (map && !kernel.is_output(each.name) && std::ranges::find(mentioned, each.name) == mentioned.end()) {
            text += fmt::format("stage {} {{ compute inline }}\n", each.name);
        }
    }
    return text;
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
    const ScheduleFile* file = nullptr;
    for (const ScheduleFile& each : files) {
        paths.push_back(each.path);
        if (!applies(kernel, each, result.diagnostics)) {
            continue;
        }
        if (file != nullptr) {
            add(result.diagnostics, Severity::error, "S010", each.statements.front().span,
                fmt::format("two files for kernel `{}`", kernel.name),
                "layers of schedules are not built yet: put the statements into one file",
                {{file->statements.front().span, "the first one"}});
            continue;
        }
        file = &each;
    }
    detail::Model model(kernel, result.diagnostics);
    if (file != nullptr) {
        for (const Statement& s : file->statements) {
            if (s.kind == Statement::Kind::numerics) {
                model.numerics = s.numerics;
            } else if (s.kind == Statement::Kind::target && !find_target(s.patterns.front().text)) {
                add(result.diagnostics, Severity::error, "S012", s.patterns.front().span,
                    fmt::format("unknown target `{}`", s.patterns.front().text),
                    detail::choices(s.patterns.front().text, target_names(), "the targets are"));
            } else if (s.kind == Statement::Kind::target && !options.target.empty() &&
                       !target_matches(s.patterns.front().text, options.target)) {
                result.target_matches = false;
                add(result.diagnostics, Severity::error, "S012", s.patterns.front().span,
                    fmt::format("this schedule is for `{}`, and the target is `{}`", s.patterns.front().text,
                                options.target),
                    "build for a processor that has its instruction sets, or give another schedule");
            }
        }
        model.apply(*file);
    }
    const std::string text = completion(model.kernel(), model.mentioned(), model.numerics, options);
    const SyntaxResult completed = parse_schedule(text, "default schedule");
    COULTER_INTERNAL_ASSERT(completed.ok());
    const std::size_t before = result.diagnostics.size();
    model.apply(completed.file);
    std::optional<Plan> plan = model.finish();
    // The author did not write the default schedule: its warnings teach nothing, and its errors are ours.
    std::vector<Diagnostic> kept;
    for (std::size_t i = 0; i < result.diagnostics.size(); ++i) {
        Diagnostic& each = result.diagnostics[i];
        if (i < before || each.span.file != "default schedule" || each.severity == Severity::error) {
            kept.push_back(std::move(each));
        }
    }
    result.diagnostics = std::move(kept);
    sort(result.diagnostics, paths);
    if (!plan || has_error(result.diagnostics)) {
        return result;
    }
    if (file != nullptr) {
        plan->schedule_text = format_bare(*file);
    }
    plan->completion_text = format_bare(completed.file);
    for (StagePlan& stage : plan->stages) {
        if (stage.span.file == "default schedule") {
            stage.span = {};
        }
    }
    result.plan = std::move(plan);
    return result;
}

CheckResult check_texts(const ir::Kernel& kernel, const std::vector<ScheduleText>& texts, const CheckOptions& options) {
    std::vector<ScheduleFile> files;
    std::vector<Diagnostic> syntax;
    std::vector<std::string> paths;
    for (const ScheduleText& each : texts) {
        SyntaxResult parsed = parse_schedule(each.text, each.path);
        paths.push_back(each.path);
        if (parsed.ok()) {
            files.push_back(std::move(parsed.file));
        }
        syntax.insert(syntax.end(), parsed.diagnostics.begin(), parsed.diagnostics.end());
    }
    if (files.empty() && !texts.empty()) {
        return {std::nullopt, std::move(syntax), true};
    }
    CheckResult result = check(kernel, files, options);
    if (has_error(syntax)) {
        result.plan.reset();
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
