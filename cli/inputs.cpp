#include "inputs.hpp"

#include "coulter/schedule/emit.hpp"
#include "coulter/text.hpp"
#include "files.hpp"

#include <algorithm>
#include <charconv>
#include <fmt/core.h>
#include <iostream>

namespace coulter::cli {
namespace {

bool same(const Diagnostic& a, const Diagnostic& b) {
    return a.code == b.code && a.message == b.message && a.span.file == b.span.file && a.span.line == b.span.line &&
           a.span.column == b.span.column;
}

bool applies(const schedule::ScheduleFile& file, const ir::Kernel& kernel) {
    bool named = false;
    for (const schedule::Statement& statement : file.statements) {
        if (statement.kind == schedule::Statement::Kind::schedule) {
            named = true;
            for (const schedule::Name& pattern : statement.patterns) {
                if (schedule::pattern_matches(pattern.text, kernel.name)) {
                    return true;
                }
            }
        }
    }
    return !named; // check() says what is missing
}

std::vector<std::string> kernel_names(const std::vector<Work>& work) {
    std::vector<std::string> names;
    for (const Work& each : work) {
        names.push_back(each.kernel.name);
    }
    return names;
}

void check_duplicates(const std::vector<Work>& work, Report& report) {
    std::map<std::string, std::string> seen;
    for (const Work& each : work) {
        const auto [at, is_new] = seen.emplace(each.kernel.name, each.path);
        if (!is_new) {
            Diagnostic diagnostic;
            diagnostic.code = "B010";
            diagnostic.span = {each.path, 1, 0, 1};
            diagnostic.message = fmt::format("kernel `{}` is also in {}", each.kernel.name, at->second);
            diagnostic.help = "a library has one kernel of a name";
            report.add({diagnostic});
        }
    }
}

// Files that parsed, in the order given; the diagnostics of all go to the report.
std::vector<schedule::ScheduleFile> read_schedules(const std::vector<std::string>& paths,
                                                   const std::map<std::string, std::string>& texts, Loaded& loaded) {
    Report& report = loaded.report;
    std::vector<schedule::ScheduleFile> files;
    for (const std::string& path : paths) {
        const auto given = texts.find(path);
        std::string text = given == texts.end() ? read_file(path) : given->second;
        std::vector<schedule::ScheduleText> included;
        schedule::SyntaxResult syntax = schedule::parse_schedule_file(text, path, included);
        report.add_text(path, std::move(text));
        for (schedule::ScheduleText& each : included) {
            loaded.included.push_back(each.path);
            report.add_text(each.path, std::move(each.text));
        }
        report.add(syntax.diagnostics);
        if (syntax.ok()) {
            files.push_back(std::move(syntax.file));
        }
    }
    return files;
}

void warn_of_unused(const Loaded& loaded, Report& report) {
    for (const schedule::ScheduleFile& file : loaded.schedules) {
        const bool used =
            std::ranges::any_of(loaded.work, [&](const Work& work) { return applies(file, work.kernel); });
        if (!used) {
            Diagnostic diagnostic;
            diagnostic.severity = Severity::warning;
            diagnostic.code = "B011";
            diagnostic.span = file.statements.front().span;
            diagnostic.message = "the schedule applies to none of the kernels";
            diagnostic.help = "given are " + quoted_list(kernel_names(loaded.work));
            report.add({diagnostic});
        }
    }
}

} // namespace

void Report::add(const std::vector<Diagnostic>& diagnostics) {
    for (const Diagnostic& diagnostic : diagnostics) {
        if (std::ranges::none_of(diagnostics_, [&](const Diagnostic& old) { return same(old, diagnostic); })) {
            diagnostics_.push_back(diagnostic);
        }
    }
}

bool Report::has_errors() const {
    return std::ranges::any_of(diagnostics_, [](const Diagnostic& each) { return each.severity == Severity::error; });
}

std::string Report::text(const std::vector<Diagnostic>& diagnostics) const {
    std::string all;
    for (const Diagnostic& diagnostic : diagnostics) {
        const auto source = texts_.find(diagnostic.span.file);
        all += render(diagnostic, source == texts_.end() ? std::string_view() : std::string_view(source->second));
    }
    return all;
}

void Loaded::require_good() const {
    if (report.has_errors()) {
        throw Failure(target_matches ? refused : no_schedule, report.text());
    }
    std::cerr << report.text();
}

Loaded load(const std::vector<std::string>& kernels, const std::vector<std::string>& schedules,
            const LoadOptions& options) {
    Loaded loaded;
    const auto target = schedule::find_target(options.target.empty() ? "host" : options.target);
    if (!target) {
        throw Failure(usage, fmt::format("error: unknown target `{}`\nhelp: {}\n", options.target,
                                         schedule::target_choices(options.target, "known are")));
    }
    loaded.target = *target;
    for (const std::string& path : kernels) {
        std::string text = read_file(path);
        ParseResult parsed = read_kernel(path);
        loaded.report.add_text(path, std::move(text));
        loaded.report.add(parsed.diagnostics);
        if (parsed.kernel) {
            std::vector<Diagnostic> diagnostics;
            Work work;
            work.path = path;
            work.kernel = std::move(*parsed.kernel);
            work.sizes = infer_sizes(work.kernel, diagnostics);
            loaded.report.add(diagnostics);
            loaded.work.push_back(std::move(work));
        }
    }
    loaded.schedules = read_schedules(schedules, options.texts, loaded);
    check_duplicates(loaded.work, loaded.report);
    if (loaded.report.has_errors()) {
        // Schedules of kernels that are sound are checked all the same.
        std::erase_if(loaded.work, [&](const Work& work) {
            return std::ranges::any_of(loaded.report.diagnostics(), [&](const Diagnostic& each) {
                return each.span.file == work.path && each.severity == Severity::error;
            });
        });
    } else {
        warn_of_unused(loaded, loaded.report);
    }
    for (Work& work : loaded.work) {
        std::vector<schedule::ScheduleFile> files;
        for (const schedule::ScheduleFile& file : loaded.schedules) {
            if (applies(file, work.kernel)) {
                files.push_back(file);
                work.schedules.push_back(file.path);
            }
        }
        if (options.plans) {
            schedule::CheckOptions check_options;
            check_options.defaults = options.defaults;
            check_options.target = options.target.empty() ? "" : loaded.target.name;
            schedule::CheckResult checked = schedule::check(work.kernel, files, check_options);
            for (schedule::ScheduleText& each : checked.texts) {
                loaded.report.add_text(each.path, std::move(each.text));
            }
            loaded.report.add(checked.diagnostics);
            work.directives = std::move(checked.directives);
            loaded.target_matches = loaded.target_matches && checked.target_matches;
            if (checked.plan) {
                work.plan = std::move(*checked.plan);
                work.variants = std::move(checked.variants);
                loaded.report.add(schedule::check_variants(work.kernel, work.variants));
            }
        }
    }
    if (options.plans && !loaded.report.has_errors()) {
        std::vector<ir::Kernel> all;
        for (const Work& work : loaded.work) {
            all.push_back(work.kernel);
        }
        loaded.report.add(schedule::check_emission(all));
    }
    return loaded;
}

KernelAndSchedules split_files(const std::vector<std::string>& files) {
    KernelAndSchedules result;
    for (const std::string& file : files) {
        const std::string extension = std::filesystem::path(file).extension();
        if (extension == ".sched") {
            result.schedules.push_back(file);
        } else if (extension != ".coulter") {
            throw Failure(usage, fmt::format("error: `{}` is neither a .coulter nor a .sched file\n", file));
        } else if (!result.kernel.empty()) {
            throw Failure(usage,
                          fmt::format("error: one kernel is wanted, and `{}` and `{}` are two\n", result.kernel, file));
        } else {
            result.kernel = file;
        }
    }
    if (result.kernel.empty()) {
        throw Failure(usage, "error: a .coulter file is wanted\n");
    }
    return result;
}

std::map<std::string, std::int64_t> parse_sizes(const std::vector<std::string>& words, const std::string& option) {
    std::map<std::string, std::int64_t> sizes;
    for (const std::string& word : words) {
        std::size_t at = 0;
        while (at <= word.size()) {
            const std::size_t end = std::min(word.find(',', at), word.size());
            const std::string item = word.substr(at, end - at);
            at = end + 1;
            const std::size_t equals = item.find('=');
            std::int64_t value = -1;
            if (equals != std::string::npos) {
                const char* const last = item.data() + item.size();
                const auto [stop, error] = std::from_chars(item.data() + equals + 1, last, value);
                value = error == std::errc() && stop == last ? value : -1;
            }
            if (equals == 0 || equals == std::string::npos || value < 0 || value > 2147483647) {
                throw Failure(usage,
                              fmt::format("error: {} wants dim=n,... with n from 0 to 2147483647, and `{}` is none\n",
                                          option, item));
            }
            if (!sizes.emplace(item.substr(0, equals), value).second) {
                throw Failure(usage, fmt::format("error: {} has `{}` twice\n", option, item.substr(0, equals)));
            }
        }
    }
    return sizes;
}

} // namespace coulter::cli
