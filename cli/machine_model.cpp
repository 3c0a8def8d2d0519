// coulter machine, and its files.

#include "machine_model.hpp"

#include "command.hpp"
#include "coulter/tune/json.hpp"
#include "files.hpp"
#include "machine.hpp"

#include <CLI/CLI.hpp>
#include <array>
#include <cmath>
#include <fmt/core.h>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>

namespace coulter::cli {
namespace {

using schedule::Machine;

struct Member {
    const char* name;
    double Machine::*value;
};

constexpr std::array<Member, 8> members{{{"l1_bytes", &Machine::l1_bytes},
                                         {"l2_bytes", &Machine::l2_bytes},
                                         {"l3_bytes", &Machine::l3_bytes},
                                         {"l1_rate", &Machine::l1_rate},
                                         {"l2_rate", &Machine::l2_rate},
                                         {"l3_rate", &Machine::l3_rate},
                                         {"memory_rate", &Machine::memory_rate},
                                         {"task_cycles", &Machine::task_cycles}}};

Failure refused_file(const std::filesystem::path& path, const std::string& what) {
    std::vector<std::string> names;
    for (const Member& member : members) {
        names.emplace_back(member.name);
    }
    return failure(refused, "B014", fmt::format("`{}` is no description of a machine: {}", path.string(), what),
                   "`coulter machine -o FILE` writes one; its members are " + quoted_list(names, 20));
}

struct Options {
    std::string output;
    int threads = 0;
};

int machine(const Options& options) {
    const int threads = options.threads != 0 ? options.threads : static_cast<int>(processors());
    const std::string text = print_machine(measure_machine(threads));
    if (options.output.empty()) {
        std::cout << text;
    } else {
        write_file(options.output, text);
    }
    return good;
}

} // namespace

schedule::Machine read_machine(const std::filesystem::path& path) {
    const auto json = tune::parse_json(read_file(path));
    if (!json.is_object()) {
        throw refused_file(path, "it is no JSON object");
    }
    Machine result;
    for (const auto& item : json.items()) {
        const std::string& name = item.key();
        const nlohmann::ordered_json& value = item.value();
        const auto member = std::ranges::find_if(members, [&](const Member& each) { return name == each.name; });
        if (member == members.end()) {
            throw refused_file(path, fmt::format("there is no member `{}`", name));
        }
        const double number = value.is_number() ? value.get<double>() : -1;
        if (!(number > 0 && std::isfinite(number))) {
            throw refused_file(
                path, fmt::format("`{}` is {}, and a number above 0 is wanted", name, tune::print_json(value)));
        }
        result.*(member->value) = number;
    }
    return result;
}

std::string print_machine(const schedule::Machine& machine) {
    nlohmann::ordered_json json;
    for (const Member& member : members) {
        const double value = machine.*(member.value);
        // Two digits after the point are more than a measurement is worth.
        const double rounded = std::round(value * 100) / 100;
        if (std::floor(rounded) == rounded) {
            json[member.name] = static_cast<std::int64_t>(rounded);
        } else {
            json[member.name] = rounded;
        }
    }
    return tune::print_json(json, 2) + "\n";
}

void add_machine(CLI::App& app, Run& run) {
    CLI::App* const command =
        add_command(app, "machine", "Measure what schedules are made for: caches and how fast they are read",
                    "  coulter machine -o mine.json\n"
                    "      once, with nothing else running; a file to keep, to edit, or to take to another machine\n"
                    "  coulter autoschedule matmul.coulter --machine mine.json");
    const auto options = std::make_shared<Options>();
    command->add_option("--threads", options->threads, "threads that read at once (the number of processors)")
        ->check(CLI::Range(1, 256));
    command->add_option("-o,--output", options->output, "file to write (standard output)")->type_name("FILE");
    command->callback([options, &run] { run = [options] { return machine(*options); }; });
}

} // namespace coulter::cli
