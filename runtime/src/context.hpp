#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>

#include "coulter/runtime.h"
#include "pack_cache.hpp"
#include "pool.hpp"

namespace coulter::runtime {

/// What is behind a `coulter_context`.
class Context {
public:
    Context();

    void set_error(const char* text) noexcept;
    std::string error() const;

    /// Claims up to `wanted` of the threads that this context may use beside those that call it. Returns how many.
    int claim_threads(int64_t wanted) noexcept;
    void return_threads(int count) noexcept;

    int set_threads(int threads) noexcept;
    int set_allocator(const Allocator& allocator) noexcept;

    Allocator allocator;
    ScratchPool scratch;
    PackCache packed;
    void* stream = nullptr;
    struct {
        void* context = nullptr; ///< A cl_context of the caller's; null: that of the process.
        void* queue = nullptr;
    } opencl;
    std::atomic<int> calls_running{0};

private:
    std::atomic<int> threads_;
    std::atomic<int> helpers_{0}; ///< Threads claimed now.
    mutable std::mutex error_mutex_;
    std::string error_;
};

/// Most threads of one context: the size of Halide's pool is fixed at this number.
inline constexpr int most_threads = 256;

/// The context behind the handle, or null when the handle is null, destroyed or something else.
Context* lookup(const coulter_context* handle) noexcept;

} // namespace coulter::runtime
