#pragma once
// From the forward kernel with all adjoints, or tangents, to the kernel of these.

#include "grad_builder.hpp"

namespace coulter::gradient {

[[nodiscard]] Diagnostic problem(const char* code, const Span& span, std::string message, std::string help);

/// Names the kernel after the forward one and `suffix`, takes out what `outputs` do not need, keeps an input where a
/// dim would have no extent without it, and fills in what the report says of the whole. `cotangents` stay, read or not:
/// the signature depends on the kernel alone. \throws LanguageError [L028] where arguments meet in C.
void assemble(Builder& builder, const char* suffix, const std::vector<std::string>& outputs,
              const std::set<std::string>& cotangents, GradientReport& report);

} // namespace coulter::gradient
