#pragma once
/// Which stages of a kernel become launches of a device, and which are computed inside of those.

#include "default_gpu_forms.hpp"

namespace coulter::schedule {

struct DeviceStage {
    DevicePlace place = DevicePlace::launch;
    std::string why;               ///< host, and launch where it was decided: the reason
    std::string launch;            ///< thread, step, block: the stage whose launch it is
    std::vector<DeviceLoop> loops; ///< launch: see spread_loops
    ThreadTile tile;               ///< launch, thread: of the dims of the launch
    bool first_decided = false;    ///< launch: the dim of neighbouring threads
    /// A launch of a reduction: what keeps its sums until they are final; `launch` for the stage itself, in memory.
    DevicePlace sums = DevicePlace::thread;
    std::string lanes;        ///< block (also for sums), or host: the reduced dim of which each thread has a part
    std::int64_t threads = 0; ///< with lanes: so many parts
};

/// A place for every definition.
///
/// What follows is decided for each stage that is no output's producer alone, readers first. A stage is computed inside
/// the launch of its readers where they read it by name and all of them are there. Of the ways to share out the loops
/// of a launch, the one is taken for which an estimate of all transactions with memory is least, the launches included
/// that it leaves for others:
///
/// - each thread has an element of the launch's stage, or a tile of them, and what that needs of its producers;
/// - each thread has a row: one index of the dims of a reduction that several elements of the launch's stage need;
/// - each block has a row, its threads share the reduction, and then the elements.
///
/// Decided may be `form of STAGE`, which of these, and what default_gpu_forms.hpp, default_gpu_tile.hpp,
/// default_gpu_shared.hpp and default_gpu_loops.hpp name.
[[nodiscard]] std::map<std::string, DeviceStage> choose_launches(const Analysis& analysis);

} // namespace coulter::schedule
