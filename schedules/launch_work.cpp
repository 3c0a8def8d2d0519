#include "coulter/schedule/launch_work.hpp"

#include "address_steps.hpp"
#include "traffic_regions.hpp"

#include "coulter/sizes.hpp"

#include <algorithm>
#include <cmath>

namespace coulter::schedule {
namespace {

using detail::Assignment;
using detail::IndexStep;
using detail::LoopNode;
using detail::StageRead;
using Path = std::vector<const LoopNode*>; ///< loops around something, outermost first

constexpr double sector = 32;         ///< bytes
constexpr double most_vector = 16;    ///< bytes that a thread moves in one instruction
constexpr double loop_operations = 2; ///< of an iteration, for its index and its jump
constexpr double apart_sectors = 8;   ///< of one warp, above which the nearest cache loses some that are walked along
constexpr double lost_share = 0.35;   ///< of those
constexpr double spilled_tensor = 2;  ///< times that most of a tensor moves where the shared cache cannot hold it
constexpr double overlap_share = 0.1; ///< of what is not the bottleneck, that its time does not hide

bool is_thread(const LoopNode& loop) {
    return loop.kind == LoopStep::Kind::gpu_thread || loop.kind == LoopStep::Kind::gpu_lane;
}

bool is_block(const LoopNode& loop) {
    return loop.kind == LoopStep::Kind::gpu_block;
}

bool is_unrolled(const LoopNode& loop) {
    return loop.kind == LoopStep::Kind::unroll || loop.kind == LoopStep::Kind::vectorize;
}

enum class Home : std::uint8_t { thread, block, memory };

/// What one launch moves of a tensor.
struct Moved {
    double near = 0;
    double apart = 0;      ///< of those, where a warp accesses many sectors at once
    double waste = sector; ///< of a sector, the bytes that move for each that is asked for; least of all accesses
};

class Counter {
public:
    Counter(const Plan& plan, const std::map<std::string, std::int64_t>& extents, const MemoryUse& memory,
            const DeviceModel& device)
        : plan_(plan), device_(device), tree_(plan, extents, memory.stages), regions_(plan, extents),
          steps_(plan, extents, regions_) {}

    DeviceWork run() {
        DeviceWork work;
        for (const Assignment& assignment : tree_.root().assignments) {
            count_host(assignment, {}, work);
        }
        for (const auto& nest : tree_.root().loops) {
            walk_host(*nest, {}, work);
        }
        return work;
    }

private:
    /// `around`: loops of the processor.
    LaunchWork launch(const LoopNode& nest, const Path& around) {
        LaunchWork work;
        work.stage = nest.place.stage;
        work.times = trips_of(around);
        moved_.clear();
        innermost_block_ = nullptr;
        walk(nest, {}, work);
        finish(around.empty() ? tree_.root() : *around.back(), nest, work);
        return work;
    }

    void walk(const LoopNode& node, Path path, LaunchWork& work) {
        path.push_back(&node);
        const Counts counts = counts_of(path);
        work.threads = std::max(work.threads, counts.threads);
        if (is_block(node)) {
            work.blocks = std::max(work.blocks, counts.blocks);
            innermost_block_ = &node;
        } else if (!is_thread(node) && !is_unrolled(node)) {
            work.operations += loop_operations * counts.steps * counts.warps * warp();
        }
        for (const Assignment& assignment : node.assignments) {
            count(assignment, path, work);
        }
        for (const auto& loop : node.loops) {
            walk(*loop, path, work);
        }
    }

    struct Counts {
        double blocks = 1;
        double threads = 1; ///< of a block
        double steps = 1;   ///< of a thread
        double warps = 1;   ///< of all blocks
    };

    [[nodiscard]] double warp() const { return static_cast<double>(device_.warp); }

    [[nodiscard]] Counts counts_of(const Path& path) const {
        Counts counts;
        for (const LoopNode* loop : path) {
            (is_block(*loop) ? counts.blocks : is_thread(*loop) ? counts.threads : counts.steps) *= loop->trips;
        }
        counts.warps = counts.blocks * std::ceil(counts.threads / warp());
        return counts;
    }

    void count(const Assignment& assignment, const Path& path, LaunchWork& work) {
        const ir::Definition& stage = *assignment.stage;
        const Counts counts = counts_of(path);
        const double operations = assignment.init ? 1 : steps_.code(stage).operations;
        work.operations += operations * counts.steps * counts.warps * warp();
        if (!assignment.init) {
            for (const StageRead& read : steps_.code(stage).reads) {
                if (!plan_.kernel.dims_of(read.tensor).empty()) {
                    const auto step = [&](const Place& loop) { return steps_.of_read(stage, read, loop); };
                    access(read.tensor, coulter::bytes(read.type), path, step, true, waste_of(read));
                }
            }
        }
        const auto step = [&](const Place& loop) { return steps_.of_write(stage, loop); };
        const bool combines = detail::has_init(stage) && !assignment.init;
        for (const Type type : stage.types) {
            access(stage.name, coulter::bytes(type), path, step, false, waste_of(stage));
            if (combines) {
                access(stage.name, coulter::bytes(type), path, step, false, waste_of(stage));
            }
        }
    }

