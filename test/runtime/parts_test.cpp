/// Parts of the runtime against plain restatements of what they do: overlap by enumeration, size programs in wide
/// arithmetic, the pool by counting.
#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "arguments.hpp"
#include "failure.hpp"
#include "overlap.hpp"
#include "pool.hpp"
#include "programs.hpp"

namespace {

using coulter::runtime::evaluate;
using coulter::runtime::Region;

__extension__ typedef __int128 Wide;

std::set<int64_t> bytes_of(const Region& region) {
    std::set<int64_t> bytes;
    std::vector<int64_t> index(region.extents.size(), 0);
    for (;;) {
        int64_t first = region.first;
        for (size_t i = 0; i < index.size(); ++i) {
            first += index[i] * region.strides[i] * region.element_bytes;
        }
        for (int64_t byte = 0; byte < region.element_bytes; ++byte) {
            bytes.insert(first + byte);
        }
        size_t dim = 0;
        while (dim < index.size() && ++index[dim] == region.extents[dim]) {
            index[dim++] = 0;
        }
        if (dim == index.size()) {
            return bytes;
        }
    }
}

bool share_bytes(const Region& a, const Region& b) {
    const std::set<int64_t> of_a = bytes_of(a);
    const std::set<int64_t> of_b = bytes_of(b);
    return std::any_of(of_a.begin(), of_a.end(), [&](int64_t byte) { return of_b.contains(byte); });
}

/// The same in 128 bits, where nothing that fits in 64 overflows in one step.
std::optional<int64_t> evaluate_wide(const std::vector<coulter_op>& ops, const std::vector<int64_t>& extents) {
    std::vector<Wide> stack;
    for (const auto& [op, value] : ops) {
        if (op <= COULTER_OP_EXTENT) {
            stack.push_back(op == COULTER_OP_CONST ? value : extents[static_cast<size_t>(value)]);
            continue;
        }
        const Wide b = stack.back();
        stack.pop_back();
        Wide& a = stack.back();
        if ((op == COULTER_OP_DIV || op == COULTER_OP_MOD) && b == 0) {
            return std::nullopt;
        }
        // Halide's and Python's rule: the quotient is the largest integer not above a / b.
        const auto floored = [](Wide x, Wide y) { return x / y - (x % y != 0 && (x < 0) != (y < 0) ? 1 : 0); };
        switch (op) {
        case COULTER_OP_ADD: a = a + b; break;
        case COULTER_OP_SUB: a = a - b; break;
        case COULTER_OP_MUL: a = a * b; break;
        case COULTER_OP_DIV: a = floored(a, b); break;
        case COULTER_OP_MOD: a = a - b * floored(a, b); break;
        case COULTER_OP_MIN: a = std::min(a, b); break;
        case COULTER_OP_MAX: a = std::max(a, b); break;
        case COULTER_OP_EQ: a = a == b; break;
        case COULTER_OP_LT: a = a < b; break;
        case COULTER_OP_LE: a = a <= b; break;
        default: FAIL("unknown operation");
        }
        if (a > std::numeric_limits<int64_t>::max() || a < std::numeric_limits<int64_t>::min()) {
            return std::nullopt;
        }
    }
    return static_cast<int64_t>(stack.back());
}

} // namespace

TEST_CASE("regions that share a byte are always found, and most that do not are told apart") {
    int apart = 0, told_apart = 0;
    std::mt19937 random(1);
    const auto pick = [&](int64_t low, int64_t high) {
        return low + static_cast<int64_t>(random() % static_cast<uint32_t>(high - low + 1));
    };
    for (int i = 0; i < 20000; ++i) {
        std::array<std::vector<int64_t>, 2> extents, strides;
        std::array<Region, 2> regions{};
        // Often slices of one tensor: then both have the same outer strides.
        const bool slices = random() % 2 == 0;
        for (size_t k = 0; k < 2; ++k) {
            const size_t rank = slices ? 3 : static_cast<size_t>(pick(0, 3));
            for (size_t dim = 0; dim < rank; ++dim) {
                extents[k].push_back(pick(1, 4));
                strides[k].push_back(slices ? std::array<int64_t, 3>{40, 8, 1}[dim] : pick(-12, 12));
            }
            regions[k] = {1000 + pick(0, 30) * 2, slices ? 2 : pick(1, 4), extents[k], strides[k]};
        }
        const bool found = coulter::runtime::may_overlap(regions[0], regions[1]);
        const bool real = share_bytes(regions[0], regions[1]);
        CAPTURE(i);
        REQUIRE((found || !real));
        if (slices) {
            apart += real ? 0 : 1;
            told_apart += found ? 0 : 1;
        }
    }
    MESSAGE("slices of one tensor: ", told_apart, " of ", apart, " disjoint pairs are told apart");
    CHECK(told_apart * 10 >= apart * 8);
}

