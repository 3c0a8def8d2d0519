#pragma once
/// What a search begins with, before it has measured anything.

#include "coulter/tune/space.hpp"
#include "coulter/tune/store.hpp"

namespace coulter::cli {

/// What was fastest at other sizes of the class: at most one start for each of those sizes, none for those in `apart`.
[[nodiscard]] std::vector<tune::Assignment> starts_of(const tune::Store& store, const tune::Setting& setting,
                                                      const tune::Space& space,
                                                      const std::vector<std::string>& apart = {});

/// Decisions about all stages at once, each by itself: no sequence of small changes leads there.
[[nodiscard]] std::vector<tune::Assignment> sweeping_starts(const tune::Space& space);

/// Records of other kernels on the same machine.
[[nodiscard]] std::vector<tune::Store::Entry> others_of(const tune::Store& store, const tune::Setting& setting);

} // namespace coulter::cli
