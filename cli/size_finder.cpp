#include "size_finder.hpp"

#include "coulter/estimates.hpp"

#include <algorithm>
#include <cmath>

namespace coulter::cli {
namespace {

using Extents = SizeFinder::Extents;

// What the interpreter evaluates in well under a second.
constexpr double most_operations = 1.5e6;
// What it evaluates in a few seconds: for a part of a schedule that smaller sizes do not reach.
constexpr double most_operations_for_a_part = 3e7;
// Sizes that a search looks at.
constexpr double most_tries = 20000;

} // namespace

std::vector<std::string> free_dims(const Work& work) {
    std::vector<std::string> dims;
    for (const ir::Dim& dim : work.kernel.dims) {
        const ExtentSource source = work.sizes.rules.at(dim.name).source;
        if (source == ExtentSource::input || source == ExtentSource::output) {
            dims.push_back(dim.name);
        }
    }
    return dims;
}

SizeFinder::SizeFinder(const Work& work) : work_(work), free_(free_dims(work)) {
    for (std::int64_t size = 1; size <= 64 && !base_; ++size) {
        Extents all;
        for (const std::string& dim : free_) {
            all[dim] = size;
        }
        base_ = valid(all) ? std::optional(all) : std::nullopt;
    }
    if (!base_) {
        Extents estimates;
        for (const std::string& dim : free_) {
            if (const auto at = work.kernel.estimates.find(dim); at != work.kernel.estimates.end()) {
                estimates.insert(*at);
            }
        }
        base_ = estimates.size() == free_.size() && valid(estimates) ? std::optional(estimates) : std::nullopt;
    }
}

std::optional<Extents>
SizeFinder::near(const std::function<std::int64_t(const std::string&, std::size_t)>& wanted) const {
    Extents goal;
    Extents sizes;
    for (std::size_t i = 0; i < free_.size(); ++i) {
        goal[free_[i]] = wanted(free_[i], i);
        sizes[free_[i]] = std::max(goal[free_[i]], base_->at(free_[i]));
    }
    if (!valid(sizes)) {
        sizes = *base_;
    }
    for (const std::string& dim : free_) {
        sizes[dim] = smallest(sizes, dim, goal[dim]);
    }
    while (operations(sizes) > most_operations && shrink(sizes)) {}
    return operations(sizes) <= most_operations ? std::optional(sizes) : std::nullopt;
}

Extents SizeFinder::all(const Extents& sizes) const {
    return resolve_extents(work_.kernel, work_.sizes, sizes);
}

std::vector<std::string> SizeFinder::sources(const ir::Ref& expression) const {
    std::set<std::string> seen;
    std::vector<ir::Ref> todo{expression};
    while (!todo.empty()) {
        const ir::Ref next = todo.back();
        todo.pop_back();
        for (const ir::Node* node : ir::postorder({next})) {
            if (node->kind == ir::Kind::extent && seen.insert(node->name).second) {
                if (const ir::Ref& value = work_.sizes.rules.at(node->name).value) {
                    todo.push_back(value);
                }
            }
        }
    }
    std::vector<std::string> chosen;
    std::ranges::copy_if(free_, std::back_inserter(chosen), [&](const std::string& dim) { return seen.contains(dim); });
    return chosen;
}

std::vector<Extents> SizeFinder::where(const std::vector<std::string>& deciding, const std::set<std::int64_t>& marks,
                                       const std::function<bool(const Extents&)>& holds) const {
    const auto most = static_cast<std::size_t>(
        std::pow(most_tries, 1.0 / static_cast<double>(std::max<std::size_t>(deciding.size(), 1))));
    std::vector<std::vector<std::int64_t>> sizes;
    for (const std::string& dim : deciding) {
        // In the order in which they are given up when there are too many.
        std::vector<std::int64_t> wanted{base_->at(dim), 1};
        const auto estimate = work_.kernel.estimates.find(dim);
        for (const std::int64_t mark : marks) {
            wanted.insert(wanted.end(), {mark, mark - 1, mark + 1, 2 * mark});
        }
        if (estimate != work_.kernel.estimates.end()) {
            wanted.push_back(estimate->second);
        }
        wanted.insert(wanted.end(), {2, 3, 5, 8, 16, 17, 32, 33, 64, 128, 256, 512, 1024});
        std::vector<std::int64_t> kept;
        for (const std::int64_t size : wanted) {
            if (size > 0 && kept.size() < std::max<std::size_t>(most, 2) &&
                std::ranges::find(kept, size) == kept.end()) {
                kept.push_back(size);
            }
        }
        sizes.push_back(std::move(kept));
    }
    // The dims that decide nothing: as small as they can be, so that those which decide may be large.
    Extents least = *base_;
    for (const std::string& dim : free_) {
        if (std::ranges::find(deciding, dim) == deciding.end()) {
            least[dim] = smallest(least, dim, 1);
        }
    }
    std::optional<Extents> fewest;
    std::optional<Extents> greatest;
    double low = most_operations_for_a_part;
    double high = -1;
    std::vector<std::size_t> at(deciding.size());
    for (bool more = true; more;) {
        for (Extents chosen : {least, *base_}) {
            for (std::size_t i = 0; i < deciding.size(); ++i) {
                chosen[deciding[i]] = sizes[i][at[i]];
            }
            if (const Extents extents = all(chosen); holds(extents) && valid(chosen)) {
                const double now = operations(chosen);
                if (now <= low) {
                    low = now;
                    fewest = extents;
                }
                if (now <= most_operations && now > high) {
                    high = now;
                    greatest = extents;
                }
            }
        }
        more = false;
        for (std::size_t i = 0; i < at.size() && !more; ++i) {
            more = ++at[i] < sizes[i].size();
            at[i] = more ? at[i] : 0;
        }
    }
    std::vector<Extents> result;
    if (fewest) {
        result.push_back(*fewest);
        if (greatest && *greatest != *fewest) {
            result.push_back(*greatest);
        }
    }
    return result;
}

std::optional<Extents> SizeFinder::nearest(const std::vector<std::string>& deciding,
                                           const std::set<std::int64_t>& marks, const Extents& goal,
                                           const std::function<bool(const Extents&)>& holds) const {
    const auto most = static_cast<std::size_t>(
        std::pow(most_tries, 1.0 / static_cast<double>(std::max<std::size_t>(deciding.size(), 1))));
    struct Size {
        std::int64_t extent = 0;
        double distance = 0;
    };
    std::vector<std::vector<Size>> sizes;
    for (const std::string& dim : deciding) {
        const std::int64_t wanted = goal.at(dim);
        std::set<std::int64_t> numbers{wanted};
        const std::int64_t last = 2 * std::max(wanted, marks.empty() ? 1 : *marks.rbegin());
        for (std::int64_t power = 1; power <= last; power *= 2) {
            numbers.insert(power);
        }
        for (const std::int64_t mark : marks) {
            numbers.insert({mark, mark - 1, mark + 1});
        }
        std::vector<Size>& own = sizes.emplace_back();
        for (const std::int64_t number : numbers) {
            if (number > 0 && number <= INT32_MAX) {
                const double times = std::abs(std::log2(static_cast<double>(number) / static_cast<double>(wanted)));
                const bool is_round = number == wanted || (number & (number - 1)) == 0;
                own.push_back({number, times + (is_round ? 0.0 : 1.0)});
            }
        }
        std::ranges::stable_sort(own, {}, &Size::distance);
        own.resize(std::min(own.size(), std::max<std::size_t>(most, 2)));
    }
    std::optional<Extents> best;
    double least = INFINITY;
    std::vector<std::size_t> at(deciding.size());
    for (bool more = true; more;) {
        Extents chosen = goal;
        double distance = 0;
        for (std::size_t i = 0; i < deciding.size(); ++i) {
            chosen[deciding[i]] = sizes[i][at[i]].extent;
            distance += sizes[i][at[i]].distance;
        }
        if (distance < least) {
            if (const Extents extents = all(chosen); valid(chosen) && holds(extents)) {
                least = distance;
                best = extents;
            }
        }
        more = false;
        for (std::size_t i = 0; i < at.size() && !more; ++i) {
            more = ++at[i] < sizes[i].size();
            at[i] = more ? at[i] : 0;
        }
    }
    return best;
}

bool SizeFinder::valid(const Extents& sizes) const {
    const Extents extents = all(sizes);
    if (extents.size() != work_.kernel.dims.size() ||
        std::ranges::any_of(extents, [](const auto& each) { return each.second < 1; })) {
        return false;
    }
    return std::ranges::all_of(work_.sizes.checks, [&](const SizeCheck& check) {
        const auto lhs = evaluate(check.lhs, extents);
        if (check.kind == SizeCheck::Kind::nonzero) {
            return lhs && *lhs != 0;
        }
        const auto rhs = evaluate(check.rhs, extents);
        return lhs && rhs && (check.kind == SizeCheck::Kind::equal ? *lhs == *rhs : *lhs <= *rhs);
    });
}

double SizeFinder::operations(const Extents& sizes) const {
    const Extents extents = all(sizes);
    const KernelEstimate figures = estimate(work_.kernel, extents);
    double elements = 0;
    for (const TensorEstimate& tensor : figures.tensors) {
        elements += static_cast<double>(tensor.elements);
    }
    return figures.flops + elements;
}

std::int64_t SizeFinder::smallest(Extents sizes, const std::string& dim, std::int64_t from) const {
    const std::int64_t now = sizes.at(dim);
    for (std::int64_t size = from; size < now; ++size) {
        sizes[dim] = size;
        if (valid(sizes)) {
            return size;
        }
    }
    return now;
}

bool SizeFinder::shrink(Extents& sizes) const {
    std::vector<std::string> by_size = free_;
    std::ranges::stable_sort(by_size,
                             [&](const std::string& a, const std::string& b) { return sizes.at(a) > sizes.at(b); });
    for (const std::string& dim : by_size) {
        const std::int64_t smaller = smallest(sizes, dim, (sizes.at(dim) + 1) / 2);
        if (smaller < sizes.at(dim)) {
            sizes[dim] = smaller;
            return true;
        }
    }
    return false;
}

DecidingSizes deciding_sizes(const Work& work, const SizeFinder& finder) {
    DecidingSizes deciding;
    for (const schedule::Variant& variant : work.variants) {
        if (!variant.when.extents) {
            continue;
        }
        for (const std::string& dim : finder.sources(variant.when.extents)) {
            if (std::ranges::find(deciding.dims, dim) == deciding.dims.end()) {
                deciding.dims.push_back(dim);
            }
        }
        for (const ir::Node* node : ir::postorder({variant.when.extents})) {
            if (node->kind == ir::Kind::constant) {
                deciding.marks.insert(node->integer);
            }
        }
    }
    return deciding;
}

} // namespace coulter::cli
