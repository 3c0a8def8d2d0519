#include "verify_cases.hpp"

#include "coulter/estimates.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <functional>
#include <random>
#include <set>

namespace coulter::cli {
namespace {

using Extents = std::map<std::string, std::int64_t>;

// What the interpreter evaluates in well under a second.
constexpr double most_operations = 1.5e6;

class Finder {
public:
    explicit Finder(const Work& work) : work_(work), free_(free_dims(work)) {
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

    [[nodiscard]] bool found() const { return base_.has_value(); }

    /// The smallest accepted sizes from `wanted` up, made smaller where they would take too long.
    [[nodiscard]] std::optional<Extents>
    near(const std::function<std::int64_t(const std::string&, std::size_t)>& wanted) const {
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

    [[nodiscard]] Extents all(const Extents& sizes) const { return resolve_extents(work_.kernel, work_.sizes, sizes); }

    [[nodiscard]] const std::vector<std::string>& dims() const { return free_; }

private:
    [[nodiscard]] bool valid(const Extents& sizes) const {
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

    [[nodiscard]] double operations(const Extents& sizes) const {
        const Extents extents = all(sizes);
        const KernelEstimate figures = estimate(work_.kernel, extents);
        double elements = 0;
        for (const TensorEstimate& tensor : figures.tensors) {
            elements += static_cast<double>(tensor.elements);
        }
        return figures.flops + elements;
    }

    [[nodiscard]] std::int64_t smallest(Extents sizes, const std::string& dim, std::int64_t from) const {
        const std::int64_t now = sizes.at(dim);
        for (std::int64_t size = from; size < now; ++size) {
            sizes[dim] = size;
            if (valid(sizes)) {
                return size;
            }
        }
        return now;
    }

    [[nodiscard]] bool shrink(Extents& sizes) const {
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

    const Work& work_;
    std::vector<std::string> free_;
    std::optional<Extents> base_;
};

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

std::vector<SizeCase> size_cases(const Work& work, std::size_t count, std::uint64_t seed) {
    const Finder finder(work);
    if (!finder.found()) {
        throw Failure(refused,
                      fmt::format("error: no sizes up to 64 suit kernel `{}`\nhelp: give --sizes\n", work.kernel.name));
    }
    std::vector<SizeCase> cases;
    const auto add = [&](const std::string& name,
                         const std::function<std::int64_t(const std::string&, std::size_t)>& wanted) {
        if (const auto sizes = finder.near(wanted)) {
            cases.push_back({name, finder.all(*sizes)});
        }
    };
    constexpr std::int64_t odd[] = {3, 5, 7, 9};
    constexpr std::int64_t primes[] = {2, 5, 11, 3, 13, 7};
    // Dims next to memory are the ones that schedules vectorize.
    const auto innermost = [&](const std::vector<std::string>& dims) {
        const auto chosen = [&](const std::string& dim) {
            return std::ranges::find(finder.dims(), dim) != finder.dims().end();
        };
        const auto at = std::find_if(dims.rbegin(), dims.rend(), chosen);
        return at == dims.rend() ? std::string() : *at;
    };
    std::set<std::string> of_outputs;
    std::set<std::string> of_inputs;
    for (const std::string& output : work.kernel.outputs) {
        of_outputs.insert(innermost(work.kernel.dims_of(output)));
    }
    for (const ir::Input& input : work.kernel.inputs) {
        of_inputs.insert(innermost(input.dims));
    }
    const auto typical = [&](const std::string& dim) {
        const auto at = work.kernel.estimates.find(dim);
        return at == work.kernel.estimates.end() ? std::int64_t{8} : at->second;
    };
    add("estimates, at most 16",
        [&](const std::string& dim, std::size_t) { return std::min<std::int64_t>(typical(dim), 16); });
    add("ones", [](const std::string&, std::size_t) { return 1; });
    add("odd", [&](const std::string&, std::size_t i) { return odd[i % std::size(odd)]; });
    add("primes", [&](const std::string&, std::size_t i) { return primes[i % std::size(primes)]; });
    add("innermost of outputs 33",
        [&](const std::string& dim, std::size_t) { return of_outputs.contains(dim) ? 33 : 2; });
    add("innermost of outputs 67",
        [&](const std::string& dim, std::size_t) { return of_outputs.contains(dim) ? 67 : 1; });
    add("innermost of inputs 35",
        [&](const std::string& dim, std::size_t) { return of_inputs.contains(dim) ? 35 : 1; });
    // Zeros, from sizes that are legal otherwise.
    if (const auto sizes = finder.near([](const std::string&, std::size_t) { return 3; })) {
        std::size_t zeros = 0;
        for (const std::string& dim : finder.dims()) {
            Extents some = *sizes;
            some[dim] = 0;
            Extents extents = finder.all(some);
            if (extents.size() == work.kernel.dims.size() && zeros++ < 6) {
                cases.push_back({dim + " empty", std::move(extents)});
            }
        }
    }
    std::mt19937_64 random(seed);
    for (std::size_t tries = 0; cases.size() < count && tries < 4 * count; ++tries) {
        add(fmt::format("random {}", tries),
            [&](const std::string&, std::size_t) { return static_cast<std::int64_t>((random() >> 32) % 24) + 1; });
    }
    if (count > 0 && cases.size() > count) {
        cases.resize(count);
    }
    return cases;
}

std::map<std::string, std::int64_t> complete_sizes(const Work& work, const std::map<std::string, std::int64_t>& given) {
    const std::vector<std::string> dims = free_dims(work);
    for (const auto& [dim, size] : given) {
        if (std::ranges::find(dims, dim) == dims.end()) {
            const std::string close = closest_match(dim, dims);
            throw Failure(
                usage, fmt::format("error: --sizes gives `{}`, whose extent no call of `{}` chooses\nhelp: {}chosen "
                                   "are {}\n",
                                   dim, work.kernel.name,
                                   close.empty() ? "" : fmt::format("did you mean `{}`? ", close), quoted_list(dims)));
        }
    }
    auto extents = resolve_extents(work.kernel, work.sizes, given);
    for (const ir::Dim& dim : work.kernel.dims) {
        if (!extents.contains(dim.name)) {
            throw Failure(usage, fmt::format("error: kernel `{}` has no estimate of `{}`\nhelp: give --sizes {}=n\n",
                                             work.kernel.name, dim.name, dim.name));
        }
    }
    return extents;
}

} // namespace coulter::cli
