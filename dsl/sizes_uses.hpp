#pragma once
// Where a kernel indexes a dim by something else than the dim of that name.

#include "sizes_poly.hpp"

namespace coulter::detail {

/// `tensor` is read (or scattered to) at `dim = index` in `definition`.
struct IndexUse {
    const ir::Definition* definition = nullptr;
    std::string tensor;
    std::string dim;
    ir::Ref index;
    Poly poly;
    ir::Boundary boundary = ir::Boundary::checked;
    bool scatter = false;
};

[[nodiscard]] std::vector<IndexUse> index_uses(const ir::Kernel& kernel, Polys& polys);

/// Names of dims, or of extents, that an expression mentions.
[[nodiscard]] std::vector<std::string> mentioned(const ir::Ref& expression, ir::Kind kind);

/// The largest extent of `dim` that an index allows, where it is linear in all its dims.
struct Inference {
    const IndexUse* use = nullptr;
    Poly room; ///< `room - step*(N - 1) >= 0` holds exactly for the legal N >= 1
    std::int64_t step = 1;
    std::vector<std::string> needs; ///< extents that must be known
    std::vector<std::string> dims;  ///< other dims of the index
};
[[nodiscard]] std::optional<Inference> infer_from(const IndexUse& use, const std::string& dim, Polys& polys);

} // namespace coulter::detail
