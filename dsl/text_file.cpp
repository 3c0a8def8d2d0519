// Kernels in files: the text, and the const file beside it.

#include "const_file.hpp"
#include "coulter/text.hpp"
#include "text_parse.hpp"

#include <fmt/core.h>
#include <fstream>
#include <sstream>
#include <unistd.h>

namespace coulter {
namespace {

namespace fs = std::filesystem;

std::optional<std::string> read_file(const fs::path& path) {
    std::error_code error;
    if (!fs::is_regular_file(path, error)) {
        return std::nullopt;
    }
    std::ifstream stream(path, std::ios::binary);
    std::ostringstream content;
    content << stream.rdbuf();
    return stream && content ? std::optional(std::move(content).str()) : std::nullopt;
}

void write_file(const fs::path& path, const std::string& content) {
    if (read_file(path) == content) {
        return;
    }
    // A reader sees the old file or the new one; the process id keeps two writers apart.
    fs::path temporary = path;
    temporary += fmt::format(".{}.tmp", ::getpid());
    {
        std::ofstream stream(temporary, std::ios::binary | std::ios::trunc);
        stream.write(content.data(), static_cast<std::streamsize>(content.size()));
        stream.close();
        if (!stream) {
            std::error_code ignored;
            fs::remove(temporary, ignored);
            throw fs::filesystem_error("cannot write", path, std::make_error_code(std::errc::io_error));
        }
    }
    std::error_code error;
    fs::rename(temporary, path, error);
    if (error) {
        std::error_code ignored;
        fs::remove(temporary, ignored);
        throw fs::filesystem_error("cannot write", path, error);
    }
}

ParseResult unreadable(const fs::path& path, std::string why) {
    ParseResult result;
    result.diagnostics.push_back({Severity::error,
                                  "T019",
                                  {path.string(), 1, 1, 1},
                                  std::move(why),
                                  {},
                                  "kernels are regular files that a generator writes, `NAME.coulter`"});
    return result;
}

} // namespace

ParseResult read_kernel(const fs::path& path) {
    std::error_code error;
    if (!fs::exists(path, error)) {
        return unreadable(path, "the file does not exist");
    }
    const std::uintmax_t size = fs::file_size(path, error);
    if (!error && size > text::largest_text) {
        ParseResult result;
        result.diagnostics.push_back(
            {Severity::error,
             "T002",
             {path.string(), 1, 1, 1},
             fmt::format("the text has {} bytes, and at most {} are read", size, text::largest_text),
             {},
             "large consts belong into the const file"});
        return result;
    }
    const std::optional<std::string> content = read_file(path);
    if (!content) {
        return unreadable(path, "the file cannot be read");
    }
    std::string consts;
    const auto load_consts = [&]() -> std::string_view {
        fs::path beside = path;
        beside.replace_extension(".const.safetensors");
        consts = read_file(beside).value_or("");
        return consts;
    };
    return text::Parser(*content, path.string(), load_consts).run();
}

void write_kernel(const ir::Kernel& kernel, const fs::path& directory) {
    fs::create_directories(directory);
    // The consts first: a text never refers to what is not there yet.
    const fs::path const_path = directory / (kernel.name + ".const.safetensors");
    if (const std::string consts = text::write_const_file(kernel); !consts.empty()) {
        write_file(const_path, consts);
        write_file(directory / (kernel.name + ".coulter"), print(kernel));
    } else {
        write_file(directory / (kernel.name + ".coulter"), print(kernel));
        fs::remove(const_path);
    }
}

} // namespace coulter
