#pragma once
/// A library from checked kernels: what `build` makes, and what `verify` and `bench` load.

#include "child.hpp"
#include "launches.hpp"

#include <set>

namespace coulter::cli {

struct LibraryRequest {
    std::string name;
    std::filesystem::path directory; ///< libNAME.a or .so, include/NAME/, obj/ (kept objects)
    bool shared = false;
    std::string runtime;        ///< libcoulter_runtime.a, for shared libraries; empty: looked for
    std::set<std::string> emit; ///< stub, header, object, asm, stmt, cubin: also written to `directory`
    Assembler assembler;        ///< of a CUDA device's kernels, whose spills are warned of
    std::string print_after;
    bool time_passes = false;
    bool verbose = false; ///< print each command that runs
    bool quiet = false;   ///< no progress line
    bool diagnose = true; ///< as in LowerRequest
    unsigned jobs = 0;    ///< kernels compiled at a time; 0: as many as there are processors
    Limits limits;
    /// More C for the library, with the names in it that it exports.
    std::string extra_source;
    std::vector<std::string> extra_exports;
};

/// Builds, and changes files only when everything has succeeded. Objects whose inputs did not change are used again, so
/// an edited schedule compiles that kernel and assembles its plan, and compiles no C.
/// \returns the library. \throws Failure.
std::filesystem::path build_library(const Loaded& loaded, const LibraryRequest& request);

/// Kinds that --emit knows.
[[nodiscard]] const std::vector<std::string>& emit_kinds();

} // namespace coulter::cli
