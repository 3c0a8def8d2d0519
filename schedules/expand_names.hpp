#pragma once
/// Names of stages with wildcards, and what a macro's arguments do to names.

#include "coulter/schedule/syntax.hpp"

#include <map>
#include <optional>

namespace coulter::schedule::detail {

/// What the wildcards of a pattern stood for, in their order: numbers for `[*]`, texts for `*`.
struct Captures {
    std::vector<std::int64_t> indices;
    std::vector<std::string> texts;
};

/// Matches a name of a stage. `em.mu[*]` matches any index, and `[*+1]` one of at least 1; a `*` that is a segment of its
/// own matches one segment, at the end one or more; a `*` at the end of the last segment matches the rest of the name. A
/// name that ends in `.init` is matched only by a pattern that ends so.
[[nodiscard]] std::optional<Captures> match(std::string_view pattern, std::string_view name);

/// `pattern` with each wildcard replaced by what it stood for: the k-th `[*]` by the k-th number plus its offset, the k-th
/// `*` by the k-th text. Nothing where there are more wildcards than captures, or an index would be negative.
[[nodiscard]] std::optional<std::string> fill(std::string_view pattern, const Captures& captures);

/// The name with a macro's parameters replaced: the first segment, and indices. `arguments` maps parameters to texts.
[[nodiscard]] std::string substitute(std::string_view name, const std::map<std::string, std::string>& arguments);

} // namespace coulter::schedule::detail
