#include "arguments.hpp"

#include <algorithm>

namespace coulter::cli {

Arguments::Arguments(const ir::Kernel& kernel, const std::map<std::string, std::int64_t>& extents,
                     std::map<std::string, Array> inputs)
    : values_(std::move(inputs)) {
    for (const ir::Input& input : kernel.inputs) {
        Array& values = values_.at(input.name);
        if (input.dims.empty()) {
            pointers_.push_back(values.data.data());
            continue;
        }
        auto& tensor = inputs_[input.name];
        tensor = std::make_unique<Tensor>(input.type, values.shape, Layout::compact);
        tensor->fill(values);
        pointers_.push_back(tensor->dl());
    }
    for (const std::string& output : kernel.outputs) {
        auto& tensor = outputs_[output];
        tensor = std::make_unique<Tensor>(kernel.types_of(output).front(), shape_of(kernel, output, extents),
                                          Layout::compact);
        pointers_.push_back(tensor->dl());
    }
}

std::string Arguments::overwritten() const {
    for (const auto* const tensors : {&inputs_, &outputs_}) {
        for (const auto& [name, tensor] : *tensors) {
            if (!tensor->margins_intact()) {
                return name;
            }
        }
    }
    return {};
}

Tensors Arguments::condition() const {
    Tensors all;
    for (const auto* const tensors : {&inputs_, &outputs_}) {
        for (const auto& [name, tensor] : *tensors) {
            all.alignment = std::min(all.alignment, tensor->condition().alignment);
        }
    }
    return all;
}

} // namespace coulter::cli
