#include "call_plan.hpp"

#include "coulter/schedule/target.hpp"
#include "guarded.hpp"
#include "jit.hpp"

#include "coulter/schedule/memory_order.hpp"
#include "coulter/sizes.hpp"

#include <algorithm>
#include <fmt/core.h>
#include <memory>
#include <random>
#include <stdexcept>

namespace coulter::test {
namespace {

using Extents = std::map<std::string, std::int64_t>;

std::string last_error; // of the kernel that runs; the tests call one at a time

void keep_error(Halide::JITUserContext*, const char* message) {
    last_error = message;
}

bool is_introduced(const std::string& dim) {
    return dim.find(':') != std::string::npos;
}

class Call {
public:
    Call(const schedule::Plan& plan, const ir::Kernel& original, const Arrays& inputs, const Extents& extents,
         std::uint64_t seed, bool at_end, bool on_device)
        : plan_(plan), original_(original), inputs_(inputs), extents_(extents), random_(seed), at_end_(at_end),
          on_device_(on_device) {
        context_.handlers.custom_error = keep_error;
    }

    Arrays run(const lower::JitKernel& kernel) {
        arguments();
        for (const auto& [stage, pack] : kernel.packs) {
            this->pack(stage, pack);
        }
        std::vector<const void*> argv{&context_pointer_};
        for (const ir::Input& input : original_.inputs) {
            argv.push_back(input.dims.empty() ? static_cast<const void*>(inputs_.at(input.name).data.data())
                                              : tensors_.at(input.name)->buffer());
        }
        for (const schedule::Pack& pack : plan_.packs) {
            // That of a constant is computed by the compiler.
            if (pack.once && original_.find_const(pack.source) == nullptr) {
                argv.push_back(tensors_.at(pack.stage)->buffer());
            }
        }
        append_sizes(argv);
        for (const std::string& output : plan_.kernel.outputs) {
            argv.push_back(tensors_.at(output)->buffer());
        }
        for (const auto& [name, tensor] : tensors_) {
            if (on_device_ && !plan_.kernel.is_output(name)) {
                tensor->buffer()->set_host_dirty();
            }
        }
        call(kernel.main, argv, "the kernel");
        for (const auto& [name, tensor] : tensors_) {
            back_from_device(*tensor->buffer());
        }
        Arrays results;
        for (const std::string& output : plan_.kernel.outputs) {
            results.emplace(output, checked(output));
        }
        return results;
    }

private:
    std::vector<std::int64_t> shape(const std::vector<std::string>& dims) {
        std::vector<std::int64_t> sizes;
        for (const std::string& dim : dims) {
            const auto at = extents_.find(dim);
            if (at != extents_.end()) {
                sizes.push_back(at->second);
                continue;
            }
            const ir::Dim& made = *plan_.kernel.find_dim(dim); // by the schedule
            sizes.push_back(made.size ? *made.size : evaluate(made.extent, extents_).value());
        }
        return sizes;
    }

    // Outer strides that leave gaps, now and then; only an input may have 0 and negative ones.
    Placement placement(const std::vector<std::int64_t>& sizes, const Array* input) {
        Placement place;
        place.at_end = at_end_;
        if (random_() % 2 == 0) {
            return place;
        }
        place.strides.resize(sizes.size());
        std::int64_t stride = 1;
        const std::vector<std::int64_t> compact = compact_strides(sizes);
        for (std::size_t i = sizes.size(); i-- > 0;) {
            const bool inner = i + 1 == sizes.size();
            stride += inner ? 0 : static_cast<std::int64_t>(random_() % 3);
            place.strides[i] = sizes[i] <= 1 && !inner ? compact[i] : stride;
            // Halide copies nothing with a negative stride to a device; the runtime makes another copy first.
            if (!inner && sizes[i] > 1 && input != nullptr && random_() % 8 == 0 && !on_device_) {
                place.strides[i] = -stride;
            }
            stride *= std::max<std::int64_t>(sizes[i], 1);
        }
        return place;
    }

    void arguments() {
        for (const ir::Input& input : original_.inputs) {
            if (!input.dims.empty()) {
                const Array& array = inputs_.at(input.name);
                tensors_.emplace(input.name, std::make_unique<Guarded>(array, placement(array.shape, &array)));
            }
        }
        for (const std::string& output : plan_.kernel.outputs) {
            const ir::Definition& definition = *plan_.kernel.find_definition(output);
            const std::vector<std::int64_t> sizes = shape(definition.dims);
            tensors_.emplace(output, std::make_unique<Guarded>(definition.types[0], sizes, placement(sizes, nullptr)));
        }
        for (const ir::Dim& dim : plan_.kernel.dims) {
            if (!dim.size && !is_introduced(dim.name)) {
                sizes_.push_back(static_cast<std::int32_t>(extents_.at(dim.name)));
            }
        }
    }

