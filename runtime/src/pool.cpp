#include "pool.hpp"

#include <bit>
#include <cstdlib>
#include <new>

namespace coulter::runtime {

namespace {

/// Threads are numbered as they come, so that a pool's workers spread evenly over the shards.
size_t thread_number() noexcept {
    static std::atomic<size_t> next{0};
    thread_local const size_t number = next.fetch_add(1, std::memory_order_relaxed);
    return number;
}

} // namespace

void* Allocator::get(size_t bytes) const noexcept {
    void* memory = nullptr;
    if (allocate != nullptr) {
        memory = allocate(user, bytes, block_alignment);
    } else if (posix_memalign(&memory, block_alignment, bytes) != 0) {
        memory = nullptr;
    }
    if (reinterpret_cast<uintptr_t>(memory) % block_alignment != 0) {
        put(memory, bytes);
        memory = nullptr;
    }
    return memory;
}

void Allocator::put(void* memory, size_t bytes) const noexcept {
    if (allocate != nullptr) {
        release(user, memory, bytes);
    } else {
        std::free(memory);
    }
}

ScratchPool::ScratchPool(const Allocator& allocator)
    : allocator_(allocator), shards_(std::make_unique<std::array<Shard, shard_count>>()) {
    static_assert(sizeof(Header) <= block_alignment);
}

ScratchPool::~ScratchPool() {
    trim();
}

size_t ScratchPool::class_of(size_t bytes) noexcept {
    if (bytes <= (size_t{1} << smallest_bits)) {
        return 0;
    }
    // Sizes in (2^k, 2^(k+1)] fall into four classes of 2^(k-2) bytes each.
    const size_t bits = static_cast<size_t>(std::bit_width(bytes - 1)) - 1;
    const size_t quarter = (bytes - 1 - (size_t{1} << bits)) >> (bits - 2);
    return 1 + 4 * (bits - smallest_bits) + quarter;
}

size_t ScratchPool::class_bytes(size_t size_class) noexcept {
    if (size_class == 0) {
        return size_t{1} << smallest_bits;
    }
    const size_t bits = smallest_bits + (size_class - 1) / 4;
    const size_t quarter = (size_class - 1) % 4;
    return (size_t{1} << bits) + ((quarter + 1) << (bits - 2));
}

ScratchPool::Header* ScratchPool::take_idle(size_t size_class) noexcept {
    if (idle_count_[size_class].load(std::memory_order_relaxed) <= 0) {
        return nullptr;
    }
    const size_t own = thread_number();
    for (size_t i = 0; i < shard_count; ++i) {
        Shard& shard = (*shards_)[(own + i) % shard_count];
        const std::lock_guard lock(shard.mutex);
        if (Header* const header = shard.idle[size_class]) {
            shard.idle[size_class] = header->next;
            idle_count_[size_class].fetch_sub(1, std::memory_order_relaxed);
            return header;
        }
    }
    return nullptr;
}

ScratchPool::Header* ScratchPool::make(size_t size_class) noexcept {
    const size_t held = block_alignment + class_bytes(size_class);
    void* memory = allocator_.get(held);
    if (memory == nullptr) {
        trim();
        memory = allocator_.get(held);
        if (memory == nullptr) {
            return nullptr;
        }
    }
    reserved_.fetch_add(static_cast<int64_t>(held), std::memory_order_relaxed);
    return new (memory) Header{nullptr, 0, held, static_cast<uint32_t>(size_class)};
}

void* ScratchPool::allocate(size_t bytes) noexcept {
    if (bytes > (size_t{1} << 40)) {
        return nullptr;
    }
    const size_t size_class = class_of(bytes);
    Header* header = take_idle(size_class);
    if (header == nullptr) {
        header = make(size_class);
        if (header == nullptr) {
            return nullptr;
        }
    }
    header->requested = bytes;
    const int64_t signed_bytes = static_cast<int64_t>(bytes);
    const int64_t now = current_.fetch_add(signed_bytes, std::memory_order_relaxed) + signed_bytes;
    int64_t peak = peak_.load(std::memory_order_relaxed);
    while (now > peak && !peak_.compare_exchange_weak(peak, now, std::memory_order_relaxed)) {}
    return reinterpret_cast<std::byte*>(header) + block_alignment;
}

void ScratchPool::release(void* memory) noexcept {
    if (memory == nullptr) {
        return;
    }
    Header* const header = reinterpret_cast<Header*>(static_cast<std::byte*>(memory) - block_alignment);
    current_.fetch_sub(static_cast<int64_t>(header->requested), std::memory_order_relaxed);
    const uint32_t size_class = header->size_class;
    Shard& shard = (*shards_)[thread_number() % shard_count];
    const std::lock_guard lock(shard.mutex);
    header->next = shard.idle[size_class];
    shard.idle[size_class] = header;
    idle_count_[size_class].fetch_add(1, std::memory_order_relaxed);
}

void ScratchPool::trim() noexcept {
    for (Shard& shard : *shards_) {
        const std::lock_guard lock(shard.mutex);
        for (size_t size_class = 0; size_class < class_count; ++size_class) {
            while (Header* const header = shard.idle[size_class]) {
                shard.idle[size_class] = header->next;
                idle_count_[size_class].fetch_sub(1, std::memory_order_relaxed);
                const size_t held = header->held;
                reserved_.fetch_sub(static_cast<int64_t>(held), std::memory_order_relaxed);
                allocator_.put(header, held);
            }
        }
    }
}

void ScratchPool::set_allocator(const Allocator& allocator) noexcept {
    trim();
    allocator_ = allocator;
}

} // namespace coulter::runtime
