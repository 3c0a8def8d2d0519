#pragma once
/// Default schedules some of whose decisions are taken otherwise, as a search does.

#include "cases.hpp"

namespace coulter::test {

struct Drawn {
    std::vector<Case> cases;
    std::size_t refused = 0;
};

/// Gives the case a schedule in which some decisions are drawn at random. What the checker refuses is counted.
void add_decided(Drawn& drawn, Case test, std::uint64_t seed);

/// The cases give the interpreter's results, and the checker refused few.
void expect_right(const Drawn& drawn);

} // namespace coulter::test
