// The loops of a definition are one sequence of points: its own dims outermost, in the order of the declaration, then
// the reduced dims or the scan's dim. Points are evaluated in blocks of lanes and folded into the result one after the
// other, so a sum adds in the order of the loops, with one rounding each.

#include "interpreter_definition.hpp"

#include "interpreter_ops.hpp"
#include "interpreter_points.hpp"

#include <algorithm>
#include <cmath>
#include <fmt/core.h>
#include <limits>
#include <stdexcept>

namespace coulter::interpreter {
namespace {

constexpr int usual_lanes = 256;
constexpr int few_lanes = 16; ///< for expressions so large that their columns would fill the memory
constexpr std::size_t large_expression = 4096;

std::vector<std::string> loop_order(const ir::Definition& definition) {
    std::vector<std::string> order;
    for (const std::string& dim : definition.dims) {
        const auto scattered = [&](const ir::Into& into) { return into.dim == dim; };
        const bool is_into = definition.reduction && std::any_of(definition.reduction->into.begin(),
                                                                 definition.reduction->into.end(), scattered);
        const std::vector<std::string> scanned = definition.scan ? definition.scan->dims() : std::vector<std::string>{};
        if (!is_into && std::find(scanned.begin(), scanned.end(), dim) == scanned.end()) {
            order.push_back(dim);
        }
    }
    if (definition.reduction) {
        order.insert(order.end(), definition.reduction->dims.begin(), definition.reduction->dims.end());
    } else if (definition.scan) {
        const std::vector<std::string> scanned = definition.scan->dims();
        order.insert(order.end(), scanned.begin(), scanned.end());
    }
    return order;
}

class Evaluation {
public:
    Evaluation(const ir::Definition& definition, const World& world)
        : definition_(definition), world_(world), lanes_(lanes_for(definition)),
          points_(make_points(loop_order(definition))) {
        scope_.definition = definition.name;
        scope_.tensors = &world.tensors;
        scope_.extents = &world.extents;
        scope_.in_double = world.in_double;
        scope_.state = definition.types;
        for (std::size_t i = definition.types.size(); i < definition.values.size(); ++i) {
            scope_.state.push_back(definition.values[i]->type);
        }
        scope_.loop_dims = loop_order(definition);
        for (std::size_t d = 0; d < scope_.loop_dims.size(); ++d) {
            scope_.loops.push_back(points_.column(d));
        }
        std::vector<std::int64_t> shape;
        for (const std::string& dim : definition.dims) {
            shape.push_back(extent_of(dim));
        }
        allocate(shape);
        offsets_.resize(static_cast<std::size_t>(lanes_));
    }

    std::vector<Array> run() {
        if (definition_.reduction) {
            reduce(*definition_.reduction);
        } else if (definition_.scan) {
            scan(*definition_.scan);
        } else {
            map();
        }
        return std::move(arrays_);
    }

private:
    static int lanes_for(const ir::Definition& definition) {
        return ir::postorder(ir::roots(definition)).size() > large_expression ? few_lanes : usual_lanes;
    }

    [[nodiscard]] std::int64_t extent_of(const std::string& dim) const {
        const auto at = world_.extents.find(dim);
        if (at == world_.extents.end()) {
            throw std::runtime_error(
                fmt::format("the extent of `{}`, a dim of `{}`, is not known: no input has it and no access gives it; "
                            "pass it in `extents`, or give the dim a constant or an expression",
                            dim, definition_.name));
        }
        return at->second;
    }

    Points make_points(const std::vector<std::string>& order) const {
        std::vector<std::int64_t> extents;
        for (const std::string& dim : order) {
            extents.push_back(extent_of(dim));
        }
        const bool reversed = definition_.scan && definition_.scan->reversed;
        return Points(std::move(extents), reversed ? definition_.scan->dims().size() : 0, lanes_);
    }

    void allocate(const std::vector<std::int64_t>& shape) {
        std::int64_t elements = 1;
        std::int64_t with_bytes = 8; // the widest type
        const bool is_empty = std::find(shape.begin(), shape.end(), 0) != shape.end();
        for (const std::int64_t extent : shape) {
            if (!is_empty && __builtin_mul_overflow(with_bytes, extent, &with_bytes)) {
                throw std::overflow_error("its elements have more than 2^63 bytes");
            }
            elements = is_empty ? 0 : elements * extent;
        }
        world_.budget.spend(elements);
        for (const Type type : definition_.types) {
            arrays_.emplace_back(working_type(type, world_.in_double), shape);
        }
        elements_ = elements;
        strides_ = Tensor(definition_.dims, {arrays_.data()}).strides;
    }

