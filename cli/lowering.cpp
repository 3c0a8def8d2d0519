#include "lowering.hpp"

#include "files.hpp"
#include "tools.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstring>
#include <fmt/core.h>
#include <iostream>

namespace coulter::cli {
namespace fs = std::filesystem;

namespace {

std::vector<std::string> command_of(const LowerRequest& request) {
    std::vector<std::string> command{find_lower().string(), request.work->path};
    const auto option = [&](const char* name, const std::string& value) {
        if (!value.empty()) {
            command.insert(command.end(), {name, value});
        }
    };
    for (const std::string& path : request.work->schedules) {
        option("--schedule", path);
    }
    option("--target", request.target);
    option("--object", request.object);
    option("--assembly", request.assembly);
    option("--statement", request.statement);
    option("--device-source", request.device);
    option("--variant", request.variant);
    option("--print-after", request.print_after);
    if (request.time_passes) {
        command.emplace_back("--time-passes");
    }
    return command;
}

bool out_of_memory(const ChildResult& result) {
    for (const char* const text :
         {"bad_alloc", "out of memory", "Cannot allocate memory", "LLVM ERROR: Allocation failed"}) {
        if (result.errors.find(text) != std::string::npos) {
            return true;
        }
    }
    return false;
}

bool lowering_failed(const ChildResult& result) {
    return result.signal != 0 || result.timed_out || result.exit_code >= environment;
}

/// The directive whose addition makes the lowering fail; `count` when the empty schedule fails too or time ran out.
std::size_t failing_directive(const LowerRequest& request, std::size_t count) {
    const TemporaryDirectory scratch;
    LowerRequest probe = request;
    probe.object = (scratch.path() / "probe.o").string();
    probe.assembly.clear();
    probe.statement.clear();
    probe.device.clear();
    probe.print_after.clear();
    const auto start = std::chrono::steady_clock::now();
    const auto fails = [&](std::size_t first) {
        std::vector<std::string> command = command_of(probe);
        command.insert(command.end(), {"--first-directives", std::to_string(first)});
        return lowering_failed(run_child(command, probe.limits));
    };
    if (fails(0)) {
        return count;
    }
    std::size_t works = 0;
    std::size_t broken = count;
    while (broken - works > 1) {
        const std::chrono::duration<double> spent = std::chrono::steady_clock::now() - start;
        if (interrupted() != 0 || (request.limits.seconds > 0 && spent.count() > 2 * request.limits.seconds)) {
            return count;
        }
        const std::size_t middle = works + (broken - works) / 2;
        (fails(middle) ? broken : works) = middle;
    }
    return broken - 1;
}

/// A folder with all that is needed to see the failure again, so that it can be sent to somebody.
fs::path write_repro(const LowerRequest& request, const std::string& errors) {
    const fs::path folder = request.repro / (request.work->kernel.name + ".repro");
    make_directory(folder);
    const fs::path kernel(request.work->path);
    write_file(folder / kernel.filename(), read_file(kernel));
    const fs::path consts = kernel.parent_path() / (request.work->kernel.name + ".const.safetensors");
    if (fs::exists(consts)) {
        write_file(folder / consts.filename(), read_file(consts));
    }
    std::vector<std::string> command{"coulter-lower", kernel.filename().string()};
    for (std::size_t i = 0; i < request.work->schedules.size(); ++i) {
        const fs::path path(request.work->schedules[i]);
        const std::string name = i == 0 ? path.filename().string() : fmt::format("{}.{}", i, path.filename().string());
        write_file(folder / name, read_file(path));
        command.insert(command.end(), {"--schedule", name});
    }
    command.insert(command.end(), {"--target", request.target, "--object", "repro.o"});
    write_file(folder / "command", shell_text(command) + '\n');
    write_file(folder / "errors", errors);
    return folder;
}

std::string last_lines(const std::string& text, std::size_t lines) {
    std::size_t at = text.size();
    while (at > 0 && lines > 0) {
        at = text.rfind('\n', at - 1);
        if (at == std::string::npos) {
            return text;
        }
        lines -= at + 1 < text.size() ? 1 : 0;
    }
    return text.substr(at == 0 ? 0 : at + 1);
}

// What Halide or the system said, without the frame that coulter-lower puts around it.
std::string reason(const std::string& errors) {
    std::string text = errors;
    const std::string frame = " failed: ";
    const std::size_t start = text.find(frame);
    if (text.starts_with("error: the lowering of") && start != std::string::npos) {
        text.erase(0, start + frame.size());
    }
    if (const std::size_t code = text.rfind(" [B001]"); code != std::string::npos) {
        text.erase(code);
    }
    text = last_lines(text, 6);
    while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) {
        text.pop_back();
    }
    return text;
}

Diagnostic describe(const LowerRequest& request, const ChildResult& result) {
    const std::string& kernel = request.work->kernel.name;
    Diagnostic diagnostic;
    diagnostic.span = {request.work->path, 1, 0, 1};
    if (result.timed_out) {
        diagnostic.code = "B005";
        diagnostic.message = fmt::format("compiling `{}` took more than {:g} s", kernel, request.limits.seconds);
        diagnostic.help = "--timeout gives it more time; a schedule that unrolls less needs less";
    } else if (out_of_memory(result)) {
        diagnostic.code = "B006";
        diagnostic.message =
            fmt::format("compiling `{}` needs more than {} MiB of memory", kernel, request.limits.memory_bytes >> 20);
        diagnostic.help = "--memory gives it more; a schedule that unrolls less needs less";
    } else if (result.signal != 0 || result.exit_code == 127) {
        diagnostic.code = "B002";
        diagnostic.message = result.signal != 0
                                 ? fmt::format("the compiler crashed on `{}`: {}", kernel, strsignal(result.signal))
                                 : fmt::format("the compiler of `{}` cannot be started", kernel);
    } else {
        diagnostic.code = "B001";
        diagnostic.message = fmt::format("the lowering of `{}` failed", kernel);
    }
    if (const std::string why = reason(result.errors); !why.empty()) {
        diagnostic.notes.push_back({{}, why});
    }
    return diagnostic;
}

} // namespace

