#pragma once
/// Ranking of candidates for a device that is not there: what is estimated, and for what.

#include "ptxas.hpp"
#include "tune_run.hpp"
#include "tune_subject.hpp"

#include <optional>

namespace coulter::cli {

struct Ranking {
    std::string machine;                    ///< that records stand under, beginning with `estimated `
    std::string tool;                       ///< ptxas; empty: none
    std::string tool_name;                  ///< `ptxas 13.0.88`
    std::vector<std::string> architectures; ///< that it assembles for
};

/// The ranking of a tuning, or nothing where candidates are measured: they are ranked where that is asked for
/// (`--rank`, or a machine whose name says so), and with a warning where the target's device is not there. \throws
/// Failure, exit code 2, for --rank without a device in the target and --arch without CUDA.
[[nodiscard]] std::optional<Ranking> ranking_of(const TuneRequest& request, const TuneSubject& subject);

/// For what only times tell apart: several sizes, and the parts of a schedule with variants. \throws Failure where a
/// tuning of it would rank: exit code 2 for --rank, 4 where the target's device is not there; NothingMeasurable where
/// the sizes are not this kernel's own (TuneRequest::for_all_kernels) and its schedule has variants.
void require_measuring(const TuneRequest& request, const TuneSubject& subject);

} // namespace coulter::cli
