#pragma once
/// Size programs: index expressions over extents as the postfix code of descriptor.h.

#include "coulter/ir.hpp"

namespace coulter::schedule::detail {

/// The numbers of COULTER_OP_* in descriptor.h. Part of the ABI.
enum class SizeOp : std::int64_t { constant, extent, add, sub, mul, div, mod, min, max, eq, lt, le };

struct SizeStep {
    SizeOp op = SizeOp::constant;
    std::int64_t value = 0;
    friend bool operator==(const SizeStep&, const SizeStep&) = default;
};
using SizeProgram = std::vector<SizeStep>;

inline constexpr std::size_t longest_program = 4096;
inline constexpr std::size_t deepest_stack = 64; ///< of the runtime

/// The C spelling, `COULTER_OP_ADD`.
[[nodiscard]] const char* name(SizeOp op);

/// Compiles an expression. Extents of dims that are not among `dims` (those that a rewrite introduced) are replaced by
/// their own expressions from `kernel`. Nothing when the program would be too long, too deep, or has no such form.
[[nodiscard]] std::optional<SizeProgram> compile_size(const ir::Ref& expression, const std::vector<ir::Dim>& dims,
                                                      const ir::Kernel& kernel);

/// Compiles a condition over extents of the kernel's dims. A division by zero in it gives 0, as everywhere in the
/// language; in a size it would be refused.
[[nodiscard]] std::optional<SizeProgram> compile_condition(const ir::Ref& condition, const ir::Kernel& kernel);

/// Programs without repetition, in the order of their first use.
class ProgramTable {
public:
    /// The number of the program.
    std::int64_t add(SizeProgram program);
    [[nodiscard]] const std::vector<SizeProgram>& programs() const { return programs_; }

private:
    std::vector<SizeProgram> programs_;
};

} // namespace coulter::schedule::detail
