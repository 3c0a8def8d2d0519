/// Thread counts of contexts: kept each on its own, also in nested loops and while several run.
#include <coulter/runtime.hpp>
#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "kernels.hpp"

using coulter::Tensor;

namespace {

int visit(coulter::Context& context, int bad, const coulter::TensorView<int32_t>& out) {
    const DLTensor tensor = out.dl();
    const void* args[] = {&bad, &tensor};
    return coulter_call(context.get(), &coulter::test::visit, args);
}

/// Counts how many visits run at a time. `inner` of a visit carries nothing; `outer` selects the counter of a context
/// when several run, by which tensors have how many rows.
struct Gauge {
    std::atomic<int> now{0};
    std::atomic<int> most{0};
    std::atomic<int> count{0};

    void pass(std::chrono::microseconds time) {
        const int running = ++now;
        int seen = most;
        while (running > seen && !most.compare_exchange_weak(seen, running)) {}
        std::this_thread::sleep_for(time);
        --now;
        ++count;
    }
};

} // namespace

TEST_CASE("no more threads than the context's run at a time, in nested loops too") {
    for (const int threads : {1, 2, 3, 5, 16}) {
        CAPTURE(threads);
        for (const auto& shape : {std::pair{1, 40}, {40, 1}, {2, 20}, {7, 9}, {0, 3}}) {
            const int outer = shape.first;
            const int inner = shape.second;
            CAPTURE(outer);
            Gauge gauge;
            coulter::test::on_visit = [&](int o, int i) {
                gauge.pass(std::chrono::microseconds(300));
                return 100 * o + i;
            };
            coulter::Context context;
            context.set_threads(threads);
            const Tensor<int32_t> out{outer, inner};
            REQUIRE(visit(context, -1, out) == COULTER_OK);
            CHECK(gauge.count == outer * inner);
            CHECK(gauge.most <= threads);
            if (outer > 0) {
                CHECK(gauge.most >= std::min(threads, 2)); // On one processor too: the visits sleep.
                CHECK(out(outer - 1, inner - 1) == 100 * (outer - 1) + inner - 1);
            }
        }
    }
}

TEST_CASE("a thread runs neighbouring iterations") {
    std::vector<std::thread::id> runner(40);
    coulter::test::on_visit = [&](int o, int) {
        runner[static_cast<std::size_t>(o)] = std::this_thread::get_id();
        std::this_thread::sleep_for(std::chrono::microseconds(o < 20 ? 300 : 700));
        return 0;
    };
    coulter::Context context;
    context.set_threads(2);
    const Tensor<int32_t> out{40, 1};
    REQUIRE(visit(context, -1, out) == COULTER_OK);
    // One boundary between the halves, and one more where the thread that was done first helped at the other's end.
    int boundaries = 0;
    for (std::size_t i = 1; i < runner.size(); ++i) {
        boundaries += runner[i] == runner[i - 1] ? 0 : 1;
    }
    CHECK(boundaries >= 1);
    CHECK(boundaries <= 2);
}

TEST_CASE("one thread means the caller's") {
    const auto self = std::this_thread::get_id();
    std::atomic<int> foreign{0};
    coulter::test::on_visit = [&](int, int) {
        foreign += std::this_thread::get_id() == self ? 0 : 1;
        return 0;
    };
    coulter::Context context;
    context.set_threads(1);
    const Tensor<int32_t> out{20, 20};
    REQUIRE(visit(context, -1, out) == COULTER_OK);
    CHECK(foreign == 0);
}

