#include "coulter/schedule/decisions.hpp"

#include <algorithm>

namespace coulter::schedule {
namespace {

void add_new(std::vector<std::string>& words, const std::vector<std::string>& more) {
    for (const std::string& word : more) {
        if (std::find(words.begin(), words.end(), word) == words.end()) {
            words.push_back(word);
        }
    }
}

} // namespace

std::optional<std::string> DecisionLog::decide(const Decided& decided, const std::string& about,
                                               const std::string& stage, const std::vector<std::string>& words,
                                               bool ordered) {
    if (words.empty()) {
        return std::nullopt;
    }
    const std::string name = about + " of " + stage;
    Noted& noted = noted_[name];
    noted.stage = stage;
    noted.decision.name = name;
    noted.decision.ordered = ordered;
    add_new(noted.decision.words, words);
    const auto at = decided.find(name);
    const bool is_possible = at != decided.end() && std::find(words.begin(), words.end(), at->second) != words.end();
    return is_possible ? std::optional(at->second) : std::nullopt;
}

void DecisionLog::set_weight(const std::string& stage, double weight) {
    for (auto& [name, noted] : noted_) {
        if (noted.stage == stage) {
            noted.decision.weight = weight;
        }
    }
}

void DecisionLog::merge(const DecisionLog& other) {
    for (const auto& [name, noted] : other.noted_) {
        const auto [own, is_new] = noted_.emplace(name, noted);
        if (!is_new) {
            add_new(own->second.decision.words, noted.decision.words);
            own->second.decision.weight = std::max(own->second.decision.weight, noted.decision.weight);
        }
    }
}

std::vector<Decision> DecisionLog::all() const {
    std::vector<Decision> decisions;
    for (const auto& [name, noted] : noted_) {
        decisions.push_back(noted.decision);
    }
    return decisions;
}

} // namespace coulter::schedule
