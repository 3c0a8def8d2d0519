#pragma once
/// Schedules of models/schedules, for tests that change or measure them.

#include <string>

namespace coulter::test {

/// The text of `<kernel>.sched` with the files that it includes in their places; comments are left out.
[[nodiscard]] std::string shipped_schedule(const std::string& kernel);

} // namespace coulter::test
