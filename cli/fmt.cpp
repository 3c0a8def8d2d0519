// coulter fmt

#include "coulter/fingerprint.hpp"
#include "coulter/schedule/rewrite.hpp"
#include "coulter/text.hpp"
#include "files.hpp"
#include "inputs.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <fmt/core.h>
#include <iostream>
#include <memory>

namespace coulter::cli {
namespace fs = std::filesystem;
using schedule::ScheduleFile;
using schedule::Statement;

namespace {

struct Options {
    std::vector<std::string> files;
    std::string kernel;
    bool check = false;
    bool stamp = false;
};

/// The kernel that a file's stamps are of: the one given, or `<first pattern>.coulter` beside the file.
ir::Kernel kernel_of(const ScheduleFile& file, const Options& options) {
    fs::path path = options.kernel;
    for (const Statement& statement : file.statements) {
        if (path.empty() && statement.kind == Statement::Kind::schedule) {
            path = fs::path(file.path).parent_path() / (statement.patterns.front().text + ".coulter");
        }
    }
    std::error_code error;
    if (path.empty() || (options.kernel.empty() && !fs::exists(path, error))) {
        throw Failure(
            usage, fmt::format("error: --stamp needs the kernel of `{}`\nhelp: give it by --kernel{}\n", file.path,
                               path.empty() ? "" : fmt::format(", or put `{}` beside it", path.filename().string())));
    }
    LoadOptions load_options;
    load_options.plans = false;
    Loaded loaded = load({path.string()}, {}, load_options);
    loaded.require_good();
    return std::move(loaded.work.front().kernel);
}

/// What a stage derives from, following the statements that made it.
std::string origin(const ScheduleFile& file, std::string stage) {
    if (stage.ends_with(".init")) {
        stage.resize(stage.size() - 5);
    }
    // Each step goes to an earlier statement.
    for (auto statement = file.statements.rbegin(); statement != file.statements.rend(); ++statement) {
        using Kind = Statement::Kind;
        const bool derives = statement->kind == Kind::accumulate || statement->kind == Kind::copy ||
                             statement->kind == Kind::pack || statement->kind == Kind::clone ||
                             statement->kind == Kind::chunk;
        const bool carries = statement->kind == Kind::chunk && statement->stage.text + schedule::carry_suffix == stage;
        if (derives && (statement->stage.text == stage || carries)) {
            stage = statement->source.text;
        } else if (statement->kind == Kind::join && statement->stage.text == stage) {
            stage = statement->names.front().text;
        } else if (statement->kind == Kind::rfactor && statement->target.text == stage) {
            stage = statement->stage.text;
        }
    }
    return stage;
}

void stamp(ScheduleFile& file, const ir::Kernel& kernel) {
    for (Statement& statement : file.statements) {
        if (statement.kind == Statement::Kind::block) {
            const ir::Definition* const definition = kernel.find_definition(origin(file, statement.stage.text));
            statement.stamp = definition == nullptr ? "" : fingerprint(*definition);
        }
    }
}

int format(const Options& options) {
    std::string unformatted;
    std::string errors;
    std::vector<std::pair<std::string, std::string>> results;
    for (const std::string& path : options.files) {
        const std::string text = read_file(path);
        schedule::SyntaxResult syntax = schedule::parse_schedule(text, path);
        Report report;
        report.add_text(path, text);
        report.add(syntax.diagnostics);
        errors += report.text();
        if (!syntax.ok()) {
            continue; // the mistakes of all files are told, and none is changed
        }
        if (options.stamp) {
            stamp(syntax.file, kernel_of(syntax.file, options));
        }
        std::string formatted = schedule::format(syntax.file);
        if (formatted != text) {
            unformatted += path + '\n';
            results.emplace_back(path, std::move(formatted));
        }
    }
    if (!errors.empty()) {
        throw Failure(refused, errors);
    }
    if (options.check) {
        std::cout << unformatted;
        return unformatted.empty() ? good : refused;
    }
    for (const auto& [path, text] : results) {
        write_file(path, text);
    }
    return good;
}

} // namespace

void add_fmt(CLI::App& app, Run& run) {
    CLI::App* const command =
        add_command(app, "fmt", "Write schedule files in their canonical form",
                    "  coulter fmt conv_capsules.sched\n"
                    "  coulter fmt --check schedules/*.sched\n"
                    "      prints the files that would change, exit code 1 when there are any\n"
                    "  coulter fmt --stamp conv_capsules.sched --kernel build/texts/conv_capsules.coulter\n"
                    "      writes after each stage what it computes, so that a change of the algorithm is noticed");
    const auto options = std::make_shared<Options>();
    command->add_option("files", options->files, "schedule files")->required()->type_name("S.sched...");
    command->add_flag("--check", options->check, "change nothing; say which files would change");
    command->add_flag("--stamp", options->stamp, "write fingerprints after the names of stages");
    command->add_option("--kernel", options->kernel, "the kernel for --stamp (<kernel>.coulter beside the schedule)")
        ->type_name("K.coulter");
    command->callback([options, &run] { run = [options] { return format(*options); }; });
}

} // namespace coulter::cli
