// A kernel scheduled by one of Halide's own autoschedulers, as an object file with Halide's runtime in it:
//
//     bench_autoschedule K.coulter --scheduler Mullapudi2016 --plugin libautoschedule_mullapudi2016.so -o k.o
//
// The object has one function, named as the kernel, that takes a halide_buffer_t* for each input and output. Without a
// scheduler every function is computed on its own, one element after the other: slow, but it shows that the translation
// is right.

#include "translate.hpp"

#include "coulter/sizes.hpp"
#include "coulter/text.hpp"

#include <Halide.h>
#include <charconv>
#include <fstream>
#include <iostream>

namespace {

using namespace coulter;

struct Request {
    std::string kernel;
    std::string scheduler;
    std::string plugin;
    std::string object;
    std::string threads = "2";
    std::string schedule; ///< where to write what the autoscheduler chose
    std::map<std::string, std::int64_t> sizes;
};

constexpr const char* usage = "usage: bench_autoschedule K.coulter -o OBJECT [--scheduler NAME --plugin LIBRARY]\n"
                              "           [--threads N] [--size DIM=N]... [--schedule FILE]\n";

Request parse_arguments(const std::vector<std::string>& words) {
    Request request;
    std::map<std::string, std::string*> options{{"--scheduler", &request.scheduler},
                                                {"--plugin", &request.plugin},
                                                {"--threads", &request.threads},
                                                {"--schedule", &request.schedule},
                                                {"-o", &request.object}};
    for (std::size_t i = 0; i < words.size(); ++i) {
        const bool last = i + 1 == words.size();
        if (const auto option = options.find(words[i]); option != options.end() && !last) {
            *option->second = words[++i];
        } else if (words[i] == "--size" && !last) {
            const std::string& word = words[++i];
            const std::size_t equals = std::min(word.find('='), word.size() - 1);
            std::int64_t size = 0;
            const char* end = word.data() + word.size();
            if (std::from_chars(word.data() + equals + 1, end, size).ptr != end || size < 1) {
                throw std::runtime_error("`" + word + "` is no DIM=N");
            }
            request.sizes[word.substr(0, equals)] = size;
        } else if (request.kernel.empty() && words[i][0] != '-') {
            request.kernel = words[i];
        } else {
            throw std::runtime_error("unknown option `" + words[i] + "`\n" + usage);
        }
    }
    if (request.kernel.empty() || request.object.empty()) {
        throw std::runtime_error(usage);
    }
    return request;
}

std::map<std::string, std::int64_t> extents_of(const ir::Kernel& kernel,
                                               const std::map<std::string, std::int64_t>& sizes) {
    std::vector<Diagnostic> diagnostics;
    const Sizes rules = infer_sizes(kernel, diagnostics);
    std::map<std::string, std::int64_t> extents = resolve_extents(kernel, rules, sizes);
    for (const ir::Dim& dim : kernel.dims) {
        if (!extents.contains(dim.name)) {
            throw std::runtime_error("no estimate of `" + dim.name + "`");
        }
    }
    return extents;
}

/// This machine. Halide takes the instruction sets of a Zen 4 or Zen 5 from its model, where a virtual machine may hide
/// those of AVX-512.
Halide::Target host_target() {
    Halide::Target target = Halide::get_host_target();
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (!__builtin_cpu_supports("avx512f")) {
        for (const Halide::Target::Feature feature :
             {Halide::Target::AVX512, Halide::Target::AVX512_KNL, Halide::Target::AVX512_Skylake,
              Halide::Target::AVX512_Cannonlake, Halide::Target::AVX512_Zen4, Halide::Target::AVX512_Zen5,
              Halide::Target::AVX512_SapphireRapids}) {
            target = target.without_feature(feature);
        }
    }
#endif
    return target;
}

void compile(const Request& request) {
    const ParseResult parsed = read_kernel(request.kernel);
    if (!parsed.kernel) {
        throw std::runtime_error("`" + request.kernel + "` is not a kernel");
    }
    bench::Translated translated = bench::translate(*parsed.kernel, extents_of(*parsed.kernel, request.sizes));
    Halide::Pipeline pipeline(translated.outputs);
    const Halide::Target target = host_target();
    if (request.scheduler.empty()) {
        for (Halide::Func& function : translated.functions) {
            function.compute_root();
        }
    } else {
        Halide::load_plugin(request.plugin);
        const Halide::AutoSchedulerResults chosen =
            pipeline.apply_autoscheduler(target, {request.scheduler, {{"parallelism", request.threads}}});
        if (!request.schedule.empty()) {
            std::ofstream(request.schedule) << chosen.schedule_source;
        }
    }
    const std::vector<Halide::Argument> arguments(translated.inputs.begin(), translated.inputs.end());
    pipeline.compile_to_object(request.object, arguments, parsed.kernel->name, target);
}

} // namespace

int main(int argc, char** argv) {
    try {
        compile(parse_arguments({argv + 1, argv + argc}));
    } catch (const std::exception& error) {
        std::cerr << "error: " << error.what() << '\n';
        return 1;
    }
    return 0;
}
