#pragma once
/// Runs programs in a folder of their own, and says what they printed.

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

namespace coulter::test {

struct Ran {
    int code = -1;  ///< exit code
    int signal = 0; ///< that ended it, or 0
    std::string out;
    std::string err;
};

/// A temporary folder, removed at the end, in which programs run.
class Folder {
public:
    Folder();
    ~Folder();
    Folder(const Folder&) = delete;
    Folder& operator=(const Folder&) = delete;

    [[nodiscard]] const std::filesystem::path& path() const { return path_; }
    void write(const std::string& name, const std::string& text) const;
    void write_script(const std::string& name, const std::string& body) const; ///< of /bin/sh, executable
    [[nodiscard]] std::string read(const std::string& name) const;
    [[nodiscard]] bool has(const std::string& name) const;
    /// Names in a folder, sorted, those with a leading dot too.
    [[nodiscard]] std::vector<std::string> list(const std::string& name) const;

    /// `coulter ARGUMENTS`, with `NAME=value` added to the environment. `meanwhile` gets the process while it runs.
    [[nodiscard]] Ran coulter(const std::vector<std::string>& arguments,
                              const std::vector<std::string>& environment = {},
                              const std::function<void(int pid)>& meanwhile = {}) const;
    [[nodiscard]] Ran command(const std::vector<std::string>& command, const std::vector<std::string>& environment = {},
                              const std::function<void(int pid)>& meanwhile = {}) const;

private:
    std::filesystem::path path_;
};

/// `product[i, j] = sum over k of left[i, k] * right[k, j]`, kernel `tiny`.
extern const char* const tiny_kernel;
/// A schedule with a block for each of its stages.
extern const char* const tiny_schedule;

} // namespace coulter::test
