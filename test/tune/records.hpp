#pragma once
/// Records for the tests of the store and of the search, and a folder to keep stores in.

#include "coulter/fingerprint.hpp"
#include "coulter/tune/store.hpp"

#include <filesystem>
#include <stdexcept>
#include <string>
#include <unistd.h>

namespace coulter::test {

inline tune::Setting a_setting(const std::string& sizes = "i=32,j=48") {
    return {
        "3f9a1c2e00000000", sizes, "Some Processor, 2 processors", "x86-64-avx2", "coulter 0.1.0, Halide 21.0.0", 2};
}

inline tune::Record a_record(int number) {
    tune::Record record;
    record.schedule = sha256(std::to_string(number));
    record.samples = {1e-3 * (number + 1), 1.25e-3 * (number + 1)};
    record.code_bytes = 1000 + number;
    record.choices = {{"n", std::to_string(number)}};
    return record;
}

class TemporaryFolder {
public:
    TemporaryFolder() {
        std::string pattern = (std::filesystem::temp_directory_path() / "coulter-tune-XXXXXX").string();
        if (mkdtemp(pattern.data()) == nullptr) {
            throw std::runtime_error("cannot make a temporary folder");
        }
        path_ = pattern;
    }
    ~TemporaryFolder() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    TemporaryFolder(const TemporaryFolder&) = delete;
    TemporaryFolder& operator=(const TemporaryFolder&) = delete;
    [[nodiscard]] std::filesystem::path operator/(const std::string& name) const { return path_ / name; }

private:
    std::filesystem::path path_;
};

} // namespace coulter::test
