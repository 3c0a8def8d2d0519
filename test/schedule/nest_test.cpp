// Random steps on a nest, against enumeration of its iterations.

#include "check_nest.hpp"
#include "support/run_options.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <random>

using namespace coulter;
using namespace coulter::schedule;
using namespace coulter::schedule::detail;

namespace {

using Values = std::map<std::string, std::int64_t>;

/// The value of each base loop for values of the finished loops: steps undone, last first.
Values undo(const std::vector<LoopStep>& steps, const std::vector<Nest>& before, Values values) {
    for (std::size_t i = steps.size(); i-- > 0;) {
        const LoopStep& step = steps[i];
        if (step.kind == LoopStep::Kind::split) {
            values[step.loop] = values.at(step.outer) * step.factor + values.at(step.inner);
        } else if (step.kind == LoopStep::Kind::fuse) {
            const std::int64_t fused = values.at(step.inner);
            const std::int64_t extent = *before[i].find(step.loop)->extent;
            values[step.loop] = fused % extent;
            values[step.outer] = fused / extent;
        }
    }
    return values;
}

struct Case {
    Nest nest;
    std::vector<Nest> before; ///< before each step
};

Case random_nest(std::mt19937_64& random, const std::map<std::string, std::int64_t>& extents) {
    Case made;
    std::vector<BaseLoop> base;
    for (const auto& [dim, extent] : extents) {
        base.push_back({dim, dim, false});
    }
    made.nest = Nest(base);
    made.nest.set_extents(extents);
    const std::size_t count = random() % 6;
    for (std::size_t i = 0; i < count; ++i) {
        const std::vector<std::string> names = made.nest.names();
        LoopStep step;
        const std::size_t at = random() % names.size();
        const std::string fresh = "n" + std::to_string(i);
        switch (random() % 3) {
        case 0:
            step.kind = LoopStep::Kind::split;
            step.loop = names[at];
            step.outer = fresh + "o";
            step.inner = fresh + "i";
            step.factor = 1 + static_cast<std::int64_t>(random() % 4);
            break;
        case 1:
            if (at + 1 == names.size()) {
                continue;
            }
            step.kind = LoopStep::Kind::fuse;
            step.outer = names[at];
            step.loop = names[at + 1];
            step.inner = fresh;
            break;
        default:
            step.kind = LoopStep::Kind::reorder;
            step.order = names;
            std::shuffle(step.order.begin(), step.order.end(), random);
            step.order.resize(1 + random() % names.size());
            break;
        }
        made.before.push_back(made.nest);
        made.nest.apply(step);
    }
    return made;
}

/// All iterations: the values of the loops, outermost first.
std::vector<std::vector<std::int64_t>> iterations(const Nest& nest) {
    std::vector<std::vector<std::int64_t>> all{{}};
    for (const LiveLoop& loop : nest.loops()) {
        std::vector<std::vector<std::int64_t>> next;
        for (const std::vector<std::int64_t>& each : all) {
            for (std::int64_t i = 0; i < *loop.extent; ++i) {
                next.push_back(each);
                next.back().push_back(i);
            }
        }
        all = std::move(next);
    }
    return all;
}

Values base_values(const Case& made, const std::vector<std::int64_t>& iteration) {
    Values values;
    for (std::size_t i = 0; i < iteration.size(); ++i) {
        values[made.nest.loops()[i].name] = iteration[i];
    }
    return undo(made.nest.steps(), made.before, values);
}

/// Whether the guard of each split lets the iteration pass.
bool passes(const Case& made, const Values& values) {
    for (std::size_t i = 0; i < made.nest.steps().size(); ++i) {
        const LoopStep& step = made.nest.steps()[i];
        if (step.kind == LoopStep::Kind::split && values.at(step.loop) >= *made.before[i].find(step.loop)->extent) {
            return false;
        }
    }
    return true;
}

/// Whether no split leaves a rest.
bool divides(const Case& made) {
    for (std::size_t i = 0; i < made.nest.steps().size(); ++i) {
        const LoopStep& step = made.nest.steps()[i];
        if (step.kind == LoopStep::Kind::split && *made.before[i].find(step.loop)->extent % step.factor != 0) {
            return false;
        }
    }
    return true;
}

} // namespace

