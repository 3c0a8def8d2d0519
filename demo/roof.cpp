#include "roof.hpp"

#include <algorithm>
#include <atomic>
#include <barrier>
#include <chrono>
#include <cmath>
#include <thread>
#include <utility>
#include <vector>

namespace demo {
namespace {

// As many accumulators as registers, less those of the two factors: enough in flight to hide the latency.
#if defined(__AVX512F__)
constexpr std::size_t lanes = 16;
constexpr std::size_t accumulators = 24;
#elif defined(__AVX__)
constexpr std::size_t lanes = 8;
constexpr std::size_t accumulators = 12;
#else
constexpr std::size_t lanes = 4;
constexpr std::size_t accumulators = 12;
#endif
typedef float Vector __attribute__((vector_size(4 * lanes)));

using Clock = std::chrono::steady_clock;

std::atomic<float> sink; // so that no result is unused

/// Seconds from when all threads have begun `work(thread)` until the last has ended it.
template <class Work>
double seconds(int threads, const Work& work) {
    std::barrier begun(threads);
    std::vector<Clock::time_point> begins(static_cast<std::size_t>(threads));
    std::vector<Clock::time_point> ends(begins.size());
    const auto run = [&](int thread) {
        begun.arrive_and_wait();
        begins[static_cast<std::size_t>(thread)] = Clock::now();
        work(thread);
        ends[static_cast<std::size_t>(thread)] = Clock::now();
    };
    std::vector<std::thread> others;
    for (int thread = 1; thread < threads; ++thread) {
        others.emplace_back(run, thread);
    }
    run(0);
    for (std::thread& other : others) {
        other.join();
    }
    return std::chrono::duration<double>(*std::ranges::max_element(ends) - *std::ranges::min_element(begins)).count();
}

template <std::size_t... i>
void multiply_add(std::int64_t rounds, std::index_sequence<i...>) {
    Vector factor = {};
    Vector term = {};
    factor += 0.999F;
    term += 0.001F;
    Vector a[accumulators] = {(term * static_cast<float>(i))...};
    for (std::int64_t round = 0; round < rounds; ++round) {
        ((a[i] = a[i] * factor + term), ...);
    }
    Vector sum = {};
    ((sum += a[i]), ...);
    sink = sum[0] + sum[lanes - 1];
}

} // namespace

Roof::Roof(int threads, std::int64_t bytes)
    : threads_(threads), from_({std::max<std::int64_t>(bytes / 8, 1024)}),
      to_({std::max<std::int64_t>(bytes / 8, 1024)}) {
    from_.fill(1);
    const double moved = 8.0 * static_cast<double>(from_.size());
    (void)this->bytes(); // touches the pages
    copy_rounds_ = std::max<std::int64_t>(1, std::llround(0.002 * this->bytes() / moved));
}

double Roof::flops() {
    constexpr std::int64_t rounds = 250'000; // 2 ms at 3 GHz and two vectors a cycle
    const double time = seconds(threads_, [](int) { multiply_add(rounds, std::make_index_sequence<accumulators>{}); });
    return 2.0 * lanes * accumulators * rounds * threads_ / time;
}

double Roof::bytes() {
    const std::int64_t size = from_.size();
    const auto work = [&](int thread) {
        const std::int64_t begin = size * thread / threads_;
        const std::int64_t end = size * (thread + 1) / threads_;
        const float* const from = from_.data();
        float* const to = to_.data();
        for (std::int64_t round = 0; round < copy_rounds_; ++round) {
            for (std::int64_t i = begin; i < end; ++i) {
                to[i] = from[i] * 1.5F;
            }
            __asm__ volatile("" ::"r"(to) : "memory"); // so that no round is left out
        }
        sink = to[begin];
    };
    return 8.0 * static_cast<double>(size * copy_rounds_) / seconds(threads_, work);
}

} // namespace demo
