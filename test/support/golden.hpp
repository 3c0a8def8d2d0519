#pragma once
/// Whole texts compared with files under test/golden/. COULTER_BLESS=1 in the environment rewrites the files.

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

namespace coulter::test {

/// Empty where `text` equals test/golden/<name>.txt, else both texts. \pre the target defines COULTER_TEST_DIR.
[[nodiscard]] inline std::string golden_difference(const std::string& name, const std::string& text) {
    const std::filesystem::path path = std::filesystem::path(COULTER_TEST_DIR) / "golden" / (name + ".txt");
    const char* bless = std::getenv("COULTER_BLESS");
    if (bless != nullptr && std::string(bless) == "1") {
        std::filesystem::create_directories(path.parent_path());
        std::ofstream(path, std::ios::binary) << text;
        return {};
    }
    std::ifstream file(path, std::ios::binary);
    std::stringstream wanted;
    wanted << file.rdbuf();
    if (file && wanted.str() == text) {
        return {};
    }
    return "golden/" + name + ".txt differs\n--- wanted\n" + wanted.str() + "--- got\n" + text;
}

} // namespace coulter::test