    /// Where a tensor is while the launch runs: loops around it tell who needs it.
    [[nodiscard]] Home home_of(const std::string& tensor, const Path& path) const {
        if (plan_.kernel.find_definition(tensor) == nullptr) {
            return Home::memory;
        }
        const StagePlan& stage = regions_.plan_of(tensor);
        const Place place = stage.store.value_or(stage.compute);
        if (place.is_root() || stage.memory == Memory::heap) {
            return Home::memory;
        }
        bool in_thread = false;
        for (const LoopNode* loop : path) {
            in_thread = in_thread || is_thread(*loop);
            if (loop->place.stage == place.stage && loop->place.loop == place.loop) {
                break;
            }
        }
        return in_thread ? Home::thread : Home::block;
    }

    /// `step`: elements from one iteration of a loop to the next. `keeps`: what stays the same is not moved again.
    template <class Step>
    void access(const std::string& tensor, double bytes, const Path& path, const Step& step, bool keeps, double waste) {
        const Home home = home_of(tensor, path);
        if (home == Home::thread) {
            return;
        }
        double moves = 1; // of a thread
        double width = 1; // elements of one
        double sectors = 1;
        double lanes = warp();
        bool walks = false;
        for (auto at = path.rbegin(); at != path.rend(); ++at) {
            const LoopNode& loop = **at;
            const IndexStep along = step(loop.place);
            const bool moving = along != 0.0;
            if (is_thread(loop)) {
                const double together = std::min(loop.trips, lanes);
                if (moving) {
                    const double distance = along ? std::abs(*along) * bytes : sector;
                    sectors *= std::clamp(std::ceil(together * std::max(distance, width * bytes) / sector), 1.0,
                                          std::max(together, 1.0) * std::max(1.0, width * bytes / sector));
                }
                lanes = std::max(1.0, std::ceil(lanes / std::max(together, 1.0)));
            } else if (!is_block(loop)) {
                const bool vector = loop.kind == LoopStep::Kind::vectorize && along == 1.0;
                width = vector ? std::min(loop.trips, most_vector / bytes) : width;
                if (moving || walks || !keeps) {
                    moves *= vector ? std::max(1.0, loop.trips / width) : loop.trips;
                }
                walks = walks || (moving && !is_unrolled(loop));
            }
        }
        const double all = moves * counts_of(path).warps * sectors;
        Moved& moved = moved_[tensor];
        moved.near += all;
        if (home == Home::block) {
            moved.waste = 0; // it never leaves the block
            return;
        }
        moved.apart += walks && sectors > apart_sectors ? all : 0;
        moved.waste = std::min(moved.waste, waste);
    }

    /// Bytes that move for each that a block asks for: sectors are whole.
    double waste_of(const StageRead& read) {
        const std::vector<std::string> order = steps_.order(read.tensor);
        if (innermost_block_ == nullptr || order.empty()) {
            return 1;
        }
        const auto& ranges = regions_.inside(innermost_block_->place);
        const auto reader = ranges.find(read.reader->name);
        if (reader == ranges.end()) {
            return 1;
        }
        const auto width = regions_.accessed(*read.access, order.back(), reader->second).width();
        return whole_sectors(static_cast<double>(width), coulter::bytes(read.type));
    }

    double waste_of(const ir::Definition& stage) {
        const std::vector<std::string> order = steps_.order(stage.name);
        if (innermost_block_ == nullptr || order.empty()) {
            return 1;
        }
        const auto& ranges = regions_.inside(innermost_block_->place);
        const auto own = ranges.find(stage.name);
        if (own == ranges.end()) {
            return 1;
        }
        return whole_sectors(static_cast<double>(own->second.at(order.back()).width()),
                             coulter::bytes(stage.types.front()));
    }

    static double whole_sectors(double width, double bytes) {
        const double asked = std::max(1.0, width) * bytes;
        return std::ceil(asked / sector) * sector / asked;
    }

    void finish(const LoopNode& around, const LoopNode& nest, LaunchWork& work) {
        const detail::Touches all = tree_.touched(around, nest, nullptr);
        double footprint = 0;
        for (const auto& [tensor, touch] : all) {
            footprint += moved_.count(tensor) != 0 && moved_[tensor].waste > 0 ? touch.bytes : 0;
        }
        const detail::Touches of_block =
            innermost_block_ == nullptr ? all : tree_.touched(*innermost_block_, *innermost_block_, nullptr);
        for (const auto& [tensor, moved] : moved_) {
            work.near += moved.near;
            const auto whole = all.find(tensor);
            const auto once = of_block.find(tensor);
            if (moved.waste == 0 || whole == all.end()) {
                continue;
            }
            const double passes = whole->second.read && whole->second.written && !whole->second.made ? 2 : 1;
            const double unique = passes * moved.waste * whole->second.bytes / sector;
            const double blocks =
                once == of_block.end() ? unique : passes * moved.waste * once->second.bytes / sector * work.blocks;
            const double far =
                std::max({unique, std::min(blocks, std::max(moved.near, unique)), lost_share * moved.apart});
            work.far += far;
            work.memory += footprint <= device_.far_bytes ? unique : std::min(far, spilled_tensor * unique);
        }
    }

