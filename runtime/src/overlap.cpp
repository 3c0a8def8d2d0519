#include "overlap.hpp"

#include <cstdlib>

namespace coulter::runtime {

namespace {

struct Interval {
    int64_t begin;
    int64_t end; ///< One past the last byte.
};

/// The bytes that a region spans when dims whose stride is a multiple of `modulus` bytes are left out (0: none is).
Interval span_without(const Region& region, int64_t modulus) {
    Interval result{region.first, region.first + region.element_bytes};
    for (size_t i = 0; i < region.extents.size(); ++i) {
        const int64_t stride = region.strides[i] * region.element_bytes;
        if (region.extents[i] == 1 || (modulus != 0 && stride % modulus == 0)) {
            continue;
        }
        const int64_t reach = (region.extents[i] - 1) * stride;
        (reach < 0 ? result.begin : result.end) += reach;
    }
    return result;
}

/// Whether the intervals are apart however often each is shifted by `modulus`.
bool apart_modulo(const Interval& a, const Interval& b, int64_t modulus) {
    const int64_t a_bytes = a.end - a.begin;
    const int64_t b_bytes = b.end - b.begin;
    // Both on a circle of `modulus` bytes, seen from where `a` begins.
    int64_t begin = (b.begin - a.begin) % modulus;
    begin += begin < 0 ? modulus : 0;
    return begin >= a_bytes && begin + b_bytes <= modulus;
}

bool proved_apart(const Region& a, const Region& b, const Region& source) {
    for (size_t i = 0; i < source.extents.size(); ++i) {
        const int64_t modulus = std::abs(source.strides[i] * source.element_bytes);
        if (source.extents[i] > 1 && modulus > 0 &&
            apart_modulo(span_without(a, modulus), span_without(b, modulus), modulus)) {
            return true;
        }
    }
    return false;
}

} // namespace

bool may_overlap(const Region& a, const Region& b) {
    const Interval whole_a = span_without(a, 0);
    const Interval whole_b = span_without(b, 0);
    if (whole_a.end <= whole_b.begin || whole_b.end <= whole_a.begin) {
        return false;
    }
    // Slices of one tensor interleave: row by row they are apart, and the rows repeat with the period of a stride.
    return !proved_apart(a, b, a) && !proved_apart(a, b, b);
}

} // namespace coulter::runtime
