#include "library.hpp"

#include "coulter/estimates.hpp"
#include "coulter/fingerprint.hpp"
#include "coulter/schedule/emit.hpp"
#include "coulter/schedule/symbols.hpp"
#include "coulter/text.hpp"
#include "coulter/version.hpp"
#include "describe.hpp"
#include "files.hpp"
#include "lowering.hpp"
#include "machine.hpp"
#include "progress.hpp"
#include "tools.hpp"
#include "variants.hpp"

#include <algorithm>
#include <atomic>
#include <exception>
#include <fmt/core.h>
#include <iostream>
#include <mutex>
#include <thread>

namespace coulter::cli {
namespace fs = std::filesystem;

namespace {

/// What one kernel contributes: objects in the order in which they are linked.
struct Parts {
    fs::path kernel;
    fs::path entry;
    fs::path plan;
    std::string entry_text;
    std::string header_text;
    std::string plan_text;
    std::vector<fs::path> cubins;
    std::vector<Diagnostic> warnings;
};

schedule::BuildFacts facts_of(const Work& work, const schedule::Target& target) {
    schedule::BuildFacts facts;
    facts.target = target;
    facts.schedule = schedule_in_force(work);
    facts.coulter_version = COULTER_VERSION;
    facts.halide_version = COULTER_HALIDE_VERSION;
    const auto extents = resolve_extents(work.kernel, work.sizes, work.kernel.estimates);
    if (extents.size() == work.kernel.dims.size()) {
        facts.estimate = estimate(work.kernel, extents);
    }
    return facts;
}

class Builder {
public:
    Builder(const Loaded& loaded, const LibraryRequest& request)
        : loaded_(loaded), request_(request), objects_(request.directory / "obj"), include_(find_include()),
          progress_(!request.quiet && !request.verbose) {
        make_directory(objects_);
        scratch_ = std::make_unique<TemporaryDirectory>(request.directory);
    }

    fs::path run() {
        parts_.resize(loaded_.work.size());
        compile_all();
        progress_.show("linking " + request_.name);
        const fs::path made = request_.shared ? link() : archive();
        if (interrupted() != 0) {
            throw Failure(environment, "error: interrupted\n");
        }
        for (const Parts& parts : parts_) {
            std::cerr << loaded_.report.text(parts.warnings);
        }
        return publish_all(made);
    }

private:
    void run_command(const std::vector<std::string>& command, const std::string& what) {
        if (request_.verbose) {
            std::cerr << shell_text(command) + '\n';
        }
        Limits limits = request_.limits;
        limits.memory_bytes = 0;
        const ChildResult result = run_child(command, limits);
        if (result.ok()) {
            return;
        }
        std::string why = result.timed_out          ? fmt::format("it took more than {:g} s", limits.seconds)
                          : result.exit_code == 127 ? "it cannot be started"
                          : result.signal != 0      ? fmt::format("signal {}", result.signal)
                                                    : fmt::format("exit code {}", result.exit_code);
        throw failure(environment, "B007", fmt::format("{} failed: {}", what, why),
                      fmt::format("the command was {}\n{}", shell_text(command), result.errors));
    }

    /// Whether `object` was made from what `key` says. An object without its key does not count.
    static bool is_current(const fs::path& object, const std::string& key) {
        std::error_code error;
        const fs::path key_path = object.string() + ".key";
        return fs::exists(object, error) && fs::exists(key_path, error) && read_file(key_path) == key;
    }

    /// Makes `object` by `make(temporary)` unless it is current.
    template <class Make>
    void ensure(const fs::path& object, const std::string& key, const Make& make) {
        if (is_current(object, key)) {
            return;
        }
        std::error_code ignored;
        fs::remove(object.string() + ".key", ignored);
        const fs::path temporary = scratch_->path() / object.filename();
        make(temporary);
        fs::rename(temporary, object, ignored);
        if (ignored) {
            throw failure(environment, "B008",
                          fmt::format("cannot write `{}`: {}", object.string(), ignored.message()));
        }
        write_file(object.string() + ".key", key);
    }

    void compile_source(const fs::path& source, const std::string& text, const fs::path& object, bool is_c) {
        std::vector<std::string> command = c_compiler();
        std::string dependencies;
        if (is_c) {
            command.insert(command.end(), {"-std=c99", "-O2", "-fPIC", "-I", include_.string()});
            for (const char* const header : {"descriptor.h", "runtime.h", "dlpack.h"}) {
                dependencies += sha256(read_file(include_ / "coulter" / header));
            }
        }
        const std::string key = sha256(text + dependencies + shell_text(command));
        ensure(object, key, [&](const fs::path& temporary) {
            write_file(source, text);
            command.insert(command.end(), {"-c", source.string(), "-o", temporary.string()});
            run_command(command, fmt::format("{} `{}`", is_c ? "compiling" : "assembling", source.filename().string()));
        });
    }

    // The size and time of the compiler stand for what it is.
    static std::string compiler_identity() {
        std::error_code error;
        const fs::path lower = find_lower();
        const auto time = fs::last_write_time(lower, error).time_since_epoch().count();
        return fmt::format("{} {} {} {}", lower.string(), fs::file_size(lower, error), time, COULTER_HALIDE_VERSION);
    }

