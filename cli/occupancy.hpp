#pragma once
/// How many warps of a kernel a multiprocessor of an NVIDIA device has room for at once.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace coulter::cli {

/// What one block of a launch takes.
struct BlockNeeds {
    std::int64_t threads = 0;
    std::int64_t registers = 0;    ///< of each thread
    std::int64_t shared_bytes = 0; ///< static and dynamic
};

struct Occupancy {
    std::int64_t blocks = 0; ///< of the launch that run at once on a multiprocessor; 0: a block has no room
    double share = 0;        ///< of the warps that it can have
    std::string limit;       ///< `registers`, `shared memory`, `blocks` or `threads`; empty where it is full
};

/// Occupancy on an architecture as ptxas names it, `sm_90`. Limits are those of the table of technical specifications
/// per compute capability in the CUDA C++ Programming Guide; registers are allocated to each warp in units of 256 in
/// one of four partitions, and shared memory in units of 128 bytes of which each block has 1024 reserved from compute
/// capability 8.0 on (256 and none before). \returns nothing for an architecture that is none of architectures().
[[nodiscard]] std::optional<Occupancy> occupancy(const std::string& architecture, const BlockNeeds& block);

/// Those that are known, the oldest first.
[[nodiscard]] std::vector<std::string> architectures();

} // namespace coulter::cli
