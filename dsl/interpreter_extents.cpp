#include "interpreter_extents.hpp"

#include "interpreter_program.hpp"

#include <algorithm>
#include <fmt/core.h>
#include <set>
#include <stdexcept>

namespace coulter::interpreter {
namespace {

using Extents = std::map<std::string, std::int64_t>;

constexpr std::int64_t far_away = std::int64_t{1} << 20; ///< an index at which the direction of growth shows
constexpr std::int64_t too_many = std::int64_t{1} << 40; ///< an extent that an access allows as well as any other

/// An index expression that binds a dim of a tensor in a checked access, and does not depend on data.
struct Constraint {
    ir::Ref index;
    std::string source;               ///< the dim that is bound
    std::vector<std::string> loops;   ///< dims whose loop index it uses
    std::vector<std::string> extents; ///< dims whose extent it uses
};

std::string did_you_mean(const std::string& given, const std::vector<std::string>& names) {
    const std::string best = closest_match(given, names);
    return best.empty() ? "the kernel has " + quoted_list(names) : fmt::format("did you mean `{}`", best);
}

/// The value of an index expression without data, for given loop indices and extents; nothing when it overflows.
std::optional<std::int64_t> value_of(const ir::Ref& expression, const Extents& extents, const Extents& loops = {}) {
    std::vector<Lane> columns;
    Scope scope;
    columns.reserve(loops.size());
    for (const auto& [dim, index] : loops) {
        columns.push_back(Lane{.i = index});
        scope.loop_dims.push_back(dim);
        scope.loops.push_back(&columns.back());
    }
    const std::map<std::string, Tensor> none;
    scope.tensors = &none;
    scope.extents = &extents;
    Program program(scope, {expression}, 1);
    Budget budget;
    try {
        program.run(1, budget);
    } catch (const std::overflow_error&) {
        return std::nullopt;
    }
    return program.result(0)[0].i;
}

class Finder {
public:
    Finder(const ir::Kernel& kernel, const std::map<std::string, Array>& inputs, const Extents& given)
        : kernel_(kernel) {
        check_names(inputs, given);
        for (const ir::Dim& dim : kernel.dims) {
            if (dim.size) {
                set(dim.name, *dim.size, "its declaration");
            }
        }
        for (const ir::Input& input : kernel.inputs) {
            take_shape(input, inputs.at(input.name));
        }
        for (const auto& [dim, extent] : given) {
            set(dim, extent, "the given extents");
        }
        for (const ir::Definition& definition : kernel.definitions) {
            collect(definition);
        }
    }

    Extents run() {
        while (expressions() || infer(true) || infer(false)) {}
        return std::move(extents_);
    }

private:
    void check_names(const std::map<std::string, Array>& inputs, const Extents& given) const {
        std::vector<std::string> dims;
        std::vector<std::string> names;
        for (const ir::Dim& dim : kernel_.dims) {
            dims.push_back(dim.name);
        }
        for (const ir::Input& input : kernel_.inputs) {
            names.push_back(input.name);
        }
        for (const auto& [name, array] : inputs) {
            if (kernel_.find_input(name) == nullptr) {
                throw std::runtime_error(
                    fmt::format("`{}` is no input of `{}`; {}", name, kernel_.name, did_you_mean(name, names)));
            }
        }
        for (const auto& [name, extent] : given) {
            if (kernel_.find_dim(name) == nullptr) {
                throw std::runtime_error(
                    fmt::format("`{}` is no dim of `{}`; {}", name, kernel_.name, did_you_mean(name, dims)));
            }
        }
        for (const std::string& name : names) {
            if (!inputs.contains(name)) {
                throw std::runtime_error(fmt::format("the input `{}` of `{}` is missing", name, kernel_.name));
            }
        }
    }

    void set(const std::string& dim, std::int64_t extent, const std::string& origin) {
        if (extent < 0) {
            throw std::runtime_error(
                fmt::format("the extent of `{}` is {} by {}; it must be 0 or more", dim, extent, origin));
        }
        const auto [at, is_new] = extents_.emplace(dim, extent);
        if (is_new) {
            origins_[dim] = origin;
        } else if (at->second != extent) {
            throw std::runtime_error(fmt::format("the extent of `{}` is {} by {} and {} by {}", dim, at->second,
                                                 origins_[dim], extent, origin));
        }
    }

    void take_shape(const ir::Input& input, const Array& array) {
        if (array.shape.size() != input.dims.size()) {
            throw std::runtime_error(fmt::format("the input `{}` has rank {}, and rank {} is wanted: its dims are {}",
                                                 input.name, array.shape.size(), input.dims.size(),
                                                 quoted_list(input.dims)));
        }
        for (std::size_t d = 0; d < input.dims.size(); ++d) {
            set(input.dims[d], array.shape[d], fmt::format("the input `{}`", input.name));
        }
    }

