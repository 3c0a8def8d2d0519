#pragma once
/// How the loops of a launch are shared out among blocks, threads and the registers of a thread.

#include "default_gpu_tile.hpp"

namespace coulter::schedule {

/// One dim of the stage that a launch writes.
struct DeviceLoop {
    std::string dim;
    std::int64_t threads = 1; ///< of a block along it
    std::int64_t tile = 1;    ///< indices that a thread computes at once, unrolled
    bool whole = false;       ///< threads or tile are the constant extent: no loop is left
    bool serial = false;      ///< what is left is a loop of each thread; else one over blocks
};

/// What a thread has of a stage, as far as it saves transactions with memory.
struct ThreadWork {
    std::set<std::string> near;      ///< tensors in the registers or the shared memory of the launch
    ThreadTile tile;                 ///< what does not depend on a dim of it is loaded once for all of that dim
    std::vector<std::string> walked; ///< dims along which a thread goes step by step, beside the reduced ones
};

/// Transactions with memory for all that a stage reads and writes when neighbouring threads have neighbouring indices
/// of `dim`.
[[nodiscard]] double transactions(const Analysis& analysis, const ir::Definition& stage, const std::string& dim,
                                  const ThreadWork& work = {});

/// The dim of `dims` with the fewest; the last of them among equals. \pre there is one.
[[nodiscard]] std::string coalesced(const Analysis& analysis, const ir::Definition& stage,
                                    const std::vector<std::string>& dims, const ThreadWork& work = {});

/// How many times longer everything takes because so few threads leave a device idle.
[[nodiscard]] double idle(const DeviceModel& device, double threads);

/// Loops of a launch's stage over `spread` in blocks and threads, neighbouring threads along `first`, and over `inner`
/// in each thread. Innermost first, but `first` before all. Decided may be `threads of STAGE`, how many a block has at
/// most, and `neighbours of STAGE`, how many of them lie along `first`.
[[nodiscard]] std::vector<DeviceLoop> spread_loops(const Analysis& analysis, const ir::Definition& stage,
                                                   const std::vector<std::string>& spread,
                                                   const std::vector<std::string>& inner, const std::string& first,
                                                   const ThreadTile& tile);

/// A power of two of threads for an extent.
[[nodiscard]] std::int64_t threads_along(std::int64_t extent, std::int64_t most);

} // namespace coulter::schedule
