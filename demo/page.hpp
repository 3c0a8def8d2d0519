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
[[nodiscard]] std::string page(HeldOut& digits, const Answers& answers, const CapsuleAnswers& capsules,
                               const std::vector<Measurement>& rows, const Machine& machine);

/// A card per digit: its picture, what the network took it for, and a bar for each class. Those read wrong come first,
/// then the others, the least certain first. \returns two lists of cards.
struct Cards {
    std::string wrong;
    std::string right;
};
[[nodiscard]] Cards cards(HeldOut& digits, const Answers& answers);

/// A figure for each digit that the capsules read wrong, and for one of each digit that they read right: activations,
/// heat maps over the image of what its capsules gave to the first and to the second class, how their votes agree with
/// the pose of the first, and that pose.
[[nodiscard]] std::string exhibits(HeldOut& digits, const CapsuleAnswers& answers);

/// An image of digit_size * digit_size values as a data URI. \param pixels 0 (paper) to 16 (ink).
[[nodiscard]] std::string picture(const std::uint8_t* pixels);

/// A bar for each of ten values in 0 .. 1, over the axis that the page defines once.
[[nodiscard]] std::string class_bars(const float* values, int prediction, int label);

} // namespace demo
