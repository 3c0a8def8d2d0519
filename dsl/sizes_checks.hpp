#pragma once
// Which accesses are proved, and which conditions the C entry checks.

#include "sizes_bounds.hpp"
#include "sizes_uses.hpp"

namespace coulter::detail {

/// Proves each checked access at both ends, or adds a check, or an error where it never holds.
void check_accesses(const ir::Kernel& kernel, const std::vector<IndexUse>& uses, const std::vector<Fact>& facts,
                    Polys& polys, Sizes& sizes, std::vector<Diagnostic>& diagnostics);

/// Extents that must not be 0: of what argmin, argmax, mean and variance reduce, and of what is clamped into.
void check_nonempty(const ir::Kernel& kernel, const std::vector<IndexUse>& uses, Sizes& sizes);

/// Extents that are known to be constant replaced by their values, then simplified.
[[nodiscard]] ir::Ref with_constants(const ir::Ref& expression, const Sizes& sizes);

/// An index as it stands in the text form.
[[nodiscard]] std::string print_index(const ir::Ref& index);

} // namespace coulter::detail
