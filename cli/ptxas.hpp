#pragma once
/// NVIDIA's assembler: from PTX to a cubin, with what each entry function takes.

#include "child.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace coulter::cli {

/// What the assembler says of one entry function.
struct PtxasEntry {
    std::string name;
    std::int64_t registers = 0;    ///< of each thread
    std::int64_t spill_stores = 0; ///< bytes that each thread writes for want of registers
    std::int64_t spill_loads = 0;  ///< and reads back
    std::int64_t stack = 0;        ///< bytes of local memory of each thread, spilled registers included
    std::int64_t shared = 0;       ///< static bytes of each block
    [[nodiscard]] bool spills() const { return spill_stores > 0 || spill_loads > 0; }
};

/// From the messages of `ptxas -v`, in their order; nothing where one of the entries lacks its registers or spills.
[[nodiscard]] std::optional<std::vector<PtxasEntry>> parse_ptxas(const std::string& messages);

/// One run of the assembler.
struct Cubin {
    std::string architecture; ///< as it names it, `sm_90`
    std::vector<PtxasEntry> entries;
};

/// The assembler: what COULTER_PTXAS names, else `ptxas` in PATH; empty: none.
/// \throws Failure [B009] where COULTER_PTXAS names nothing.
[[nodiscard]] std::string find_ptxas();

/// Why there are no figures where there is none.
extern const char* const no_ptxas;

/// The same as find_ptxas(). \throws Failure [B009] where there is none.
[[nodiscard]] std::string require_ptxas();

/// `ptxas 13.0.88`, as --version says.
[[nodiscard]] std::string ptxas_name(const std::string& tool, const Limits& limits);

/// The most registers of a thread that CUDA's driver is allowed when a library is loaded, which is what Halide's
/// runtime asks for: HL_CUDA_JIT_MAX_REGISTERS, else 64.
[[nodiscard]] int most_registers();

/// Assembles the file `ptx` into the file `cubin`, with most_registers(). \throws Failure [B007] with what the tool
/// said.
[[nodiscard]] Cubin assemble(const std::string& tool, const std::string& architecture, const std::string& ptx,
                             const std::string& cubin, const Limits& limits);

} // namespace coulter::cli
