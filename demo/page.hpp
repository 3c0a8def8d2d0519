#pragma once
/// The page that the demo writes: one file that needs no other.

#include "table.hpp"

#include <string>

namespace demo {

struct Machine {
    std::string processor;
    int threads = 1;
};

/// The whole page.
[[nodiscard]] std::string page(HeldOut& digits, const Answers& answers, const std::vector<Measurement>& rows,
                               const Machine& machine);

/// A card per digit: its picture, what the network took it for, and a bar for each class. Those read wrong come first,
/// then the others, the least certain first. \returns two lists of cards.
struct Cards {
    std::string wrong;
    std::string right;
};
[[nodiscard]] Cards cards(HeldOut& digits, const Answers& answers);

} // namespace demo
