#include "verify_cases.hpp"

#include "size_finder.hpp"
#include "variants.hpp"

#include <algorithm>
#include <fmt/core.h>
#include <functional>
#include <random>
#include <set>

namespace coulter::cli {
namespace {

using Extents = std::map<std::string, std::int64_t>;

/// Sizes for the parts of the schedule that `cases` leave out: the smallest and the largest that reach each. They come
/// first, so that none of them is cut off.
void add_parts(const Work& work, const SizeFinder& finder, std::vector<SizeCase>& cases) {
    std::set<std::string> missing;
    for (const std::string& part : part_names(work)) {
        missing.insert(part);
    }
    for (const SizeCase& each : cases) {
        for (const std::string& part : parts_at(work, each.extents)) {
            missing.erase(part);
        }
    }
    const auto [deciding, marks] = deciding_sizes(work, finder);
    std::vector<SizeCase> added;
    for (const std::string& part : missing) {
        const std::vector<Extents> found = finder.where(
            deciding, marks, [&](const Extents& extents) { return parts_at(work, extents).contains(part); });
        for (std::size_t i = 0; i < found.size(); ++i) {
            added.push_back({fmt::format("{} sizes of {}", i == 0 ? "smallest" : "largest", part), found[i]});
        }
    }
    cases.insert(cases.begin(), added.begin(), added.end());
}

} // namespace

std::vector<SizeCase> size_cases(const Work& work, std::size_t count, std::uint64_t seed) {
    const SizeFinder finder(work);
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
    if (!work.variants.empty()) {
        add_parts(work, finder, cases);
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

void check_size_names(const std::vector<Work>& work, const std::map<std::string, std::int64_t>& given,
                      const std::string& option) {
    std::vector<std::string> dims;
    for (const Work& each : work) {
        for (const std::string& dim : free_dims(each)) {
            if (std::ranges::find(dims, dim) == dims.end()) {
                dims.push_back(dim);
            }
        }
    }
    for (const auto& [dim, size] : given) {
        if (std::ranges::find(dims, dim) == dims.end()) {
            const std::string close = closest_match(dim, dims);
            const std::string called = work.size() == 1 ? "`" + work.front().kernel.name + "`" : "these kernels";
            throw Failure(
                usage, fmt::format("error: {} gives `{}`, whose extent no call of {} chooses\nhelp: {}chosen are {}\n",
                                   option, dim, called, close.empty() ? "" : fmt::format("did you mean `{}`? ", close),
                                   quoted_list(dims)));
        }
    }
}

std::map<std::string, std::int64_t> complete_sizes(const Work& work, const std::map<std::string, std::int64_t>& given) {
    check_size_names({work}, given);
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
