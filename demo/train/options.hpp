#pragma once
/// The command line of coulter-train.

#include "networks.hpp"

#include <filesystem>
#include <span>
#include <stdexcept>
#include <string_view>

namespace train {

struct Options {
    std::filesystem::path data;
    Settings settings;
    double epochs = 0;                ///< where `settings.steps` is 0: of so many
    int threads = 0;                  ///< 0: as many as the machine has
    std::filesystem::path checkpoint; ///< empty: none is written
    std::int64_t save_every = 50;     ///< steps
    bool resume = false;
    std::filesystem::path weights; ///< empty: not written
    std::filesystem::path page;    ///< empty: not written
    std::int64_t time = 0;         ///< steps to time instead of training; 0: train
    bool help = false;
};

/// A mistake on the command line: exit code 2.
class UsageError : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

/// \param arguments those behind the program's name. \throws UsageError for the first mistake.
[[nodiscard]] Options parse(std::span<const std::string_view> arguments);

[[nodiscard]] std::string usage();

} // namespace train