    void compile_kernel(std::size_t index) {
        const Work& work = loaded_.work[index];
        const std::string stem = schedule::c_name(work.kernel.name);
        Parts& parts = parts_[index];
        parts.entry_text = schedule::c_entry(work.kernel, work.sizes);
        parts.header_text = schedule::c_header(work.kernel, work.sizes);
        parts.plan_text = schedule::plan_data(work.kernel, work.plan, work.variants, facts_of(work, loaded_.target));
        parts.kernel = objects_ / (stem + ".o");
        parts.entry = objects_ / (stem + ".entry.o");
        parts.plan = objects_ / (stem + ".plan.o");
        compile_source(objects_ / (stem + ".c"), parts.entry_text, parts.entry, true);
        compile_source(objects_ / (stem + ".plan.s"), parts.plan_text, parts.plan, false);
        lower(work, parts);
        if (!request_.assembler.tool.empty()) {
            assemble_kernels(work, parts);
        }
    }

    LowerRequest lower_request(const Work& work) {
        LowerRequest lower;
        lower.work = &work;
        lower.target = loaded_.target.name;
        lower.verbose = request_.verbose;
        lower.diagnose = request_.diagnose;
        lower.limits = request_.limits;
        lower.repro = request_.directory;
        return lower;
    }

    /// What the code of a kernel follows from.
    std::string lowering_key(const Work& work) {
        std::string schedules;
        for (const std::string& path : work.schedules) {
            schedules += sha256(read_file(path));
        }
        for (const std::string& path : loaded_.included) {
            schedules += sha256(read_file(path));
        }
        return sha256(print(work.kernel) + schedules + loaded_.target.halide + compiler_identity());
    }

    void lower(const Work& work, const Parts& parts) {
        const std::string stem = schedule::c_name(work.kernel.name);
        LowerRequest lower = lower_request(work);
        lower.print_after = request_.print_after;
        lower.time_passes = request_.time_passes;
        lower.assembly = request_.emit.contains("asm") ? (scratch_->path() / (stem + ".s")).string() : "";
        lower.statement = request_.emit.contains("stmt") ? (scratch_->path() / (stem + ".stmt")).string() : "";
        if (!lower.assembly.empty() || !lower.statement.empty() || !lower.print_after.empty() || lower.time_passes) {
            std::error_code ignored;
            fs::remove(parts.kernel.string() + ".key", ignored);
        }
        ensure(parts.kernel, lowering_key(work), [&](const fs::path& temporary) {
            lower.object = temporary.string();
            run_lower(lower);
            join_targets(work, temporary);
        });
    }

    // Each part of a schedule by itself: the source of its kernels is one module for the assembler.
    void assemble_kernels(const Work& work, Parts& parts) {
        const std::string stem = schedule::c_name(work.kernel.name);
        for (const std::string& part : part_names(work)) {
            LowerRequest lower = lower_request(work);
            lower.variant = work.variants.empty() ? "" : part;
            const std::string name = work.variants.empty() ? stem : fmt::format("{}.{}", stem, part);
            const fs::path source = objects_ / (name + ".ptx");
            ensure(source, lowering_key(work), [&](const fs::path& temporary) {
                lower.device = temporary.string();
                run_lower(lower);
            });
            const schedule::Plan& plan = plan_of_part(work, part);
            const DeviceCode code = assemble_all(request_.assembler, plan, source.string(),
                                                 (scratch_->path() / name).string(), request_.limits);
            for (const ArchitectureFigures& each : code.architectures) {
                parts.cubins.emplace_back(fmt::format("{}.{}.cubin", name, each.architecture));
            }
            std::ranges::move(spill_warnings(work, plan, code), std::back_inserter(parts.warnings));
        }
    }

    // One object of a kernel, whatever processors its variants are compiled for.
    void join_targets(const Work& work, const fs::path& object) {
        std::set<std::string> others;
        for (const schedule::Variant& variant : work.variants) {
            others.insert(schedule::target_object(
                object.string(), schedule::variant_target(variant.when, loaded_.target), loaded_.target));
        }
        others.erase(object.string());
        if (others.empty()) {
            return;
        }
        const fs::path own = object.string() + ".own";
        fs::rename(object, own);
        std::vector<std::string> command = c_compiler();
        command.insert(command.end(), {"-r", "-nostdlib", "-o", object.string(), own.string()});
        command.insert(command.end(), others.begin(), others.end());
        run_command(command, fmt::format("joining the objects of `{}`", work.kernel.name));
    }

