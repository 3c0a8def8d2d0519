// coulter-lower: the only program that runs Halide. `coulter` starts it as a child with limits on time and memory, so
// that nothing that Halide or LLVM does can take the caller down.

#include "compile.hpp"
#include "names.hpp"

#include "coulter/schedule/check.hpp"
#include "coulter/schedule/target.hpp"
#include "coulter/text.hpp"

#include <CLI/CLI.hpp>
#include <Halide.h>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <sstream>

namespace {

using namespace coulter;

enum Exit : int { good = 0, refused = 1, no_match = 3, environment = 4 };

struct Request {
    std::string kernel;
    std::vector<std::string> schedules;
    lower::Options options;
    lower::Outputs outputs;
    std::size_t directives = 0;
    bool limited = false;
};

std::string read_file(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    if (!file) {
        throw std::runtime_error("cannot read `" + path + "`");
    }
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
}

int run(const Request& request) {
    const ParseResult parsed = read_kernel(request.kernel);
    if (!parsed.kernel) {
        std::cerr << schedule::render(parsed.diagnostics, {});
        return refused;
    }
    std::vector<schedule::ScheduleText> texts;
    std::vector<schedule::ScheduleFile> files;
    for (const std::string& path : request.schedules) {
        texts.push_back({path, read_file(path)});
        std::vector<schedule::ScheduleText> included;
        schedule::SyntaxResult syntax = schedule::parse_schedule_file(texts.back().text, path, included);
        texts.insert(texts.end(), included.begin(), included.end());
        if (!syntax.ok()) {
            std::cerr << schedule::render(syntax.diagnostics, texts);
            return refused;
        }
        files.push_back(std::move(syntax.file));
    }
    schedule::CheckOptions options;
    options.target = request.options.target;
    if (request.limited) {
        options.first_directives = request.directives;
    }
    const schedule::CheckResult checked = schedule::check(*parsed.kernel, files, options);
    if (!checked.target_matches) {
        std::cerr << schedule::render(checked.diagnostics, texts);
        return no_match;
    }
    if (!checked.plan) {
        std::cerr << schedule::render(checked.diagnostics, texts);
        return refused;
    }
    try {
        lower::compile(*checked.plan, checked.variants, request.options, request.outputs);
    } catch (const Halide::Error& error) {
        std::cerr << "error: the lowering of `" << parsed.kernel->name << "` failed: " << lower::demangle(error.what())
                  << " [B001]\n";
        return environment;
    }
    return good;
}

} // namespace

int main(int argc, char** argv) {
    // Schedules say what becomes a vector. LLVM on its own packs the addresses of unrolled loads into vectors, only to take
    // them apart again, in the innermost loops. Who sets the variable, chooses all of LLVM's options.
    setenv("HL_LLVM_ARGS", "-vectorize-slp=false", 0);
    CLI::App app{"Compiles one kernel with its schedule to an object file. Started by `coulter`."};
    Request request;
    request.options.target = "host";
    request.options.log = &std::cerr;
    app.add_option("kernel", request.kernel, "the .coulter file")->required();
    app.add_option("--schedule", request.schedules, "a .sched file");
    app.add_option("--target", request.options.target, "processor to compile for");
    app.add_option("--object", request.outputs.object, "write the object file here");
    app.add_option("--assembly", request.outputs.assembly, "write assembly here");
    app.add_option("--device-source", request.outputs.device, "write the source of the device's kernels here");
    app.add_option("--statement", request.outputs.statement, "write Halide's lowered statement here");
    app.add_option("--print-after", request.options.print_after, "print the state after a pass, or `all`");
    app.add_option("--variant", request.options.only, "compile this variant alone, or the part `common` to all");
    app.add_flag("--time-passes", request.options.time_passes, "print the time of each pass");
    const CLI::Option* limit =
        app.add_option("--first-directives", request.directives,
                       "apply only so many directives of the schedules; for finding one that fails");
    try {
        app.parse(argc, argv);
        if (!coulter::schedule::find_target(request.options.target)) {
            std::cerr << "error: unknown target `" << request.options.target << "`; "
                      << coulter::schedule::target_choices(request.options.target, "known are") << '\n';
            return 2;
        }
        request.limited = limit->count() > 0;
        return run(request);
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? 0 : 2;
    } catch (const std::exception& error) {
        std::cerr << "error: " << error.what() << '\n';
        return environment;
    }
}
