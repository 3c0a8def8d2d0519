#pragma once
/// What the launches of a plan move and compute, and how long a device may take for it, estimated without one.

#include "coulter/schedule/machine.hpp"
#include "coulter/schedule/plan.hpp"

namespace coulter::schedule {

/// One launch. Transactions move 32 bytes.
struct LaunchWork {
    std::string stage; ///< `votes`, or `votes.init` for the initialisation of a reduction
    double times = 1;  ///< in a call: a loop of the processor may be around it. The rest is of each time
    double blocks = 1;
    double threads = 1;    ///< of a block
    double near = 0;       ///< transactions between registers and the nearest cache, or shared memory
    double far = 0;        ///< ... between that and the cache of all multiprocessors
    double memory = 0;     ///< ... between that and memory
    double operations = 0; ///< simple ones of all threads; those that wait for others of their warp count too
};

/// A call: its launches in the order of their stages, and what the processor does.
struct DeviceWork {
    std::vector<LaunchWork> launches;
    double host_operations = 0;
    double host_bytes = 0; ///< that the processor reads of the device, and the device of it
};

/// The estimate, from the loops of the plan and from how far apart neighbouring threads read and write:
///
/// - A thread loads anew in each iteration of a loop that moves the address, and of those around such a loop that is
///   not unrolled; elsewhere it keeps what it has loaded.
/// - The threads of a warp together take as many transactions as there are sectors of 32 bytes among what they access.
/// - A block loads each element from the shared cache once, in whole sectors; more often where a warp walks along so
///   many rows at once that the nearest cache loses some of them.
/// - The shared cache holds what a launch touches, and where it is larger, most of it.
///
/// Guards, conflicts and the latency of single instructions are left out. \pre `given` has every dim whose extent a
/// call chooses.
[[nodiscard]] DeviceWork device_work(const Plan& plan, const std::map<std::string, std::int64_t>& given,
                                     const DeviceModel& device);

/// Seconds of one launch with so many of its blocks at once on a multiprocessor, the start of the launch included.
[[nodiscard]] double launch_seconds(const LaunchWork& launch, const DeviceModel& device, double blocks_at_once);

/// As many as there are threads for. \pre a block has at most DeviceModel::multiprocessor_threads.
[[nodiscard]] double blocks_by_threads(const LaunchWork& launch, const DeviceModel& device);

/// Seconds of what is no launch.
[[nodiscard]] double host_seconds(const DeviceWork& work, const DeviceModel& device);

} // namespace coulter::schedule
