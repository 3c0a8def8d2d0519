#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>

#include "coulter/runtime.h"

namespace coulter::runtime {

/// Where memory comes from: the caller's functions, or aligned memory of the C library.
struct Allocator {
    coulter_allocate allocate = nullptr;
    coulter_release release = nullptr;
    void* user = nullptr;

    /// Null when there is no memory, or when the caller's function returned a misaligned pointer.
    void* get(size_t bytes) const noexcept;
    void put(void* memory, size_t bytes) const noexcept;
};

/// Alignment of every block: two cache lines, and what Halide assumes of its widest vectors.
inline constexpr size_t block_alignment = 128;

/// Scratch memory of the kernels of one context.
///
/// Kernels ask for the same few sizes at every tile from every thread. Blocks are therefore kept in free lists by size
/// class (four classes per doubling, so at most a fifth of a block is waste), in shards that threads are spread over,
/// so that a thread usually gets back the block that it freed last, still in its cache.
class ScratchPool {
public:
    explicit ScratchPool(const Allocator& allocator);
    ~ScratchPool();
    ScratchPool(const ScratchPool&) = delete;
    ScratchPool& operator=(const ScratchPool&) = delete;

    /// Aligned to `block_alignment`. Null when the allocator has none even after `trim`.
    void* allocate(size_t bytes) noexcept;
    void release(void* memory) noexcept;

    /// Returns the idle blocks to the allocator.
    void trim() noexcept;

    /// Only while no block is in use.
    void set_allocator(const Allocator& allocator) noexcept;

    int64_t current() const noexcept { return current_.load(std::memory_order_relaxed); }
    int64_t peak() const noexcept { return peak_.load(std::memory_order_relaxed); }
    int64_t reserved() const noexcept { return reserved_.load(std::memory_order_relaxed); }
    void reset_peak() noexcept { peak_.store(current(), std::memory_order_relaxed); }

private:
    /// Stands in the `block_alignment` bytes before the memory that is handed out.
    struct Header {
        Header* next;
        uint64_t requested;
        uint64_t held; ///< Bytes asked of the allocator, header included.
        uint32_t size_class;
    };

    static constexpr size_t smallest_bits = 8;
    static constexpr size_t class_count = 4 * 32; ///< Up to 2^40 bytes; larger requests find no memory.
    static constexpr size_t shard_count = 16;

    struct alignas(64) Shard {
        std::mutex mutex;
        std::array<Header*, class_count> idle{};
    };

    static size_t class_of(size_t bytes) noexcept;
    static size_t class_bytes(size_t size_class) noexcept;
    Header* take_idle(size_t size_class) noexcept;
    Header* make(size_t size_class) noexcept;

    Allocator allocator_;
    std::unique_ptr<std::array<Shard, shard_count>> shards_;
    std::array<std::atomic<int64_t>, class_count> idle_count_{};
    alignas(64) std::atomic<int64_t> current_{0};
    std::atomic<int64_t> peak_{0};
    std::atomic<int64_t> reserved_{0};
};

} // namespace coulter::runtime
