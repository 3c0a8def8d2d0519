#pragma once
/// What the compiler's own schedules assume of a processor, and of a device beside it.

#include <cstdint>

namespace coulter::schedule {

/// Caches and bandwidths, of one core where nothing else is said. The defaults are those of a server core of the last
/// years (2018 to 2024, x86-64); they are the same on every machine, so that a build does not depend on where it runs.
struct Machine {
    double l1_bytes = 32 * 1024;        ///< first-level data cache
    double l2_bytes = 1024 * 1024;      ///< second-level cache
    double l3_bytes = 32 * 1024 * 1024; ///< last level, which all threads share
    double l1_rate = 64;                ///< bytes per cycle between registers and the first level
    double l2_rate = 32;                ///< ... from the second level
    double l3_rate = 16;                ///< ... from the last level
    double memory_rate = 3;             ///< ... from memory, when all cores ask for it
    double task_cycles = 20000;         ///< to start a parallel loop and to wait for its end
};

/// A device, as far as schedules for one depend on it. The defaults are those of GPUs of the last years (2017 to 2024);
/// the same for OpenCL and CUDA.
struct DeviceModel {
    std::int64_t warp = 32;                ///< threads that run in step: a block is a multiple of it
    std::int64_t block_threads = 256;      ///< of a block, where there is enough to do
    double busy_threads = 32768;           ///< below which a device is partly idle
    double busy_blocks = 256;              ///< several for each multiprocessor
    std::int64_t shared_bytes = 32 * 1024; ///< of a block, so that several blocks have room at once
    std::int64_t thread_values = 32;       ///< that a thread keeps in registers, beside addresses and operands
    double sector_elements = 8;            ///< 4-byte elements that one transaction with memory moves
    double launch_transactions = 200000;   ///< that memory does in the time of one launch, about 5 us
    double stored_operations = 64;         ///< that take as long as to store one element and to load it again
    double launch_seconds = 5e-6;          ///< of one launch
    double multiprocessors = 108;          ///< each runs blocks of its own
    double multiprocessor_threads = 2048;  ///< that are there at once
    double near_share = 0.06;              ///< of the time of a transaction with memory: one with the nearest cache
    double far_share = 0.3;                ///< ... with the cache that all multiprocessors share
    double far_bytes = 32 * 1024 * 1024;   ///< of that cache
    double bus_transactions = 80;          ///< in the time in which as much moves between the processor and the device
    double host_transactions = 2;          ///< in the time of one operation of the processor, on all its threads
};

} // namespace coulter::schedule
