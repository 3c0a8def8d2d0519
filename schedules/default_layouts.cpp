#include "default_layouts.hpp"

#include "default_ordered.hpp"
#include "default_tile.hpp"

#include <algorithm>

namespace coulter::schedule {
namespace {

/// Stages that write to memory of their own, in an order that is ours to choose.
std::set<std::string> open_stages(const Analysis& analysis) {
    std::set<std::string> open;
    for (const ir::Definition& stage : analysis.kernel().definitions) {
        if (!analysis.kernel().is_output(stage.name) && !analysis.is_scheduled(stage.name) &&
            !analysis.is_inlined(stage.name) && !Analysis::is_packed(stage) && stage.dims.size() > 1) {
            open.insert(stage.name);
        }
    }
    return open;
}

} // namespace

bool reads_by_name(const Analysis& analysis, const std::string& reader, const std::string& tensor,
                   const std::vector<std::string>& dims) {
    const auto binds = [&](const ir::Ref& access) {
        return access->name == tensor && std::any_of(dims.begin(), dims.end(), [&](const std::string& dim) {
                   return std::find(access->dims.begin(), access->dims.end(), dim) != access->dims.end();
               });
    };
    const std::vector<ir::Ref>& reads = analysis.reads(reader);
    const std::vector<ir::Ref>& beside = analysis.beside(reader);
    return std::none_of(reads.begin(), reads.end(), binds) && std::none_of(beside.begin(), beside.end(), binds);
}

bool can_write_out(const Analysis& analysis, const ir::Definition& reader, const ir::Definition& reduction) {
    const bool is_reduction = reduction.reduction && !is_ordered(reduction);
    const bool is_map = !reader.reduction && !reader.scan && !analysis.is_scheduled(reader.name);
    const bool same_dims = reader.dims.size() == reduction.dims.size() &&
                           std::is_permutation(reader.dims.begin(), reader.dims.end(), reduction.dims.begin());
    return is_reduction && is_map && same_dims && reads_by_name(analysis, reader.name, reduction.name, reduction.dims);
}

const ir::Definition* writer_of(const Analysis& analysis, const ir::Definition& reduction) {
    if (!reduction.reduction || analysis.kernel().is_output(reduction.name)) {
        return nullptr;
    }
    if (const std::string steps = analysis.stepping(reduction.name); !steps.empty()) {
        return analysis.kernel().find_definition(steps);
    }
    const std::vector<std::string> readers = analysis.readers(reduction.name);
    if (readers.size() != 1) {
        return nullptr;
    }
    const ir::Definition& reader = *analysis.kernel().find_definition(readers.front());
    return can_write_out(analysis, reader, reduction) ? &reader : nullptr;
}

namespace {

/// What stays in registers has the layout of the tensor that it is written to.
void take_over(Analysis& analysis) {
    for (const ir::Definition& stage : analysis.kernel().definitions) {
        const ir::Definition* writer = writer_of(analysis, stage);
        if (writer != nullptr) {
            analysis.set_layout(stage.name, analysis.layout(writer->name));
        }
    }
}

/// What vectors along each dim of each tensor save in those that load and store it, in cycles.
using Weights = std::map<std::string, std::map<std::string, double>>;

void weigh_reads(const Analysis& analysis, const ir::Definition& stage, const VectorChoice& vector, Weights& weights) {
    const double weight = analysis.points(ir::loop_dims(stage)) * vector.margin;
    for (const ir::Ref& access : analysis.reads(stage.name)) {
        for (const std::string& dim : analysis.kernel().dims_of(access->name)) {
            if (index_step(analysis.kernel(), ir::index_of(*access, dim), vector.dim) == 1) {
                weights[access->name][dim] += weight;
            }
        }
    }
}

void weigh(const Analysis& analysis, const ir::Definition& stage, const VectorChoice& vector, Weights& weights) {
    weigh_reads(analysis, stage, vector, weights);
    const ir::Definition* writer = writer_of(analysis, stage);
    const ir::Definition& stored = writer != nullptr ? *writer : stage;
    if (!vector.reduced) {
        weights[stored.name][vector.dim] += analysis.points(ir::loop_dims(stage)) * vector.margin;
    }
    if (writer != nullptr && !vector.reduced) {
        weigh_reads(analysis, *writer, vector, weights);
    }
}

/// The dims of a tensor with the one of most weight innermost; as declared where none has any.
std::vector<std::string> heaviest_innermost(std::vector<std::string> dims, std::map<std::string, double>& weights) {
    auto best = dims.end();
    double most = 0;
    for (auto dim = dims.begin(); dim != dims.end(); ++dim) {
        if (weights[*dim] > 0 && weights[*dim] >= most) { // among equals the innermost stays where it is
            most = weights[*dim];
            best = dim;
        }
    }
    if (best != dims.end()) {
        std::rotate(best, best + 1, dims.end());
    }
    return dims;
}

/// The order in which the reader of a copy goes through it: what a tile has one index of outermost, so that the tile
/// reads what lies together.
std::vector<std::string> in_panels(const Analysis& analysis, const std::string& copy, std::vector<std::string> dims) {
    const std::vector<std::string> readers = analysis.readers(copy);
    if (!dims.empty() && readers.size() == 1) {
        const std::vector<std::string>& own = analysis.kernel().find_definition(readers.front())->dims;
        std::stable_partition(dims.begin(), dims.end() - 1, [&](const std::string& dim) {
            return std::find(own.begin(), own.end(), dim) != own.end();
        });
    }
    return dims;
}

} // namespace

void choose_layouts(Analysis& analysis) {
    const ir::Kernel& kernel = analysis.kernel();
    std::set<std::string> open = open_stages(analysis);
    std::set<std::string> writers; // their loops are those of the reduction that they write out
    for (const ir::Definition& stage : kernel.definitions) {
        // What stays in registers is written where its writer stands.
        const ir::Definition* writer = writer_of(analysis, stage);
        if (writer != nullptr) {
            writers.insert(writer->name);
        }
        if (writer != nullptr && kernel.is_output(writer->name)) {
            analysis.set_layout(stage.name, writer->dims);
            open.erase(stage.name);
        }
    }
    // Lanes over the outermost dim of the results would tie the iterations together that are to be tasks.
    Region region(analysis);
    for (const std::string& output : kernel.outputs) {
        const std::vector<std::string>& dims = kernel.dims_of(output);
        if (dims.size() > 1) {
            region.limit(dims.front(), 1);
        }
    }
    for (const bool first : {true, false}) {
        Weights weights;
        for (const ir::Definition& stage : kernel.definitions) {
            if (analysis.is_inlined(stage.name) || analysis.is_scheduled(stage.name) || stage.scan ||
                writers.count(stage.name) != 0) {
                continue;
            }
            analysis.set_open(first ? open : std::set<std::string>{stage.name});
            const VectorChoice vector = choose_vector(analysis, stage, region);
            if (!vector.dim.empty()) {
                weigh(analysis, stage, vector, weights);
            }
        }
        for (const std::string& name : open) {
            if (const auto innermost = analysis.decided("innermost", name, kernel.dims_of(name))) {
                weights[name] = {{*innermost, 1}};
            } else if (analysis.lanes_everywhere()) {
                const std::vector<std::string>& dims = kernel.dims_of(name);
                if (std::find(dims.begin(), dims.end(), *analysis.lanes_everywhere()) != dims.end()) {
                    weights[name] = {{*analysis.lanes_everywhere(), 1}};
                }
            }
            const std::vector<std::string> dims = heaviest_innermost(kernel.dims_of(name), weights[name]);
            analysis.set_layout(name, analysis.is_transposed(name) ? in_panels(analysis, name, dims) : dims);
        }
        take_over(analysis);
    }
    analysis.set_open({});
}

} // namespace coulter::schedule
