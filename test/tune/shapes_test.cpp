#include "coulter/tune/shapes.hpp"

#include <algorithm>
#include <doctest/doctest.h>
#include <random>

using namespace coulter::tune;

namespace {

Shape shape(std::vector<std::int64_t> extents, std::size_t group) {
    double operations = 1;
    for (const std::int64_t each : extents) {
        operations *= static_cast<double>(each);
    }
    return {std::move(extents), group, operations};
}

/// The group of the first region that a shape lies in.
std::size_t called(const std::vector<Region>& regions, const std::vector<std::int64_t>& extents) {
    for (const Region& region : regions) {
        bool inside = true;
        for (const Bound& bound : region.bounds) {
            inside = inside && (extents[bound.dim] < bound.bound) == bound.below;
        }
        if (inside) {
            return region.group;
        }
    }
    return SIZE_MAX;
}

} // namespace

TEST_CASE("classes share a schedule that is within the noise of the best of each") {
    // The second is 2 % slower than the best of the first class, and the best of the second.
    CHECK(shared_schedules({{1.00, 1.02}, {1.5, 1.0}}) == std::vector<std::size_t>{1, 1});
    CHECK(shared_schedules({{1.00, 1.04}, {1.5, 1.0}}) == std::vector<std::size_t>{0, 1});
    // Three classes, two schedules of which each serves two of them: the one that costs all together least.
    CHECK(shared_schedules({{1.0, 1.01, 1.5}, {1.0, 1.02, 1.5}, {2.0, 2.0, 1.0}}) == std::vector<std::size_t>{0, 0, 2});
}

TEST_CASE("what was not timed at the sizes of a class is not called there") {
    CHECK(shared_schedules({{1.0, std::nullopt}, {std::nullopt, 1.0}}) == std::vector<std::size_t>{0, 1});
    CHECK(shared_schedules({{std::nullopt, 1.0}, {1.0, 1.0}}) == std::vector<std::size_t>{1, 1});
}

TEST_CASE("a bound lies about the geometric mean, and is easy to read") {
    CHECK(readable_between(64, 4096) == 512);
    CHECK(readable_between(64, 512) == 256);
    CHECK(readable_between(1, 2) == 2);
    CHECK(readable_between(0, 1) == 1);
    CHECK(readable_between(100, 120) == 110); // no power of two lies between
    CHECK(readable_between(65, 66) == 66);
    CHECK(readable_between(1000, 1009) == 1004);
}

TEST_CASE("one dim is enough where it tells the classes apart, and the last is the largest") {
    const auto regions = regions_of({shape({64, 64}, 0), shape({4096, 4096}, 1)});
    CHECK(regions == std::vector<Region>{{0, {{0, true, 512}}}, {1, {}}});
    // The same in the other order.
    CHECK(regions_of({shape({4096, 4096}, 1), shape({64, 64}, 0)}) == regions);
    // The dim along which they lie furthest apart.
    CHECK(regions_of({shape({64, 1}, 0), shape({128, 4096}, 1)}) == std::vector<Region>{{0, {{1, true, 64}}}, {1, {}}});
}

TEST_CASE("one group is everywhere") {
    CHECK(regions_of({shape({64}, 3), shape({128}, 3)}) == std::vector<Region>{{3, {}}});
}

TEST_CASE("where no dim alone tells them apart, several do") {
    // The first is large along one dim, the second along the other, the third along both.
    const auto regions =
        regions_of({shape({1, 1}, 0), shape({1024, 1}, 1), shape({1, 1024}, 1), shape({1024, 1024}, 0)});
    CHECK(called(regions, {1, 1}) == 0);
    CHECK(called(regions, {1024, 1}) == 1);
    CHECK(called(regions, {1, 1024}) == 1);
    CHECK(called(regions, {1024, 1024}) == 0);
    CHECK(regions.back().bounds.empty());
}

TEST_CASE("whatever the classes are, each is called in a region of its group") {
    std::mt19937_64 random(7);
    for (int round = 0; round < 300; ++round) {
        const std::size_t dims = 1 + random() % 3;
        const std::size_t groups = 1 + random() % 4;
        std::vector<Shape> shapes;
        for (std::size_t i = 0; i < 1 + random() % 8; ++i) {
            std::vector<std::int64_t> extents;
            for (std::size_t d = 0; d < dims; ++d) {
                extents.push_back(static_cast<std::int64_t>(1 + random() % 40));
            }
            const bool known = std::ranges::any_of(shapes, [&](const Shape& each) { return each.extents == extents; });
            if (!known) {
                shapes.push_back(shape(extents, random() % groups));
            }
        }
        const auto regions = regions_of(shapes);
        CHECK(regions.back().bounds.empty());
        for (const Shape& each : shapes) {
            CHECK(called(regions, each.extents) == each.group);
        }
    }
}
