/// Our definitions of functions that Halide's runtime defines weakly. They are strong, so the linker prefers them, also
/// inside one archive: the object with Halide's runtime keeps its weak copies, which nothing then calls. `coulter_call`
/// needs this file for the constructor of `Call`; without that a linker that finds Halide's weak definitions first
/// would be content with them.
///
/// Halide's thread pool is used as it is. What is ours is how many of its threads a context occupies at a time, and
/// which iterations of a parallel loop each of them runs.
#include "hooks.hpp"

#include <HalideRuntime.h>

#include <algorithm>
#include <array>
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

/// Consecutive iterations that are left: their owner takes them from the front, other threads from the back.
class alignas(64) Range {
public:
    /// Only while nobody takes from it.
    void assign(uint32_t begin, uint32_t end) noexcept { bounds_.store(pack(begin, end), std::memory_order_relaxed); }

    uint32_t begin() const noexcept { return begin_of(bounds_.load(std::memory_order_relaxed)); }

    uint32_t left() const noexcept {
        const uint64_t bounds = bounds_.load(std::memory_order_relaxed);
        return end_of(bounds) - begin_of(bounds);
    }

    bool take_first(uint32_t& iteration) noexcept {
        uint64_t bounds = bounds_.load(std::memory_order_relaxed);
        do {
            iteration = begin_of(bounds);
            if (iteration == end_of(bounds)) {
                return false;
            }
        } while (
            !bounds_.compare_exchange_weak(bounds, pack(iteration + 1, end_of(bounds)), std::memory_order_relaxed));
        return true;
    }

    bool take_last(uint32_t& iteration) noexcept {
        uint64_t bounds = bounds_.load(std::memory_order_relaxed);
        do {
            if (begin_of(bounds) == end_of(bounds)) {
                return false;
            }
            iteration = end_of(bounds) - 1;
        } while (!bounds_.compare_exchange_weak(bounds, pack(begin_of(bounds), iteration), std::memory_order_relaxed));
        return true;
    }

private:
    static uint64_t pack(uint32_t begin, uint32_t end) noexcept { return uint64_t{end} << 32 | begin; }
    static uint32_t begin_of(uint64_t bounds) noexcept { return static_cast<uint32_t>(bounds); }
    static uint32_t end_of(uint64_t bounds) noexcept { return static_cast<uint32_t>(bounds >> 32); }

    std::atomic<uint64_t> bounds_{0};
};

/// A parallel loop. Each thread has consecutive iterations of its own, and helps the one that has most left when it is
/// done. So neighbouring iterations, which tend to read the same data, meet in one processor's cache, and a loop that
/// reads what a loop over the same iterations wrote, or the next call with the same arguments, finds most of it there.
class ParallelLoop {
public:
    ParallelLoop(Call& call, halide_task_t body, int min, int size, uint8_t* closure) noexcept
        : call_(call), body_(body), min_(min), closure_(closure) {
        ranges_[0].assign(0, static_cast<uint32_t>(std::max(size, 0)));
    }

    int run() noexcept {
        Context& context = call_.context();
        while (status_.load(std::memory_order_relaxed) == 0) {
            const uint32_t left = ranges_[0].left();
            if (left == 0) {
                break;
            }
            // Threads that come free while this loop runs alone (an outer loop of the same context ends) join it here.
            helpers_ = left > 1 ? context.claim_threads(int64_t{left} - 1) : 0;
            if (helpers_ == 0) {
                run_one(0);
                continue;
            }
            distribute();
            finished_.store(0, std::memory_order_relaxed);
            halide_default_do_par_for(&call_, pull, 0, helpers_ + 1, reinterpret_cast<uint8_t*>(this));
            break; // each task ends when nothing is left, or after a failure
        }
        return status_.load(std::memory_order_relaxed);
    }

private:
    /// Threads beyond this many share the ranges of others.
    static constexpr size_t most_ranges = 32;

    /// What is left, all of it in the first range, in equal parts.
    void distribute() noexcept {
        const uint64_t begin = ranges_[0].begin();
        const uint64_t left = ranges_[0].left();
        range_count_ = std::min(static_cast<size_t>(helpers_) + 1, most_ranges);
        for (size_t i = 0; i < range_count_; ++i) {
            ranges_[i].assign(static_cast<uint32_t>(begin + left * i / range_count_),
                              static_cast<uint32_t>(begin + left * (i + 1) / range_count_));
        }
    }

    /// One of `helpers_ + 1` tasks of Halide's pool. It always succeeds, so that the pool starts every one of them; the
    /// loop's own status stops the others after a failure.
    static int pull(void*, int task, uint8_t* self) {
        auto& loop = *reinterpret_cast<ParallelLoop*>(self);
        Context& context = loop.call_.context();
        const int helpers = loop.helpers_;
        const size_t own = static_cast<size_t>(task) % loop.range_count_;
        while (loop.status_.load(std::memory_order_relaxed) == 0 && loop.run_one(own)) {}
        // Each task but the last gives a thread back; the last one's is the caller's own, which is not counted.
        if (loop.finished_.fetch_add(1, std::memory_order_relaxed) < helpers) {
            context.return_threads(1);
        }
        return halide_error_code_success;
    }

    /// \returns false when nothing is left.
    bool take(size_t own, uint32_t& iteration) noexcept {
        if (ranges_[own].take_first(iteration)) {
            return true;
        }
        for (;;) {
            size_t fullest = 0;
            uint32_t most = 0;
            for (size_t i = 0; i < range_count_; ++i) {
                const uint32_t left = ranges_[i].left();
                if (left > most) {
                    most = left;
                    fullest = i;
                }
            }
            if (most == 0) {
                return false;
            }
            if (ranges_[fullest].take_last(iteration)) {
                return true;
            }
        }
    }

    bool run_one(size_t own) noexcept {
        uint32_t iteration = 0;
        if (!take(own, iteration)) {
            return false;
        }
        const int result = body_(&call_, static_cast<int>(int64_t{min_} + iteration), closure_);
        if (result != 0) {
            int expected = 0;
            status_.compare_exchange_strong(expected, result, std::memory_order_relaxed);
        }
        return true;
    }

    Call& call_;
    halide_task_t body_;
    const int min_;
    uint8_t* closure_;
    std::array<Range, most_ranges> ranges_;
    size_t range_count_ = 1;
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
