#include "ptxas.hpp"

#include "command.hpp"

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <filesystem>
#include <fmt/core.h>
#include <map>
#include <sstream>
#include <unistd.h>

namespace coulter::cli {
namespace {

constexpr int registers_of_runtime = 64;
constexpr int most_of_a_thread = 255;

/// The number before `unit` in a line of figures, `32 bytes stack frame, 0 bytes spill stores`.
std::optional<std::int64_t> number_before(const std::string& line, const std::string& unit) {
    const std::size_t end = line.find(unit);
    if (end == std::string::npos || end == 0) {
        return std::nullopt;
    }
    const std::size_t last = line.find_last_not_of(' ', end - 1);
    const std::size_t before = last == std::string::npos ? last : line.find_last_not_of("0123456789", last);
    const std::size_t first = before == std::string::npos ? 0 : before + 1;
    std::int64_t value = 0;
    const char* const stop = line.data() + (last == std::string::npos ? 0 : last + 1);
    const auto [at, error] = std::from_chars(line.data() + first, stop, value);
    return error == std::errc() && at == stop ? std::optional(value) : std::nullopt;
}

/// The name in quotes behind `words`.
std::optional<std::string> name_behind(const std::string& line, const std::string& words) {
    const std::size_t at = line.find(words + " '");
    if (at == std::string::npos) {
        return std::nullopt;
    }
    const std::size_t first = at + words.size() + 2;
    const std::size_t end = line.find('\'', first);
    return end == std::string::npos ? std::nullopt : std::optional(line.substr(first, end - first));
}

struct Found {
    PtxasEntry entry;
    bool has_registers = false;
    bool has_spills = false;
};

/// The first line that is an error, without the name of the temporary file.
std::string first_error(const ChildResult& result) {
    if (result.timed_out) {
        return "it took too long";
    }
    if (result.exit_code == 127) {
        return "it cannot be started";
    }
    std::istringstream lines(result.errors);
    for (std::string line; std::getline(lines, line);) {
        for (const char* const word : {"error   : ", "fatal   : ", "error: "}) {
            if (const std::size_t at = line.find(word); at != std::string::npos) {
                return line.substr(at + std::string(word).size());
            }
        }
    }
    return result.signal != 0 ? fmt::format("signal {}", result.signal)
           : result.ok()      ? "its messages have no figures"
                              : fmt::format("exit code {}", result.exit_code);
}

} // namespace

const char* const no_ptxas = "there is no ptxas here (CUDA toolkit)";

std::optional<std::vector<PtxasEntry>> parse_ptxas(const std::string& messages) {
    std::vector<Found> all;
    Found* current = nullptr;
    bool of_entry = false; // lines of functions that are called look the same
    std::istringstream lines(messages);
    for (std::string line; std::getline(lines, line);) {
        if (const auto name = name_behind(line, "Compiling entry function")) {
            all.push_back({});
            current = &all.back();
            current->entry.name = *name;
            of_entry = true;
        } else if (const std::string words = "Function properties for "; line.find(words) != std::string::npos) {
            of_entry = current != nullptr && line.substr(line.find(words) + words.size()) == current->entry.name;
        } else if (const auto stores = number_before(line, " bytes spill stores"); stores && of_entry) {
            current->entry.spill_stores = *stores;
            current->entry.spill_loads = number_before(line, " bytes spill loads").value_or(0);
            current->entry.stack = number_before(line, " bytes stack frame").value_or(0);
            current->has_spills = true;
        } else if (line.find(": Used ") != std::string::npos && current != nullptr) {
            const auto registers = number_before(line, " registers");
            current->entry.registers = registers.value_or(0);
            current->entry.shared = number_before(line, " bytes smem").value_or(0);
            current->entry.stack = number_before(line, " bytes cumulative stack size").value_or(current->entry.stack);
            current->has_registers = registers.has_value();
        }
    }
    std::vector<PtxasEntry> entries;
    for (const Found& each : all) {
        if (!each.has_registers || !each.has_spills) {
            return std::nullopt;
        }
        entries.push_back(each.entry);
    }
    return entries;
}

namespace {

bool is_program(const std::string& path) {
    std::error_code ignored;
    return std::filesystem::is_regular_file(path, ignored) && access(path.c_str(), X_OK) == 0;
}

} // namespace

std::string find_ptxas() {
    if (const char* const given = std::getenv("COULTER_PTXAS"); given != nullptr && *given != '\0') {
        if (!is_program(given)) {
            throw failure(environment, "B009", fmt::format("there is no program `{}`, where ptxas should be", given),
                          "COULTER_PTXAS says where it is; without it, it is looked for in PATH");
        }
        return given;
    }
    const char* const path = std::getenv("PATH");
    std::istringstream folders(path == nullptr ? "" : path);
    for (std::string folder; std::getline(folders, folder, ':');) {
        const std::string file = folder + "/ptxas";
        if (!folder.empty() && is_program(file)) {
            return file;
        }
    }
    return {};
}

std::string require_ptxas() {
    const std::string tool = find_ptxas();
    if (tool.empty()) {
        throw failure(environment, "B009", "there is no ptxas here, which tells registers and spills",
                      "it is part of the CUDA toolkit; COULTER_PTXAS says where it is, or PATH");
    }
    return tool;
}

std::string ptxas_name(const std::string& tool, const Limits& limits) {
    const std::string text = run_child({tool, "--version"}, limits).output;
    const std::size_t at = text.rfind(", V");
    return at == std::string::npos ? "ptxas"
                                   : "ptxas " + text.substr(at + 3, text.find_first_of(" \n", at + 3) - at - 3);
}

int most_registers() {
    const char* const given = std::getenv("HL_CUDA_JIT_MAX_REGISTERS");
    const int value = given == nullptr ? 0 : std::atoi(given);
    return value > 0 ? std::min(value, most_of_a_thread) : registers_of_runtime;
}

Cubin assemble(const std::string& tool, const std::string& architecture, const std::string& ptx,
               const std::string& cubin, const Limits& limits) {
    const ChildResult result = run_child({tool, "-v", "--gpu-name=" + architecture,
                                          fmt::format("--maxrregcount={}", most_registers()), "-o", cubin, ptx},
                                         limits);
    if (interrupted() != 0) {
        throw Failure(environment, "error: interrupted\n");
    }
    auto entries = result.ok() ? parse_ptxas(result.errors + result.output) : std::nullopt;
    if (!entries) {
        throw failure(environment, "B007",
                      fmt::format("assembling the kernels for {} failed: {}", architecture, first_error(result)),
                      fmt::format("the tool was {}", tool));
    }
    return {architecture, std::move(*entries)};
}

} // namespace coulter::cli
