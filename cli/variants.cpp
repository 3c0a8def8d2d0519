#include "variants.hpp"

#include <algorithm>
#include <fmt/core.h>

namespace coulter::cli {

const schedule::Variant* variant_for(const Work& work, const std::map<std::string, std::int64_t>& extents,
                                     const Tensors& tensors, const std::string& processor) {
    for (const schedule::Variant& variant : work.variants) {
        const schedule::Condition& when = variant.when;
        // As in the runtime, a condition without a value does not hold.
        if ((!when.extents || evaluate(when.extents, extents).value_or(0) != 0) && (!when.compact || tensors.compact) &&
            tensors.alignment % std::max<std::int64_t>(when.alignment, 1) == 0 &&
            (when.target.empty() || schedule::target_matches(when.target, processor))) {
            return &variant;
        }
    }
    return nullptr;
}

std::set<std::string> parts_at(const Work& work, const std::map<std::string, std::int64_t>& extents) {
    std::set<std::string> parts;
    for (const Tensors& tensors : {Tensors{}, Tensors{false, 1}}) {
        parts.insert(part_name(variant_for(work, extents, tensors)));
    }
    return parts;
}

std::string part_name(const schedule::Variant* variant) {
    return variant == nullptr ? "common" : variant->name;
}

std::vector<std::string> part_names(const Work& work) {
    std::vector<std::string> names;
    for (const schedule::Variant& variant : work.variants) {
        names.push_back(variant.name);
    }
    names.emplace_back("common");
    return names;
}

const schedule::Plan& plan_of_part(const Work& work, const std::string& name) {
    const auto at = std::ranges::find(work.variants, name, &schedule::Variant::name);
    if (at != work.variants.end()) {
        return at->plan;
    }
    if (name != "common") {
        const std::vector<std::string> names = part_names(work);
        const std::string close = closest_match(name, names);
        throw Failure(usage,
                      fmt::format("error: the schedule of `{}` has no variant `{}`\nhelp: {}there are {}\n",
                                  work.kernel.name, name,
                                  close.empty() ? "" : fmt::format("did you mean `{}`? ", close), quoted_list(names)));
    }
    return work.plan;
}

std::string coverage(const Work& work, const std::string& processor) {
    if (work.variants.empty()) {
        return {};
    }
    std::string text = fmt::format("note: {}: ", work.kernel.name);
    for (const schedule::Variant& variant : work.variants) {
        text += fmt::format("`{}` when {}, else ", variant.name, variant.when.text);
    }
    text += "the common part";
    const auto extents = resolve_extents(work.kernel, work.sizes, work.kernel.estimates);
    if (extents.size() == work.kernel.dims.size()) {
        const schedule::Variant* const variant = variant_for(work, extents, {}, processor);
        text += "; at the estimates: " +
                (variant == nullptr ? std::string("the common part") : fmt::format("`{}`", variant->name));
    }
    return text + '\n';
}

} // namespace coulter::cli
