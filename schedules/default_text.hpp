#pragma once
/// The default schedule as text, from the shapes of its stages.

#include "default_nests.hpp"

#include "coulter/schedule/rewrite.hpp"

namespace coulter::schedule {

struct PackMade {
    std::string name;
    std::string source;
    std::vector<PackTile> tiles;
};

struct DefaultText {
    std::string text;
    std::vector<PackMade> packs; ///< whose statements are in the text; they have no blocks yet
};

/// Statements for all stages that have a shape, each directive with its reason as a comment.
[[nodiscard]] DefaultText text_of(const Analysis& analysis, const std::map<std::string, StageShape>& shapes);

} // namespace coulter::schedule
