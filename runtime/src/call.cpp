#include <HalideRuntime.h>

#include <algorithm>
#include <array>
#include <limits>
#include <memory>
#include <memory_resource>
#include <new>
#include <optional>
#include <vector>

#include "arguments.hpp"
#include "coulter/descriptor.h"
#include "device.hpp"
#include "failure.hpp"
#include "hooks.hpp"
#include "programs.hpp"

namespace coulter::runtime {

namespace {

/// bool is one bit to Halide, in a byte of its own; bf16 has a type code of its own.
halide_type_t halide_type(int64_t code, int64_t bits) {
    switch (code) {
    case kDLInt: return {halide_type_int, static_cast<uint8_t>(bits)};
    case kDLUInt: return {halide_type_uint, static_cast<uint8_t>(bits)};
    case kDLFloat: return {halide_type_float, static_cast<uint8_t>(bits)};
    case kDLBfloat: return {halide_type_bfloat, static_cast<uint8_t>(bits)};
    case kDLBool: return {halide_type_uint, 1};
    default: throw Failure{COULTER_ERROR_INVALID, "the kernel's descriptor has an unsupported element type"};
    }
}

/// The halide_buffer_t of one call. Their addresses must not change, so the room is taken at once.
class Buffers {
public:
    Buffers(std::pmr::memory_resource& memory, size_t buffers, size_t dims) : buffers_(&memory), dims_(&memory) {
        buffers_.reserve(buffers);
        dims_.reserve(dims);
    }

    /// Extents and strides are given outermost first and stored innermost first.
    halide_buffer_t* add(void* host, halide_type_t type, std::span<const int64_t> extents,
                         std::span<const int64_t> strides) {
        halide_buffer_t& buffer = buffers_.emplace_back();
        buffer.host = static_cast<uint8_t*>(host);
        buffer.type = type;
        buffer.dimensions = static_cast<int32_t>(extents.size());
        buffer.dim = dims_.data() + dims_.size();
        for (size_t i = extents.size(); i-- > 0;) {
            dims_.emplace_back(0, static_cast<int32_t>(extents[i]), static_cast<int32_t>(strides[i]));
        }
        return &buffer;
    }

private:
    std::pmr::vector<halide_buffer_t> buffers_;
    std::pmr::vector<halide_dimension_t> dims_;
};

/// One call whose arguments were accepted: builds what Halide's functions take, and runs them.
class Invocation {
public:
    Invocation(Context& context, const coulter_kernel_descriptor& kernel, const Arguments& arguments,
               std::pmr::memory_resource& memory)
        : context_(context), plan_(*kernel.plan), info_(*kernel.signature->info), arguments_(arguments),
          memory_(memory), call_(context), user_context_(&call_), free_extents_(&memory), kept_(&memory) {}

    void run();

private:
    bool holds(int64_t condition) const;
    const coulter_variant& choose_variant() const;
    const coulter_program& plan_program(int64_t index) const;
    int64_t plan_value(int64_t program) const;
    halide_buffer_t* pack(const coulter_pack& pack, halide_buffer_t* source, Buffers& buffers);
    void call_halide(coulter_halide_function function, void** argv, const char* what);

