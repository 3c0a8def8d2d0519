#include "machine.hpp"

#include "command.hpp"

#include <cstdlib>
#include <fmt/core.h>
#include <fstream>
#include <sys/utsname.h>
#include <thread>

namespace coulter::cli {

unsigned processors() {
    return std::max(1U, std::thread::hardware_concurrency());
}

std::string machine_name() {
    std::string processor;
    std::ifstream file("/proc/cpuinfo");
    for (std::string line; processor.empty() && std::getline(file, line);) {
        const std::size_t colon = line.find(':');
        if (line.starts_with("model name") && colon != std::string::npos) {
            const std::size_t value = line.find_first_not_of(' ', colon + 1);
            processor = value == std::string::npos ? std::string() : line.substr(value);
        }
    }
    if (processor.empty()) {
        utsname system{};
        processor = uname(&system) == 0 ? system.machine : "unknown processor";
    }
    const unsigned count = processors();
    return fmt::format("{}, {} processor{}", processor, count, count == 1 ? "" : "s");
}

std::filesystem::path default_store() {
    const auto folder = [](const char* name) {
        const char* const value = std::getenv(name);
        // A relative path is not valid here, says the specification of base directories.
        return value != nullptr && value[0] == '/' ? std::filesystem::path(value) : std::filesystem::path();
    };
    std::filesystem::path cache = folder("XDG_CACHE_HOME");
    if (cache.empty() && !folder("HOME").empty()) {
        cache = folder("HOME") / ".cache";
    }
    if (cache.empty()) {
        throw failure(environment, "M001",
                      "there is no place for the tuning store: neither XDG_CACHE_HOME nor HOME is set",
                      "--store gives the file");
    }
    return cache / "coulter" / "tuning.db";
}

} // namespace coulter::cli
