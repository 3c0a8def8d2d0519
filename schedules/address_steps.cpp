#include "address_steps.hpp"

#include "default_analysis.hpp"

#include "coulter/schedule/memory_order.hpp"

#include <algorithm>

namespace coulter::schedule::detail {
namespace {

constexpr int most_inlined = 2000; ///< expressions that are followed into one stage

/// The sum of products of two steps, where both are known.
void add_product(std::map<std::string, IndexStep>& to, const std::map<std::string, IndexStep>& from, IndexStep factor) {
    for (const auto& [dim, step] : from) {
        IndexStep& sum = to.emplace(dim, 0.0).first->second;
        sum = sum && step && factor ? IndexStep(*sum + *step * *factor) : std::nullopt;
    }
}

} // namespace

const StageCode& AddressSteps::code(const ir::Definition& stage) {
    const auto [at, is_new] = codes_.emplace(stage.name, StageCode{});
    if (is_new) {
        IndexSteps own;
        for (const std::string& dim : ir::loop_dims(stage)) {
            own[dim] = {{dim, 1.0}};
        }
        int left = most_inlined;
        collect(stage, own, at->second, left);
    }
    return at->second;
}

void AddressSteps::collect(const ir::Definition& reader, const IndexSteps& bound, StageCode& code, int& left) const {
    code.operations += expression_cost(ir::roots(reader));
    for (const ir::Node* node : ir::postorder(ir::roots(reader))) {
        if (node->kind != ir::Kind::access || node->name == reader.name || --left < 0) {
            continue;
        }
        StageRead read{node->name, node->type, &reader, node, {}};
        for (const std::string& dim : plan_.kernel.dims_of(node->name)) {
            const ir::Ref index = ir::index_of(*node, dim);
            for (const std::string& own : ir::loop_dims(reader)) {
                const std::optional<std::int64_t> step = index_step(plan_.kernel, index, own);
                if (step != 0) {
                    add_product(read.steps[dim], bound.at(own),
                                step ? IndexStep(static_cast<double>(*step)) : std::nullopt);
                }
            }
        }
        const ir::Definition* const made = plan_.kernel.find_definition(node->name);
        if (made != nullptr && regions_.plan_of(made->name).inlined) {
            for (const std::string& dim : made->dims) {
                read.steps.emplace(dim, std::map<std::string, IndexStep>{});
            }
            collect(*made, read.steps, code, left);
        } else if (std::find(code.reads.begin(), code.reads.end(), read) == code.reads.end()) {
            code.reads.push_back(std::move(read));
        }
    }
}

std::vector<std::string> AddressSteps::order(const std::string& tensor) const {
    const ir::Definition* const made = plan_.kernel.find_definition(tensor);
    return made == nullptr ? plan_.kernel.dims_of(tensor) : memory_order(plan_.kernel, *made, regions_.plan_of(tensor));
}

IndexStep AddressSteps::along(const std::string& tensor, const std::map<std::string, IndexStep>& dims) const {
    const std::vector<std::string> all = order(tensor);
    double size = 1;
    double total = 0;
    for (auto dim = all.rbegin(); dim != all.rend(); ++dim) {
        if (const auto step = dims.find(*dim); step != dims.end()) {
            if (!step->second) {
                return std::nullopt;
            }
            total += *step->second * size;
        }
        size *= static_cast<double>(extents_.at(*dim));
    }
    return total;
}

IndexStep AddressSteps::of_read(const ir::Definition& stage, const StageRead& read, const Place& loop) {
    std::map<std::string, IndexStep> dims;
    for (const auto& [dim, steps] : read.steps) {
        IndexStep& total = dims[dim] = 0.0;
        for (const auto& [own, step] : steps) {
            const double moved = dim_step(stage.name, own, loop);
            if (moved != 0) {
                total = total && step ? IndexStep(*total + *step * moved) : std::nullopt;
            }
        }
    }
    return along(read.tensor, dims);
}

IndexStep AddressSteps::of_write(const ir::Definition& stage, const Place& loop) {
    std::map<std::string, IndexStep> dims;
    for (const std::string& dim : stage.dims) {
        dims[dim] = dim_step(stage.name, dim, loop);
    }
    return along(stage.name, dims);
}

/// How many indices of its dim a stage moves on with one iteration of a loop of its own, or of a stage around it.
double AddressSteps::dim_step(const std::string& stage, const std::string& dim, const Place& loop) {
    const auto [owner, init] = regions_.owner(loop);
    if (owner == stage) {
        double total = 0;
        for (const Component& component : regions_.nest(owner, init).find(loop.loop)->components) {
            total += component.dim == dim ? static_cast<double>(component.stride) : 0;
        }
        return total;
    }
    const Place& place = regions_.plan_of(stage).compute;
    if (place.is_root()) {
        return 0;
    }
    const std::string host = regions_.owner(place).first;
    const StageRanges& ranges = regions_.inside(place);
    const auto mine = ranges.find(stage);
    if (mine == ranges.end() || mine->second.count(dim) == 0) {
        return 0;
    }
    double total = 0;
    for (const auto& [base, start] : mine->second.at(dim).base) {
        // Both count tiles of the host's dim.
        const auto& of_host = ranges.at(host);
        const auto range = of_host.find(base);
        const auto grain = static_cast<double>(range == of_host.end() || range->second.base.count(base) == 0
                                                   ? 1
                                                   : range->second.base.at(base).coefficient);
        total += static_cast<double>(start.coefficient) / grain * dim_step(host, base, loop);
    }
    return total;
}

} // namespace coulter::schedule::detail