    void append_sizes(std::vector<const void*>& argv) {
        for (const std::int32_t& size : sizes_) {
            argv.push_back(&size);
        }
        argv.push_back(&zero_);
    }

    void pack(const std::string& stage, const Halide::Callable& function) {
        const ir::Definition& definition = *plan_.kernel.find_definition(stage);
        const schedule::StagePlan* stage_plan = nullptr;
        for (const schedule::StagePlan& each : plan_.stages) {
            stage_plan = each.name == stage ? &each : stage_plan;
        }
        const std::vector<std::int64_t> sizes = shape(schedule::memory_order(plan_.kernel, definition, *stage_plan));
        tensors_.emplace(stage, std::make_unique<Guarded>(definition.types[0], sizes, Placement{at_end_, {}}));
        const auto pack = std::ranges::find(plan_.packs, stage, &schedule::Pack::stage);
        std::vector<const void*> argv{&context_pointer_, tensors_.at(pack->source)->buffer()};
        append_sizes(argv);
        argv.push_back(tensors_.at(stage)->buffer());
        call(function, argv, "pack `" + stage + "`");
        (void)checked(stage);
    }

    void call(const Halide::Callable& function, const std::vector<const void*>& argv, const std::string& what) {
        last_error.clear();
        const int code = function.call_argv_fast(argv.size(), argv.data());
        if (code != 0) {
            throw std::runtime_error(fmt::format("{} returned {}: {}", what, code, last_error));
        }
    }

    static void back_from_device(halide_buffer_t& buffer) {
        if (buffer.device == 0) {
            return;
        }
        if (buffer.device_dirty() && buffer.device_interface->copy_to_host(nullptr, &buffer) != 0) {
            throw std::runtime_error("an output cannot be copied from the device: " + last_error);
        }
        (void)buffer.device_interface->device_free(nullptr, &buffer);
    }

    Array checked(const std::string& tensor) {
        const std::string outside = tensors_.at(tensor)->written_outside();
        if (!outside.empty()) {
            throw std::runtime_error("`" + tensor + "` is " + outside);
        }
        return tensors_.at(tensor)->array();
    }

    const schedule::Plan& plan_;
    const ir::Kernel& original_;
    const Arrays& inputs_;
    const Extents& extents_;
    std::mt19937_64 random_;
    bool at_end_;
    bool on_device_;
    Halide::JITUserContext context_;
    Halide::JITUserContext* context_pointer_ = &context_;
    std::map<std::string, std::unique_ptr<Guarded>> tensors_;
    std::vector<std::int32_t> sizes_;
    std::int32_t zero_ = 0;
};

} // namespace

void warm_up() {
    Halide::Func f;
    Halide::Var x;
    f(x) = Halide::sin(Halide::cast<float>(x));
    Halide::Buffer<float> out(4);
    (void)f.compile_to_callable({}, Halide::get_host_target())(out);
}

CompiledPlan::CompiledPlan(schedule::Plan plan, ir::Kernel original, std::string target)
    : plan_(std::move(plan)), original_(std::move(original)), target_(std::move(target)) {
    try {
        kernel_ = std::make_shared<const lower::JitKernel>(lower::compile_jit(plan_, target_));
    } catch (const Halide::Error& error) {
        throw std::runtime_error(std::string("the lowering failed: ") + error.what());
    }
}

Arrays CompiledPlan::run(const Arrays& inputs, const Extents& extents, std::uint64_t seed) const {
    const bool on_device = schedule::device_of(target_) != schedule::Device::none;
    const Arrays first = Call(plan_, original_, inputs, extents, seed, true, on_device).run(*kernel_);
    const Arrays second = Call(plan_, original_, inputs, extents, seed + 1, false, on_device).run(*kernel_);
    for (const auto& [tensor, array] : first) {
        // Neither strides nor alignment may show in a result.
        const std::string differs = difference(second.at(tensor), array, exactly);
        if (!differs.empty()) {
            throw std::runtime_error("`" + tensor + "` differs between two calls: " + differs);
        }
    }
    return first;
}

} // namespace coulter::test