    /// Where the lanes' elements lie; `into` holds the program whose results index the scattered dims.
    void place(int count, Program* into) {
        std::fill_n(offsets_.begin(), count, 0);
        for (std::size_t d = 0; d < definition_.dims.size(); ++d) {
            const Lane* index = into != nullptr ? scattered(d, *into, count) : nullptr;
            if (index == nullptr) {
                const auto at = std::find(scope_.loop_dims.begin(), scope_.loop_dims.end(), definition_.dims[d]);
                index = scope_.loops[static_cast<std::size_t>(at - scope_.loop_dims.begin())];
            }
            for (int l = 0; l < count; ++l) {
                offsets_[static_cast<std::size_t>(l)] += index[l].i * strides_[d];
            }
        }
    }

    /// The index of a scattered dim, checked; null for a dim that is a loop.
    const Lane* scattered(std::size_t d, const Program& program, int count) const {
        const auto& all = definition_.reduction->into;
        const auto at =
            std::find_if(all.begin(), all.end(), [&](const ir::Into& into) { return into.dim == definition_.dims[d]; });
        if (at == all.end()) {
            return nullptr;
        }
        const Lane* index = program.result(static_cast<std::size_t>(at - all.begin()));
        const std::int64_t extent = arrays_.front().shape[d];
        for (int l = 0; l < count; ++l) {
            if (index[l].i < 0 || index[l].i >= extent) {
                throw std::runtime_error(fmt::format("`{}` scatters out of range: `{}` = {} is not in 0 .. {} (at {})",
                                                     definition_.name, at->dim, index[l].i, extent - 1,
                                                     point_text(scope_, l)));
            }
        }
        return index;
    }

    void map() {
        Program program(scope_, definition_.values, lanes_);
        for (std::int64_t first = 0; first < points_.total(); first += lanes_) {
            const int count = block(first);
            program.run(count, world_.budget);
            place(count, nullptr);
            for (std::size_t c = 0; c < arrays_.size(); ++c) {
                store_lanes(arrays_[c], offsets_.data(), count, program.result(c));
            }
        }
    }

    int block(std::int64_t first) {
        const int count = static_cast<int>(std::min<std::int64_t>(lanes_, points_.total() - first));
        points_.fill(first, count);
        return count;
    }

    // Reductions

    void reduce(const ir::Reduction& reduction) {
        const bool finds = reduction.op == ir::ReduceOp::argmin || reduction.op == ir::ReduceOp::argmax;
        if (finds && elements_ > 0) {
            for (const std::string& dim : reduction.dims) {
                if (extent_of(dim) == 0) {
                    throw std::runtime_error(fmt::format("`{}` is an {} over `{}`, which is empty; it has no identity",
                                                         definition_.name, ir::name(reduction.op), dim));
                }
            }
        }
        std::vector<ir::Ref> indices;
        for (const ir::Into& into : reduction.into) {
            indices.push_back(into.index);
        }
        Program where(scope_, {reduction.where}, lanes_);
        Program values(scope_, definition_.values, lanes_);
        Program into(scope_, indices, lanes_);
        Program combine(scope_, reduction.combine, 1);
        start(reduction);
        for (std::int64_t first = 0; first < points_.total(); first += lanes_) {
            int count = block(first);
            if (reduction.where) {
                where.run(count, world_.budget);
                count = points_.compact(where.result(0), count);
            }
            values.run(count, world_.budget);
            if (!indices.empty()) {
                into.run(count, world_.budget);
            }
            place(count, indices.empty() ? nullptr : &into);
            if (reduction.op == ir::ReduceOp::custom) {
                for (int l = 0; l < count; ++l) {
                    fold_custom(combine, values, l);
                }
            } else if (finds) {
                fold_extremum(reduction, values.result(0), count);
            } else {
                for (std::size_t c = 0; c < state_.size(); ++c) {
                    fold(reduction.op, c, values.result(c), count);
                }
            }
        }
        finish();
    }

    /// Sets the state of every element to the identity.
    void start(const ir::Reduction& reduction) {
        const std::vector<Lane> identity = identity_of(reduction);
        for (const Lane value : identity) {
            state_.emplace_back(static_cast<std::size_t>(elements_), value);
        }
    }