TEST_CASE("size programs equal wide arithmetic, and overflow is noticed") {
    std::mt19937_64 random(2);
    int refused = 0;
    for (int i = 0; i < 20000; ++i) {
        std::vector<int64_t> extents(3);
        for (int64_t& extent : extents) {
            extent = static_cast<int64_t>(random() % 1000);
        }
        std::vector<coulter_op> ops;
        int depth = 0;
        for (int length = 0; length < 12 || depth != 1; ++length) {
            if (depth >= 2 && (length >= 12 || random() % 2 == 0)) {
                ops.push_back({COULTER_OP_ADD + static_cast<int64_t>(random() % 10), 0});
                --depth;
            } else if (random() % 2 == 0) {
                ops.push_back({COULTER_OP_EXTENT, static_cast<int64_t>(random() % 3)});
                ++depth;
            } else {
                const auto constant = static_cast<int64_t>(random());
                ops.push_back({COULTER_OP_CONST, random() % 8 == 0 ? constant : constant % 20});
                ++depth;
            }
        }
        const auto value = evaluate({static_cast<int64_t>(ops.size()), ops.data()}, extents);
        CAPTURE(i);
        REQUIRE(value == evaluate_wide(ops, extents));
        refused += value ? 0 : 1;
    }
    CHECK(refused > 100);
    CHECK(refused < 10000);
}

TEST_CASE("a malformed size program is refused") {
    const std::vector<int64_t> extents{4, coulter::runtime::unknown_extent};
    const auto refused = [&](std::vector<coulter_op> ops) {
        try {
            evaluate({static_cast<int64_t>(ops.size()), ops.data()}, extents);
            return false;
        } catch (const coulter::runtime::Failure& failure) {
            return failure.code == COULTER_ERROR_INVALID;
        }
    };
    CHECK(refused({}));
    CHECK(refused({{COULTER_OP_ADD, 0}}));
    CHECK(refused({{COULTER_OP_CONST, 1}, {COULTER_OP_CONST, 1}}));
    CHECK(refused({{COULTER_OP_EXTENT, 2}}));
    CHECK(refused({{COULTER_OP_EXTENT, -1}}));
    CHECK(refused({{COULTER_OP_EXTENT, 1}}));
    CHECK(refused({{COULTER_OP_CONST, 1}, {COULTER_OP_CONST, 1}, {99, 0}}));
    CHECK(refused(std::vector<coulter_op>(65, {COULTER_OP_CONST, 1})));
    CHECK_FALSE(refused({{COULTER_OP_EXTENT, 0}}));
}

TEST_CASE("the pool's blocks are large enough, aligned, little too large, and used again") {
    coulter::runtime::ScratchPool pool({});
    for (size_t bytes = 0; bytes < 5'000'000; bytes += 1 + bytes / 7) {
        void* const memory = pool.allocate(bytes);
        CAPTURE(bytes);
        REQUIRE(memory != nullptr);
        REQUIRE(reinterpret_cast<uintptr_t>(memory) % coulter::runtime::block_alignment == 0);
        std::memset(memory, 0xff, bytes);
        REQUIRE(pool.current() == static_cast<int64_t>(bytes));
        REQUIRE(static_cast<double>(pool.reserved()) <= 1.26 * static_cast<double>(bytes) + 512);
        pool.release(memory);
        REQUIRE(pool.allocate(bytes) == memory);
        pool.release(memory);
        pool.trim();
        REQUIRE(pool.reserved() == 0);
    }
    CHECK(pool.allocate(std::numeric_limits<size_t>::max()) == nullptr);
    CHECK(pool.allocate((size_t{1} << 40) + 1) == nullptr);
    pool.release(nullptr);
}

TEST_CASE("values are put into the text of a check") {
    CHECK(coulter::runtime::fill_in("{0} is not {1}, {2} {", 3, -4) == "3 is not -4, {2} {");
    CHECK(coulter::runtime::fill_in("", 3, 4).empty());
}
