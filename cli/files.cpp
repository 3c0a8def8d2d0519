#include "files.hpp"

#include "command.hpp"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fmt/core.h>
#include <fstream>
#include <sstream>
#include <unistd.h>

namespace coulter::cli {
namespace fs = std::filesystem;

namespace {

Failure cannot(const char* what, const fs::path& path, const std::string& why) {
    return failure(environment, "B008", fmt::format("cannot {} `{}`: {}", what, path.string(), why));
}

std::string make_temporary(const fs::path& parent) {
    std::string pattern = (parent / ".coulter-XXXXXX").string();
    if (mkdtemp(pattern.data()) == nullptr) {
        throw cannot("make a directory in", parent, std::strerror(errno));
    }
    return pattern;
}

} // namespace

std::string read_file(const fs::path& path) {
    std::error_code error;
    if (fs::is_directory(path, error)) {
        throw cannot("read", path, "it is a directory");
    }
    errno = 0;
    std::ifstream file(path, std::ios::binary);
    if (!file) {
        throw cannot("read", path, std::strerror(errno));
    }
    std::ostringstream text;
    text << file.rdbuf();
    if (file.bad()) {
        throw cannot("read", path, std::strerror(errno));
    }
    return std::move(text).str();
}

bool write_file(const fs::path& path, std::string_view content) {
    std::error_code error;
    if (fs::is_regular_file(path, error) && fs::file_size(path, error) == content.size() &&
        read_file(path) == content) {
        return false;
    }
    const fs::path temporary = path.string() + fmt::format(".{}.tmp", getpid());
    errno = 0;
    std::ofstream file(temporary, std::ios::binary | std::ios::trunc);
    file.write(content.data(), static_cast<std::streamsize>(content.size()));
    file.close();
    if (!file) {
        const std::string why = std::strerror(errno);
        fs::remove(temporary, error);
        throw cannot("write", path, why);
    }
    fs::rename(temporary, path, error);
    if (error) {
        std::error_code ignored;
        fs::remove(temporary, ignored);
        throw cannot("write", path, error.message());
    }
    return true;
}

void publish(const fs::path& from, const fs::path& to) {
    std::error_code error;
    if (fs::is_regular_file(to, error) && fs::file_size(to, error) == fs::file_size(from, error) &&
        read_file(to) == read_file(from)) {
        fs::remove(from, error);
        return;
    }
    fs::rename(from, to, error);
    if (error) {
        throw cannot("write", to, error.message());
    }
}

void make_directory(const fs::path& path) {
    std::error_code error;
    fs::create_directories(path, error);
    if (error || !fs::is_directory(path)) {
        throw cannot("make the directory", path, error ? error.message() : "a file is there");
    }
}

TemporaryDirectory::TemporaryDirectory() {
    std::error_code error;
    const fs::path parent = fs::temp_directory_path(error);
    path_ = make_temporary(error ? fs::path("/tmp") : parent);
}

TemporaryDirectory::TemporaryDirectory(const fs::path& parent) : path_(make_temporary(parent)) {}

TemporaryDirectory::~TemporaryDirectory() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
}

} // namespace coulter::cli
