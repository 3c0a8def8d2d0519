#include "coulter/tune/experience.hpp"

#include "coulter/tune/statistics.hpp"

#include <algorithm>
#include <cmath>
#include <set>

namespace coulter::tune {
namespace {

// A candidate that is hundreds of times slower says no more than one that is a few times slower.
constexpr double most_effect = 2;
constexpr double least_effect = -1;
// Of the regression: so many records of a word halve the doubt about it.
constexpr double ridge = 3;

using Choices = std::map<std::string, std::string>;

/// `rows=4`, `vector=*`, `tile=4` of `tile i`, `form=block` of `block i`; nothing for the name of a hole.
std::string feature_of(const std::string& name, const std::string& word) {
    static const std::set<std::string> common{"root", "inline", "stored",  "apart", "yes",    "no",
                                              "-",    "serial", "held",    "asked", "copied", "read",
                                              "once", "each",   "element", "block", "thread"};
    const std::size_t end = name.find(" of ");
    if (end == std::string::npos) {
        return {};
    }
    const std::string digits = word.substr(word.starts_with("by ") ? 3 : 0);
    const bool number = !digits.empty() && digits.find_first_not_of("0123456789") == std::string::npos;
    const std::string kind = word.starts_with("by ") ? word : word.substr(0, word.find(' '));
    return name.substr(0, name.find(' ')) + '=' + (number || common.contains(kind) ? kind : "*");
}

struct Observation {
    std::vector<std::size_t> features; ///< one may occur twice
    double effect = 0;
};

/// Solves `matrix * x = right` for a symmetric positive definite matrix, by Cholesky's factors.
std::vector<double> solve(std::vector<std::vector<double>> matrix, std::vector<double> right) {
    const std::size_t count = right.size();
    for (std::size_t i = 0; i < count; ++i) {
        for (std::size_t j = 0; j <= i; ++j) {
            double sum = matrix[i][j];
            for (std::size_t k = 0; k < j; ++k) {
                sum -= matrix[i][k] * matrix[j][k];
            }
            matrix[i][j] = i == j ? std::sqrt(sum) : sum / matrix[j][j];
        }
        for (std::size_t k = 0; k < i; ++k) {
            right[i] -= matrix[i][k] * right[k];
        }
        right[i] /= matrix[i][i];
    }
    for (std::size_t i = count; i-- > 0;) {
        for (std::size_t k = i + 1; k < count; ++k) {
            right[i] -= matrix[k][i] * right[k];
        }
        right[i] /= matrix[i][i];
    }
    return right;
}

std::string key_of(const Setting& setting) {
    return setting.kernel + '\n' + setting.sizes + '\n' + setting.machine + '\n' + setting.target + '\n' +
           setting.versions + '\n' + std::to_string(setting.threads);
}

} // namespace

Experience::Experience(const std::vector<Store::Entry>& entries) {
    std::map<std::string, double> undecided; // seconds, by setting
    for (const Store::Entry& entry : entries) {
        const Record& record = entry.record;
        if (record.outcome == Outcome::timed && record.comparison.empty() && record.choices.empty()) {
            undecided[key_of(entry.setting)] = median(record.samples);
        }
    }
    std::map<std::string, std::size_t> numbers; // of features
    std::vector<Observation> observations;
    for (const Store::Entry& entry : entries) {
        const Record& record = entry.record;
        const auto base = undecided.find(key_of(entry.setting));
        if (record.outcome != Outcome::timed || !record.comparison.empty() || base == undecided.end()) {
            continue;
        }
        Observation observation;
        for (const auto& [name, word] : record.choices) {
            if (const std::string feature = feature_of(name, word); !feature.empty()) {
                observation.features.push_back(numbers.emplace(feature, numbers.size()).first->second);
            }
        }
        observation.effect = std::clamp(std::log(median(record.samples) / base->second), least_effect, most_effect);
        observations.push_back(std::move(observation));
    }
    if (numbers.empty()) {
        return;
    }
    std::vector<std::vector<double>> matrix(numbers.size(), std::vector<double>(numbers.size()));
    std::vector<double> right(numbers.size());
    for (std::size_t i = 0; i < numbers.size(); ++i) {
        matrix[i][i] = ridge;
    }
    for (const Observation& each : observations) {
        for (const std::size_t i : each.features) {
            right[i] += each.effect;
            for (const std::size_t j : each.features) {
                matrix[i][j] += 1;
            }
        }
    }
    const std::vector<double> solution = solve(std::move(matrix), std::move(right));
    for (const auto& [feature, number] : numbers) {
        effects_[feature] = solution[number];
    }
}

double Experience::expected(const Space& space, const Assignment& assignment) const {
    double sum = 0;
    for (const auto& [name, word] : described(space, assignment)) {
        const auto effect = effects_.find(feature_of(name, word));
        sum += effect == effects_.end() ? 0 : effect->second;
    }
    return std::clamp(sum, least_effect, most_effect);
}

} // namespace coulter::tune