    [[nodiscard]] std::vector<Lane> identity_of(const ir::Reduction& reduction) const {
        if (reduction.op == ir::ReduceOp::custom) {
            return constants(reduction.identity);
        }
        std::vector<Lane> identity;
        for (const Type type : definition_.types) {
            const bool is_real = is_float(type);
            const auto value = [&](double real, std::int64_t integer) {
                return is_real ? Lane{.f = real} : Lane{.i = integer};
            };
            const double infinity = std::numeric_limits<double>::infinity();
            const bool ordered = is_integer(type);
            switch (reduction.op) {
            case ir::ReduceOp::product: identity.push_back(value(1, 1)); break;
            case ir::ReduceOp::min:
            case ir::ReduceOp::argmin:
                identity.push_back(value(infinity, ordered ? static_cast<std::int64_t>(highest_integer(type)) : 1));
                break;
            case ir::ReduceOp::max:
            case ir::ReduceOp::argmax: identity.push_back(value(-infinity, ordered ? lowest_integer(type) : 0)); break;
            case ir::ReduceOp::all: identity.push_back(Lane{.i = 1}); break;
            default: identity.push_back(value(0, 0)); break;
            }
        }
        // No index yet; it stays so for an element whose every point `where` excludes.
        if (reduction.op == ir::ReduceOp::argmin || reduction.op == ir::ReduceOp::argmax) {
            identity[0].i = -1;
        }
        return identity;
    }

    [[nodiscard]] std::vector<Lane> constants(const std::vector<ir::Ref>& expressions) const {
        Scope scope = scope_;
        scope.loop_dims.clear();
        scope.loops.clear();
        Program program(scope, expressions, 1);
        program.run(1, world_.budget);
        std::vector<Lane> values;
        for (std::size_t c = 0; c < expressions.size(); ++c) {
            values.push_back(program.result(c)[0]);
        }
        return values;
    }

    void fold(ir::ReduceOp op, std::size_t component, const Lane* values, int count) {
        const Type type = arrays_[component].type;
        Lane* state = state_[component].data();
        const std::int64_t* offsets = offsets_.data();
        if (op == ir::ReduceOp::sum && type == Type::f32) { // what most kernels spend their time in
            for (int l = 0; l < count; ++l) {
                double& sum = state[offsets[l]].f;
                sum = static_cast<double>(static_cast<float>(sum + values[l].f));
            }
            return;
        }
        if (op == ir::ReduceOp::sum && type == Type::f64) {
            for (int l = 0; l < count; ++l) {
                state[offsets[l]].f += values[l].f;
            }
            return;
        }
        const ir::Op step = op == ir::ReduceOp::sum       ? ir::Op::add
                            : op == ir::ReduceOp::product ? ir::Op::mul
                            : op == ir::ReduceOp::min     ? ir::Op::min
                            : op == ir::ReduceOp::max     ? ir::Op::max
                            : op == ir::ReduceOp::any     ? ir::Op::logical_or
                                                          : ir::Op::logical_and;
        for (int l = 0; l < count; ++l) {
            Lane& left = state[offsets[l]];
            apply(step, type, &left, &left, values + l, nullptr, 1);
        }
    }

    void fold_extremum(const ir::Reduction& reduction, const Lane* values, int count) {
        const bool lower = reduction.op == ir::ReduceOp::argmin;
        const Type type = arrays_[1].type;
        const auto dim = std::find(scope_.loop_dims.begin(), scope_.loop_dims.end(), reduction.dims.front());
        const Lane* indices = scope_.loops[static_cast<std::size_t>(dim - scope_.loop_dims.begin())];
        const auto better = [&](const Lane& a, const Lane& b) {
            Lane result;
            apply(lower ? ir::Op::lt : ir::Op::gt, type, &result, &a, &b, nullptr, 1);
            return result.i != 0;
        };
        for (int l = 0; l < count; ++l) {
            const auto element = static_cast<std::size_t>(offsets_[static_cast<std::size_t>(l)]);
            Lane& best_index = state_[0][element];
            Lane& best = state_[1][element];
            const bool is_nan = is_float(type) && std::isnan(values[l].f);
            const bool best_is_nan = is_float(type) && std::isnan(best.f);
            const bool beats = is_nan != best_is_nan ? is_nan : !is_nan && better(values[l], best);
            if (best_index.i < 0 || beats) { // indices ascend, so the first of equals stays
                best_index = indices[l];
                best = values[l];
            }
        }
    }

