/// Packed copies of frozen inputs, the scratch pool, and what happens when memory runs out.
#include <coulter/runtime.hpp>
#include <doctest/doctest.h>

#include <atomic>
#include <cstdlib>
#include <map>
#include <mutex>
#include <numeric>
#include <string>

#include "kernels.hpp"

using coulter::Tensor;
using coulter::TensorView;

namespace {

int matvec(coulter::Context& context, const TensorView<const float>& w, const TensorView<const float>& x,
           const TensorView<float>& y) {
    const DLTensor tensors[] = {w.dl(), x.dl(), y.dl()};
    const void* args[] = {&tensors[0], &tensors[1], &tensors[2]};
    return coulter_call(context.get(), &coulter::test::matvec, args);
}

int scratch(coulter::Context& context, const TensorView<const float>& a, const TensorView<float>& out) {
    const DLTensor tensors[] = {a.dl(), out.dl()};
    const void* args[] = {&tensors[0], &tensors[1]};
    return coulter_call(context.get(), &coulter::test::scratch, args);
}

/// An allocator that counts, checks what it gets back, and fails on request.
struct Accounts {
    std::mutex mutex;
    std::map<void*, size_t> live;
    std::atomic<int> calls{0};
    std::atomic<int64_t> calls_left{1 << 30}; ///< Then null is returned.

    static void* allocate(void* user, size_t bytes, size_t alignment) {
        auto& self = *static_cast<Accounts*>(user);
        ++self.calls;
        if (self.calls_left.fetch_sub(1) <= 0) {
            return nullptr;
        }
        void* const memory = std::aligned_alloc(alignment, (bytes + alignment - 1) / alignment * alignment);
        const std::lock_guard lock(self.mutex);
        self.live[memory] = bytes;
        return memory;
    }

    static void release(void* user, void* memory, size_t bytes) {
        auto& self = *static_cast<Accounts*>(user);
        const std::lock_guard lock(self.mutex);
        const auto found = self.live.find(memory);
        REQUIRE(found != self.live.end());
        REQUIRE(found->second == bytes);
        self.live.erase(found);
        std::free(memory);
    }
};

} // namespace

TEST_CASE("a frozen input is packed once, until it is forgotten") {
    coulter::Context context;
    Tensor<float> w({2, 3}, {1, 2, 3, 4, 5, 6}), x({3}, {1, 10, 100}), y{2};
    CHECK(context.memory().packed == 0);
    REQUIRE(matvec(context, w, x, y) == COULTER_OK);
    CHECK(y(0) == 321.0f);
    CHECK(y(1) == 654.0f);
    const int64_t packed = context.memory().packed;
    CHECK(packed >= 6 * 4);

    w.fill(0.0f); // A broken promise shows that the copy is used; the per-call pack of x is made again.
    x.fill(1.0f);
    REQUIRE(matvec(context, w, x, y) == COULTER_OK);
    CHECK(y(0) == 6.0f);
    CHECK(context.memory().packed == packed);

    context.forget(x.data()); // Another tensor's pointer drops nothing.
    CHECK(context.memory().packed == packed);
    context.forget(w.data());
    CHECK(context.memory().packed == 0);
    REQUIRE(matvec(context, w, x, y) == COULTER_OK);
    CHECK(y(0) == 0.0f);
    context.forget();
    CHECK(context.memory().packed == 0);
    CHECK(context.memory().scratch_current == 0);
}

TEST_CASE("the same pointer with another shape or other strides is another tensor") {
    coulter::Context context;
    std::vector<float> memory(64);
    std::iota(memory.begin(), memory.end(), 0.0f);
    Tensor<float> x2({2}, {1, 1}), x3({3}, {1, 1, 1}), y{2};
    REQUIRE(matvec(context, {memory.data(), {2, 3}}, x3, y) == COULTER_OK);
    CHECK(y(1) == 12.0f);
    REQUIRE(matvec(context, {memory.data(), {2, 2}}, x2, y) == COULTER_OK);
    CHECK(y(1) == 5.0f);
    REQUIRE(matvec(context, {memory.data(), {2, 3}, {10, 1}}, x3, y) == COULTER_OK);
    CHECK(y(1) == 33.0f);
    REQUIRE(matvec(context, {memory.data() + 1, {2, 3}}, x3, y) == COULTER_OK);
    CHECK(y(1) == 15.0f);
    REQUIRE(matvec(context, {memory.data(), {2, 3}}, x3, y) == COULTER_OK);
    CHECK(y(1) == 12.0f);
}

