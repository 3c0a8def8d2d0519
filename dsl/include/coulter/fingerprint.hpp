#pragma once
/// Fingerprints: what a definition computes, apart from how its dims are called and where it was written.

#include "coulter/ir.hpp"

namespace coulter {

/// SHA-256 as 64 hex digits.
[[nodiscard]] std::string sha256(std::string_view bytes);

/// Eight hex digits. Dims are renamed by first use; literals, types, and producers by name count; spans and the
/// definition's own position do not. Producers count by the name that `former` has for them, if any.
[[nodiscard]] std::string fingerprint(const ir::Definition& definition,
                                      const std::map<std::string, std::string>& former = {});

/// 16 hex digits over the whole kernel's text, estimates left out.
[[nodiscard]] std::string fingerprint(const ir::Kernel& kernel);

} // namespace coulter
