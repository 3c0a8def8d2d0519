#include "default_gpu_shared.hpp"

#include <algorithm>

namespace coulter::schedule {
namespace {

constexpr std::int64_t worth_sharing = 32; ///< reduced indices, so that each thread of a warp has one
constexpr std::int64_t most_parts = 4096;  ///< of a reduction to one value that a device begins

} // namespace

bool SharedReductions::is_shared(const ir::Definition& stage) const {
    return stage.reduction && may_reassociate(analysis_, stage) && analysis_.extent(lanes_of(stage)) >= worth_sharing;
}

std::string SharedReductions::lanes_of(const ir::Definition& stage) const {
    std::vector<std::string> words;
    for (const std::string& dim : stage.reduction->dims) {
        if (analysis_.extent(dim) >= worth_sharing) {
            words.push_back(dim);
        }
    }
    const auto decided = words.size() > 1 ? analysis_.decided("lanes", stage.name, words) : std::nullopt;
    return decided ? *decided : coalesced(analysis_, stage, stage.reduction->dims);
}

std::int64_t SharedReductions::threads_of(const ir::Definition& stage) const {
    const DeviceModel& device = analysis_.options().device_model;
    const std::int64_t extent = analysis_.extent(lanes_of(stage));
    std::vector<std::string> words;
    for (std::int64_t threads = device.warp; threads <= device.block_threads; threads *= 2) {
        if (threads < 2 * extent) {
            words.push_back(std::to_string(threads));
        }
    }
    if (const auto decided = analysis_.decided("threads", stage.name, words, true)) {
        return std::stoll(*decided);
    }
    const bool few = analysis_.points(stage.dims) * 64 < device.busy_threads / 4;
    return extent >= 16384 && few ? device.block_threads : extent <= 64 ? device.warp : 64;
}

std::pair<std::string, std::int64_t> SharedReductions::parts_of(const ir::Definition& stage) const {
    if (!stage.dims.empty() || !stage.reduction || !analysis_.is_on_device(stage) ||
        !may_reassociate(analysis_, stage)) {
        return {};
    }
    const DeviceModel& device = analysis_.options().device_model;
    const std::string lanes = coalesced(analysis_, stage, stage.reduction->dims);
    const std::int64_t extent = analysis_.extent(lanes);
    if (extent < 4 * device.warp) {
        return {};
    }
    std::vector<std::string> words{"-"};
    std::int64_t automatically = 0;
    for (std::int64_t parts = device.warp; parts <= most_parts && parts <= std::max(extent / 4, device.warp);
         parts *= 2) {
        words.push_back(std::to_string(parts));
        automatically = parts;
    }
    const auto decided = analysis_.decided("parts", stage.name, words, true);
    const std::int64_t parts = !decided ? automatically : *decided == "-" ? 0 : std::stoll(*decided);
    return {parts == 0 ? std::string() : lanes, parts};
}

} // namespace coulter::schedule