TEST_CASE("guarded loops cover each point once") {
    const std::map<std::string, std::int64_t> extents{{"a", 3}, {"b", 5}};
    for (std::uint64_t seed = coulter::test::first_seed(); seed < coulter::test::first_seed() + 300; ++seed) {
        CAPTURE(seed);
        std::mt19937_64 random(seed);
        const Case made = random_nest(random, extents);
        std::map<std::pair<std::int64_t, std::int64_t>, int> seen;
        for (const std::vector<std::int64_t>& each : iterations(made.nest)) {
            const Values values = base_values(made, each);
            if (passes(made, values)) {
                ++seen[{values.at("a"), values.at("b")}];
            }
        }
        CHECK(seen.size() == 15);
        CHECK(std::ranges::all_of(seen, [](const auto& each) { return each.second == 1; }));
    }
}

TEST_CASE("the span of a dim inside a loop is what its iterations touch") {
    const std::map<std::string, std::int64_t> extents{{"a", 4}, {"b", 3}, {"c", 2}};
    std::size_t known = 0;
    std::size_t exact = 0;
    for (std::uint64_t seed = coulter::test::first_seed(); seed < coulter::test::first_seed() + 300; ++seed) {
        CAPTURE(seed);
        std::mt19937_64 random(seed);
        const Case made = random_nest(random, extents);
        const std::vector<std::vector<std::int64_t>> all = iterations(made.nest);
        for (std::size_t at = 0; at < made.nest.loops().size(); ++at) {
            for (const auto& [dim, extent] : extents) {
                const std::optional<std::int64_t> span = made.nest.span_inside(dim, at);
                if (!span) {
                    continue;
                }
                ++known;
                std::map<std::vector<std::int64_t>, std::pair<std::int64_t, std::int64_t>> ranges;
                for (const std::vector<std::int64_t>& each : all) {
                    const std::vector<std::int64_t> outside(each.begin(),
                                                            each.begin() + static_cast<std::ptrdiff_t>(at) + 1);
                    const Values values = base_values(made, each);
                    if (!passes(made, values)) {
                        continue;
                    }
                    const std::int64_t value = values.at(dim);
                    const auto [range, fresh] = ranges.emplace(outside, std::pair(value, value));
                    range->second.first = std::min(range->second.first, value);
                    range->second.second = std::max(range->second.second, value);
                }
                std::int64_t widest = 0;
                for (const auto& [outside, range] : ranges) {
                    widest = std::max(widest, range.second - range.first + 1);
                }
                CHECK(widest <= std::min(*span, extent));
                if (divides(made)) {
                    ++exact;
                    CHECK(widest == *span);
                }
            }
        }
    }
    CHECK(exact > 300);
    CHECK(known > 1000);
}

TEST_CASE("a split with constant extent rounds the outer loop up, one without leaves it open") {
    Nest nest({{"x", "x", false}, {"y", "y", false}});
    nest.set_extents({{"x", 10}});
    LoopStep step;
    step.loop = "x";
    step.outer = "x.o";
    step.inner = "x.i";
    step.factor = 4;
    nest.apply(step);
    step.loop = "y";
    step.outer = "y.o";
    step.inner = "y.i";
    nest.apply(step);
    CHECK(nest.names() == std::vector<std::string>{"x.o", "x.i", "y.o", "y.i"});
    CHECK(nest.find("x.o")->extent == 3);
    CHECK(nest.find("x.i")->extent == 4);
    CHECK(!nest.find("y.o")->extent);
    CHECK(nest.find("y.i")->extent == 4);
    CHECK(nest.span_inside("x", 0) == 4);
    CHECK(nest.span_inside("y", 2) == 4);
    CHECK(!nest.span_inside("y", 1));
}
