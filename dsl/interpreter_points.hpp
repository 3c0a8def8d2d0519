#pragma once
/// The loops of a definition as one sequence of points.

#include "interpreter_program.hpp"

#include <stdexcept>

namespace coulter::interpreter {

/// Fills the columns of the loop dims for a block of consecutive points.
/// The constructor throws std::overflow_error for more than 2^63 points.
class Points {
public:
    /// The last `reversed` loops run from their ends.
    Points(std::vector<std::int64_t> extents, std::size_t reversed, int lanes)
        : extents_(std::move(extents)), reversed_(reversed), columns_(extents_.size()) {
        for (auto& column : columns_) {
            column.resize(static_cast<std::size_t>(lanes));
        }
        total_ = 1;
        for (const std::int64_t extent : extents_) {
            if (extent == 0) {
                total_ = 0;
                return;
            }
        }
        for (const std::int64_t extent : extents_) {
            if (__builtin_mul_overflow(total_, extent, &total_)) {
                throw std::overflow_error("its loops have more than 2^63 points");
            }
        }
    }

    [[nodiscard]] std::int64_t total() const { return total_; }
    [[nodiscard]] Lane* column(std::size_t dim) { return columns_[dim].data(); }

    void fill(std::int64_t first, int count) {
        std::int64_t inner = 1;
        for (std::size_t d = extents_.size(); d-- > 0;) {
            Lane* column = columns_[d].data();
            const std::int64_t extent = extents_[d];
            std::int64_t repeat = first % inner;
            std::int64_t value = first / inner % extent;
            for (int l = 0; l < count; ++l) {
                column[l].i = value;
                if (++repeat == inner) {
                    repeat = 0;
                    if (++value == extent) {
                        value = 0;
                    }
                }
            }
            inner *= extent;
        }
        for (std::size_t d = extents_.size() - reversed_; d < extents_.size(); ++d) {
            Lane* column = columns_[d].data();
            for (int l = 0; l < count; ++l) {
                column[l].i = extents_[d] - 1 - column[l].i;
            }
        }
    }

    /// Keeps the lanes where `condition` holds, in order; returns how many.
    int compact(const Lane* condition, int count) {
        int kept = 0;
        for (int l = 0; l < count; ++l) {
            if (condition[l].i == 0) {
                continue;
            }
            for (auto& column : columns_) {
                column[static_cast<std::size_t>(kept)] = column[static_cast<std::size_t>(l)];
            }
            ++kept;
        }
        return kept;
    }

private:
    std::vector<std::int64_t> extents_;
    std::size_t reversed_;
    std::int64_t total_ = 1;
    std::vector<std::vector<Lane>> columns_;
};

} // namespace coulter::interpreter
