#include "compile.hpp"

#include "names.hpp"
#include "pipeline.hpp"

#include "coulter/schedule/symbols.hpp"
#include "coulter/schedule/target.hpp"

#include <algorithm>
#include <chrono>
#include <fmt/format.h>
#include <fstream>
#include <sstream>

namespace coulter::lower {
namespace {

struct Pass {
    const char* name;
    void (*run)(Lowering&);
};

// The lowering in one list. What each leaves behind is said where it is declared.
constexpr Pass passes[] = {{"fold-constants", fold_constants},   {"declare-arguments", declare_arguments},
                           {"declare-stages", declare_stages},   {"absorb-padding", absorb_padding},
                           {"find-overruns", find_overruns},     {"define-stages", define_stages},
                           {"bound-stages", bound_stages},       {"shape-loops", shape_loops},
                           {"place-stages", place_stages}};

// What can be said of the functions between passes: their definitions, then Halide's own loop nest.
void print_state(const Lowering& lowering, std::ostream& log) {
    for (const ir::Definition& definition : lowering.plan.kernel.definitions) {
        const auto stage = lowering.stages.find(definition.name);
        if (stage == lowering.stages.end()) {
            continue;
        }
        std::ostringstream text;
        const Halide::Func& func = stage->second.func;
        text << definition.name << ": ";
        if (!func.defined()) {
            text << "declared\n";
        } else {
            const Halide::Tuple values = func.values();
            for (std::size_t i = 0; i < values.size(); ++i) {
                text << values[i] << ' ';
            }
            text << '\n';
            for (int i = 0; i < func.num_update_definitions(); ++i) {
                text << "  update: ";
                const Halide::Tuple updates = func.update_values(i);
                for (std::size_t j = 0; j < updates.size(); ++j) {
                    text << updates[j] << ' ';
                }
                text << '\n';
            }
        }
        log << demangle(text.str());
    }
}

class Compiler {
public:
    Compiler(Lowering& lowering, const Options& options) : lowering_(lowering), options_(options) {}

    void run_passes() {
        for (const Pass& pass : passes) {
            timed(pass.name, [&] { pass.run(lowering_); });
            if (options_.log != nullptr && (options_.print_after == "all" || options_.print_after == pass.name)) {
                *options_.log << "# after " << pass.name << '\n';
                print_state(lowering_, *options_.log);
            }
        }
    }

    Halide::Module module() {
        std::vector<Halide::Module> modules;
        timed("lower-to-halide", [&] {
            modules.push_back(make_pipeline(lowering_.outputs())
                                  .compile_to_module(lowering_.arguments(),
                                                     schedule::main_symbol(lowering_.plan.kernel.name),
                                                     lowering_.target));
            for (const schedule::Pack& pack : lowering_.plan.packs) {
                if (pack.once) {
                    Stage& stage = lowering_.stages.at(pack.stage);
                    modules.push_back(make_pipeline({stage.func}).compile_to_module(
                        lowering_.pack_arguments(stage), schedule::pack_symbol(lowering_.plan.kernel.name, pack.stage),
                        lowering_.target));
                }
            }
        });
        if (modules.size() == 1) {
            return modules.front();
        }
        Halide::Module linked = Halide::link_modules(mangle(lowering_.plan.kernel.name), modules);
        // link_modules forgets it, and all strict operations would be relaxed.
        linked.set_any_strict_float(std::any_of(modules.begin(), modules.end(),
                                                [](const Halide::Module& module) { return module.any_strict_float(); }));
        return linked;
    }

    void write(const Halide::Module& module, const Outputs& outputs) {
        std::map<Halide::OutputFileType, std::string> files;
        if (!outputs.object.empty()) {
            files[Halide::OutputFileType::object] = outputs.object;
        }
        if (!outputs.assembly.empty()) {
            files[Halide::OutputFileType::assembly] = outputs.assembly;
        }
        if (!files.empty()) {
            timed("generate-code", [&] { module.compile(files); });
        }
        if (!outputs.statement.empty()) {
            std::ostringstream text;
            for (const Halide::Internal::LoweredFunc& function : module.functions()) {
                text << "# function " << function.name << '\n' << function.body << '\n';
            }
            std::ofstream(outputs.statement) << demangle(text.str());
        }
    }

private:
    template<class Body> void timed(const std::string& name, const Body& body) {
        const auto start = std::chrono::steady_clock::now();
        body();
        const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - start;
        if (options_.time_passes && options_.log != nullptr) {
            *options_.log << fmt::format("{:>9.2f} ms  {}\n", took.count(), name);
        }
    }

    Lowering& lowering_;
    const Options& options_;
};

} // namespace

Halide::Target halide_target(const std::string& name, schedule::Numerics numerics) {
    const auto target = schedule::find_target(name);
    COULTER_INTERNAL_ASSERT(target.has_value());
    Halide::Target halide(target->halide);
    if (numerics == schedule::Numerics::exact) {
        halide.set_feature(Halide::Target::StrictFloat);
    }
    return halide;
}

void run_passes(Lowering& lowering) {
    for (const Pass& pass : passes) {
        pass.run(lowering);
    }
}

std::vector<Diagnostic> unsupported(const ir::Kernel& kernel) {
    std::vector<Diagnostic> diagnostics;
    for (const ir::Definition& definition : kernel.definitions) {
        const bool scatters = definition.reduction && !definition.reduction->into.empty();
        if (scatters || definition.scan) {
            Diagnostic diagnostic;
            diagnostic.code = "B013";
            diagnostic.span = definition.span;
            diagnostic.message = fmt::format("`{}` is a {}, which cannot be compiled yet", definition.name,
                                             scatters ? "scatter" : "scan");
            diagnostic.help = scatters ? "write the sum as a gather with a `where`: `sum {k where row(k) == i} x(k)`"
                                       : "write it as a reduction with a `where`: `sum {k where k <= i} x(k)`";
            diagnostics.push_back(std::move(diagnostic));
        }
    }
    return diagnostics;
}

void compile(schedule::Plan plan, const Options& options, const Outputs& outputs) {
    Lowering lowering;
    lowering.plan = std::move(plan);
    lowering.target = halide_target(options.target, lowering.plan.numerics)
                          .with_feature(Halide::Target::NoRuntime)
                          .with_feature(Halide::Target::UserContext);
    Compiler compiler(lowering, options);
    compiler.run_passes();
    const Halide::Module module = compiler.module();
    if (options.log != nullptr && (options.print_after == "all" || options.print_after == "lower-to-halide")) {
        std::ostringstream text;
        text << module;
        *options.log << "# after lower-to-halide\n" << demangle(text.str());
    }
    compiler.write(module, outputs);
}

std::vector<std::string> pass_names() {
    std::vector<std::string> names;
    for (const Pass& pass : passes) {
        names.emplace_back(pass.name);
    }
    names.emplace_back("lower-to-halide");
    names.emplace_back("generate-code");
    return names;
}

} // namespace coulter::lower
