#pragma once
/// What measurements are told apart by.

#include <filesystem>
#include <string>

namespace coulter::cli {

/// How many threads run at a time, at least 1.
[[nodiscard]] unsigned processors();

/// Processor and number of processors, `AMD EPYC 9R14, 2 processors`: times of one hold for others of that name.
[[nodiscard]] std::string machine_name();

/// Where the tuning store is unless --store says otherwise: `coulter/tuning.db` in XDG_CACHE_HOME or ~/.cache.
/// \throws Failure [M001] where the environment names neither.
[[nodiscard]] std::filesystem::path default_store();

} // namespace coulter::cli
