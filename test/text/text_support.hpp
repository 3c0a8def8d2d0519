#pragma once
/// What the tests of the text form share.

#include "coulter/text.hpp"

#include <string>
#include <vector>

namespace coulter::test {

/// All diagnostics of a text as a user sees them; empty when the text is accepted.
[[nodiscard]] std::string rejection(const std::string& text, const std::string& const_file = {});

/// The kernel of a text that must parse; fails the test case otherwise.
[[nodiscard]] ir::Kernel parsed(const std::string& text);

/// A kernel of maps, reductions, a scan, a scatter, gathers, padding, consts, groups and quoted names, in canonical
/// form.
[[nodiscard]] const std::string& sampler();

} // namespace coulter::test
