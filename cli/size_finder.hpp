#pragma once
/// Sizes that a kernel accepts and that the interpreter can do.

#include "inputs.hpp"

#include <functional>
#include <set>

namespace coulter::cli {

/// Dims whose extent a call chooses.
[[nodiscard]] std::vector<std::string> free_dims(const Work& work);

class SizeFinder {
public:
    using Extents = std::map<std::string, std::int64_t>;

    explicit SizeFinder(const Work& work);

    /// Whether there are any: all dims of one size up to 64, or the estimates.
    [[nodiscard]] bool found() const { return base_.has_value(); }

    /// The smallest accepted sizes from `wanted` up, made smaller where they would take too long.
    [[nodiscard]] std::optional<Extents>
    near(const std::function<std::int64_t(const std::string&, std::size_t)>& wanted) const;

    /// Extents of every dim for which `holds`: those with the fewest operations, which may take a few seconds, then
    /// those with the most that take well under one. Searched among sizes of `deciding` near numbers that matter to
    /// somebody (small ones, powers of two, `marks`, the estimates); the other dims are small. Empty: none was found.
    [[nodiscard]] std::vector<Extents> where(const std::vector<std::string>& deciding,
                                             const std::set<std::int64_t>& marks,
                                             const std::function<bool(const Extents&)>& holds) const;

    /// Extents of every dim for which `holds`, near `goal`: of `deciding` those numbers that are the fewest times
    /// larger or smaller, round ones first; the other dims as there. Nothing: none was found.
    [[nodiscard]] std::optional<Extents> nearest(const std::vector<std::string>& deciding,
                                                 const std::set<std::int64_t>& marks, const Extents& goal,
                                                 const std::function<bool(const Extents&)>& holds) const;

    /// The chosen dims that the extents in an expression depend on.
    [[nodiscard]] std::vector<std::string> sources(const ir::Ref& expression) const;

    /// Extents of every dim.
    [[nodiscard]] Extents all(const Extents& sizes) const;

    [[nodiscard]] const std::vector<std::string>& dims() const { return free_; }

private:
    [[nodiscard]] bool valid(const Extents& sizes) const;
    [[nodiscard]] double operations(const Extents& sizes) const;
    [[nodiscard]] std::int64_t smallest(Extents sizes, const std::string& dim, std::int64_t from) const;
    [[nodiscard]] bool shrink(Extents& sizes) const;

    const Work& work_;
    std::vector<std::string> free_;
    std::optional<Extents> base_;
};

/// The chosen dims that the conditions of variants ask for, and the numbers in them.
struct DecidingSizes {
    std::vector<std::string> dims;
    std::set<std::int64_t> marks;
};
[[nodiscard]] DecidingSizes deciding_sizes(const Work& work, const SizeFinder& finder);

} // namespace coulter::cli
