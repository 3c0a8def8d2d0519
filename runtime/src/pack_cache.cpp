#include "pack_cache.hpp"

#include "failure.hpp"

namespace coulter::runtime {

PackedMemory::PackedMemory(const Allocator& allocator, size_t bytes, std::atomic<int64_t>& total)
    : allocator_(allocator), bytes_(bytes), total_(total), memory_(allocator.get(bytes)) {
    if (memory_ == nullptr) {
        throw Failure{COULTER_ERROR_MEMORY,
                      "out of memory: wanted " + std::to_string(bytes) + " bytes for packed data"};
    }
    total_.fetch_add(static_cast<int64_t>(bytes_), std::memory_order_relaxed);
}

PackedMemory::~PackedMemory() {
    total_.fetch_sub(static_cast<int64_t>(bytes_), std::memory_order_relaxed);
    allocator_.put(memory_, bytes_);
}

std::shared_ptr<PackedMemory> PackCache::find(const Key& key) const {
    const std::lock_guard lock(mutex_);
    const auto found = entries_.find(key);
    return found == entries_.end() ? nullptr : found->second;
}

std::shared_ptr<PackedMemory> PackCache::insert(Key key, std::shared_ptr<PackedMemory> memory) {
    const std::lock_guard lock(mutex_);
    return entries_.try_emplace(std::move(key), std::move(memory)).first->second;
}

void PackCache::forget(const void* data) noexcept {
    const std::lock_guard lock(mutex_);
    if (data == nullptr) {
        entries_.clear();
        return;
    }
    const auto address = static_cast<int64_t>(reinterpret_cast<uintptr_t>(data));
    std::erase_if(entries_, [address](const auto& entry) { return entry.first[1] == address; });
}

} // namespace coulter::runtime
