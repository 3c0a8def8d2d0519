#include "default_analysis.hpp"

#include "coulter/sizes.hpp"
#include "rewrite_common.hpp"

#include <algorithm>
#include <unordered_map>
#include <unordered_set>

namespace coulter::schedule {
namespace {

/// Whether a device has all types that a definition computes with. bf16 is not built for devices, and f16 is an option
/// of OpenCL devices.
bool has_types(Device device, const ir::Definition& definition) {
    const auto lacks = [&](Type type) { return type == Type::bf16 || (type == Type::f16 && device == Device::opencl); };
    const std::vector<const ir::Node*> nodes = ir::postorder(ir::roots(definition));
    return std::none_of(definition.types.begin(), definition.types.end(), lacks) &&
           std::none_of(nodes.begin(), nodes.end(), [&](const ir::Node* node) { return lacks(node->type); });
}

constexpr double most_inlined_nodes = 200; ///< of one expression after inlining
/// The same where inlining repeats nothing.
constexpr double most_moved_nodes = 1000;

double operation_cost(const ir::Node& node) {
    if (node.type == Type::index && node.kind != ir::Kind::access) {
        return 0.25;
    }
    switch (node.kind) {
    case ir::Kind::access:
    case ir::Kind::select:
    case ir::Kind::unary: return 1;
    case ir::Kind::binary: return node.op == ir::Op::div || node.op == ir::Op::mod ? 6 : 1;
    case ir::Kind::cast: return 0.5;
    case ir::Kind::call:
        switch (node.op) {
        case ir::Op::abs:
        case ir::Op::floor:
        case ir::Op::ceil:
        case ir::Op::round:
        case ir::Op::trunc:
        case ir::Op::fma:
        case ir::Op::is_nan:
        case ir::Op::is_inf:
        case ir::Op::is_finite: return 1;
        case ir::Op::sqrt: return 6;
        case ir::Op::stop_gradient: return 0;
        default: return 20;
        }
    default: return 0;
    }
}

} // namespace

double expression_cost(const std::vector<ir::Ref>& roots) {
    double total = 0;
    for (const ir::Node* node : ir::postorder(roots)) {
        total += operation_cost(*node);
    }
    return total;
}

namespace {

std::vector<ir::Ref> expressions(const ir::Definition& definition) {
    std::vector<ir::Ref> all = definition.values;
    if (definition.reduction && definition.reduction->where) {
        all.push_back(definition.reduction->where);
    }
    if (definition.reduction) {
        for (const ir::Into& into : definition.reduction->into) {
            all.push_back(into.index);
        }
    }
    return all;
}

/// Accesses that differ, in order; at most 64, beyond which more of them decide nothing.
std::vector<ir::Ref> distinct_accesses(const std::vector<ir::Ref>& roots) {
    std::vector<ir::Ref> found;
    const auto add = [&](const ir::Ref& ref) {
        if (ref->kind == ir::Kind::access && found.size() < 64 &&
            std::none_of(found.begin(), found.end(), [&](const ir::Ref& other) { return ir::equal(other, ref); })) {
            found.push_back(ref);
        }
    };
    for (const ir::Node* node : ir::postorder(roots)) {
        for (const ir::Ref& arg : node->args) {
            add(arg);
        }
    }
    for (const ir::Ref& root : roots) {
        add(root);
    }
    return found;
}

/// Definitions that a single access reads, in a map over the same dims that writes no reduction out: the loops of such
/// a map are those of the reduction's tile.
std::set<std::string> read_in_one_place(const ir::Kernel& kernel,
                                        const std::map<std::string, std::vector<ir::Ref>>& accesses) {
    std::map<std::string, int> reads;
    std::set<std::string> found;
    for (const ir::Definition& reader : kernel.definitions) {
        const std::vector<ir::Ref>& own = accesses.at(reader.name);
        const bool is_map =
            !reader.reduction && !reader.scan && std::none_of(own.begin(), own.end(), [&](const ir::Ref& access) {
                const ir::Definition* read = kernel.find_definition(access->name);
                return read != nullptr && read->reduction && read->dims == reader.dims;
            });
        for (const ir::Ref& access : own) {
            const ir::Definition* read = kernel.find_definition(access->name);
            if (read == nullptr) {
                continue;
            }
            if (++reads[read->name] == 1 && is_map && access->dims.empty() && read->dims == reader.dims) {
                found.insert(read->name);
            } else {
                found.erase(read->name);
            }
        }
    }
    return found;
}

/// Whether a map is another one, which was made of several, by another name.
bool is_other_name(const ir::Kernel& kernel, const ir::Definition& map, const MadeStages& made) {
    return std::all_of(map.values.begin(), map.values.end(), [&](const ir::Ref& value) {
        return value->kind == ir::Kind::access && made.joined.contains(value->name) &&
               !kernel.find_definition(value->name)->reduction;
    });
}

} // namespace

std::vector<std::string> iterated_dims(const ir::Definition& definition) {
    std::vector<std::string> dims = ir::loop_dims(definition);
    if (definition.reduction) {
        for (const ir::Into& into : definition.reduction->into) {
            std::erase(dims, into.dim);
        }
    }
    return dims;
}

Analysis::Analysis(const ir::Kernel& kernel, const std::vector<std::string>& already, const DefaultOptions& options,
                   MadeStages made)
    : kernel_(kernel), options_(options), already_(already.begin(), already.end()), made_(std::move(made)) {
    find_extents();
    choose_inlined();
    expand();
    find_readers();
    decide_lanes();
}

void Analysis::find_extents() {
    std::vector<Diagnostic> diagnostics;
    const Sizes sizes = infer_sizes(kernel_, diagnostics);
    extents_ = resolve_extents(kernel_, sizes, options_.sizes);
    for (const ir::Dim& dim : kernel_.dims) {
        const auto given = options_.sizes.find(dim.name);
        const auto estimated = kernel_.estimates.find(dim.name);
        std::int64_t fallback = dim.size.value_or(unknown_extent);
        if (!dim.size && given != options_.sizes.end()) {
            fallback = given->second;
        } else if (!dim.size && estimated != kernel_.estimates.end()) {
            fallback = estimated->second;
        }
        std::int64_t& extent = extents_.emplace(dim.name, fallback).first->second;
        extent = std::max<std::int64_t>(extent, 1);
    }
}

std::optional<std::int64_t> Analysis::constant(const std::string& dim) const {
    return kernel_.find_dim(dim)->size;
}

double Analysis::points(const std::vector<std::string>& dims) const {
    double total = 1;
    for (const std::string& dim : dims) {
        total *= static_cast<double>(extent(dim));
    }
    return total;
}

bool Analysis::is_packed(const ir::Definition& definition) {
    return !definition.reduction && std::any_of(definition.dims.begin(), definition.dims.end(), [&](const auto& dim) {
        return dim.rfind(definition.name + ":", 0) == 0;
    });
}

bool Analysis::is_on_device(const ir::Definition& definition) const {
    return options_.device == Device::none || has_types(options_.device, definition);
}

void Analysis::choose_inlined() {
    // An upper bound: as if every map were inlined.
    std::map<std::string, double> costs;
    std::map<std::string, double> nodes;
    std::map<std::string, std::vector<ir::Ref>> accesses;
    for (const ir::Definition& definition : kernel_.definitions) {
        const std::vector<ir::Ref> roots = expressions(definition);
        double cost = expression_cost(roots);
        auto size = static_cast<double>(ir::postorder(roots).size());
        for (const ir::Ref& access : accesses[definition.name] = distinct_accesses(roots)) {
            const ir::Definition* producer = kernel_.find_definition(access->name);
            if (producer != nullptr && !producer->reduction && !producer->scan) {
                cost += costs.at(access->name);
                size += nodes.at(access->name);
            }
        }
        costs[definition.name] = std::min(cost, 1e9);
        nodes[definition.name] = std::min(size, 1e9);
    }
    const std::set<std::string> moved = read_in_one_place(kernel_, accesses);
    std::map<std::string, double> moved_nodes; // of a definition with those that are moved into it
    for (const ir::Definition& definition : kernel_.definitions) {
        double& size = moved_nodes[definition.name];
        size = static_cast<double>(ir::postorder(expressions(definition)).size());
        for (const ir::Ref& access : accesses.at(definition.name)) {
            size += moved.contains(access->name) ? moved_nodes.at(access->name) : 0;
        }
    }
    std::map<std::string, double> evaluations; // of every definition by its readers
    for (auto at = kernel_.definitions.rbegin(); at != kernel_.definitions.rend(); ++at) {
        const ir::Definition& definition = *at;
        const double own = points(definition.dims);
        const double reads_per_point = evaluations[definition.name] / own;
        const double cost = costs.at(definition.name);
        const bool is_map = !definition.reduction && !definition.scan && !is_packed(definition) &&
                            !is_held(definition.name) && !made_.joined.contains(definition.name) &&
                            !is_transposed(definition.name);
        const bool small = nodes.at(definition.name) <= most_inlined_nodes ||
                           (moved.contains(definition.name) && moved_nodes.at(definition.name) <= most_moved_nodes);
        // A stored map costs a store and a load per read besides; half again where it is hardly worth storing. On a
        // device operations are cheaper, and a stage less is a launch less.
        if (is_map && small && !kernel_.is_output(definition.name) && !is_scheduled(definition.name) &&
            is_on_device(definition)) {
            const bool is_cheap = options_.device == Device::none
                                      ? cost * reads_per_point <= 1.5 * (cost + 1 + reads_per_point)
                                      : cost * (reads_per_point - 1) <= options_.device_model.stored_operations;
            const auto kept = decided("keep", definition.name, {"inline", "stored"});
            if (kept ? *kept == "inline" : is_cheap || is_other_name(kernel_, definition, made_)) {
                inlined_.insert(definition.name);
            }
        }
        const double runs =
            is_inlined(definition.name) ? evaluations[definition.name] : points(iterated_dims(definition));
        for (const ir::Ref& access : accesses.at(definition.name)) {
            evaluations[access->name] += runs;
        }
    }
}

std::vector<std::string> Analysis::common_dims() const {
    std::vector<std::string> common;
    for (const ir::Dim& dim : kernel_.dims) {
        const auto stages =
            std::count_if(kernel_.definitions.begin(), kernel_.definitions.end(), [&](const ir::Definition& each) {
                return std::find(each.dims.begin(), each.dims.end(), dim.name) != each.dims.end();
            });
        if (kernel_.definitions.size() > 1 && extent(dim.name) > 1 &&
            2 * stages > static_cast<std::ptrdiff_t>(kernel_.definitions.size())) {
            common.push_back(dim.name);
        }
    }
    return common;
}

void Analysis::decide_lanes() {
    std::vector<std::string> words = common_dims();
    if (!words.empty()) {
        if (!is_for_device()) { // where nothing but a search asks for the same lanes
            words.emplace_back(own_lanes);
        }
        lanes_everywhere_ = decided("lanes", "*", words);
        if (lanes_everywhere_ == own_lanes) {
            lanes_everywhere_.reset();
        }
    }
}

void Analysis::expand() {
    for (const ir::Definition& definition : kernel_.definitions) {
        ir::RewriteMemo memo;
        const auto visit = [&](const ir::Node& node, const std::vector<ir::Ref>& args) -> ir::Ref {
            if (node.kind != ir::Kind::access || !is_inlined(node.name)) {
                return nullptr;
            }
            std::map<std::string, ir::Ref> indices;
            for (std::size_t i = 0; i < node.dims.size(); ++i) {
                indices[node.dims[i]] = args[i];
            }
            return detail::substitute_dims(kernel_, expanded_.at(node.name)[static_cast<std::size_t>(node.component)],
                                           indices);
        };
        const std::vector<ir::Ref> roots = expressions(definition);
        std::vector<ir::Ref>& result = expanded_[definition.name];
        for (const ir::Ref& root : roots) {
            result.push_back(ir::rewrite(root, visit, memo));
        }
        reads_[definition.name] = distinct_accesses(result);
        expand_beside(definition);
    }
}

void Analysis::expand_beside(const ir::Definition& definition) {
    std::vector<ir::Ref> found;
    for (const ir::Ref& access : distinct_accesses(expressions(definition))) {
        if (!is_inlined(access->name)) {
            continue;
        }
        std::map<std::string, ir::Ref> indices;
        for (std::size_t i = 0; i < access->dims.size(); ++i) {
            indices[access->dims[i]] = access->args[i];
        }
        const auto add = [&](const std::vector<ir::Ref>& accesses) {
            for (const ir::Ref& each : accesses) {
                found.push_back(detail::substitute_dims(kernel_, each, indices));
            }
        };
        add(beside_.at(access->name));
        if (kernel_.find_definition(access->name)->types.size() > 1) {
            add(reads_.at(access->name));
        }
    }
    beside_[definition.name] = distinct_accesses(found);
}

const std::vector<std::string>& Analysis::readers(const std::string& tensor) const {
    static const std::vector<std::string> none;
    const auto found = readers_.find(tensor);
    return found == readers_.end() ? none : found->second;
}

void Analysis::find_readers() {
    for (const ir::Definition& definition : kernel_.definitions) {
        if (is_inlined(definition.name)) {
            continue;
        }
        for (const std::vector<ir::Ref>* accesses : {&reads(definition.name), &beside(definition.name)}) {
            for (const ir::Ref& access : *accesses) {
                std::vector<std::string>& of_tensor = readers_[access->name];
                if (of_tensor.empty() || of_tensor.back() != definition.name) {
                    of_tensor.push_back(definition.name);
                }
            }
        }
    }
}

bool Analysis::is_constant(const std::string& tensor) const {
    const ir::Input* input = kernel_.find_input(tensor);
    return kernel_.find_const(tensor) != nullptr || (input != nullptr && input->frozen);
}

double Analysis::cost(const std::string& stage) const {
    return expression_cost(expanded(stage)) + 1;
}

double Analysis::operations(const std::string& stage) const {
    const auto [found, is_new] = operations_.try_emplace(stage, 1);
    if (!is_new) {
        return found->second;
    }
    double total = 1;
    std::unordered_set<const ir::Node*> indices; // and what is asked about indices alone
    for (const ir::Node* node : ir::postorder(expanded(stage))) {
        if (node->kind == ir::Kind::access) {
            continue;
        }
        const bool is_about_indices = (node->type == Type::index || node->type == Type::boolean) &&
                                      std::all_of(node->args.begin(), node->args.end(),
                                                  [&](const ir::Ref& arg) { return indices.contains(arg.get()); });
        if (is_about_indices) {
            indices.insert(node);
        } else {
            total += operation_cost(*node);
        }
    }
    found->second = total;
    return total;
}

std::int64_t Analysis::lanes(const std::string& stage) const {
    const auto [found, is_new] = lanes_.try_emplace(stage, 1);
    if (!is_new) {
        return found->second;
    }
    int widest = 1;
    for (const Type type : kernel_.find_definition(stage)->types) {
        widest = std::max(widest, bytes(type));
    }
    for (const ir::Node* node : ir::postorder(expanded(stage))) {
        if (node->type != Type::index) {
            widest = std::max(widest, bytes(node->type));
        }
    }
    found->second = std::max(1, options_.vector_bytes / widest);
    return found->second;
}

const std::vector<std::string>& Analysis::layout(const std::string& tensor) const {
    const auto chosen = layouts_.find(tensor);
    return chosen == layouts_.end() ? kernel_.dims_of(tensor) : chosen->second;
}

bool Analysis::is_innermost(const std::string& tensor, const std::string& dim) const {
    const std::vector<std::string>& dims = layout(tensor);
    return open_.count(tensor) != 0 || (!dims.empty() && dims.back() == dim);
}

const std::vector<std::optional<std::int64_t>>& Analysis::steps(const ir::Node& access, const std::string& dim) const {
    const auto [found, is_new] = steps_.try_emplace({&access, dim});
    if (is_new) {
        for (const std::string& own : kernel_.dims_of(access.name)) {
            const auto bound = std::find(access.dims.begin(), access.dims.end(), own);
            found->second.push_back(
                bound == access.dims.end()
                    ? std::optional<std::int64_t>(own == dim ? 1 : 0)
                    : index_step(kernel_, access.args[static_cast<std::size_t>(bound - access.dims.begin())], dim));
        }
    }
    return found->second;
}

std::optional<std::int64_t> Analysis::stride(const ir::Node& access, const std::string& dim) const {
    const std::vector<std::optional<std::int64_t>>& found = steps(access, dim);
    std::int64_t total = 0;
    if (open_.count(access.name) != 0) {
        for (const std::optional<std::int64_t>& step : found) {
            if (!step || (total != 0 && *step != 0)) {
                return std::nullopt;
            }
            total += *step;
        }
        return total;
    }
    const std::vector<std::string>& declared = kernel_.dims_of(access.name);
    const std::vector<std::string>& in_memory = layout(access.name);
    std::int64_t size = 1;
    for (auto own = in_memory.rbegin(); own != in_memory.rend(); ++own) {
        const auto at = std::find(declared.begin(), declared.end(), *own) - declared.begin();
        const std::optional<std::int64_t> step = found[static_cast<std::size_t>(at)];
        if (!step) {
            return std::nullopt;
        }
        total += *step * size;
        size = std::min<std::int64_t>(size * extent(*own), std::int64_t{1} << 40);
    }
    return total;
}

std::optional<std::int64_t> index_step(const ir::Kernel& kernel, const ir::Ref& index, const std::string& dim) {
    std::unordered_map<const ir::Node*, std::optional<std::int64_t>> steps;
    constexpr std::int64_t limit = 1 << 20; // beyond it a step is as bad as an unknown one
    for (const ir::Node* node : ir::postorder({index})) {
        const auto step = [&](std::size_t i) { return steps.at(node->args[i].get()); };
        std::optional<std::int64_t> result;
        const bool depends = std::any_of(node->args.begin(), node->args.end(),
                                         [&](const ir::Ref& arg) { return steps.at(arg.get()) != 0; });
        if (node->kind == ir::Kind::dim) {
            result = node->name == dim ? 1 : 0;
        } else if (node->kind != ir::Kind::access && !depends) {
            result = 0;
        } else if (node->kind == ir::Kind::binary && (node->op == ir::Op::add || node->op == ir::Op::sub)) {
            if (step(0) && step(1)) {
                result = node->op == ir::Op::add ? *step(0) + *step(1) : *step(0) - *step(1);
            }
        } else if (node->kind == ir::Kind::binary && node->op == ir::Op::mul) {
            const bool left = node->args[0]->kind == ir::Kind::constant;
            const ir::Ref& factor = node->args[left ? 0 : 1];
            if (factor->kind == ir::Kind::constant && step(left ? 1 : 0) && std::abs(factor->integer) < limit) {
                result = *step(left ? 1 : 0) * factor->integer;
            }
        } else if (node->kind == ir::Kind::binary && node->args[1]->kind == ir::Kind::constant &&
                   (node->op == ir::Op::div || node->op == ir::Op::mod)) {
            result = node->op == ir::Op::mod ? step(0) : 0;
        } else if (node->kind == ir::Kind::binary && (node->op == ir::Op::min || node->op == ir::Op::max)) {
            result = step(0) != 0 ? step(0) : step(1); // a clamped index, inside
        }
        if (node->kind == ir::Kind::access) {
            // Data: an index into it moves by chance, unless it is the same for the whole loop.
            const std::vector<std::string>& own = kernel.dims_of(node->name);
            const bool by_name = std::find(own.begin(), own.end(), dim) != own.end() &&
                                 std::find(node->dims.begin(), node->dims.end(), dim) == node->dims.end();
            result = depends || by_name ? std::optional<std::int64_t>() : 0;
        }
        steps[node] = result && std::abs(*result) < limit ? result : std::nullopt;
    }
    return steps.at(index.get());
}

} // namespace coulter::schedule
