#pragma once
/// What of a kernel nothing reads.

#include "coulter/ir.hpp"

namespace coulter::schedule {

/// Leaves out the components of scans that nothing reads, and that no other is combined from; `combine` keeps their
/// values where it needs them. Such a scan is no longer associative.
[[nodiscard]] ir::Kernel without_unread(const ir::Kernel& kernel);

} // namespace coulter::schedule
