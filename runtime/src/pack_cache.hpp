#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "pool.hpp"

namespace coulter::runtime {

/// Memory of one packed tensor. Freed when the last user lets go, so that forgetting during a call is safe.
class PackedMemory {
public:
    /// \throws Failure when there is no memory.
    PackedMemory(const Allocator& allocator, size_t bytes, std::atomic<int64_t>& total);
    ~PackedMemory();
    PackedMemory(const PackedMemory&) = delete;
    PackedMemory& operator=(const PackedMemory&) = delete;

    void* data() const noexcept { return memory_; }

private:
    Allocator allocator_;
    size_t bytes_;
    std::atomic<int64_t>& total_;
    void* memory_;
};

/// The packed copies of frozen inputs that a context keeps.
class PackCache {
public:
    /// The address of the pack's description, the data pointer, and every number that the contents depend on.
    using Key = std::vector<int64_t>;

    std::shared_ptr<PackedMemory> find(const Key& key) const;
    /// When another thread was first, its copy is kept and returned: both have the same contents.
    std::shared_ptr<PackedMemory> insert(Key key, std::shared_ptr<PackedMemory> memory);
    void forget(const void* data) noexcept;

    std::atomic<int64_t>& total() noexcept { return total_; }
    int64_t bytes() const noexcept { return total_.load(std::memory_order_relaxed); }

private:
    mutable std::mutex mutex_;
    std::atomic<int64_t> total_{0}; ///< Outlives `entries_`, whose destructors write it.
    std::map<Key, std::shared_ptr<PackedMemory>> entries_;
};

} // namespace coulter::runtime
