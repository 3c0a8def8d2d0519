#pragma once
/// The page about a run: one file that needs no other.

#include "checkpoint.hpp"

namespace train {

/// The curve of the loss, each step and the mean of the last epoch, on a logarithmic axis, and that of the held-out
/// accuracy. \pre the run has a step and has counted the held-out images once
[[nodiscard]] std::string page(const Checkpoint& run, std::int64_t steps_per_epoch, std::int64_t held_out);

/// \throws coulter::Error with COULTER_ERROR_FILE where the file cannot be written.
void write_page(const std::filesystem::path& file, const Checkpoint& run, std::int64_t steps_per_epoch,
                std::int64_t held_out);

} // namespace train
