#include "describe.hpp"

#include <algorithm>
#include <cmath>
#include <fmt/core.h>

namespace coulter::cli {
namespace {

std::string tensor(const ir::Kernel& kernel, const std::string& name, Type type, const std::vector<std::string>& dims) {
    std::string list;
    for (const std::string& dim : dims) {
        const ir::Dim* const declared = kernel.find_dim(dim);
        list += fmt::format("{}{}{}", list.empty() ? "" : ", ", dim,
                            declared->size ? fmt::format(" = {}", *declared->size) : "");
    }
    return fmt::format("{}: {}{}", name, coulter::name(type), dims.empty() ? "" : "[" + list + "]");
}

} // namespace

std::string signature(const ir::Kernel& kernel) {
    std::string inputs;
    for (const ir::Input& input : kernel.inputs) {
        inputs += (inputs.empty() ? "" : ", ") + tensor(kernel, input.name, input.type, input.dims) +
                  (input.frozen ? " frozen" : "");
    }
    std::string outputs;
    for (const std::string& output : kernel.outputs) {
        outputs += (outputs.empty() ? "" : ", ") +
                   tensor(kernel, output, kernel.types_of(output).front(), kernel.dims_of(output));
    }
    return fmt::format("{}({}) -> {}", kernel.name, inputs, outputs);
}

std::string schedule_in_force(const ir::Kernel& kernel, const schedule::Plan& plan) {
    std::string text = plan.schedule_text.empty() ? fmt::format("schedule {}\n", kernel.name) : plan.schedule_text;
    if (!plan.completion_text.empty()) {
        text += "# completed by the default schedule\n" + plan.completion_text;
    }
    return text;
}

std::string schedule_in_force(const Work& work) {
    return of_all_parts(work, [&](const schedule::Plan& plan) { return schedule_in_force(work.kernel, plan); });
}

std::string of_all_parts(const Work& work, const std::function<std::string(const schedule::Plan&)>& text) {
    if (work.variants.empty()) {
        return text(work.plan);
    }
    std::string all;
    for (const schedule::Variant& variant : work.variants) {
        all += fmt::format("# variant {} when {}\n{}", variant.name, variant.when.text, text(variant.plan));
    }
    return all + "# common\n" + text(work.plan);
}

std::string time_text(double seconds) {
    return seconds < 1e-6   ? fmt::format("{:.1f} ns", seconds * 1e9)
           : seconds < 1e-3 ? fmt::format("{:.2f} us", seconds * 1e6)
           : seconds < 1    ? fmt::format("{:.3f} ms", seconds * 1e3)
                            : fmt::format("{:.3f} s", seconds);
}

std::string with_prefix(double value) {
    constexpr const char* prefixes[] = {"", " k", " M", " G", " T", " P"};
    std::size_t prefix = 0;
    while (std::abs(value) >= 999.5 && prefix + 1 < std::size(prefixes)) {
        value /= 1000;
        ++prefix;
    }
    return prefix == 0 && value == std::floor(value) ? fmt::format("{:.0f}", value)
                                                     : fmt::format("{:.3g}{}", value, prefixes[prefix]);
}

std::string table(const std::vector<std::vector<std::string>>& rows, const std::vector<bool>& right) {
    std::vector<std::size_t> widths(right.size());
    for (const auto& row : rows) {
        for (std::size_t i = 0; i < row.size(); ++i) {
            widths[i] = std::max(widths[i], row[i].size());
        }
    }
    std::string text;
    for (const auto& row : rows) {
        std::string line;
        for (std::size_t i = 0; i < row.size(); ++i) {
            line += i == 0 ? "" : "  ";
            line += right[i] ? fmt::format("{:>{}}", row[i], widths[i]) : fmt::format("{:<{}}", row[i], widths[i]);
        }
        line.erase(line.find_last_not_of(' ') + 1);
        text += line + '\n';
    }
    return text;
}

} // namespace coulter::cli
