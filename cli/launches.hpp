#pragma once
/// What each launch of a kernel takes of an NVIDIA device, without one: registers, spills, shared memory, occupancy.

#include "inputs.hpp"
#include "occupancy.hpp"
#include "ptxas.hpp"

#include <array>
#include <nlohmann/json_fwd.hpp>

namespace coulter::cli {

/// A launch as the compiler states it above the source of the kernels.
struct Launch {
    std::string entry; ///< the function's name
    std::string stage; ///< `votes`, or `votes.init` for the initialisation of a reduction
    /// Of a block, the dimension of neighbouring threads first; 0: no constant.
    std::array<std::int64_t, 3> threads{};
    std::int64_t shared = 0; ///< dynamic bytes of each block
};

/// From a device's source. `kernel` says which stages are reductions.
[[nodiscard]] std::vector<Launch> launches_of(const std::string& source, const ir::Kernel& kernel);

/// One launch on one architecture.
struct LaunchFigures {
    Launch launch;
    PtxasEntry code;
    std::optional<Occupancy> occupancy; ///< nothing where the threads are not known
    [[nodiscard]] std::int64_t shared() const { return launch.shared + code.shared; }
};

/// All launches on one architecture.
struct ArchitectureFigures {
    std::string architecture;
    std::vector<LaunchFigures> launches;
};

struct DeviceCode {
    std::string tool;    ///< `ptxas 13.0.88`
    std::string missing; ///< why there are no figures; empty where there are
    int registers = 0;   ///< that a thread may have
    std::vector<ArchitectureFigures> architectures;
};

/// \throws Failure [B007] where the assembler said nothing of a launch's entry.
[[nodiscard]] ArchitectureFigures figures(const Cubin& cubin, const std::vector<Launch>& launches);

/// `sm_80,sm_90` as given to --arch; those two where nothing is given. \throws Failure, exit code 2.
[[nodiscard]] std::vector<std::string> parse_architectures(const std::vector<std::string>& words);

/// \throws Failure, exit code 2, where `target` has no CUDA device, which `option` is about.
void require_cuda(const std::string& option, const std::string& target);

/// The assembler and what it is asked for.
struct Assembler {
    std::string tool;                       ///< the program; empty: nothing is assembled
    std::vector<std::string> architectures; ///< as parse_architectures() gives them
};

/// Assembles the kernels of `plan` in the file `ptx`, to CUBIN.sm_80.cubin and so on. \throws Failure, as assemble().
[[nodiscard]] DeviceCode assemble_all(const Assembler& assembler, const schedule::Plan& plan, const std::string& ptx,
                                      const std::string& cubin, const Limits& limits);

/// Compiles one part of a schedule to PTX and assembles that. `part` is one of part_names().
/// \throws Failure, as run_lower() and assemble().
[[nodiscard]] DeviceCode device_code(const Work& work, const std::string& part, const std::string& target,
                                     const Assembler& assembler, const Limits& limits);

/// The same for the default architectures; `missing` says so where there is no assembler. Nothing where the target has
/// no CUDA device.
[[nodiscard]] std::optional<DeviceCode> device_code_if_any(const Work& work, const std::string& part,
                                                           const std::string& target, const Limits& limits);

/// A table for each architecture.
[[nodiscard]] std::string launches_text(const DeviceCode& code);
[[nodiscard]] nlohmann::ordered_json launches_json(const DeviceCode& code);

/// A warning [B015] for each launch that spills on one of the architectures, at its stage in the schedule.
[[nodiscard]] std::vector<Diagnostic> spill_warnings(const Work& work, const schedule::Plan& plan,
                                                     const DeviceCode& code);

} // namespace coulter::cli