void run_lower(const LowerRequest& request) {
    const std::vector<std::string> command = command_of(request);
    if (request.verbose) {
        std::cerr << shell_text(command) + '\n';
    }
    const ChildResult result = run_child(command, request.limits);
    if (interrupted() != 0) {
        throw Failure(environment, "error: interrupted\n");
    }
    if (result.ok()) {
        std::cerr << result.errors;
        return;
    }
    if (!lowering_failed(result)) {
        throw Failure(result.exit_code == 0 ? environment : static_cast<Exit>(result.exit_code), result.errors);
    }
    Diagnostic diagnostic = describe(request, result);
    if (!request.diagnose) {
        throw Failure(environment, render(diagnostic));
    }
    const std::vector<Span>& spans = request.work->directives;
    std::string source;
    if (!spans.empty() && result.exit_code != 127) {
        const std::size_t failing = failing_directive(request, spans.size());
        if (failing < spans.size()) {
            diagnostic.span = spans[failing];
            source = read_file(spans[failing].file);
            diagnostic.notes.push_back({{}, "without this directive, and those after it, the lowering succeeds"});
        } else {
            diagnostic.notes.push_back({{}, "it fails without any directive of the schedule too"});
        }
    }
    const fs::path folder = write_repro(request, result.errors);
    diagnostic.notes.push_back({{}, fmt::format("what is needed to see it again is in {}", folder.string())});
    throw Failure(environment, render(diagnostic, source));
}

void add_limit_options(CLI::App& command, Limits& limits) {
    command
        .add_option_function<double>(
            "--memory",
            [&limits](double gib) { limits.memory_bytes = static_cast<std::int64_t>(gib * 1024 * 1024 * 1024); },
            "address space of the compiler in GiB (8; 0: no limit)")
        ->check(CLI::Range(0.0, 1.0e6));
    command.add_option("--timeout", limits.seconds, "seconds that compiling one kernel may take (120; 0: no limit)")
        ->check(CLI::Range(0.0, 1.0e7));
}

} // namespace coulter::cli
