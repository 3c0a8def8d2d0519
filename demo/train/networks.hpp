#pragma once
/// The network that a program trains: each has its own, so that nobody waits for the kernels of the other.

#include "trainer.hpp"

#include <memory>

namespace train {

struct NetworkKind {
    std::string program; ///< its name
    std::string name;    ///< of the network's kernel, which takes the trained weights
    std::string about;   ///< the network in words
    std::string data;    ///< a file to train with
    DataShape shape;
    std::int64_t batch; ///< what the command line takes where it is told nothing
    std::int64_t shift;
    double epochs;
    std::unique_ptr<Network<float>> (*make)();
};

[[nodiscard]] const NetworkKind& network_kind();

} // namespace train
