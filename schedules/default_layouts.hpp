#pragma once
/// The order in memory of the dims of what is stored between stages.

#include "default_analysis.hpp"

namespace coulter::schedule {

/// Whether `reader` binds each of `dims` of `tensor` to its own loop of that name.
[[nodiscard]] bool reads_by_name(const Analysis& analysis, const std::string& reader, const std::string& tensor,
                                 const std::vector<std::string>& dims);

/// Whether a reader, if it were the only one, could write out what a reduction keeps in registers: it is a map over the
/// same dims, which reads the reduction by name.
[[nodiscard]] bool can_write_out(const Analysis& analysis, const ir::Definition& reader,
                                 const ir::Definition& reduction);

/// The only reader of a reduction, where it can write it out. Null where there is none.
[[nodiscard]] const ir::Definition* writer_of(const Analysis& analysis, const ir::Definition& reduction);

/// Gives each stage that is no output the layout in which most of its producers' and consumers' vectors are contiguous.
/// At first every stage chooses its vectors as if it found its intermediate operands contiguous; then the dims of each
/// tensor are weighed by what the loops along them save, and once more with what was chosen. Outputs and inputs stay as
/// the caller has them.
void choose_layouts(Analysis& analysis);

} // namespace coulter::schedule
