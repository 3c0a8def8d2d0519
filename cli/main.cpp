// coulter: the command line. Each subcommand has a file of its own.

#include "child.hpp"
#include "command.hpp"

#include "coulter/version.hpp"

#include <CLI/CLI.hpp>
#include <csignal>
#include <iostream>

namespace coulter::cli {

Failure failure(Exit exit, const std::string& code, const std::string& message, const std::string& help) {
    Diagnostic diagnostic;
    diagnostic.code = code;
    diagnostic.message = message;
    diagnostic.help = help;
    return {exit, render(diagnostic)};
}

CLI::App* add_command(CLI::App& app, const std::string& name, const std::string& about, const std::string& examples) {
    CLI::App* const command = app.add_subcommand(name, about);
    command->footer("Examples:\n" + examples);
    return command;
}

namespace {

std::vector<std::string> command_names(const CLI::App& app) {
    std::vector<std::string> names;
    for (const CLI::App* const command : app.get_subcommands([](const CLI::App*) { return true; })) {
        names.push_back(command->get_name());
    }
    return names;
}

int guarded(const Run& run) {
    try {
        return run();
    } catch (const Failure& failed) {
        std::cerr << failed.what();
        return failed.code();
    } catch (const LanguageError& error) {
        std::cerr << error.what();
        return refused;
    } catch (const std::bad_alloc&) {
        std::cerr << "error: out of memory\n";
        return environment;
    } catch (const std::exception& error) {
        std::cerr << "error: " << error.what() << '\n';
        return environment;
    }
}

int parse_and_run(int argc, char** argv) {
    CLI::App app{"Coulter: kernels over named dims, compiled with schedules from files of their own"};
    app.name("coulter");
    app.set_version_flag("--version", std::string("coulter ") + COULTER_VERSION);
    app.require_subcommand(1);
    app.footer(
        "coulter COMMAND --help has examples. Exit codes: 0 good; 1 an input was refused or a result is wrong; 2 the\n"
        "command line; 3 no target matches; 4 a file, a device, or a crash or limit of a child process.");
    Run run;
    add_kernels(app, run);
    add_show(app, run);
    add_check(app, run);
    add_fmt(app, run);
    add_build(app, run);
    add_verify(app, run);
    add_bench(app, run);
    add_autoschedule(app, run);
    add_machine(app, run);
    add_tune(app, run);
    add_records(app, run);
    add_explain(app, run);
    add_report(app, run);
    add_transform(app, run);
    // CLI11 takes an unknown word for a lack of subcommands.
    const std::vector<std::string> names = command_names(app);
    if (argc > 1 && argv[1][0] != '-' && std::ranges::find(names, std::string(argv[1])) == names.end()) {
        const std::string close = closest_match(argv[1], names);
        std::cerr << "error: unknown command `" << argv[1]
                  << "`\nhelp: " << (close.empty() ? std::string() : "did you mean `" + close + "`? ") << "known are "
                  << quoted_list(names, 20) << '\n';
        return usage;
    }
    try {
        app.parse(argc, argv);
    } catch (const CLI::Success& success) {
        return app.exit(success);
    } catch (const CLI::ParseError& error) {
        std::cerr << "error: " << error.what() << "\nhelp: coulter " << (argc > 1 && argv[1][0] != '-' ? argv[1] : "")
                  << (argc > 1 && argv[1][0] != '-' ? " " : "") << "--help\n";
        return usage;
    }
    return guarded(run);
}

} // namespace
} // namespace coulter::cli

int main(int argc, char** argv) {
    using namespace coulter::cli;
    kill_children_on_signals();
    const int code = parse_and_run(argc, argv);
    if (const int number = interrupted(); number != 0) {
        // Temporary files are gone by now; end as the signal asked.
        std::signal(number, SIG_DFL);
        std::raise(number);
    }
    return code;
}