    void compile_all() {
        const std::size_t count = loaded_.work.size();
        const std::size_t workers = std::min<std::size_t>(request_.jobs == 0 ? processors() : request_.jobs, count);
        std::atomic<std::size_t> next{0};
        std::vector<std::exception_ptr> failures(count);
        const auto work = [&] {
            for (std::size_t i = next++; i < count && interrupted() == 0; i = next++) {
                progress_.show(fmt::format("compiling {} ({} of {})", loaded_.work[i].kernel.name, i + 1, count));
                try {
                    compile_kernel(i);
                } catch (...) {
                    failures[i] = std::current_exception();
                }
            }
        };
        std::vector<std::thread> threads;
        for (std::size_t i = 1; i < workers; ++i) {
            threads.emplace_back(work);
        }
        work();
        for (std::thread& thread : threads) {
            thread.join();
        }
        report(failures);
    }

    // All failures of all kernels, in the order of the command line.
    static void report(const std::vector<std::exception_ptr>& failures) {
        std::string text;
        Exit code = good;
        for (const std::exception_ptr& each : failures) {
            if (each) {
                try {
                    std::rethrow_exception(each);
                } catch (const Failure& one) {
                    text += one.what();
                    code = std::max(code, one.code());
                }
            }
        }
        if (code != good) {
            throw Failure(code, text);
        }
    }

    std::vector<std::string> all_objects() {
        std::vector<std::string> all;
        for (const Parts& parts : parts_) {
            all.insert(all.end(), {parts.entry.string(), parts.plan.string(), parts.kernel.string()});
        }
        if (!request_.extra_source.empty()) {
            const fs::path object = objects_ / "extra.o";
            compile_source(objects_ / "extra.c", request_.extra_source, object, true);
            all.push_back(object.string());
        }
        return all;
    }

    fs::path archive() {
        const fs::path made = scratch_->path() / ("lib" + request_.name + ".a");
        std::vector<std::string> command = archiver();
        command.insert(command.end(), {"rcsD", made.string()});
        for (const std::string& object : all_objects()) {
            command.push_back(object);
        }
        run_command(command, fmt::format("archiving `lib{}.a`", request_.name));
        return made;
    }

    // Only the API is visible: several such libraries may be in one process.
    fs::path link() {
        const std::string file = "lib" + request_.name + ".so";
        const fs::path made = scratch_->path() / file;
        std::string exports = "{\n  global:\n    coulter_*;\n";
        for (const Work& work : loaded_.work) {
            exports += fmt::format("    {0};\n    {0}_info;\n", schedule::c_name(work.kernel.name));
        }
        for (const std::string& name : request_.extra_exports) {
            exports += fmt::format("    {};\n", name);
        }
        const fs::path script = scratch_->path() / "exports.map";
        write_file(script, exports + "  local:\n    *;\n};\n");
        std::vector<std::string> command = c_compiler();
        command.insert(command.end(), {"-shared", "-o", made.string()});
        for (const std::string& object : all_objects()) {
            command.push_back(object);
        }
        command.insert(command.end(),
                       {"-Wl,--whole-archive", find_runtime(request_.runtime).string(), "-Wl,--no-whole-archive",
                        "-Wl,--version-script=" + script.string(), "-Wl,-soname," + file, "-Wl,--no-undefined",
                        "-lstdc++", "-lm", "-ldl", "-pthread"});
        run_command(command, fmt::format("linking `{}`", file));
        return made;
    }

    fs::path publish_all(const fs::path& made) {
        const fs::path headers = request_.directory / "include" / request_.name;
        make_directory(headers);
        for (std::size_t i = 0; i < parts_.size(); ++i) {
            const std::string stem = schedule::c_name(loaded_.work[i].kernel.name);
            write_file(headers / (stem + ".h"), parts_[i].header_text);
            emit(stem, parts_[i]);
        }
        fs::path library = request_.directory / made.filename();
        publish(made, library);
        return library;
    }

    void emit(const std::string& stem, const Parts& parts) {
        const fs::path& out = request_.directory;
        if (request_.emit.contains("stub")) {
            write_file(out / (stem + ".c"), parts.entry_text);
            write_file(out / (stem + ".plan.s"), parts.plan_text);
        }
        if (request_.emit.contains("header")) {
            write_file(out / (stem + ".h"), parts.header_text);
        }
        if (request_.emit.contains("object")) {
            write_file(out / (stem + ".o"), read_file(parts.kernel));
        }
        for (const fs::path& cubin : parts.cubins) {
            if (request_.emit.contains("cubin")) {
                publish(scratch_->path() / cubin, out / cubin);
            }
        }
        for (const char* const extension : {".s", ".stmt"}) {
            if (request_.emit.contains(extension == std::string(".s") ? "asm" : "stmt")) {
                publish(scratch_->path() / (stem + extension), out / (stem + extension));
            }
        }
    }

    const Loaded& loaded_;
    const LibraryRequest& request_;
    fs::path objects_;
    fs::path include_;
    Progress progress_;
    std::unique_ptr<TemporaryDirectory> scratch_;
    std::vector<Parts> parts_;
};

} // namespace

fs::path build_library(const Loaded& loaded, const LibraryRequest& request) {
    make_directory(request.directory);
    return Builder(loaded, request).run();
}

const std::vector<std::string>& emit_kinds() {
    static const std::vector<std::string> kinds{"stub", "header", "object", "asm", "stmt", "cubin"};
    return kinds;
}

} // namespace coulter::cli
