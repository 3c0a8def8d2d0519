#pragma once
/// Which part of a schedule a call takes: a variant, or the part common to all.

#include "inputs.hpp"

#include <set>

namespace coulter::cli {

/// What a condition may ask of the tensors of a call.
struct Tensors {
    bool compact = true;
    std::int64_t alignment = 4096; ///< a power of two that divides every data pointer
};

/// The variant that the runtime calls, or null for the common part. `processor` is a name of target.hpp: what runs it.
[[nodiscard]] const schedule::Variant* variant_for(const Work& work, const std::map<std::string, std::int64_t>& extents,
                                                   const Tensors& tensors, const std::string& processor = "host");

/// Parts of the schedule that a call of these sizes reaches, whichever way its tensors are given.
[[nodiscard]] std::set<std::string> parts_at(const Work& work, const std::map<std::string, std::int64_t>& extents);

/// `common` for null.
[[nodiscard]] std::string part_name(const schedule::Variant* variant);

/// Names of the variants in the order in which they are tried, then `common`.
[[nodiscard]] std::vector<std::string> part_names(const Work& work);

/// The plan of the part of that name. \throws Failure, exit code 2, with the names that there are.
[[nodiscard]] const schedule::Plan& plan_of_part(const Work& work, const std::string& name);

/// When each part is taken, and which at the kernel's estimates, as a line; empty without variants:
/// note: conv: `small` when extent(out) < 16, else the common part; at the estimates: `small`
[[nodiscard]] std::string coverage(const Work& work, const std::string& processor);

} // namespace coulter::cli
