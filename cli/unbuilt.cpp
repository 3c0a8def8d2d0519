// Subcommands of the contract that do not exist yet.

#include "command.hpp"

#include <memory>

namespace coulter::cli {

void add_unbuilt(CLI::App& app, Run& run) {
    for (const char* const name : {"transform"}) {
        CLI::App* const command = app.add_subcommand(name, "(not built yet)");
        command->allow_extras();
        command->prefix_command();
        command->callback([name, &run] {
            run = [name]() -> int {
                throw Failure(usage, std::string("error: `coulter ") + name + "` is not built yet\n");
            };
        });
    }
}

} // namespace coulter::cli
