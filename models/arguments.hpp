#pragma once
/// What several functions of the library ask of their arguments.

#include <coulter/coulter.h>

namespace coulter::models {

/// Refuses an argument that has no dim of that name: reducing over it would multiply by its extent. `what`: what the
/// argument is called, such as "the keys". \throws LanguageError [L060].
void require_dim(const Function& f, const Arg& argument, const std::string& what, const Dim& dim);

/// Refuses a number below `least`. `what`: such as "the stride". \throws LanguageError [L060].
void require_at_least(const Function& f, std::int64_t value, std::int64_t least, const std::string& what);

/// Refuses a number outside of `low` .. `high`. \throws LanguageError [L060].
void require_within(const Function& f, double value, double low, double high, const std::string& what);

/// The product of extents as a value: how many elements an average has. \pre `dims` is not empty.
[[nodiscard]] Expr element_count(Type type, const std::vector<Dim>& dims);

} // namespace coulter::models
