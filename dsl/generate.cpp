// The main function of a generator program.

#include "coulter/generate.hpp"

#include "coulter/text.hpp"
#include "language_nodes.hpp"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <filesystem>
#include <fmt/core.h>

namespace coulter {
namespace {

constexpr int good = 0;
constexpr int refused = 1;
constexpr int command_line = 2;
constexpr int environment = 4;

struct CommandLine {
    bool list = false;
    bool help = false;
    std::string directory;
    std::map<std::string, std::string> params;
    std::vector<std::string> kernels;
};

void say(std::FILE* stream, const std::string& text) {
    std::fwrite(text.data(), 1, text.size(), stream);
}

void complain(const std::string& message, const std::string& help) {
    say(stderr, render({Severity::error, "L041", {}, message, {}, help}));
}

std::string usage(const std::string& program, const std::vector<KernelFactory>& kernels) {
    std::string text = fmt::format("usage: {0} -o DIR [-p name=value]... [kernel...]\n"
                                   "       {0} --list [-p name=value]...\n\n"
                                   "Writes <kernel>.coulter for each kernel, or for those named.\n\n"
                                   "  -o DIR         the folder to write into; it is made where it does not exist\n"
                                   "  -p name=value  a parameter of the kernels\n"
                                   "  --list         the kernels, one a line\n"
                                   "  --help         this text\n\n"
                                   "example: {0} -o build/kernels {1}\n\nkernels:",
                                   program, kernels.empty() ? "" : kernels.front().name);
    for (const KernelFactory& kernel : kernels) {
        text += " " + kernel.name;
    }
    return text + "\n";
}

std::optional<CommandLine> parse_command_line(int argc, const char* const* argv) {
    CommandLine result;
    for (int i = 1; i < argc; ++i) {
        const std::string argument = argv[i];
        // `-oDIR` and `-o DIR` are the same.
        const auto value = [&](std::size_t length) -> std::optional<std::string> {
            if (argument.size() > length) return argument.substr(length);
            if (i + 1 < argc) return argv[++i];
            complain(fmt::format("`{}` needs a value", argument), "write `-o DIR` or `-p name=value`");
            return std::nullopt;
        };
        if (argument == "--list") {
            result.list = true;
        } else if (argument == "--help" || argument == "-h") {
            result.help = true;
        } else if (argument.starts_with("-o")) {
            const auto directory = value(2);
            if (!directory) return std::nullopt;
            result.directory = *directory;
        } else if (argument.starts_with("-p")) {
            const auto pair = value(2);
            if (!pair) return std::nullopt;
            const std::size_t equals = pair->find('=');
            if (equals == std::string::npos || equals == 0) {
                complain(fmt::format("`-p {}` is no parameter", *pair), "write `-p name=value`");
                return std::nullopt;
            }
            if (!result.params.emplace(pair->substr(0, equals), pair->substr(equals + 1)).second) {
                complain(fmt::format("parameter `{}` is given twice", pair->substr(0, equals)), "give it once");
                return std::nullopt;
            }
        } else if (argument.starts_with("-")) {
            const std::string near = closest_match(argument, {"--list", "--help"});
            complain(fmt::format("there is no option `{}`", argument),
                     (near.empty() ? "" : fmt::format("did you mean `{}`? ", near)) +
                         "the options are `-o`, `-p`, `--list` and `--help`");
            return std::nullopt;
        } else {
            result.kernels.push_back(argument);
        }
    }
    return result;
}

[[noreturn]] void wrong_value(const std::string& name, const std::string& given, const char* wanted) {
    throw LanguageError({{Severity::error,
                          "L042",
                          {},
                          fmt::format("parameter `{}` is `{}`, and it wants {}", name, given, wanted),
                          {},
                          fmt::format("give it as `-p {}=...`", name)}});
}

// True when the table of the program and the command line agree.
bool check_names(const std::vector<KernelFactory>& kernels, const CommandLine& line) {
    std::vector<std::string> names;
    for (const KernelFactory& kernel : kernels) {
        if (std::find(names.begin(), names.end(), kernel.name) != names.end()) {
            complain(fmt::format("the program has two kernels called `{}`", kernel.name),
                     "names of kernels are unique");
            return false;
        }
        names.push_back(kernel.name);
    }
    for (const std::string& wanted : line.kernels) {
        if (std::find(names.begin(), names.end(), wanted) != names.end()) continue;
        const std::string near = closest_match(wanted, names);
        complain(fmt::format("there is no kernel `{}`", wanted),
                 (near.empty() ? "" : fmt::format("did you mean `{}`? ", near)) +
                     fmt::format("the kernels are {}", quoted_list(names)));
        return false;
    }
    return true;
}

bool check_params(const Params& params) {
    std::vector<std::string> asked;
    for (const auto& [name, otherwise] : params.asked()) {
        asked.push_back(name);
    }
    for (const auto& [name, value] : params.given()) {
        if (params.asked().contains(name)) continue;
        const std::string near = closest_match(name, asked);
        complain(fmt::format("no kernel has a parameter `{}`", name),
                 (near.empty() ? "" : fmt::format("did you mean `{}`? ", near)) +
                     fmt::format("the parameters are {}", quoted_list(asked)));
        return false;
    }
    return true;
}

int build(const std::vector<KernelFactory>& factories, const CommandLine& line, const Params& params,
          std::vector<Kernel>& kernels) {
    int status = good;
    for (const KernelFactory& factory : factories) {
        const bool wanted = line.kernels.empty() ||
                            std::find(line.kernels.begin(), line.kernels.end(), factory.name) != line.kernels.end();
        if (!wanted) continue;
        try {
            Kernel kernel = factory.make(params);
            if (kernel.ir().name != factory.name) {
                say(stderr,
                    render({Severity::error,
                            "L040",
                            {},
                            fmt::format("the kernel listed as `{}` calls itself `{}`", factory.name, kernel.ir().name),
                            {},
                            "files and libraries go by the name: make the two equal"}));
                status = refused;
                continue;
            }
            kernels.push_back(std::move(kernel));
        } catch (const LanguageError& error) {
            say(stderr, error.what());
            status = refused;
        } catch (const std::exception& error) {
            say(stderr, fmt::format("error: kernel `{}`: {}\n", factory.name, error.what()));
            status = refused;
        }
    }
    return status;
}

} // namespace

const std::string* Params::find(const std::string& name, const std::string& otherwise) const {
    asked_.emplace(name, otherwise);
    const auto at = given_.find(name);
    return at == given_.end() ? nullptr : &at->second;
}

std::int64_t Params::integer(const std::string& name, std::int64_t otherwise) const {
    const std::string* given = find(name, fmt::format("{}", otherwise));
    if (given == nullptr) return otherwise;
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(given->data(), given->data() + given->size(), value);
    if (error != std::errc() || end != given->data() + given->size()) wrong_value(name, *given, "a whole number");
    return value;
}

double Params::real(const std::string& name, double otherwise) const {
    const std::string* given = find(name, fmt::format("{}", otherwise));
    if (given == nullptr) return otherwise;
    double value = 0;
    const auto [end, error] = std::from_chars(given->data(), given->data() + given->size(), value);
    if (error != std::errc() || end != given->data() + given->size()) wrong_value(name, *given, "a number");
    return value;
}

bool Params::flag(const std::string& name, bool otherwise) const {
    const std::string* given = find(name, otherwise ? "true" : "false");
    if (given == nullptr) return otherwise;
    for (const char* yes : {"true", "1", "yes", "on"}) {
        if (*given == yes) return true;
    }
    for (const char* no : {"false", "0", "no", "off"}) {
        if (*given == no) return false;
    }
    wrong_value(name, *given, "true or false");
}

std::string Params::text(const std::string& name, const std::string& otherwise) const {
    const std::string* given = find(name, otherwise);
    return given == nullptr ? otherwise : *given;
}

int generate(int argc, const char* const* argv, const std::vector<KernelFactory>& factories) {
    const std::string path = argc > 0 && argv[0] != nullptr ? argv[0] : "generator";
    const std::string program = path.substr(path.rfind('/') + 1);
    const std::optional<CommandLine> line = parse_command_line(argc, argv);
    if (!line) return command_line;
    if (line->help) {
        say(stdout, usage(program, factories));
        return good;
    }
    if (!check_names(factories, *line)) return command_line;
    if (line->list) {
        for (const KernelFactory& factory : factories) {
            say(stdout, factory.name + "\n");
        }
        return good;
    }
    if (line->directory.empty()) {
        complain("no folder to write into", fmt::format("give one: `{} -o DIR`; `--help` says more", program));
        return command_line;
    }
    const Params params(line->params);
    std::vector<Kernel> kernels;
    const int status = build(factories, *line, params, kernels);
    if (status != good) return status;
    // Asked for while building, so an unknown parameter is known only now.
    if (!check_params(params)) return command_line;
    try {
        std::filesystem::create_directories(line->directory);
        for (const Kernel& kernel : kernels) {
            write_kernel(kernel.ir(), line->directory);
        }
    } catch (const std::exception& error) {
        say(stderr, fmt::format("error: cannot write into `{}`: {}\n", line->directory, error.what()));
        return environment;
    }
    return good;
}

} // namespace coulter