    /// Loops of the processor, down to the launches in them.
    void walk_host(const LoopNode& node, Path path, DeviceWork& work) {
        if (is_block(node)) {
            work.launches.push_back(launch(node, path));
            return;
        }
        path.push_back(&node);
        for (const Assignment& assignment : node.assignments) {
            count_host(assignment, path, work);
        }
        for (const auto& loop : node.loops) {
            walk_host(*loop, path, work);
        }
    }

    static double trips_of(const Path& path) {
        double trips = 1;
        for (const LoopNode* loop : path) {
            trips *= loop->trips;
        }
        return trips;
    }

    void count_host(const Assignment& assignment, const Path& path, DeviceWork& work) {
        const ir::Definition& stage = *assignment.stage;
        work.host_operations += trips_of(path) * (assignment.init ? 1 : steps_.code(stage).operations);
        if (assignment.init) {
            return;
        }
        for (const StageRead& read : steps_.code(stage).reads) {
            if (is_of_device(read.tensor) && crossed_.insert(read.tensor).second) {
                work.host_bytes += bytes_of(read.tensor);
            }
        }
        const bool is_needed = std::any_of(
            plan_.kernel.definitions.begin(), plan_.kernel.definitions.end(), [&](const ir::Definition& each) {
                const std::vector<StageRead>& reads = steps_.code(each).reads;
                return is_of_device(each.name) && std::any_of(reads.begin(), reads.end(), [&](const StageRead& read) {
                           return read.tensor == stage.name;
                       });
            });
        if (is_needed && crossed_.insert(stage.name).second) {
            work.host_bytes += bytes_of(stage.name);
        }
    }

    /// Whether a launch makes a tensor.
    [[nodiscard]] bool is_of_device(const std::string& tensor) const {
        if (plan_.kernel.find_definition(tensor) == nullptr || regions_.plan_of(tensor).inlined) {
            return false;
        }
        const LoopNest& nest = regions_.plan_of(tensor).main;
        return std::any_of(nest.loops.begin(), nest.loops.end(), [](const Loop& loop) { return is_gpu(loop.kind); });
    }

    [[nodiscard]] double bytes_of(const std::string& tensor) const {
        double total = 0;
        for (const Type type : plan_.kernel.types_of(tensor)) {
            total += coulter::bytes(type);
        }
        for (const std::string& dim : plan_.kernel.dims_of(tensor)) {
            total *= static_cast<double>(regions_.extents().at(dim));
        }
        return total;
    }

    const Plan& plan_;
    const DeviceModel& device_;
    detail::LoopTree tree_;
    detail::Regions regions_;
    detail::AddressSteps steps_;
    const LoopNode* innermost_block_ = nullptr; ///< of the launch at hand
    std::map<std::string, Moved> moved_;        ///< by it
    std::set<std::string> crossed_;             ///< tensors that moved between the processor and the device
};

double seconds_of(double transactions, const DeviceModel& device) {
    return transactions * device.launch_seconds / device.launch_transactions;
}

} // namespace

DeviceWork device_work(const Plan& plan, const std::map<std::string, std::int64_t>& given, const DeviceModel& device) {
    std::vector<Diagnostic> ignored;
    const auto extents = resolve_extents(plan.kernel, infer_sizes(plan.kernel, ignored), given);
    COULTER_INTERNAL_ASSERT(extents.size() == plan.kernel.dims.size());
    const MemoryUse memory = memory_use(plan, given, 1);
    return Counter(plan, extents, memory, device).run();
}

double blocks_by_threads(const LaunchWork& launch, const DeviceModel& device) {
    return std::max(1.0, std::floor(device.multiprocessor_threads / std::max(launch.threads, 1.0)));
}

double launch_seconds(const LaunchWork& launch, const DeviceModel& device, double blocks_at_once) {
    // Four operations in the time in which an element is stored or loaded: an element is both once.
    const double operations = launch.operations / (device.stored_operations * device.sector_elements / 2);
    const double near = launch.near * device.near_share;
    const double far = launch.far * device.far_share;
    const double longest = std::max({operations, near, far, launch.memory});
    const double all = operations + near + far + launch.memory;
    const double busy = longest + overlap_share * (all - longest);
    // The last blocks have the device for themselves, and may leave most of it idle.
    const double resident = std::max(1.0, blocks_at_once) * device.multiprocessors;
    const double last = std::fmod(launch.blocks, resident);
    const auto slower = [&](double blocks) {
        return std::max(1.0, device.busy_threads / std::max(blocks * launch.threads, 1.0));
    };
    const double blocks = (launch.blocks - last) * slower(resident) + last * slower(last);
    const double transactions = busy * blocks / std::max(launch.blocks, 1.0);
    return device.launch_seconds + seconds_of(transactions, device);
}

double host_seconds(const DeviceWork& work, const DeviceModel& device) {
    return seconds_of(
        work.host_operations * device.host_transactions + work.host_bytes / sector * device.bus_transactions, device);
}

} // namespace coulter::schedule
