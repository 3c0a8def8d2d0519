#include "tune_starts.hpp"

#include "coulter/tune/statistics.hpp"

#include <algorithm>

namespace coulter::cli {

std::vector<tune::Assignment> starts_of(const tune::Store& store, const tune::Setting& setting,
                                        const tune::Space& space, const std::vector<std::string>& apart) {
    std::map<std::string, std::pair<double, tune::Assignment>> best;
    for (const tune::Store::Entry& entry : store.of_class(setting)) {
        const auto assignment = assignment_of(space, entry.record.choices);
        if (entry.record.outcome == tune::Outcome::timed && assignment &&
            std::ranges::find(apart, entry.setting.sizes) == apart.end()) {
            const double seconds = tune::median(entry.record.samples);
            const auto [at, is_new] = best.emplace(entry.setting.sizes, std::pair(seconds, *assignment));
            if (!is_new && seconds < at->second.first) {
                at->second = {seconds, *assignment};
            }
        }
    }
    std::vector<tune::Assignment> starts;
    for (const auto& [sizes, each] : best) {
        if (starts.size() < 4 && std::ranges::find(starts, each.second) == starts.end()) {
            starts.push_back(each.second);
        }
    }
    return starts;
}

std::vector<tune::Assignment> sweeping_starts(const tune::Space& space) {
    std::vector<tune::Assignment> starts;
    for (std::size_t i = 0; i < space.choices().size(); ++i) {
        const tune::Choice& choice = space.choices()[i];
        for (std::size_t value = 0; choice.name.ends_with(" of *") && value < choice.domain.size(); ++value) {
            if (value != choice.initial) {
                starts.push_back(tune::initial(space));
                starts.back()[i] = value;
            }
        }
    }
    return starts;
}

std::vector<tune::Store::Entry> others_of(const tune::Store& store, const tune::Setting& setting) {
    std::vector<tune::Store::Entry> others = store.all();
    std::erase_if(others, [&](const tune::Store::Entry& each) {
        return each.setting.kernel == setting.kernel || each.setting.machine != setting.machine;
    });
    return others;
}

} // namespace coulter::cli
