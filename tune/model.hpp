#pragma once
/// The cost model: a Gaussian process over assignments, fitted to the times measured so far.

#include "coulter/tune/space.hpp"

namespace coulter::tune {

class CostModel {
public:
    struct Point {
        Assignment assignment;
        double log_time = 0;
    };

    /// The length over which times resemble each other is the one that explains the points best. \pre points are there.
    CostModel(const Space& space, std::vector<Point> points);

    struct Prediction {
        double log_time = 0;
        double deviation = 0; ///< how unsure it is
    };
    [[nodiscard]] Prediction predict(const Assignment& assignment) const;

    /// By how much the log of the best time is expected to fall when the assignment is measured.
    [[nodiscard]] double expected_improvement(const Assignment& assignment, double best_log_time) const;

private:
    [[nodiscard]] double distance(const Assignment& a, const Assignment& b) const;
    /// Fits with one length. \returns the log likelihood of the points.
    double fit(double length);
    void solve_lower(std::vector<double>& values) const;

    const Space& space_;
    std::vector<Point> points_;
    std::vector<double> importance_; ///< of the choices, at most 1
    std::vector<double> distances_; ///< between points, squared
    std::vector<double> factor_;    ///< Cholesky's, lower
    std::vector<double> weights_;
    double mean_ = 0;
    double scale_ = 1;
    double length_ = 1;
};

} // namespace coulter::tune
