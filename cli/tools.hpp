#pragma once
/// Programs and libraries that a build needs: found beside `coulter`, or where an environment variable says.

#include <filesystem>
#include <string>
#include <vector>

namespace coulter::cli {

/// `coulter-lower`: COULTER_LOWER, beside this program, or in ../libexec/coulter. \throws Failure [B009].
[[nodiscard]] std::filesystem::path find_lower();

/// The folder that has coulter/descriptor.h: COULTER_INCLUDE, or ../include. \throws Failure [B009].
[[nodiscard]] std::filesystem::path find_include();

/// libcoulter_runtime.a: `given`, COULTER_RUNTIME, beside this program, or in ../lib. \throws Failure [B009].
[[nodiscard]] std::filesystem::path find_runtime(const std::string& given);

/// The C compiler, which also assembles and links: the words of CC, or `cc`.
[[nodiscard]] std::vector<std::string> c_compiler();

/// The archiver: the words of AR, or `ar`.
[[nodiscard]] std::vector<std::string> archiver();

} // namespace coulter::cli
