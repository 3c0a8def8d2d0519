#pragma once
/// The networks that the program trains.

#include "trainer.hpp"

#include <memory>

namespace train {

struct NetworkKind {
    std::string name;
    std::string kernel; ///< what takes the trained weights
    DataShape shape;
    std::int64_t batch; ///< what the command line takes where it is told nothing
    std::int64_t shift;
    double epochs;
    std::unique_ptr<Network<float>> (*make)();
};

[[nodiscard]] const std::vector<NetworkKind>& network_kinds();

} // namespace train
