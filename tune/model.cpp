#include "model.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

namespace coulter::tune {
namespace {

// Of a measurement, relative to the variance of all: medians differ by some per cent from run to run.
constexpr double noise = 0.02;

} // namespace

CostModel::CostModel(const Space& space, std::vector<Point> points) : space_(space), points_(std::move(points)) {
    double heaviest = 0;
    for (const Choice& choice : space.choices()) {
        heaviest = std::max(heaviest, choice.weight);
    }
    for (const Choice& choice : space.choices()) {
        importance_.push_back(heaviest > 0 ? choice.weight / heaviest : 1);
    }
    const auto count = static_cast<double>(points_.size());
    for (const Point& point : points_) {
        mean_ += point.log_time / count;
    }
    double variance = 0;
    for (const Point& point : points_) {
        variance += (point.log_time - mean_) * (point.log_time - mean_) / count;
    }
    scale_ = std::max(std::sqrt(variance), 1e-3);
    distances_.resize(points_.size() * points_.size());
    for (std::size_t i = 0; i < points_.size(); ++i) {
        for (std::size_t j = 0; j < points_.size(); ++j) {
            distances_[i * points_.size() + j] = distance(points_[i].assignment, points_[j].assignment);
        }
    }
    double best = 0;
    double best_likelihood = -std::numeric_limits<double>::infinity();
    for (const double length : {0.15, 0.3, 0.6, 1.2, 2.4}) {
        if (const double likelihood = fit(length); likelihood > best_likelihood) {
            best_likelihood = likelihood;
            best = length;
        }
    }
    fit(best);
}

double CostModel::distance(const Assignment& a, const Assignment& b) const {
    double sum = 0;
    for (std::size_t i = 0; i < a.size(); ++i) {
        const Choice& choice = space_.choices()[i];
        const std::size_t apart = a[i] > b[i] ? a[i] - b[i] : b[i] - a[i];
        const bool open = choice.tacit && (a[i] == choice.initial || b[i] == choice.initial);
        const double one = choice.ordered && !open
                               ? static_cast<double>(apart) / static_cast<double>(choice.domain.size() - 1)
                               : 1.0;
        sum += apart == 0 ? 0 : one * one * importance_[i];
    }
    return sum;
}

double CostModel::fit(double length) {
    const std::size_t count = points_.size();
    length_ = length;
    factor_.assign(count * count, 0);
    double log_determinant = 0;
    for (std::size_t i = 0; i < count; ++i) {
        for (std::size_t j = 0; j <= i; ++j) {
            double sum = std::exp(-distances_[i * count + j] / (2 * length * length)) + (i == j ? noise : 0);
            for (std::size_t k = 0; k < j; ++k) {
                sum -= factor_[i * count + k] * factor_[j * count + k];
            }
            factor_[i * count + j] = i == j ? std::sqrt(std::max(sum, 1e-12)) : sum / factor_[j * count + j];
        }
        log_determinant += std::log(factor_[i * count + i]);
    }
    weights_.resize(count);
    for (std::size_t i = 0; i < count; ++i) {
        weights_[i] = (points_[i].log_time - mean_) / scale_;
    }
    solve_lower(weights_);
    double fitted = 0;
    for (const double each : weights_) {
        fitted += each * each;
    }
    for (std::size_t i = count; i-- > 0;) {
        for (std::size_t k = i + 1; k < count; ++k) {
            weights_[i] -= factor_[k * count + i] * weights_[k];
        }
        weights_[i] /= factor_[i * count + i];
    }
    return -0.5 * fitted - log_determinant;
}

void CostModel::solve_lower(std::vector<double>& values) const {
    const std::size_t count = points_.size();
    for (std::size_t i = 0; i < count; ++i) {
        for (std::size_t k = 0; k < i; ++k) {
            values[i] -= factor_[i * count + k] * values[k];
        }
        values[i] /= factor_[i * count + i];
    }
}

CostModel::Prediction CostModel::predict(const Assignment& assignment) const {
    std::vector<double> near(points_.size());
    double mean = 0;
    for (std::size_t i = 0; i < points_.size(); ++i) {
        near[i] = std::exp(-distance(assignment, points_[i].assignment) / (2 * length_ * length_));
        mean += near[i] * weights_[i];
    }
    solve_lower(near);
    double known = 0;
    for (const double each : near) {
        known += each * each;
    }
    return {mean_ + scale_ * mean, scale_ * std::sqrt(std::max(1 + noise - known, 1e-9))};
}

double CostModel::expected_improvement(const Assignment& assignment, double best_log_time) const {
    const Prediction guess = predict(assignment);
    const double z = (best_log_time - guess.log_time) / guess.deviation;
    const double density = std::exp(-0.5 * z * z) / std::sqrt(2 * std::numbers::pi);
    const double below = 0.5 * std::erfc(-z / std::numbers::sqrt2);
    return (best_log_time - guess.log_time) * below + guess.deviation * density;
}

} // namespace coulter::tune
