// What several --sizes of `coulter tune`, or --tune-sizes of `coulter build`, mean, and when which schedule is called.

#include "coulter/estimates.hpp"
#include "tune_classes.hpp"
#include "tune_regions.hpp"
#include "verify_cases.hpp"

#include <algorithm>
#include <fmt/core.h>

namespace coulter::cli {
namespace {

using Extents = std::map<std::string, std::int64_t>;

// Every set of their schedules is looked at.
constexpr std::size_t most_classes = 16;

std::vector<std::string> dims_of(const Extents& sizes) {
    std::vector<std::string> dims;
    for (const auto& [dim, extent] : sizes) {
        dims.push_back(dim);
    }
    return dims;
}

std::string text_of(const Extents& sizes) {
    std::string text;
    for (const auto& [dim, extent] : sizes) {
        text += fmt::format("{}{}={}", text.empty() ? "" : ",", dim, extent);
    }
    return text;
}

std::string condition_of(const tune::Region& region, const std::vector<std::string>& dims) {
    std::string text;
    for (const tune::Bound& bound : region.bounds) {
        text += fmt::format("{}extent({}) {} {}", text.empty() ? "" : " and ", dims[bound.dim],
                            bound.below ? "<" : ">=", bound.bound);
    }
    return text;
}

} // namespace

std::vector<Extents> size_classes(const std::vector<std::string>& words, const std::string& option) {
    std::vector<Extents> classes;
    for (const std::string& word : words) {
        classes.push_back(parse_sizes({word}, option));
    }
    const bool same =
        std::ranges::all_of(classes, [&](const Extents& each) { return dims_of(each) == dims_of(classes.front()); });
    if (classes.size() > 1 && same) {
        if (classes.size() > most_classes) {
            throw Failure(usage, fmt::format("error: {} {} are too many classes\nhelp: at most {} are tuned together\n",
                                             classes.size(), option, most_classes));
        }
        for (auto at = classes.begin(); at != classes.end(); ++at) {
            if (std::find(classes.begin(), at, *at) != at) {
                throw Failure(usage,
                              fmt::format("error: {0} gives `{1}` twice\nhelp: each {0} is a class of its own when all "
                                          "name the same dims\n",
                                          option, text_of(*at)));
            }
        }
        return classes;
    }
    Extents all;
    for (const Extents& each : classes) {
        for (const auto& [dim, extent] : each) {
            if (!all.emplace(dim, extent).second) {
                const auto& other =
                    *std::ranges::find_if(classes, [&, name = dim](const Extents& one) { return one.contains(name); });
                throw Failure(usage, fmt::format("error: {} gives `{}` and `{}`, which name different dims\n"
                                                 "help: several classes of sizes each name the same dims\n",
                                                 option, text_of(other), text_of(each)));
            }
        }
    }
    return {all};
}

Regions regions_of_classes(const Work& work, const std::vector<Extents>& classes,
                           const std::vector<std::size_t>& groups) {
    std::vector<std::string> dims;
    for (const std::string& dim : free_dims(work)) {
        const auto is_other = [&](const Extents& each) { return each.at(dim) != classes.front().at(dim); };
        if (std::ranges::any_of(classes, is_other)) {
            dims.push_back(dim);
        }
    }
    std::vector<tune::Shape> shapes;
    for (std::size_t i = 0; i < classes.size(); ++i) {
        tune::Shape shape;
        for (const std::string& dim : dims) {
            shape.extents.push_back(classes[i].at(dim));
        }
        shape.group = groups[i];
        shape.operations = estimate(work.kernel, classes[i]).flops;
        shapes.push_back(std::move(shape));
    }
    Regions result;
    result.dims = dims;
    result.regions = tune::regions_of(shapes);
    std::vector<bool> told(shapes.size());
    for (const tune::Region& region : result.regions) {
        result.whens.push_back(condition_of(region, dims));
        if (region.bounds.empty()) {
            result.names.emplace_back("common");
            continue;
        }
        // Called for the first of its shapes, in the dims that it is chosen by.
        std::string name;
        for (std::size_t i = 0; i < shapes.size() && name.empty(); ++i) {
            const auto holds = [&](const tune::Bound& bound) {
                return (shapes[i].extents[bound.dim] < bound.bound) == bound.below;
            };
            if (!told[i] && shapes[i].group == region.group && std::ranges::all_of(region.bounds, holds)) {
                told[i] = true;
                std::vector<std::size_t> named;
                for (const tune::Bound& bound : region.bounds) {
                    if (std::ranges::find(named, bound.dim) == named.end()) {
                        named.push_back(bound.dim);
                        name += fmt::format("{}{}{}", name.empty() ? "" : "_", dims[bound.dim],
                                            shapes[i].extents[bound.dim]);
                    }
                }
            }
        }
        while (std::ranges::find(result.names, name) != result.names.end()) {
            name += "_more";
        }
        result.names.push_back(name);
    }
    return result;
}

} // namespace coulter::cli
