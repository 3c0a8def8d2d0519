#pragma once
/// Which inputs are copied with another dim innermost.

#include "default_held.hpp"

namespace coulter::schedule {

/// Whether there is a read that such a copy could be made for, whatever the shapes are, which take long to choose.
[[nodiscard]] bool may_transpose(const Analysis& analysis);

/// The first copy worth making; nothing where none is. `shapes` are those of the kernel as it is.
///
/// A reduction whose vectors lie along a dim that is not the innermost one of an input loads their lanes one by one. A
/// pass over the input that puts them side by side is little beside a reduction that reads each element many times.
[[nodiscard]] std::optional<HeldCopy> choose_transposed(const Analysis& analysis,
                                                        const std::map<std::string, StageShape>& shapes);

} // namespace coulter::schedule
