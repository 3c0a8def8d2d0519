#pragma once
/// Files, whole and atomic: readers see the old content or the new one, never a part.

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace coulter::cli {

/// The content of a file. \throws Failure [B008], exit code 4.
[[nodiscard]] std::string read_file(const std::filesystem::path& path);

/// Writes through a temporary file beside it and a rename. A file that has this content already is left untouched.
/// \throws Failure [B008]. \returns whether something was written.
bool write_file(const std::filesystem::path& path, std::string_view content);

/// Moves a finished file to its place, unless the place has the same content. \throws Failure [B008].
void publish(const std::filesystem::path& from, const std::filesystem::path& to);

void make_directory(const std::filesystem::path& path); ///< \throws Failure [B008]

/// A directory of its own, removed with all in it at the end.
class TemporaryDirectory {
public:
    /// In the system's directory for temporary files. \throws Failure [B008].
    TemporaryDirectory();
    /// Inside `parent`. \throws Failure [B008].
    explicit TemporaryDirectory(const std::filesystem::path& parent);
    ~TemporaryDirectory();
    TemporaryDirectory(const TemporaryDirectory&) = delete;
    TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;

    [[nodiscard]] const std::filesystem::path& path() const { return path_; }

private:
    std::filesystem::path path_;
};

} // namespace coulter::cli