    Context& context_;
    const coulter_plan& plan_;
    const coulter_kernel_info& info_;
    const Arguments& arguments_;
    std::pmr::memory_resource& memory_;
    Call call_;
    void* user_context_;
    Device device_ = Device::none;                 ///< Of the variant that is called.
    int32_t zero_ = 0;                             ///< Read by the kernel only.
    std::pmr::vector<int32_t> free_extents_;       ///< Of the dims that are not constant.
    std::pmr::vector<std::shared_ptr<void>> kept_; ///< Packed data that this call reads.
};

bool is_device_error(int code) {
    switch (code) {
    case halide_error_code_copy_to_host_failed:
    case halide_error_code_copy_to_device_failed:
    case halide_error_code_device_malloc_failed:
    case halide_error_code_device_sync_failed:
    case halide_error_code_device_free_failed:
    case halide_error_code_no_device_interface:
    case halide_error_code_device_interface_no_device:
    case halide_error_code_device_run_failed:
    case halide_error_code_device_buffer_copy_failed:
    case halide_error_code_incompatible_device_interface:
    case halide_error_code_gpu_device_error:
    case halide_error_code_generic_error: return true;
    default: return false;
    }
}

/// Halide's runtime takes `avx512_zen4` as present, since it does not look for it.
bool lacks_zen4_set(const coulter_variant& variant) {
#if defined(__x86_64__)
    constexpr int bit = halide_target_feature_avx512_zen4;
    if (bit / 64 < variant.feature_words && (variant.features[bit / 64] >> (bit % 64) & 1) != 0) {
        return !(__builtin_cpu_supports("avx512bf16") && __builtin_cpu_supports("avx512vnni") &&
                 __builtin_cpu_supports("avx512vbmi2") && __builtin_cpu_supports("avx512bitalg") &&
                 __builtin_cpu_supports("avx512vpopcntdq"));
    }
#endif
    return false;
}

/// Whether this processor has the features, as far as can be told. Halide aborts when the number of words is not its
/// own, hence the copy.
bool processor_has(const coulter_variant& variant) {
    std::array<uint64_t, (halide_target_feature_end + 63) / 64> words{};
    if (variant.feature_words == 0) {
        return true;
    }
    if (variant.feature_words < 0 || variant.feature_words > static_cast<int64_t>(words.size())) {
        throw Failure{COULTER_ERROR_INVALID, "the kernel's plan asks for features that are not known"};
    }
    std::copy_n(variant.features, variant.feature_words, words.begin());
    return !lacks_zen4_set(variant) &&
           halide_can_use_target_features(static_cast<int>(words.size()), words.data()) != 0;
}

const coulter_program& Invocation::plan_program(int64_t index) const {
    if (index < 0 || index >= plan_.program_count) {
        throw Failure{COULTER_ERROR_INVALID, "the kernel's plan refers to a program that is not there"};
    }
    return plan_.programs[index];
}

int64_t Invocation::plan_value(int64_t program) const {
    const auto value = evaluate(plan_program(program), arguments_.extents());
    if (!value) {
        throw Failure{COULTER_ERROR_SIZE, "a size that the schedule computes is beyond 64 bits"};
    }
    return *value;
}

/// A condition without a value must not refuse a call that another variant accepts.
bool Invocation::holds(int64_t condition) const {
    const auto value = evaluate(plan_program(condition), arguments_.extents());
    return value && *value != 0;
}

const coulter_variant& Invocation::choose_variant() const {
    bool lacks_features = false;
    for (const coulter_variant& variant : std::span(plan_.variants, static_cast<size_t>(plan_.variant_count))) {
        if (!processor_has(variant)) {
            lacks_features = true;
            continue;
        }
        if ((variant.requires_compact == 0 || arguments_.all_compact()) && arguments_.aligned_to(variant.alignment) &&
            (variant.condition < 0 || holds(variant.condition))) {
            return variant;
        }
    }
    if (lacks_features) {
        throw Failure{COULTER_ERROR_PROCESSOR,
                      "this processor lacks instructions of the target " + std::string(plan_.build.target)};
    }
    throw Failure{COULTER_ERROR_NO_VARIANT, "no variant of the schedule accepts these extents, strides and alignments"};
}

void Invocation::call_halide(coulter_halide_function function, void** argv, const char* what) {
    const int result = function(argv);
    if (result == halide_error_code_success) {
        return;
    }
    const std::string prefix = what == nullptr ? std::string() : "while packing `" + std::string(what) + "`: ";
    if (result == halide_error_code_out_of_memory) {
        throw Failure{COULTER_ERROR_MEMORY, prefix + "out of memory: wanted " +
                                                std::to_string(call_.bytes_not_found()) + " bytes of scratch"};
    }
    if (result == halide_error_code_host_is_null && arguments_.any_on_device()) {
        throw Failure{COULTER_ERROR_DEVICE,
                      "a stage that runs on the host uses a tensor that is on the device: " + call_.error()};
    }
    if (device_ != Device::none && is_device_error(result)) {
        throw_device_failure(prefix +
                             (call_.error().empty() ? "Halide's error " + std::to_string(result) : call_.error()));
    }
    throw Failure{COULTER_ERROR_KERNEL,
                  prefix + (call_.error().empty() ? "Halide's error " + std::to_string(result) : call_.error())};
}

halide_buffer_t* Invocation::pack(const coulter_pack& pack, halide_buffer_t* source_buffer, Buffers& buffers) {
    const Argument& source = arguments_.all()[static_cast<size_t>(pack.argument)];
    const halide_type_t type = halide_type(pack.type_code, pack.type_bits);
    std::pmr::vector<int64_t> extents(static_cast<size_t>(pack.ndim), &memory_);
    std::pmr::vector<int64_t> strides(extents.size(), &memory_);
    int64_t elements = 1;
    for (size_t i = extents.size(); i-- > 0;) {
        extents[i] = plan_value(pack.extents[i]);
        strides[i] = elements;
        if (extents[i] < 0 || __builtin_mul_overflow(elements, extents[i], &elements) ||
            elements > std::numeric_limits<int32_t>::max()) {
            throw Failure{COULTER_ERROR_TOO_LARGE,
                          "packed data `" + std::string(pack.stage) + "` would have more than 2147483647 elements"};
        }
    }
    const size_t bytes = static_cast<size_t>(elements) * static_cast<size_t>(type.bytes());
    // Vectors may read past the last element, as they may in memory that Halide allocates.
    const size_t padded_bytes = bytes + block_alignment;

    const auto fill = [&](void* memory) {
        halide_buffer_t* const target = buffers.add(memory, type, extents, strides);
        std::pmr::vector<void*> argv(&memory_);
        argv.push_back(&user_context_);
        argv.push_back(source_buffer);
        for (int32_t& extent : free_extents_) {
            argv.push_back(&extent);
        }
        argv.push_back(&zero_);
        argv.push_back(target);
        if (elements > 0) {
            call_halide(pack.function, argv.data(), pack.stage);
        }
        return target;
    };

    if (pack.once == 0) {
        ScratchPool& pool = context_.scratch;
        void* const memory = pool.allocate(padded_bytes);
        if (memory == nullptr) {
            throw Failure{COULTER_ERROR_MEMORY,
                          "out of memory: wanted " + std::to_string(padded_bytes) + " bytes for packed data"};
        }
        kept_.emplace_back(memory, [&pool](void* block) { pool.release(block); });
        return fill(memory);
    }
    if ((source.declared->flags & COULTER_ARGUMENT_FROZEN) == 0) {
        throw Failure{COULTER_ERROR_INVALID, "the kernel's plan packs `" + std::string(source.declared->name) +
                                                 "` once, but it is not frozen"};
    }
    const auto address = [](const void* pointer) { return static_cast<int64_t>(reinterpret_cast<uintptr_t>(pointer)); };
    PackCache::Key key{address(&pack), address(source.data)};
    key.insert(key.end(), source.strides.begin(), source.strides.end());
    key.insert(key.end(), source.extents().begin(), source.extents().end());
    key.insert(key.end(), extents.begin(), extents.end());
    if (auto found = context_.packed.find(key)) {
        kept_.push_back(found);
        return buffers.add(found->data(), type, extents, strides);
    }
    auto made = std::make_shared<PackedMemory>(context_.allocator, padded_bytes, context_.packed.total());
    halide_buffer_t* const target = fill(made->data());
    auto kept = context_.packed.insert(std::move(key), std::move(made));
    target->host = static_cast<uint8_t*>(kept->data());
    kept_.push_back(std::move(kept));
    return target;
}

void Invocation::run() {
    const coulter_variant& variant = choose_variant();
    const std::span<const Argument> all = arguments_.all();
    const size_t packs = static_cast<size_t>(variant.packs == nullptr ? plan_.pack_count : variant.pack_count);
    const auto pack_at = [&](size_t i) -> const coulter_pack& {
        const int64_t index = variant.packs == nullptr ? static_cast<int64_t>(i) : variant.packs[i];
        if (index < 0 || index >= plan_.pack_count || plan_.packs[index].argument < 0 ||
            plan_.packs[index].argument >= info_.argument_count) {
            throw Failure{COULTER_ERROR_INVALID, "the kernel's plan refers to a pack or argument that is not there"};
        }
        return plan_.packs[index];
    };

    for (int64_t dim = 0; dim < info_.dim_count; ++dim) {
        if (info_.dims[dim].extent < 0) {
            free_extents_.push_back(static_cast<int32_t>(arguments_.extents()[static_cast<size_t>(dim)]));
        }
    }
    size_t dims = 0;
    for (const Argument& argument : all) {
        dims += argument.strides.size();
    }
    for (size_t i = 0; i < packs; ++i) {
        dims += static_cast<size_t>(pack_at(i).ndim);
    }
    Buffers buffers(memory_, all.size() + packs, dims);
    std::pmr::vector<halide_buffer_t*> of_argument(all.size(), nullptr, &memory_);
    for (size_t i = 0; i < all.size(); ++i) {
        if (!all[i].is_scalar()) {
            of_argument[i] =
                buffers.add(all[i].data, halide_type(all[i].declared->type_code, all[i].declared->type_bits),
                            all[i].extents(), all[i].strides);
        }
    }

    device_ = device_of(variant);
    std::optional<DeviceBuffers> on_device;
    if (device_ != Device::none) {
        on_device.emplace(device_, call_, context_.scratch);
    } else if (arguments_.any_on_device()) {
        throw Failure{COULTER_ERROR_DEVICE,
                      "this call's variant of the schedule runs on the host, and a tensor is on a device"};
    }

    std::pmr::vector<void*> argv(&memory_);
    argv.reserve(2 + all.size() + packs + free_extents_.size());
    argv.push_back(&user_context_);
    for (size_t i = 0; i < all.size(); ++i) {
        if (all[i].is_scalar()) {
            argv.push_back(const_cast<void*>(all[i].scalar));
        } else if (!all[i].is_output()) {
            argv.push_back(of_argument[i]);
        }
    }
    std::pmr::vector<halide_buffer_t*> packed(&memory_);
    for (size_t i = 0; i < packs; ++i) {
        const coulter_pack& wanted = pack_at(i);
        const Argument& source = all[static_cast<size_t>(wanted.argument)];
        if (source.on_device()) {
            throw Failure{COULTER_ERROR_DEVICE, "argument `" + std::string(source.declared->name) +
                                                    "` is on a device, and `" + wanted.stage +
                                                    "` packs it on the host"};
        }
        packed.push_back(pack(wanted, of_argument[static_cast<size_t>(wanted.argument)], buffers));
        argv.push_back(packed.back());
    }
    for (int32_t& extent : free_extents_) {
        argv.push_back(&extent);
    }
    argv.push_back(&zero_);
    for (size_t i = 0; i < all.size(); ++i) {
        if (all[i].is_output()) {
            argv.push_back(of_argument[i]);
        }
    }
    for (size_t i = 0; on_device && i < all.size(); ++i) {
        if (!all[i].is_scalar()) {
            on_device->add(all[i], *of_argument[i]);
        }
    }
    for (halide_buffer_t* const buffer : packed) {
        if (on_device) {
            on_device->add_packed(*buffer);
        }
    }
    call_halide(variant.function, argv.data(), nullptr);
    if (on_device) {
        on_device->finish();
    }
}

void run(Context& context, const coulter_kernel_descriptor& kernel, const void* const* args) {
    // Holds everything of a call with a few arguments; more of them take memory from the heap.
    std::array<std::byte, 8192> room;
    std::pmr::monotonic_buffer_resource memory(room.data(), room.size());
    const Arguments arguments(*kernel.signature, args, memory_of(device_of(*kernel.plan)), memory);
    if (!arguments.outputs_empty()) {
        Invocation(context, kernel, arguments, memory).run();
    }
}

class RunningCall {
public:
    explicit RunningCall(Context& context) noexcept : context_(context) { context_.calls_running.fetch_add(1); }
    ~RunningCall() { context_.calls_running.fetch_sub(1); }
    RunningCall(const RunningCall&) = delete;
    RunningCall& operator=(const RunningCall&) = delete;

private:
    Context& context_;
};

int report(Context& context, const char* kernel, int code, const char* text) noexcept {
    try {
        context.set_error((std::string(kernel) + ": " + text).c_str());
    } catch (const std::bad_alloc&) {
        context.set_error("out of memory");
    }
    return code;
}

} // namespace

} // namespace coulter::runtime

int coulter_call(coulter_context* handle, const coulter_kernel_descriptor* kernel, const void* const* args) {
    using namespace coulter::runtime;
    Context* const context = lookup(handle);
    if (context == nullptr) {
        return COULTER_ERROR_CONTEXT;
    }
    if (kernel == nullptr || kernel->signature == nullptr || kernel->plan == nullptr) {
        return report(*context, "coulter_call", COULTER_ERROR_INVALID, "the kernel's descriptor is null");
    }
    if (kernel->signature->abi != COULTER_ABI || kernel->plan->abi != COULTER_ABI) {
        return report(*context, "coulter_call", COULTER_ERROR_ABI,
                      "the kernel was built for another version of the runtime");
    }
    const char* const name = kernel->signature->info->name;
    const RunningCall running(*context);
    try {
        run(*context, *kernel, args);
        return COULTER_OK;
    } catch (const Failure& failure) {
        return report(*context, name, failure.code, failure.text.c_str());
    } catch (const std::bad_alloc&) {
        return report(*context, name, COULTER_ERROR_MEMORY, "out of memory");
    } catch (const std::exception& error) {
        return report(*context, name, COULTER_ERROR_KERNEL, error.what());
    }
}
