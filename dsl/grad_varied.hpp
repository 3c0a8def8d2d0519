#pragma once
// What derivatives by some inputs reach, and the mistakes of asking for them: the same for both modes.

#include "coulter/sizes.hpp"

#include <set>

namespace coulter::gradient {

using Element = std::pair<std::string, int>; ///< a tensor's component

/// \throws LanguageError [G002, G003] where `wrt` does not name inputs of a float type, each once.
void check_wrt(const ir::Kernel& forward, const std::vector<std::string>& wrt);

/// The components, `wrt` included, that a derivative by one of `wrt` reaches.
[[nodiscard]] std::set<Element> varied_elements(const ir::Kernel& forward, const std::vector<std::string>& wrt);

/// Where a padded access gives its pad value.
[[nodiscard]] ir::Ref outside(const ir::Node& access);

[[nodiscard]] Diagnostic no_influence(const ir::Kernel& forward, const std::string& input);
[[noreturn]] void throw_no_influence(const ir::Kernel& forward, const std::vector<std::string>& wrt);
[[nodiscard]] Diagnostic no_rule(const ir::Definition& definition, const std::string& operation,
                                 const std::string& why);

/// \throws LanguageError with the errors of the kernel's sizes.
[[nodiscard]] Sizes sizes_or_throw(const ir::Kernel& kernel);

} // namespace coulter::gradient
