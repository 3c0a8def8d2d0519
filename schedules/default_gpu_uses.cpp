#include "default_gpu_uses.hpp"

#include "default_ordered.hpp"

#include <algorithm>

namespace coulter::schedule {
namespace {

/// Of several reads, what all of them bind by name.
using Reads = std::map<std::string, std::set<std::string>>;

void meet(Reads& reads, const std::string& name, const std::set<std::string>& dims) {
    const auto [at, fresh] = reads.emplace(name, dims);
    if (!fresh) {
        std::erase_if(at->second, [&](const std::string& dim) { return dims.count(dim) == 0; });
    }
}

Reads direct_reads(const ir::Kernel& kernel, const ir::Definition& reader) {
    Reads reads;
    for (const ir::Node* node : ir::postorder(ir::roots(reader))) {
        if (node->kind != ir::Kind::access || kernel.find_definition(node->name) == nullptr) {
            continue;
        }
        std::set<std::string> dims;
        for (const std::string& dim : kernel.dims_of(node->name)) {
            if (std::find(node->dims.begin(), node->dims.end(), dim) == node->dims.end()) {
                dims.insert(dim);
            }
        }
        meet(reads, node->name, dims);
    }
    return reads;
}

} // namespace

NamedUses named_uses(const Analysis& analysis) {
    const ir::Kernel& kernel = analysis.kernel();
    std::map<std::string, Reads> readers; // by the stage that is read
    // Consumers first, so that the readers of an inlined one are known.
    for (auto at = kernel.definitions.rbegin(); at != kernel.definitions.rend(); ++at) {
        for (const auto& [read, dims] : direct_reads(kernel, *at)) {
            if (!analysis.is_inlined(at->name)) {
                meet(readers[read], at->name, dims);
                continue;
            }
            for (const auto& [reader, own] : readers[at->name]) {
                std::set<std::string> both;
                std::set_intersection(dims.begin(), dims.end(), own.begin(), own.end(),
                                      std::inserter(both, both.end()));
                meet(readers[read], reader, both);
            }
        }
    }
    NamedUses uses;
    for (const ir::Definition& each : kernel.definitions) {
        for (const auto& [reader, dims] : readers[each.name]) {
            uses[each.name].push_back({reader, dims});
        }
    }
    return uses;
}

bool is_read_by(const NamedUses& uses, const ir::Definition& stage, const std::set<std::string>& names) {
    const auto found = uses.find(stage.name);
    return found != uses.end() && std::all_of(found->second.begin(), found->second.end(), [&](const NamedUse& use) {
               return names.count(use.reader) != 0 && use.dims.size() == stage.dims.size();
           });
}

bool is_read_at_one(const Analysis& analysis, const ir::Definition& stage, const std::string& dim) {
    const ir::Kernel& kernel = analysis.kernel();
    std::vector<std::pair<std::string, std::string>> open{{stage.name, dim}}; // stages and dims of theirs
    std::set<std::pair<std::string, std::string>> seen(open.begin(), open.end());
    while (!open.empty()) {
        const auto [name, along] = open.back();
        open.pop_back();
        if (kernel.is_output(name)) {
            continue;
        }
        for (const std::string& reader : analysis.readers(name)) {
            const std::vector<std::string>& own = kernel.find_definition(reader)->dims;
            for (const ir::Ref& access : analysis.reads(reader)) {
                if (access->name != name) {
                    continue;
                }
                const ir::Ref index = ir::index_of(*access, along);
                const std::vector<std::string> dims = ir::free_dims(kernel, {index});
                if (std::all_of(dims.begin(), dims.end(),
                                [&](const std::string& each) { return analysis.constant(each) == 1; })) {
                    return true;
                }
                const bool by_name =
                    index->kind == ir::Kind::dim && std::find(own.begin(), own.end(), index->name) != own.end();
                if (by_name && seen.emplace(reader, index->name).second) {
                    open.emplace_back(reader, index->name);
                }
            }
        }
    }
    return false;
}

bool can_be_inside(const Analysis& analysis, const ir::Definition& stage) {
    if (!stage.reduction || !stage.reduction->where) {
        return true;
    }
    std::vector<ir::Ref> parts{stage.reduction->where};
    for (std::size_t i = 0; i < parts.size(); ++i) {
        const ir::Ref part = parts[i];
        // Of alternatives Halide may find that only one is left.
        if (part->op == ir::Op::logical_and || part->op == ir::Op::logical_or || part->op == ir::Op::logical_not) {
            parts.insert(parts.end(), part->args.begin(), part->args.end());
            continue;
        }
        const std::vector<std::string> dims = ir::free_dims(analysis.kernel(), {part});
        const bool selects = std::any_of(dims.begin(), dims.end(), [&](const std::string& dim) {
            const std::vector<std::string>& reduced = stage.reduction->dims;
            return std::find(reduced.begin(), reduced.end(), dim) != reduced.end() && analysis.constant(dim) != 1;
        });
        if (!selects) {
            return false;
        }
    }
    return true;
}

std::string host_reason(const Analysis& analysis, const ir::Definition& stage) {
    if (is_ordered(stage) && free_dims_of(stage).empty()) {
        return stage.scan ? "a scan runs in order" : "a scatter runs in order";
    }
    if (!analysis.is_on_device(stage)) {
        return "computes with a type that devices lack";
    }
    if (Analysis::is_packed(stage)) {
        return "packed by the processor";
    }
    if (stage.dims.empty()) {
        return "one value is no work for a device";
    }
    return {};
}

} // namespace coulter::schedule
