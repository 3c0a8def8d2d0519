#include "context.hpp"

#include <HalideRuntime.h>

#include <algorithm>
#include <new>
#include <thread>
#include <vector>

/// The handle that callers hold. Handles are never returned to the C library, so that a destroyed one is still readable
/// and is seen to be dead; they are reused, so they cost 24 bytes for each context that was ever alive at the same
/// time.
struct coulter_context {
    std::atomic<uint64_t> magic;
    coulter::runtime::Context* impl;
    coulter_context* next_free;
};

namespace coulter::runtime {

namespace {

constexpr uint64_t live_magic = 0x636f756c74657231; // "coulter1"
constexpr uint64_t dead_magic = 0x636f756c74657230;

std::mutex handle_mutex;
coulter_context* free_handles = nullptr;

coulter_context* make_handle(Context* impl) {
    const std::lock_guard lock(handle_mutex);
    coulter_context* handle = free_handles;
    if (handle != nullptr) {
        free_handles = handle->next_free;
    } else {
        handle = new coulter_context;
    }
    handle->impl = impl;
    handle->next_free = nullptr;
    handle->magic.store(live_magic, std::memory_order_release);
    return handle;
}

/// Halide's pool is shared by the process, and its size only bounds how many threads it makes. It is therefore grown to
/// the largest count that any context asked for and never shrunk; the context's own count is kept in `claim_threads`.
void grow_halide_pool(int threads) noexcept {
    static std::mutex mutex;
    static int largest = 0;
    const std::lock_guard lock(mutex);
    if (threads > largest) {
        largest = threads;
        halide_set_num_threads(threads);
    }
}

int default_threads() noexcept {
    return std::clamp(static_cast<int>(std::thread::hardware_concurrency()), 1, most_threads);
}

} // namespace

Context::Context() : scratch(allocator), threads_(default_threads()) {
    grow_halide_pool(threads_.load());
}

void Context::set_error(const char* text) noexcept {
    const std::lock_guard lock(error_mutex_);
    try {
        error_ = text;
    } catch (const std::bad_alloc&) {
        error_.clear(); // The code still says what happened.
    }
}

std::string Context::error() const {
    const std::lock_guard lock(error_mutex_);
    return error_;
}

int Context::claim_threads(int64_t wanted) noexcept {
    int used = helpers_.load(std::memory_order_relaxed);
    for (;;) {
        const int spare = threads_.load(std::memory_order_relaxed) - 1 - used;
        const int claimed = static_cast<int>(std::min<int64_t>(spare, wanted));
        if (claimed <= 0) {
            return 0;
        }
        if (helpers_.compare_exchange_weak(used, used + claimed, std::memory_order_relaxed)) {
            return claimed;
        }
    }
}

void Context::return_threads(int count) noexcept {
    helpers_.fetch_sub(count, std::memory_order_relaxed);
}

int Context::set_threads(int threads) noexcept {
    if (threads < 0 || threads > most_threads) {
        set_error("set_threads: the count must be 0 (all processors) to 256");
        return COULTER_ERROR_INVALID;
    }
    const int count = threads == 0 ? default_threads() : threads;
    grow_halide_pool(count);
    threads_.store(count);
    return COULTER_OK;
}

int Context::set_allocator(const Allocator& replacement) noexcept {
    if ((replacement.allocate == nullptr) != (replacement.release == nullptr)) {
        set_error("set_allocator: give both functions or neither");
        return COULTER_ERROR_INVALID;
    }
    if (calls_running.load() != 0) {
        set_error("set_allocator: a kernel of this context is running");
        return COULTER_ERROR_BUSY;
    }
    packed.forget(nullptr);
    scratch.set_allocator(replacement);
    allocator = replacement;
    return COULTER_OK;
}

Context* lookup(const coulter_context* handle) noexcept {
    if (handle == nullptr || reinterpret_cast<uintptr_t>(handle) % alignof(coulter_context) != 0 ||
        handle->magic.load(std::memory_order_acquire) != live_magic) {
        return nullptr;
    }
    return handle->impl;
}

} // namespace coulter::runtime

using coulter::runtime::Context;
using coulter::runtime::lookup;

int coulter_context_create(int abi, coulter_context** out) {
    if (out == nullptr) {
        return COULTER_ERROR_INVALID;
    }
    *out = nullptr;
    if (abi != COULTER_ABI) {
        return COULTER_ERROR_ABI;
    }
    try {
        auto impl = std::make_unique<Context>();
        *out = coulter::runtime::make_handle(impl.get());
        impl.release();
        return COULTER_OK;
    } catch (const std::bad_alloc&) {
        return COULTER_ERROR_MEMORY;
    }
}

int coulter_context_destroy(coulter_context* context) {
    if (context == nullptr) {
        return COULTER_OK;
    }
    Context* const impl = lookup(context);
    uint64_t expected = coulter::runtime::live_magic;
    if (impl == nullptr || !context->magic.compare_exchange_strong(expected, coulter::runtime::dead_magic)) {
        return COULTER_ERROR_CONTEXT;
    }
    delete impl;
    const std::lock_guard lock(coulter::runtime::handle_mutex);
    context->impl = nullptr;
    context->next_free = coulter::runtime::free_handles;
    coulter::runtime::free_handles = context;
    return COULTER_OK;
}

