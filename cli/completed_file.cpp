#include "completed_file.hpp"

#include "command.hpp"
#include "coulter/fingerprint.hpp"

#include <filesystem>
#include <fmt/format.h>

namespace coulter::cli {
namespace {

// The line tells the fingerprint of all below it, so that a line that was edited is not taken for a machine's.
constexpr const char* mark = "# completed ";
constexpr const char* explanation = ": stages that the lines above leave out; written anew while nobody edits them";

std::string mark_of(const std::string& completion) {
    return fmt::format("{}{}{}\n", mark, sha256(completion).substr(0, 8), explanation);
}

} // namespace

std::string with_completion(const std::string& own, const std::string& completion) {
    const char* const gap = own.empty() || own.ends_with('\n') ? "" : "\n";
    return fmt::format("{}{}\n{}{}", own, gap, mark_of(completion), completion);
}

std::string without_completion(const std::string& text) {
    const std::size_t at = text.rfind(std::string("\n\n") + mark);
    if (at == std::string::npos) {
        return text;
    }
    const std::size_t line = at + 2;
    const std::size_t end = text.find('\n', line);
    const std::string completion = end == std::string::npos ? "" : text.substr(end + 1);
    const bool untouched = end != std::string::npos && text.substr(line, end + 1 - line) == mark_of(completion);
    return untouched ? text.substr(0, at + 1) : text;
}

bool is_in_place(const std::vector<std::string>& layers, const std::string& output) {
    for (std::size_t i = 0; i < layers.size(); ++i) {
        std::error_code none;
        if (layers[i] != output && !std::filesystem::equivalent(layers[i], output, none)) {
            continue;
        }
        if (i + 1 < layers.size()) {
            throw Failure(usage,
                          fmt::format("error: `{}` is below `{}`, and only the highest file is completed in place\n"
                                      "help: -o {}, or another name\n",
                                      output, layers.back(), layers.back()));
        }
        return true;
    }
    return false;
}

} // namespace coulter::cli
