#pragma once
/// What the compiler's own schedules assume of a processor.

namespace coulter::schedule {

/// Caches and bandwidths, of one core where nothing else is said. The defaults are those of a server core of the last
/// years (2018 to 2024, x86-64); they are the same on every machine, so that a build does not depend on where it runs.
struct Machine {
    double l1_bytes = 32 * 1024;        ///< first-level data cache
    double l2_bytes = 1024 * 1024;      ///< second-level cache
    double l3_bytes = 32 * 1024 * 1024; ///< last level, which all threads share
    double l1_rate = 64;                ///< bytes per cycle between registers and the first level
    double l2_rate = 32;                ///< ... from the second level
    double l3_rate = 10;                ///< ... from the last level
    double memory_rate = 3;             ///< ... from memory, when all cores ask for it
    double task_cycles = 20000;         ///< to start a parallel loop and to wait for its end
};

} // namespace coulter::schedule
