/// Our definitions of functions that Halide's runtime defines weakly. They are strong, so the linker prefers them, also
/// inside one archive: the object with Halide's runtime keeps its weak copies, which nothing then calls. `coulter_call`
/// needs this file for the constructor of `Call`; without that a linker that finds Halide's weak definitions first
/// would be content with them.
///
/// Halide's thread pool is used as it is. What is ours is how many of its threads a context occupies at a time.
#include "hooks.hpp"

#include <HalideRuntime.h>

#include <algorithm>
#include <atomic>
#include <cstring>

namespace coulter::runtime {

Call::Call(Context& context) noexcept : context_(context) {}

Call* Call::from(void* user_context) noexcept {
    if (user_context == nullptr || reinterpret_cast<uintptr_t>(user_context) % alignof(Call) != 0) {
        return nullptr;
    }
    uint64_t magic = 0;
    Call* const candidate = static_cast<Call*>(user_context);
    std::memcpy(&magic, &candidate->magic_, sizeof magic);
    return magic == call_magic ? candidate : nullptr;
}

void Call::record_error(const char* message) noexcept {
    const std::lock_guard lock(mutex_);
    if (!error_.empty()) {
        return;
    }
    try {
        error_ = message;
        while (!error_.empty() && error_.back() == '\n') {
            error_.pop_back();
        }
    } catch (const std::bad_alloc&) {
        error_.clear();
    }
}

void Call::record_out_of_memory(size_t bytes) noexcept {
    const std::lock_guard lock(mutex_);
    bytes_not_found_ = bytes;
}

namespace {

/// A parallel loop whose iterations several threads pull from one counter.
class ParallelLoop {
public:
    ParallelLoop(Call& call, halide_task_t body, int min, int size, uint8_t* closure) noexcept
        : call_(call), body_(body), next_(min), end_(int64_t{min} + size), closure_(closure) {}

    int run() noexcept {
        Context& context = call_.context();
        while (status_.load(std::memory_order_relaxed) == 0) {
            const int64_t left = end_ - next_.load(std::memory_order_relaxed);
            if (left <= 0) {
                break;
            }
            // Threads that come free while this loop runs alone (an outer loop of the same context ends) join it here.
            helpers_ = left > 1 ? context.claim_threads(left - 1) : 0;
            if (helpers_ == 0) {
                run_one();
                continue;
            }
            finished_.store(0, std::memory_order_relaxed);
            halide_default_do_par_for(&call_, pull, 0, helpers_ + 1, reinterpret_cast<uint8_t*>(this));
        }
        return status_.load(std::memory_order_relaxed);
    }

private:
    /// One of `helpers_ + 1` tasks of Halide's pool. It always succeeds, so that the pool starts every one of them; the
    /// loop's own status stops the others after a failure.
    static int pull(void*, int, uint8_t* self) {
        auto& loop = *reinterpret_cast<ParallelLoop*>(self);
        Context& context = loop.call_.context();
        const int helpers = loop.helpers_;
        while (loop.status_.load(std::memory_order_relaxed) == 0 && loop.run_one()) {}
        // Each task but the last gives a thread back; the last one's is the caller's own, which is not counted.
        if (loop.finished_.fetch_add(1, std::memory_order_relaxed) < helpers) {
            context.return_threads(1);
        }
        return halide_error_code_success;
    }

    bool run_one() noexcept {
        const int64_t index = next_.fetch_add(1, std::memory_order_relaxed);
        if (index >= end_) {
            return false;
        }
        const int result = body_(&call_, static_cast<int>(index), closure_);
        if (result != 0) {
            int expected = 0;
            status_.compare_exchange_strong(expected, result, std::memory_order_relaxed);
        }
        return true;
    }

    Call& call_;
    halide_task_t body_;
    std::atomic<int64_t> next_;
    const int64_t end_;
    uint8_t* closure_;
    int helpers_ = 0;
    std::atomic<int> finished_{0};
    std::atomic<int> status_{0};
};

} // namespace

} // namespace coulter::runtime

using coulter::runtime::Call;

extern "C" {

void* halide_malloc(void* user_context, size_t bytes) {
    Call* const call = Call::from(user_context);
    if (call == nullptr) {
        return halide_default_malloc(user_context, bytes);
    }
    void* const memory = call->context().scratch.allocate(bytes);
    if (memory == nullptr) {
        call->record_out_of_memory(bytes);
    }
    return memory;
}

void halide_free(void* user_context, void* memory) {
    Call* const call = Call::from(user_context);
    if (call == nullptr) {
        halide_default_free(user_context, memory);
        return;
    }
    call->context().scratch.release(memory);
}

void halide_error(void* user_context, const char* message) {
    Call* const call = Call::from(user_context);
    if (call == nullptr) {
        halide_default_error(user_context, message);
        return;
    }
    call->record_error(message);
}

/// Kernels of ours say nothing: what traces and debug builds print is dropped.
void halide_print(void* user_context, const char* message) {
    if (Call::from(user_context) == nullptr) {
        halide_default_print(user_context, message);
    }
}

int halide_do_par_for(void* user_context, halide_task_t body, int min, int size, uint8_t* closure) {
    Call* const call = Call::from(user_context);
    if (call == nullptr) {
        return halide_default_do_par_for(user_context, body, min, size, closure);
    }
    return coulter::runtime::ParallelLoop(*call, body, min, size, closure).run();
}

} // extern "C"
