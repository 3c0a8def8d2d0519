#include "compile.hpp"

#include "names.hpp"
#include "pipeline.hpp"

#include "coulter/schedule/symbols.hpp"
#include "coulter/schedule/target.hpp"

#include <algorithm>
#include <chrono>
#include <fmt/core.h>
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

template <class Body>
void timed(const Options& options, const std::string& what, const Body& body) {
    const auto start = std::chrono::steady_clock::now();
    body();
    const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - start;
    if (options.time_passes && options.log != nullptr) {
        *options.log << fmt::format("{:>9.2f} ms  {}\n", took.count(), what);
    }
}

std::string read(const std::string& path) {
    std::ostringstream text;
    text << std::ifstream(path).rdbuf();
    return text.str();
}

// \pre the modules have one target.
Halide::Module link(const std::string& kernel, const std::vector<Halide::Module>& modules) {
    if (modules.size() == 1) {
        return modules.front();
    }
    Halide::Module linked = Halide::link_modules(mangle(kernel), modules);
    // link_modules forgets it, and all strict operations would be relaxed.
    linked.set_any_strict_float(std::any_of(modules.begin(), modules.end(),
                                            [](const Halide::Module& module) { return module.any_strict_float(); }));
    return linked;
}

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

// One plan on its way to a module.
class Compiler {
public:
    Compiler(Lowering& lowering, const Options& options) : lowering_(lowering), options_(options) {}

    Halide::Module run() {
        for (const Pass& pass : passes) {
            timed(options_, labelled(pass.name), [&] { pass.run(lowering_); });
            if (is_printed(pass.name)) {
                print_state(lowering_, *options_.log);
            }
        }
        const Halide::Module module = lower_to_halide();
        if (is_printed("lower-to-halide")) {
            std::ostringstream text;
            text << module;
            *options_.log << demangle(text.str());
        }
        return module;
    }

private:
    [[nodiscard]] std::string labelled(const std::string& pass) const {
        return lowering_.variant.empty() ? pass : fmt::format("{} of variant {}", pass, lowering_.variant);
    }

    // Writes the heading where the state after a pass is wanted.
    bool is_printed(const std::string& pass) const {
        if (options_.log == nullptr || (options_.print_after != "all" && options_.print_after != pass)) {
            return false;
        }
        *options_.log << "# after " << labelled(pass) << '\n';
        return true;
    }

    Halide::Module lower_to_halide() {
        const std::string& kernel = lowering_.plan.kernel.name;
        std::vector<Halide::Module> modules;
        timed(options_, labelled("lower-to-halide"), [&] {
            Halide::Pipeline pipeline = make_pipeline(lowering_.outputs());
            const std::string symbol = schedule::main_symbol(kernel, lowering_.variant);
            if (lowering_.target.has_gpu_feature()) {
                correct_kernels(pipeline, lowering_.target);
            }
            modules.push_back(pipeline.compile_to_module(lowering_.arguments(), symbol, lowering_.target));
            if (lowering_.target.has_gpu_feature()) {
                modules.back() = with_names_of_its_own(modules.back(), symbol);
            }
            for (const schedule::Pack& pack : lowering_.plan.packs) {
                if (pack.once) {
                    Stage& stage = lowering_.stages.at(pack.stage);
                    modules.push_back(
                        make_pipeline({stage.func})
                            .compile_to_module(lowering_.pack_arguments(stage),
                                               schedule::pack_symbol(kernel, pack.stage, lowering_.variant),
                                               lowering_.target));
                }
            }
        });
        return link(kernel, modules);
    }

    Lowering& lowering_;
    const Options& options_;
};

// Modules of one target and what is written of them.
void write(const Halide::Module& module, const std::string& object, const std::string& assembly) {
    std::map<Halide::OutputFileType, std::string> files;
    if (!object.empty()) {
        files[Halide::OutputFileType::object] = object;
    }
    if (!assembly.empty()) {
        files[Halide::OutputFileType::assembly] = assembly;
    }
    if (!files.empty()) {
        module.compile(files);
    }
}

void write_statement(const std::vector<Halide::Module>& modules, const std::string& path) {
    std::ostringstream text;
    for (const Halide::Module& module : modules) {
        for (const Halide::Internal::LoweredFunc& function : module.functions()) {
            text << "# function " << function.name << '\n' << function.body << '\n';
        }
    }
    std::ofstream(path) << demangle(text.str());
}

void write_device_source(const std::vector<Halide::Module>& modules, const std::string& path) {
    std::ofstream file(path);
    for (const Halide::Module& module : modules) {
        for (const Halide::Buffer<>& buffer : module.buffers()) {
            if (buffer.name().ends_with("_gpu_source_kernels")) {
                const auto* const text = static_cast<const char*>(buffer.data());
                file << launch_comments(module) << std::string(text, std::find(text, text + buffer.size_in_bytes(), '\0'));
            }
        }
    }
}

// All that is compiled for one target.
struct Part {
    schedule::Target target;
    std::vector<Halide::Module> modules;
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

void compile(const schedule::Plan& common, const std::vector<schedule::Variant>& variants, const Options& options,
             const Outputs& outputs) {
    const auto library = schedule::find_target(options.target);
    COULTER_INTERNAL_ASSERT(library.has_value());
    std::vector<Part> parts{{*library, {}}};
    std::vector<Halide::Module> all;
    const auto add = [&](const schedule::Plan& plan, const std::string& variant, const schedule::Target& target) {
        Lowering lowering;
        lowering.plan = plan;
        lowering.variant = variant;
        lowering.target = halide_target(target.name, plan.numerics)
                              .with_feature(Halide::Target::NoRuntime)
                              .with_feature(Halide::Target::UserContext);
        if (target.device == schedule::Device::opencl) {
            for (const Halide::Target::Feature feature : device_features(common.kernel)) {
                lowering.target.set_feature(feature);
            }
        }
        all.push_back(Compiler(lowering, options).run());
        auto part =
            std::find_if(parts.begin(), parts.end(), [&](const Part& each) { return each.target.name == target.name; });
        if (part == parts.end()) {
            part = parts.insert(part, {target, {}});
        }
        part->modules.push_back(all.back());
    };
    if (options.only.empty() || options.only == "common") {
        add(common, "", *library);
    }
    for (const schedule::Variant& variant : variants) {
        if (options.only.empty() || options.only == variant.name) {
            add(variant.plan, variant.name, schedule::variant_target(variant.when, *library));
        }
    }
    std::string assembly;
    for (const Part& part : parts) {
        if (part.modules.empty()) {
            continue;
        }
        const std::string object =
            outputs.object.empty() ? "" : schedule::target_object(outputs.object, part.target, *library);
        timed(options, "generate-code",
              [&] { write(link(common.kernel.name, part.modules), object, outputs.assembly); });
        if (!outputs.assembly.empty()) {
            assembly += read(outputs.assembly);
        }
    }
    if (!outputs.assembly.empty()) {
        std::ofstream(outputs.assembly) << assembly;
    }
    if (!outputs.device.empty()) {
        write_device_source(all, outputs.device);
    }
    if (!outputs.statement.empty()) {
        write_statement(all, outputs.statement);
    }
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
