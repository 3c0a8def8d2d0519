#include "tools.hpp"

#include "command.hpp"

#include <cstdlib>
#include <fmt/core.h>
#include <sstream>

namespace coulter::cli {
namespace fs = std::filesystem;

namespace {

fs::path own_folder() {
    std::error_code error;
    const fs::path self = fs::read_symlink("/proc/self/exe", error);
    return error ? fs::path(".") : self.parent_path();
}

std::string variable(const char* name) {
    const char* const value = std::getenv(name);
    return value == nullptr ? std::string() : std::string(value);
}

fs::path find(const std::string& what, const std::string& given, const char* name, const std::vector<fs::path>& places,
              const fs::path& probe = {}) {
    const auto is_there = [&](const fs::path& place) {
        std::error_code error;
        return fs::exists(probe.empty() ? place : place / probe, error);
    };
    for (const std::string& asked : {given, variable(name)}) {
        if (!asked.empty()) {
            if (is_there(asked)) {
                return asked;
            }
            throw failure(environment, "B009", fmt::format("there is no `{}`, where {} should be", asked, what),
                          fmt::format("{} says where it is; without it, it is looked for beside `coulter`", name));
        }
    }
    for (const fs::path& place : places) {
        if (is_there(own_folder() / place)) {
            return (own_folder() / place).lexically_normal();
        }
    }
    std::vector<std::string> tried;
    for (const fs::path& place : places) {
        tried.push_back(place.string());
    }
    throw failure(
        environment, "B009", fmt::format("cannot find {}", what),
        fmt::format("looked for {} from the folder of `coulter`; set {} to say where it is", quoted_list(tried), name));
}

std::vector<std::string> words(const std::string& text, const char* otherwise) {
    std::istringstream stream(text);
    std::vector<std::string> all;
    for (std::string word; stream >> word;) {
        all.push_back(word);
    }
    return all.empty() ? std::vector<std::string>{otherwise} : all;
}

} // namespace

fs::path find_lower() {
    return find("the program coulter-lower", "", "COULTER_LOWER",
                {"coulter-lower", "../libexec/coulter/coulter-lower"});
}

fs::path find_include() {
    return find("the folder of coulter/descriptor.h", "", "COULTER_INCLUDE", {"../include", "."},
                "coulter/descriptor.h");
}

fs::path find_runtime(const std::string& given) {
    const std::string file = "libcoulter_runtime.a";
    return find("the library " + file, given, "COULTER_RUNTIME",
                {file, "../lib/" + file, fs::path("..") / COULTER_LIBDIR / file, "../lib64/" + file});
}

std::vector<std::string> c_compiler() {
    return words(variable("CC"), "cc");
}

std::vector<std::string> archiver() {
    return words(variable("AR"), "ar");
}

} // namespace coulter::cli