    void collect(const ir::Definition& definition) {
        for (const ir::Node* node : ir::postorder(ir::roots(definition))) {
            if (node->kind != ir::Kind::access || node->boundary != ir::Boundary::checked) {
                continue;
            }
            for (std::size_t i = 0; i < node->dims.size(); ++i) {
                Constraint constraint{node->args[i], node->dims[i], {}, {}};
                bool depends_on_data = false;
                for (const ir::Node* part : ir::postorder({node->args[i]})) {
                    depends_on_data |= part->kind == ir::Kind::access || part->kind == ir::Kind::operand;
                    if (part->kind == ir::Kind::dim) {
                        add(constraint.loops, part->name);
                    }
                    if (part->kind == ir::Kind::extent) {
                        add(constraint.extents, part->name);
                    }
                }
                if (!depends_on_data) {
                    constraints_.push_back(std::move(constraint));
                }
            }
        }
    }

    static void add(std::vector<std::string>& list, const std::string& name) {
        if (std::find(list.begin(), list.end(), name) == list.end()) {
            list.push_back(name);
        }
    }

    [[nodiscard]] bool known(const std::string& dim) const { return extents_.contains(dim); }

    /// Evaluates the expressions whose operands are known; true when there was one.
    bool expressions() {
        bool progress = false;
        for (const ir::Dim& dim : kernel_.dims) {
            if (!dim.extent || evaluated_.contains(dim.name)) {
                continue;
            }
            const auto parts = ir::postorder({dim.extent});
            if (!std::all_of(parts.begin(), parts.end(), [&](const ir::Node* part) {
                    return part->kind != ir::Kind::extent || known(part->name);
                })) {
                continue;
            }
            // A window larger than its image fits nowhere: the loop is empty.
            const auto value = value_of(dim.extent, extents_);
            if (!value) {
                throw std::runtime_error(
                    fmt::format("the expression for the extent of `{}` leaves the range of 64-bit integers", dim.name));
            }
            set(dim.name, std::max<std::int64_t>(0, *value), "its expression");
            evaluated_.insert(dim.name);
            progress = true;
        }
        return progress;
    }

    /// Finds the extent of one more dim from its accesses: of all of them, or else of those that can be used so far.
    bool infer(bool all) {
        for (const ir::Dim& dim : kernel_.dims) {
            if (known(dim.name) || dim.extent) {
                continue;
            }
            std::optional<std::int64_t> least;
            bool complete = true;
            for (const Constraint& constraint : constraints_) {
                if (std::find(constraint.loops.begin(), constraint.loops.end(), dim.name) == constraint.loops.end()) {
                    continue;
                }
                if (!usable(constraint, dim.name)) {
                    complete = false;
                } else if (const auto bound = largest(constraint, dim.name)) {
                    least = std::min(least.value_or(*bound), *bound);
                }
            }
            if (least && (complete || !all)) {
                set(dim.name, *least, "its accesses");
                return true;
            }
        }
        return false;
    }

    /// Whether everything but the extent of `dim` is known.
    [[nodiscard]] bool usable(const Constraint& constraint, const std::string& dim) const {
        const auto is_known = [&](const std::string& name) { return known(name); };
        return known(constraint.source) &&
               std::all_of(constraint.extents.begin(), constraint.extents.end(), is_known) &&
               std::all_of(constraint.loops.begin(), constraint.loops.end(),
                           [&](const std::string& name) { return name == dim || known(name); });
    }

    /// The largest extent of `dim` whose last index stays inside on the side towards which it moves, or nothing where
    /// the access allows any. The other side is the same for every extent: an access that fails there fails when it
    /// is evaluated.
    [[nodiscard]] std::optional<std::int64_t> largest(const Constraint& constraint, const std::string& dim) const {
        Extents origin;
        for (const std::string& loop : constraint.loops) {
            origin[loop] = 0;
        }
        const auto growth = [&](const std::string& loop) {
            const auto first = value_of(constraint.index, extents_, origin);
            for (const std::int64_t distance : {far_away, std::int64_t{1}}) {
                Extents moved = origin;
                moved[loop] = distance;
                const auto last = value_of(constraint.index, extents_, moved);
                if (first && last) {
                    return *last > *first ? 1 : *last < *first ? -1 : 0;
                }
            }
            return 0;
        };
        const int direction = growth(dim);
        if (direction == 0) {
            return std::nullopt;
        }
        Extents corner = origin;
        for (const std::string& loop : constraint.loops) {
            if (loop != dim && growth(loop) == direction) {
                corner[loop] = extents_.at(loop) - 1;
            }
        }
        const std::int64_t end = extents_.at(constraint.source);
        const auto inside = [&](std::int64_t extent) {
            corner[dim] = extent - 1;
            const auto index = value_of(constraint.index, extents_, corner);
            return index && (direction > 0 ? *index < end : *index >= 0);
        };
        if (!inside(1)) {
            return 0;
        }
        std::int64_t good = 1;
        while (inside(good * 2)) {
            good *= 2;
            if (good >= too_many) {
                return std::nullopt;
            }
        }
        std::int64_t bad = good * 2;
        while (bad - good > 1) {
            const std::int64_t middle = good + (bad - good) / 2;
            (inside(middle) ? good : bad) = middle;
        }
        return good;
    }

    const ir::Kernel& kernel_;
    Extents extents_;
    std::map<std::string, std::string> origins_;
    std::set<std::string> evaluated_;
    std::vector<Constraint> constraints_;
};

} // namespace

Extents find_extents(const ir::Kernel& kernel, const std::map<std::string, Array>& inputs, const Extents& given) {
    return Finder(kernel, inputs, given).run();
}

} // namespace coulter::interpreter
