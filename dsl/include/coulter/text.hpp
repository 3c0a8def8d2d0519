#pragma once
/// The `.coulter` text form: prints and parses, and the round trip is the identity.

#include "coulter/ir.hpp"

#include <filesystem>

namespace coulter {

/// One kernel as text. Deterministic; shared nodes print as `let`. Consts of more than 64 values are written as
/// `file "<sha256>"` references; `externals` receives them (hash to Const index) and must be stored beside the text.
[[nodiscard]] std::string print(const ir::Kernel& kernel);

/// One expression of a kernel, as it stands in the text (no `let`); for messages and `coulter show`.
[[nodiscard]] std::string print(const ir::Ref& expression);

struct ParseResult {
    std::optional<ir::Kernel> kernel; ///< empty when `diagnostics` has an error
    std::vector<Diagnostic> diagnostics;
};

/// Parses and validates. `file` names the text in spans. Consts held outside are looked up in `const_file`, the content
/// of `<kernel>.const.safetensors` (empty: none).
[[nodiscard]] ParseResult parse(std::string_view text, const std::string& file, std::string_view const_file = {});

/// Reads `<name>.coulter`, and `<name>.const.safetensors` beside it where the text refers to it.
[[nodiscard]] ParseResult read_kernel(const std::filesystem::path& path);

/// Writes `<dir>/<kernel>.coulter` (and the const file) through a temporary file and a rename; files whose content
/// would not change are left untouched, so that builds do not rerun. \throws std::filesystem::filesystem_error.
void write_kernel(const ir::Kernel& kernel, const std::filesystem::path& directory);

} // namespace coulter
