#pragma once
/// What goes into a library beside the compiled kernel: the C entry, its header, and the data that drive a call.
///
/// The entry and the header depend on the algorithm's signature alone; whatever a schedule decides is in the plan's
/// data. So an edited schedule compiles no C.

#include "coulter/estimates.hpp"
#include "coulter/schedule/plan.hpp"
#include "coulter/schedule/target.hpp"
#include "coulter/sizes.hpp"

namespace coulter::schedule {

/// What the data of a plan say about how the kernel was built.
struct BuildFacts {
    Target target;
    std::string schedule; ///< the schedule in force, as text
    std::string coulter_version;
    std::string halide_version;
    std::optional<KernelEstimate> estimate; ///< at the kernel's estimated sizes, where it has all of them
};

/// Mistakes that only generated C can have: a kernel, tensor or dim whose C name is taken, two kernels or two tensors
/// whose C names meet [B003], a size whose program would be too long [B004]. Empty: the functions below may be called.
[[nodiscard]] std::vector<Diagnostic> check_emission(const std::vector<ir::Kernel>& kernels);

/// `<kernel>.c`: the signature and the C function, which refers to the plan's symbol.
/// \pre check_emission had nothing to say, and `sizes` belongs to `kernel`.
[[nodiscard]] std::string c_entry(const ir::Kernel& kernel, const Sizes& sizes);

/// `<kernel>.h`: the C function, and for C++20 a typed wrapper in namespace coulter.
[[nodiscard]] std::string c_header(const ir::Kernel& kernel, const Sizes& sizes);

/// Conditions of variants that are too long to be computed at a call [B004], variants whose functions would have one
/// name, and one that is called `common` [B003].
[[nodiscard]] std::vector<Diagnostic> check_variants(const ir::Kernel& kernel, const std::vector<Variant>& variants);

/// `<kernel>.plan.s`: the `coulter_plan` of `plan` as data for the GNU assembler (x86-64, position independent). The
/// runtime calls the first of `variants` whose condition holds, and else `plan`. `kernel` is the one that the plans
/// were made from.
/// \pre check_variants had nothing to say.
[[nodiscard]] std::string plan_data(const ir::Kernel& kernel, const Plan& plan, const std::vector<Variant>& variants,
                                    const BuildFacts& facts);

/// The parameter of a tensor in the C function: its C name, with a `_` appended where that is a word of C or C++.
[[nodiscard]] std::string parameter_name(const std::string& tensor);

/// Numbers of Halide's target features (halide_target_feature_t) by their names; -1 for an unknown one.
[[nodiscard]] int feature_bit(std::string_view feature);

} // namespace coulter::schedule