    void fold_custom(Program& combine, const Program& values, int lane) {
        const auto element = static_cast<std::size_t>(offsets_[static_cast<std::size_t>(lane)]);
        for (std::size_t c = 0; c < state_.size(); ++c) {
            combine.operand(c, false)[0] = state_[c][element];
            combine.operand(c, true)[0] = values.result(c)[lane];
        }
        combine.run(1, world_.budget);
        for (std::size_t c = 0; c < state_.size(); ++c) {
            state_[c][element] = combine.result(c)[0];
        }
    }

    void finish() {
        std::vector<std::int64_t> offsets(static_cast<std::size_t>(lanes_));
        for (std::int64_t first = 0; first < elements_; first += lanes_) {
            const int count = static_cast<int>(std::min<std::int64_t>(lanes_, elements_ - first));
            for (int l = 0; l < count; ++l) {
                offsets[static_cast<std::size_t>(l)] = first + l;
            }
            for (std::size_t c = 0; c < arrays_.size(); ++c) {
                store_lanes(arrays_[c], offsets.data(), count, state_[c].data() + first);
            }
        }
    }

    // Scans

    void scan(const ir::Scan& scan) {
        Program values(scope_, definition_.values, lanes_);
        Program combine(scope_, scan.combine, 1);
        const std::vector<Lane> identity = constants(scan.identity);
        const std::int64_t length = extent_of(scan.dim);
        std::vector<Lane> state = identity;
        for (std::int64_t first = 0; first < points_.total(); first += lanes_) {
            const int count = block(first);
            values.run(count, world_.budget);
            place(count, nullptr);
            for (int l = 0; l < count; ++l) {
                if ((first + l) % length == 0) {
                    state = identity;
                }
                if (scan.exclusive) {
                    write(state, l);
                }
                for (std::size_t c = 0; c < state.size(); ++c) {
                    combine.operand(c, false)[0] = state[c];
                }
                for (std::size_t c = 0; c < definition_.values.size(); ++c) {
                    combine.operand(c, true)[0] = values.result(c)[l];
                }
                for (const auto& placed : combine.placed()) {
                    placed->column[0] = state_at(*placed->node, l, identity);
                }
                combine.run(1, world_.budget);
                for (std::size_t c = 0; c < state.size(); ++c) {
                    state[c] = combine.result(c)[0];
                }
                if (!scan.exclusive) {
                    write(state, l);
                }
            }
        }
    }

    /// The state of the step that a bound operand means: what that step has written, or the identity outside.
    [[nodiscard]] Lane state_at(const ir::Node& operand, int lane, const std::vector<Lane>& identity) const {
        const auto component = static_cast<std::size_t>(operand.component);
        std::int64_t offset = offsets_[static_cast<std::size_t>(lane)];
        for (std::size_t i = 0; i < operand.dims.size(); ++i) {
            const auto loop = std::find(scope_.loop_dims.begin(), scope_.loop_dims.end(), operand.dims[i]);
            const auto dim = std::find(definition_.dims.begin(), definition_.dims.end(), operand.dims[i]);
            const std::int64_t at = scope_.loops[static_cast<std::size_t>(loop - scope_.loop_dims.begin())][lane].i +
                                    operand.args[i]->integer;
            if (at < 0 || at >= extent_of(operand.dims[i])) {
                return identity[component];
            }
            offset += operand.args[i]->integer * strides_[static_cast<std::size_t>(dim - definition_.dims.begin())];
        }
        Lane value;
        load_lanes(arrays_[component], &offset, 1, &value);
        return value;
    }

    void write(const std::vector<Lane>& state, int lane) {
        for (std::size_t c = 0; c < arrays_.size(); ++c) {
            store_lanes(arrays_[c], offsets_.data() + lane, 1, &state[c]);
        }
    }

    const ir::Definition& definition_;
    const World& world_;
    int lanes_;
    Points points_;
    Scope scope_;
    std::vector<Array> arrays_;
    std::int64_t elements_ = 0;
    std::vector<std::int64_t> strides_;
    std::vector<std::int64_t> offsets_;
    std::vector<std::vector<Lane>> state_; ///< of a reduction: per component, per element
};

} // namespace

std::vector<Array> evaluate(const ir::Definition& definition, const World& world) {
    try {
        return Evaluation(definition, world).run();
    } catch (const std::overflow_error& error) {
        throw std::runtime_error(fmt::format("`{}`: {}", definition.name, error.what()));
    }
}

} // namespace coulter::interpreter
