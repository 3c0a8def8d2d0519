#pragma once
/// The machine that default schedules are made for: read from a file, written to one, or measured.

#include "coulter/schedule/machine.hpp"

#include <filesystem>
#include <string>

namespace coulter::cli {

/// A JSON object with the members of schedule::Machine as numbers; those that are left out keep their standard value.
/// \throws Failure [B014] for what is no such file, [B008] for one that cannot be read.
[[nodiscard]] schedule::Machine read_machine(const std::filesystem::path& path);
[[nodiscard]] std::string print_machine(const schedule::Machine& machine);

/// Sizes of this machine's caches, and rates of reading with vectors on `threads` threads at once, from working sets of
/// half a cache; in cycles of a chain of dependent additions. What cannot be found out keeps its standard value. Some 2
/// s. `hertz`, where not null: the cycles per second that the rates are per cycle of.
[[nodiscard]] schedule::Machine measure_machine(int threads, double* hertz = nullptr);

/// Cycles per second of such a chain, measured.
[[nodiscard]] double clock_rate();

} // namespace coulter::cli
