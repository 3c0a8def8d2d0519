#pragma once
/// What the subcommands share: exit codes, failures that end a command, and how a subcommand is added.

#include "coulter/diagnostic.hpp"

#include <functional>
#include <stdexcept>
#include <string>

// Only the sources that define options read CLI11.
namespace CLI {
class App;
}

namespace coulter::cli {

enum Exit : int {
    good = 0,
    refused = 1,     ///< an input was refused, or a result is wrong
    usage = 2,       ///< the command line
    no_schedule = 3, ///< no `target` line matches
    environment = 4  ///< a file, a disk, a device, or a crash or limit of a child process
};

/// Ends a command. The message is complete and goes to standard error as it is.
class Failure : public std::runtime_error {
public:
    Failure(Exit code, const std::string& text) : std::runtime_error(text), code_(code) {}
    [[nodiscard]] Exit code() const { return code_; }

private:
    Exit code_;
};

/// A failure whose text is a diagnostic with a page in docs/errors/.
[[nodiscard]] Failure failure(Exit exit, const std::string& code, const std::string& message,
                              const std::string& help = {});

/// Runs a subcommand that was parsed and gives its exit code.
using Run = std::function<int()>;

// Each adds one subcommand, whose parsing sets `run`. One file each.
void add_kernels(CLI::App& app, Run& run);
void add_show(CLI::App& app, Run& run);
void add_check(CLI::App& app, Run& run);
void add_fmt(CLI::App& app, Run& run);
void add_build(CLI::App& app, Run& run);
void add_verify(CLI::App& app, Run& run);
void add_bench(CLI::App& app, Run& run);
void add_autoschedule(CLI::App& app, Run& run);
void add_machine(CLI::App& app, Run& run);
void add_tune(CLI::App& app, Run& run);
void add_records(CLI::App& app, Run& run);
void add_explain(CLI::App& app, Run& run);
void add_report(CLI::App& app, Run& run);
void add_transform(CLI::App& app, Run& run);

/// Makes a subcommand with examples at the end of its help.
[[nodiscard]] CLI::App* add_command(CLI::App& app, const std::string& name, const std::string& about,
                                    const std::string& examples);

} // namespace coulter::cli