int coulter_context_set_threads(coulter_context* context, int threads) {
    Context* const impl = lookup(context);
    return impl == nullptr ? COULTER_ERROR_CONTEXT : impl->set_threads(threads);
}

int coulter_context_set_stream(coulter_context* context, void* stream) {
    Context* const impl = lookup(context);
    if (impl == nullptr) {
        return COULTER_ERROR_CONTEXT;
    }
    impl->stream = stream;
    return COULTER_OK;
}

int coulter_context_set_opencl(coulter_context* context, void* cl_context, void* cl_command_queue) {
    Context* const impl = lookup(context);
    if (impl == nullptr) {
        return COULTER_ERROR_CONTEXT;
    }
    if ((cl_context == nullptr) != (cl_command_queue == nullptr)) {
        return COULTER_ERROR_INVALID;
    }
    impl->opencl = {cl_context, cl_command_queue};
    return COULTER_OK;
}

int coulter_context_set_allocator(coulter_context* context, coulter_allocate allocate, coulter_release release,
                                  void* user) {
    Context* const impl = lookup(context);
    return impl == nullptr ? COULTER_ERROR_CONTEXT : impl->set_allocator({allocate, release, user});
}

int coulter_context_forget(coulter_context* context, const void* data) {
    Context* const impl = lookup(context);
    if (impl == nullptr) {
        return COULTER_ERROR_CONTEXT;
    }
    impl->packed.forget(data);
    return COULTER_OK;
}

int coulter_context_trim(coulter_context* context) {
    Context* const impl = lookup(context);
    if (impl == nullptr) {
        return COULTER_ERROR_CONTEXT;
    }
    impl->scratch.trim();
    return COULTER_OK;
}

const char* coulter_context_last_error(const coulter_context* context) {
    const Context* const impl = lookup(context);
    if (impl == nullptr) {
        return "the context is null, was destroyed, or is not a context";
    }
    try {
        thread_local std::string text;
        text = impl->error();
        return text.c_str();
    } catch (const std::bad_alloc&) {
        return "out of memory";
    }
}

int coulter_context_memory(const coulter_context* context, coulter_memory* out) {
    const Context* const impl = lookup(context);
    if (impl == nullptr) {
        return COULTER_ERROR_CONTEXT;
    }
    if (out == nullptr) {
        return COULTER_ERROR_INVALID;
    }
    *out = {impl->scratch.current(), impl->scratch.peak(), impl->scratch.reserved(), impl->packed.bytes()};
    return COULTER_OK;
}

int coulter_context_reset_peak(coulter_context* context) {
    Context* const impl = lookup(context);
    if (impl == nullptr) {
        return COULTER_ERROR_CONTEXT;
    }
    impl->scratch.reset_peak();
    return COULTER_OK;
}

const char* coulter_error_name(int code) {
    switch (code) {
#define COULTER_NAME(name)                                                                                             \
    case name: return #name
        COULTER_NAME(COULTER_OK);
        COULTER_NAME(COULTER_ERROR_CONTEXT);
        COULTER_NAME(COULTER_ERROR_ABI);
        COULTER_NAME(COULTER_ERROR_INVALID);
        COULTER_NAME(COULTER_ERROR_NULL_ARGUMENT);
        COULTER_NAME(COULTER_ERROR_NULL_DATA);
        COULTER_NAME(COULTER_ERROR_TYPE);
        COULTER_NAME(COULTER_ERROR_RANK);
        COULTER_NAME(COULTER_ERROR_EXTENT);
        COULTER_NAME(COULTER_ERROR_STRIDE);
        COULTER_NAME(COULTER_ERROR_ALIGNMENT);
        COULTER_NAME(COULTER_ERROR_DEVICE);
        COULTER_NAME(COULTER_ERROR_TOO_LARGE);
        COULTER_NAME(COULTER_ERROR_OVERLAP);
        COULTER_NAME(COULTER_ERROR_SIZE);
        COULTER_NAME(COULTER_ERROR_BOUNDS);
        COULTER_NAME(COULTER_ERROR_EMPTY);
        COULTER_NAME(COULTER_ERROR_CHECK);
        COULTER_NAME(COULTER_ERROR_NO_VARIANT);
        COULTER_NAME(COULTER_ERROR_PROCESSOR);
        COULTER_NAME(COULTER_ERROR_BUSY);
        COULTER_NAME(COULTER_ERROR_READ_ONLY);
        COULTER_NAME(COULTER_ERROR_FORMAT);
        COULTER_NAME(COULTER_ERROR_FILE);
        COULTER_NAME(COULTER_ERROR_NO_DEVICE);
        COULTER_NAME(COULTER_ERROR_DEVICE_FAILED);
        COULTER_NAME(COULTER_ERROR_MEMORY);
        COULTER_NAME(COULTER_ERROR_KERNEL);
#undef COULTER_NAME
    default: return "COULTER_ERROR_UNKNOWN";
    }
}