TEST_CASE("packs of empty tensors are not made") {
    coulter::Context context;
    Tensor<float> y{2};
    y.fill(-7.0f);
    REQUIRE(matvec(context, {nullptr, {2, 0}}, {nullptr, {0}}, y) == COULTER_OK);
    CHECK(y(0) == 0.0f);
}

TEST_CASE("the peak counts what kernels hold at a time, and blocks are reused") {
    coulter::Context context;
    context.set_threads(1);
    Accounts accounts;
    context.set_allocator(Accounts::allocate, Accounts::release, &accounts);
    Tensor<float> a{64, 10000}, out{64, 10000};
    a.fill(1.0f);
    REQUIRE(scratch(context, a, out) == COULTER_OK);
    CHECK(out(63, 9999) == 3.0f);
    const coulter_memory memory = context.memory();
    CHECK(memory.scratch_current == 0);
    CHECK(memory.scratch_peak >= 40000);
    CHECK(memory.scratch_peak < 3 * 41000);
    CHECK(memory.scratch_reserved >= memory.scratch_peak);
    CHECK(memory.scratch_reserved < 2 * memory.scratch_peak);
    const int calls = accounts.calls;
    CHECK(calls <= 3); // 64 rows took their blocks from the pool.
    REQUIRE(scratch(context, a, out) == COULTER_OK);
    CHECK(accounts.calls == calls);

    context.reset_peak();
    CHECK(context.memory().scratch_peak == 0);
    context.trim();
    CHECK(context.memory().scratch_reserved == 0);
    CHECK(accounts.live.empty());
    context.set_allocator(nullptr, nullptr, nullptr);
    CHECK(scratch(context, a, out) == COULTER_OK);
}

TEST_CASE("every allocation may fail: a code, a message, nothing lost, and the context works afterwards") {
    Tensor<float> a{8, 1000}, out{8, 1000}, w{20, 30}, x{30}, y{20};
    int failures = 0;
    for (int64_t allowed = 0; allowed < 12; ++allowed) {
        CAPTURE(allowed);
        Accounts accounts;
        {
            coulter::Context context;
            context.set_threads(allowed % 2 == 0 ? 1 : 4);
            context.set_allocator(Accounts::allocate, Accounts::release, &accounts);
            for (const bool packs : {false, true}) {
                accounts.calls_left = allowed;
                const int code = packs ? matvec(context, w, x, y) : scratch(context, a, out);
                if (code != COULTER_OK) {
                    ++failures;
                    CHECK(code == COULTER_ERROR_MEMORY);
                    const std::string message = coulter_context_last_error(context.get());
                    CHECK(message.find(packs ? "matvec: out of memory: wanted " : "scratch: out of memory: wanted ") ==
                          0);
                }
                CHECK(context.memory().scratch_current == 0);
                accounts.calls_left = 1 << 30;
                CHECK((packs ? matvec(context, w, x, y) : scratch(context, a, out)) == COULTER_OK);
                context.trim();
                context.forget();
                CHECK(accounts.live.empty());
            }
        }
        CHECK(accounts.live.empty());
    }
    CHECK(failures >= 4);
}

TEST_CASE("a misaligned pointer from the caller's allocator counts as none") {
    coulter::Context context;
    static char memory[1 << 20];
    context.set_allocator([](void*, size_t, size_t) -> void* { return memory + 3 + 128; }, [](void*, void*, size_t) {},
                          nullptr);
    Tensor<float> a{8, 1000}, out{8, 1000};
    CHECK(scratch(context, a, out) == COULTER_ERROR_MEMORY);
    context.set_allocator(nullptr, nullptr, nullptr);
    CHECK(scratch(context, a, out) == COULTER_OK);
}
