#pragma once
/// Schedules for stages that nobody scheduled: legal for every kernel, and good without a search.

#include "coulter/schedule/decisions.hpp"
#include "coulter/schedule/machine.hpp"
#include "coulter/schedule/plan.hpp"

namespace coulter::schedule {

/// What is taken for an extent of which neither a size nor an estimate is known.
inline constexpr std::int64_t unknown_extent = 64;

struct DefaultOptions {
    int vector_bytes = 32;     ///< of a vector register: 16, 32 or 64
    int vector_registers = 16; ///< 32 with AVX-512
    int threads = 16;          ///< loops are made parallel into a few times as many tasks
    Numerics numerics = Numerics::reassociate;
    Machine machine;
    Device device = Device::none; ///< what loops over blocks and threads are for; none: all is for the processor
    DeviceModel device_model;
    std::map<std::string, std::int64_t> sizes; ///< typical extents; they override the kernel's estimates
    Decided decided;                           ///< what a search decides in place of the estimates
};

/// The schedule text (statements without a `schedule` line) for every definition of `kernel` that is not in `already`.
///
/// `kernel` is the one that the given schedule's own rewrites left, and `already` holds the stages that it has a block
/// for, placed, or places another stage in: their loops stay as they are. The text may add stages of its own:
/// `<stage>.acc` for accumulators and `<tensor>.packed` for frozen inputs.
///
/// What it does: cheap maps that are read about once are inlined. What lies between stages has the layout that saves
/// its producers and consumers most. A stage is computed in the loops around all its readers where an estimate over the
/// caches of `options.machine` is least, and more than once (`clone`) where that is much cheaper than moving it. A
/// reduction keeps a register tile of its sums, below the map that reads it where that reads nothing else of it; the
/// vectorized dim is the one along which most reads are contiguous or alike, and reduced loops are vectorized where no
/// pure dim is fit for it (not for floats under `exact`). Outer loops are parallel where there is enough to do, in
/// tasks worth handing out. Each directive's line says why.
///
/// With a device, stages become launches of it instead (see default_gpu_launches.hpp); the processor keeps those that a
/// device cannot compute, and all of them under `exact`.
///
/// `log`, where given, gets the decisions that came up.
[[nodiscard]] std::string default_schedule(const ir::Kernel& kernel, const std::vector<std::string>& already,
                                           const DefaultOptions& options = {}, DecisionLog* log = nullptr);

} // namespace coulter::schedule
