#include "all_threads.hpp"

#include <atomic>
#include <thread>
#include <vector>

namespace coulter::cli {

double run_all(int threads, const std::function<void(int)>& body) {
    std::atomic<int> waiting{0};
    std::atomic<bool> go{false};
    std::vector<std::thread> all;
    for (int i = 1; i < threads; ++i) {
        all.emplace_back([&, i] {
            waiting.fetch_add(1);
            while (!go.load()) {
                std::this_thread::yield();
            }
            body(i);
        });
    }
    while (waiting.load() < threads - 1) {
        std::this_thread::yield();
    }
    const auto start = Clock::now();
    go.store(true);
    body(0);
    for (std::thread& thread : all) {
        thread.join();
    }
    return seconds_since(start);
}

} // namespace coulter::cli