TEST_CASE("contexts with different counts run at once, each within its own") {
    // The inner index tells the kernels apart: a context's output has its own width.
    Gauge narrow, wide;
    coulter::test::on_visit = [&](int o, int) {
        (o < 1000 ? narrow : wide).pass(std::chrono::microseconds(200));
        return 0;
    };
    const auto run = [](int threads, int rows, int repeats, std::atomic<int>& failures) {
        coulter::Context context;
        context.set_threads(threads);
        const Tensor<int32_t> out{rows, 3};
        for (int i = 0; i < repeats; ++i) {
            failures += visit(context, -1, out) == COULTER_OK ? 0 : 1;
        }
    };
    std::atomic<int> failures{0};
    std::thread first([&] { run(2, 50, 10, failures); });
    std::thread second([&] { run(3, 1100, 1, failures); });
    first.join();
    second.join();
    CHECK(failures == 0);
    CHECK(narrow.count == 10 * 50 * 3 + 1000 * 3);
    CHECK(wide.count == 100 * 3);
    CHECK(wide.most <= 3);
    CHECK(narrow.most <= 2 + 3);
}

TEST_CASE("a failing row stops the loop, and its text is reported") {
    for (const int threads : {1, 4}) {
        CAPTURE(threads);
        Gauge gauge;
        coulter::test::on_visit = [&](int, int) {
            gauge.pass(std::chrono::microseconds(50));
            return 0;
        };
        coulter::Context context;
        context.set_threads(threads);
        const Tensor<int32_t> out{1000, 2};
        CHECK(visit(context, 3, out) == COULTER_ERROR_KERNEL);
        CHECK(std::string(coulter_context_last_error(context.get())) ==
              "visit: Requirement Failed: (false) 0 row 3 is bad");
        CHECK(gauge.count < 1000);
        CHECK(visit(context, -1, out) == COULTER_OK);
    }
}

TEST_CASE("many threads share one context") {
    coulter::Context context;
    context.set_threads(2);
    std::atomic<int> failures{0};
    std::vector<std::thread> callers;
    for (int t = 0; t < 6; ++t) {
        callers.emplace_back([&, t] {
            Tensor<float> w{40, 30}, x{30}, y{40}, a{16, 500}, out{16, 500};
            w.fill(static_cast<float>(t + 1));
            x.fill(1.0f);
            a.fill(static_cast<float>(t));
            for (int i = 0; i < 200; ++i) {
                const DLTensor tensors[] = {w.view().dl(), x.view().dl(), y.view().dl(), a.view().dl(),
                                            out.view().dl()};
                const void* args[] = {&tensors[0], &tensors[1], &tensors[2]};
                const void* scratch_args[] = {&tensors[3], &tensors[4]};
                const void* bad[] = {&tensors[0], nullptr, &tensors[2]};
                failures += coulter_call(context.get(), &coulter::test::matvec, args) == COULTER_OK ? 0 : 1;
                failures += y(39) == 30.0f * static_cast<float>(t + 1) ? 0 : 1;
                failures += coulter_call(context.get(), &coulter::test::scratch, scratch_args) == COULTER_OK ? 0 : 1;
                failures += out(15, 499) == 3.0f * static_cast<float>(t) ? 0 : 1;
                failures +=
                    coulter_call(context.get(), &coulter::test::matvec, bad) == COULTER_ERROR_NULL_ARGUMENT ? 0 : 1;
                failures +=
                    std::string(coulter_context_last_error(context.get())) == "matvec: argument `x` is null" ? 0 : 1;
                if (i % 50 == 0) {
                    context.forget(w.data());
                }
            }
            context.forget(w.data());
        });
    }
    for (std::thread& caller : callers) {
        caller.join();
    }
    CHECK(failures == 0);
    CHECK(context.memory().packed == 0);
    CHECK(context.memory().scratch_current == 0);
}

TEST_CASE("the allocator cannot be changed while a kernel runs") {
    coulter::Context context;
    int code = 0;
    coulter::test::on_visit = [&](int, int) {
        code = coulter_context_set_allocator(context.get(), nullptr, nullptr, nullptr);
        return 0;
    };
    const Tensor<int32_t> out{1, 1};
    REQUIRE(visit(context, -1, out) == COULTER_OK);
    CHECK(code == COULTER_ERROR_BUSY);
    CHECK(coulter_context_set_allocator(context.get(), nullptr, nullptr, nullptr) == COULTER_OK);
}
