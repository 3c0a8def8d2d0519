#pragma once
/// The kernels of the lesson, in the order in which it has them.

#include <coulter/coulter.h>

namespace lesson {

[[nodiscard]] coulter::Kernel one_iteration(); ///< with what each child gives to its parents afterwards
[[nodiscard]] coulter::Kernel per_position();  ///< the same, wrong: parents compete at their own position only
[[nodiscard]] coulter::Kernel unguarded();     ///< refused: an index leaves its tensor
[[nodiscard]] coulter::Kernel routing();       ///< three iterations
[[nodiscard]] coulter::Kernel shipped();       ///< the same of models/
[[nodiscard]] coulter::Kernel exercise();      ///< where the exercise starts
[[nodiscard]] coulter::Kernel answer();        ///< and its answer

} // namespace lesson
