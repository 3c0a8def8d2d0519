#pragma once
/// Default schedules for a device as text.

#include "default_gpu_launches.hpp"

namespace coulter::schedule {

/// Statements for all stages that the schedule at hand says nothing of, each directive with its reason as a comment.
[[nodiscard]] std::string device_text(const Analysis& analysis, const std::map<std::string, DeviceStage>& stages);

} // namespace coulter::schedule
