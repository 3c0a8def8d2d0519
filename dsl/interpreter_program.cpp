#include "interpreter_program.hpp"

#include "interpreter_ops.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <fmt/core.h>
#include <stdexcept>

namespace coulter::interpreter {
namespace {

template <class T>
const T* elements(const Array& array) {
    return reinterpret_cast<const T*>(array.data.data());
}
template <class T>
T* elements(Array& array) {
    return reinterpret_cast<T*>(array.data.data());
}

template <class T>
void load_integers(const Array& array, const std::int64_t* offsets, int count, Lane* out) {
    const T* data = elements<T>(array);
    for (int l = 0; l < count; ++l) {
        out[l].i = static_cast<std::int64_t>(data[offsets[l]]);
    }
}

template <class T>
void store_integers(Array& array, const std::int64_t* offsets, int count, const Lane* values) {
    T* data = elements<T>(array);
    for (int l = 0; l < count; ++l) {
        data[offsets[l]] = static_cast<T>(values[l].i);
    }
}

Lane constant_lane(const ir::Node& node) {
    return is_float(node.type) ? Lane{.f = node.real} : Lane{.i = node.integer};
}

} // namespace

Tensor::Tensor(std::vector<std::string> tensor_dims, std::vector<const Array*> arrays)
    : dims(std::move(tensor_dims)), components(std::move(arrays)) {
    shape = components.front()->shape;
    strides.assign(shape.size(), 1);
    for (std::size_t i = shape.size(); i-- > 1;) {
        strides[i - 1] = strides[i] * std::max<std::int64_t>(shape[i], 1);
    }
}

void Budget::spend(std::int64_t steps) {
    if (limit == 0) {
        return;
    }
    if (steps > limit - used) {
        throw std::runtime_error(fmt::format("the evaluation takes more than the {} steps that were allowed", limit));
    }
    used += steps;
}

void load_lanes(const Array& array, const std::int64_t* offsets, int count, Lane* out) {
    switch (array.type) {
    case Type::f64: {
        const auto* data = elements<double>(array);
        for (int l = 0; l < count; ++l) {
            out[l].f = data[offsets[l]];
        }
        break;
    }
    case Type::f32: {
        const auto* data = elements<float>(array);
        for (int l = 0; l < count; ++l) {
            out[l].f = static_cast<double>(data[offsets[l]]);
        }
        break;
    }
    case Type::f16:
    case Type::bf16:
        for (int l = 0; l < count; ++l) {
            out[l].f = array.real(offsets[l]);
        }
        break;
    case Type::i8: load_integers<std::int8_t>(array, offsets, count, out); break;
    case Type::i16: load_integers<std::int16_t>(array, offsets, count, out); break;
    case Type::i32: load_integers<std::int32_t>(array, offsets, count, out); break;
    case Type::u8: load_integers<std::uint8_t>(array, offsets, count, out); break;
    case Type::u16: load_integers<std::uint16_t>(array, offsets, count, out); break;
    case Type::u32: load_integers<std::uint32_t>(array, offsets, count, out); break;
    case Type::i64:
    case Type::u64:
    case Type::index: load_integers<std::int64_t>(array, offsets, count, out); break;
    case Type::boolean:
        for (int l = 0; l < count; ++l) {
            out[l].i = array.integer(offsets[l]);
        }
        break;
    }
}

void store_lanes(Array& array, const std::int64_t* offsets, int count, const Lane* values) {
    switch (array.type) {
    case Type::f64: {
        auto* data = elements<double>(array);
        for (int l = 0; l < count; ++l) {
            data[offsets[l]] = values[l].f;
        }
        break;
    }
    case Type::f32: {
        auto* data = elements<float>(array);
        for (int l = 0; l < count; ++l) {
            data[offsets[l]] = static_cast<float>(values[l].f);
        }
        break;
    }
    case Type::f16:
    case Type::bf16:
        for (int l = 0; l < count; ++l) {
            array.set_real(offsets[l], values[l].f);
        }
        break;
    case Type::i8:
    case Type::u8:
    case Type::boolean: store_integers<std::uint8_t>(array, offsets, count, values); break;
    case Type::i16:
    case Type::u16: store_integers<std::uint16_t>(array, offsets, count, values); break;
    case Type::i32:
    case Type::u32: store_integers<std::uint32_t>(array, offsets, count, values); break;
    case Type::i64:
    case Type::u64:
    case Type::index: store_integers<std::int64_t>(array, offsets, count, values); break;
    }
}

std::string point_text(const Scope& scope, int lane) {
    std::string text;
    for (std::size_t d = 0; d < scope.loop_dims.size(); ++d) {
        text += fmt::format("{}`{}` = {}", d == 0 ? "" : ", ", scope.loop_dims[d], scope.loops[d][lane].i);
    }
    return text;
}

Program::Program(const Scope& scope, const std::vector<ir::Ref>& roots, int lanes)
    : scope_(scope), lanes_(lanes), operands_(scope.state.size() * 2), roots_(roots),
      offsets_(static_cast<std::size_t>(lanes)), outside_(static_cast<std::size_t>(lanes)) {
    for (auto& column : operands_) {
        column.resize(static_cast<std::size_t>(lanes));
    }
    compile(roots);
}

/// The column of a node that no step computes, or null.
const Lane* Program::leaf(const ir::Node& node) {
    const auto constant = [&](Type type, Lane value) -> const Lane* {
        auto& column = constants_[{type, std::bit_cast<std::int64_t>(value)}];
        if (column.empty()) {
            column.assign(static_cast<std::size_t>(lanes_), value);
        }
        return column.data();
    };
    switch (node.kind) {
    case ir::Kind::constant: return constant(node.type, constant_lane(node));
    case ir::Kind::extent: {
        const auto at = scope_.extents->find(node.name);
        if (at == scope_.extents->end()) {
            throw std::runtime_error(
                fmt::format("`{}` uses the extent of `{}`, which is not known", scope_.definition, node.name));
        }
        return constant(Type::index, Lane{.i = at->second});
    }
    case ir::Kind::dim: {
        const auto at = std::find(scope_.loop_dims.begin(), scope_.loop_dims.end(), node.name);
        if (at == scope_.loop_dims.end()) {
            throw std::runtime_error(fmt::format("`{}` uses the index of `{}`, which is none of its loop dims ({})",
                                                 scope_.definition, node.name, quoted_list(scope_.loop_dims)));
        }
        return scope_.loops[static_cast<std::size_t>(at - scope_.loop_dims.begin())];
    }
    case ir::Kind::operand:
        COULTER_INTERNAL_ASSERT(static_cast<std::size_t>(node.component) < scope_.state.size());
        if (!node.dims.empty()) {
            placed_.push_back(
                std::make_unique<Placed>(Placed{&node, std::vector<Lane>(static_cast<std::size_t>(lanes_))}));
            return placed_.back()->column.data();
        }
        return operand(static_cast<std::size_t>(node.component), node.right);
    default: return nullptr;
    }
}

void Program::bind(Access& access, const ir::Node& node, const std::map<const ir::Node*, const Lane*>& columns) const {
    const auto at = scope_.tensors->find(node.name);
    if (at == scope_.tensors->end()) {
        throw std::runtime_error(
            fmt::format("`{}` reads `{}`, which no earlier definition gives", scope_.definition, node.name));
    }
    const Tensor& tensor = at->second;
    COULTER_INTERNAL_ASSERT(static_cast<std::size_t>(node.component) < tensor.components.size());
    access.array = tensor.components[static_cast<std::size_t>(node.component)];
    for (std::size_t d = 0; d < tensor.dims.size(); ++d) {
        Binding binding{tensor.dims[d], nullptr, tensor.strides[d], tensor.shape[d], false};
        const auto given = std::find(node.dims.begin(), node.dims.end(), tensor.dims[d]);
        if (given != node.dims.end()) {
            binding.index = columns.at(node.args[static_cast<std::size_t>(given - node.dims.begin())].get());
        } else {
            const auto loop = std::find(scope_.loop_dims.begin(), scope_.loop_dims.end(), tensor.dims[d]);
            if (loop == scope_.loop_dims.end()) {
                throw std::runtime_error(
                    fmt::format("`{}` reads `{}`, whose dim `{}` is neither bound nor one of the loop dims ({})",
                                scope_.definition, node.name, tensor.dims[d], quoted_list(scope_.loop_dims)));
            }
            binding.index = scope_.loops[static_cast<std::size_t>(loop - scope_.loop_dims.begin())];
            binding.by_name = true;
        }
        access.bindings.push_back(std::move(binding));
    }
    for (const std::string& dim : node.dims) {
        if (std::find(tensor.dims.begin(), tensor.dims.end(), dim) == tensor.dims.end()) {
            throw std::runtime_error(fmt::format("`{}` binds `{}` of `{}`, whose dims are {}", scope_.definition, dim,
                                                 node.name, quoted_list(tensor.dims)));
        }
    }
    if (node.boundary == ir::Boundary::padded) {
        access.pad = columns.at(node.pad().get());
    }
}

void Program::compile(const std::vector<ir::Ref>& roots) {
    const std::vector<const ir::Node*> order = ir::postorder(roots);
    std::map<const ir::Node*, int> uses;
    for (const ir::Node* node : order) {
        for (const ir::Ref& arg : node->args) {
            ++uses[arg.get()];
        }
    }
    for (const ir::Ref& root : roots) {
        ++uses[root.get()];
    } // never given back: results outlive the run
    std::map<const ir::Node*, const Lane*> columns;
    std::map<const ir::Node*, std::size_t> held;
    std::vector<std::size_t> free;
    for (const ir::Node* node : order) {
        if (const Lane* column = leaf(*node)) {
            columns[node] = column;
            continue;
        }
        Step step;
        step.node = node;
        step.type = working_type(node->type, scope_.in_double);
        if (node->kind == ir::Kind::access) {
            step.access = static_cast<int>(accesses_.size());
            bind(accesses_.emplace_back(), *node, columns);
        } else {
            COULTER_INTERNAL_ASSERT(!node->args.empty() && node->args.size() <= 3);
            step.operand = working_type(node->args.front()->type, scope_.in_double);
            for (std::size_t i = 0; i < node->args.size(); ++i) {
                step.in[i] = columns.at(node->args[i].get());
            }
        }
        // An operand's register is free from here on: a step reads each lane before it writes it, and an access all
        // of its indices before its first element (but the pad value, which is read last).
        for (const ir::Ref& arg : node->args) {
            const bool is_pad = node->boundary == ir::Boundary::padded && arg == node->args.back();
            if (--uses[arg.get()] == 0 && held.contains(arg.get()) && !is_pad) {
                free.push_back(held[arg.get()]);
            }
        }
        if (free.empty()) {
            free.push_back(registers_.size());
            registers_.emplace_back(static_cast<std::size_t>(lanes_));
        }
        held[node] = free.back();
        step.out = registers_[free.back()].data();
        free.pop_back();
        columns[node] = step.out;
        steps_.push_back(step);
    }
    for (const ir::Ref& root : roots) {
        results_.push_back(root ? columns.at(root.get()) : nullptr);
    }
}

void Program::run(int count, Budget& budget) {
    budget.spend(count * std::max<std::int64_t>(1, static_cast<std::int64_t>(steps_.size())));
    for (const Step& step : steps_) {
        const auto [a, b, c] = step.in;
        switch (step.node->kind) {
        case ir::Kind::access: run_access(step, count); break;
        case ir::Kind::cast: convert(step.operand, step.type, step.out, a, count); break;
        case ir::Kind::select:
            for (int l = 0; l < count; ++l) {
                step.out[l] = a[l].i != 0 ? b[l] : c[l];
            }
            break;
        default: apply(step.node->op, step.operand, step.out, a, b, c, count); break;
        }
    }
}

void Program::run_access(const Step& step, int count) {
    const Access& access = accesses_[static_cast<std::size_t>(step.access)];
    const ir::Node& node = *step.node;
    std::int64_t* offsets = offsets_.data();
    std::fill_n(offsets, count, 0);
    if (access.pad != nullptr) {
        std::fill_n(outside_.data(), count, static_cast<unsigned char>(0));
    }
    for (const Binding& binding : access.bindings) {
        const Lane* index = binding.index;
        const std::int64_t stride = binding.stride;
        const std::int64_t extent = binding.extent;
        if (binding.by_name) {
            for (int l = 0; l < count; ++l) {
                offsets[l] += index[l].i * stride;
            }
        } else if (node.boundary == ir::Boundary::clamped) {
            if (extent == 0 && count > 0) {
                out_of_range(node, access, 0);
            }
            for (int l = 0; l < count; ++l) {
                offsets[l] += std::clamp<std::int64_t>(index[l].i, 0, extent - 1) * stride;
            }
        } else {
            for (int l = 0; l < count; ++l) {
                const bool inside = static_cast<std::uint64_t>(index[l].i) < static_cast<std::uint64_t>(extent);
                if (inside) {
                    offsets[l] += index[l].i * stride;
                } else if (access.pad != nullptr) {
                    outside_[static_cast<std::size_t>(l)] = 1;
                } else {
                    out_of_range(node, access, l);
                }
            }
        }
    }
    if (access.pad == nullptr) {
        load_lanes(*access.array, offsets, count, step.out);
        return;
    }
    for (int l = 0; l < count; ++l) {
        if (outside_[static_cast<std::size_t>(l)] != 0) {
            step.out[l] = access.pad[l];
        } else {
            load_lanes(*access.array, offsets + l, 1, step.out + l);
        }
    }
}

void Program::out_of_range(const ir::Node& node, const Access& access, int lane) const {
    std::string indices;
    for (const Binding& binding : access.bindings) {
        const std::int64_t index = binding.index[lane].i;
        if (binding.by_name || (index >= 0 && index < binding.extent)) {
            continue;
        }
        indices += indices.empty() ? "" : ", ";
        indices += binding.extent == 0
                       ? fmt::format("`{}` = {} where the dim is empty", binding.dim, index)
                       : fmt::format("`{}` = {} is not in 0 .. {}", binding.dim, index, binding.extent - 1);
    }
    const std::string at = point_text(scope_, lane);
    throw std::runtime_error(fmt::format("`{}` reads `{}` out of range: {}{}", scope_.definition, node.name, indices,
                                         at.empty() ? "" : " (at " + at + ")"));
}

} // namespace coulter::interpreter
