#include "models/contraction.hpp"

#include "models/arguments.hpp"

#include <algorithm>
#include <bit>
#include <cstdint>
#include <limits>
#include <stdexcept>

namespace coulter::models {
namespace {

using Set = std::uint64_t; // of dims, or of operands

constexpr std::size_t most_exact = 12;

/// Dims as bits.
class DimSets {
public:
    explicit DimSets(const std::vector<Estimate>& sizes) {
        for (const Estimate& size : sizes) {
            if (find(size.dim) == dims_.size()) {
                dims_.push_back(size.dim);
                extents_.push_back(static_cast<double>(size.extent));
            }
        }
        if (dims_.size() > 64) {
            throw std::invalid_argument("contraction: " + std::to_string(dims_.size()) +
                                        " dims, where up to 64 are possible");
        }
    }

    [[nodiscard]] Set set_of(const std::vector<Dim>& dims) const {
        Set set = 0;
        for (const Dim& dim : dims) {
            const std::size_t at = find(dim);
            if (at == dims_.size()) {
                throw std::invalid_argument("contraction: the dim `" + dim.name() + "` has no size");
            }
            set |= Set{1} << at;
        }
        return set;
    }
    [[nodiscard]] std::vector<Dim> list(Set set) const {
        std::vector<Dim> dims;
        for (std::size_t i = 0; i < dims_.size(); ++i) {
            if ((set >> i & 1) != 0) {
                dims.push_back(dims_[i]);
            }
        }
        return dims;
    }
    [[nodiscard]] double size(Set set) const {
        double product = 1;
        for (; set != 0; set &= set - 1) {
            product *= extents_[static_cast<std::size_t>(std::countr_zero(set))];
        }
        return product;
    }

private:
    [[nodiscard]] std::size_t find(const Dim& dim) const {
        const auto at =
            std::find_if(dims_.begin(), dims_.end(), [&](const Dim& each) { return each.name() == dim.name(); });
        return static_cast<std::size_t>(at - dims_.begin());
    }

    std::vector<Dim> dims_;
    std::vector<double> extents_;
};

/// What operands have, and what of it is needed outside of each subset of them.
struct Network {
    DimSets dims;
    std::vector<Set> operands;
    Set result;

    Network(const std::vector<std::vector<Dim>>& operand_dims, const std::vector<Dim>& result_dims,
            const std::vector<Estimate>& sizes)
        : dims(sizes), result(dims.set_of(result_dims)) {
        if (operand_dims.empty()) {
            throw std::invalid_argument("contraction: no operands, where 1 or more are needed");
        }
        if (operand_dims.size() > 64) {
            throw std::invalid_argument("contraction: " + std::to_string(operand_dims.size()) +
                                        " operands, where up to 64 are possible");
        }
        for (const std::vector<Dim>& each : operand_dims) {
            operands.push_back(dims.set_of(each));
        }
    }

    [[nodiscard]] Set all() const { return operands.size() == 64 ? ~Set{0} : (Set{1} << operands.size()) - 1; }

    /// The dims that the tensor of a subset of the operands keeps.
    [[nodiscard]] Set kept(Set subset) const {
        Set inside = 0;
        Set outside = result;
        for (std::size_t i = 0; i < operands.size(); ++i) {
            ((subset >> i & 1) != 0 ? inside : outside) |= operands[i];
        }
        return inside & outside;
    }

    /// Sums of single operands over dims that are theirs alone.
    [[nodiscard]] double cost_of_sums() const {
        double cost = 0;
        for (std::size_t i = 0; operands.size() > 1 && i < operands.size(); ++i) {
            cost += kept(Set{1} << i) == operands[i] ? 0 : dims.size(operands[i]);
        }
        return cost;
    }
};

ContractionOrder exact_order(const Network& network) {
    struct Best {
        double cost = std::numeric_limits<double>::infinity();
        Set half = 0;
    };
    const Set all = network.all();
    std::vector<Best> best(all + 1);
    std::vector<Set> kept(all + 1);
    for (Set subset = 1; subset <= all; ++subset) {
        kept[subset] = network.kept(subset);
        if (std::has_single_bit(subset)) {
            best[subset].cost = 0;
            continue;
        }
        const Set lowest = subset & (~subset + 1); // each split is seen once, from the side that has this operand
        for (Set half = (subset - 1) & subset; half != 0; half = (half - 1) & subset) {
            if ((half & lowest) == 0) {
                continue;
            }
            const Set other = subset & ~half;
            const double cost = best[half].cost + best[other].cost + network.dims.size(kept[half] | kept[other]);
            if (cost < best[subset].cost) {
                best[subset] = {cost, half};
            }
        }
    }
    // Subsets in the order of their use, largest first; read backwards, each comes after those that it is made of.
    std::vector<Set> splits;
    std::vector<Set> open{all};
    while (!open.empty()) {
        const Set subset = open.back();
        open.pop_back();
        if (!std::has_single_bit(subset)) {
            splits.push_back(subset);
            open.push_back(best[subset].half);
            open.push_back(subset & ~best[subset].half);
        }
    }
    std::vector<std::size_t> number(all + 1);
    for (std::size_t i = 0; i < network.operands.size(); ++i) {
        number[Set{1} << i] = i;
    }
    ContractionOrder order;
    order.cost = best[all].cost;
    for (auto subset = splits.rbegin(); subset != splits.rend(); ++subset) {
        number[*subset] = network.operands.size() + order.steps.size();
        order.steps.push_back({number[best[*subset].half], number[*subset & ~best[*subset].half]});
    }
    return order;
}

ContractionOrder greedy_order(const Network& network) {
    struct Part {
        std::size_t number;
        Set subset;
    };
    std::vector<Part> parts;
    for (std::size_t i = 0; i < network.operands.size(); ++i) {
        parts.push_back({i, Set{1} << i});
    }
    ContractionOrder order;
    while (parts.size() > 1) {
        double least = std::numeric_limits<double>::infinity();
        std::size_t first = 0;
        std::size_t second = 1;
        for (std::size_t a = 0; a < parts.size(); ++a) {
            for (std::size_t b = a + 1; b < parts.size(); ++b) {
                const double cost = network.dims.size(network.kept(parts[a].subset) | network.kept(parts[b].subset));
                if (cost < least) {
                    least = cost;
                    first = a;
                    second = b;
                }
            }
        }
        order.steps.push_back({parts[first].number, parts[second].number});
        order.cost += least;
        parts[first] = {network.operands.size() + order.steps.size() - 1, parts[first].subset | parts[second].subset};
        parts.erase(parts.begin() + static_cast<std::ptrdiff_t>(second));
    }
    return order;
}

ContractionOrder order_of(const Network& network) {
    ContractionOrder order = network.operands.size() <= most_exact ? exact_order(network) : greedy_order(network);
    order.cost += network.cost_of_sums();
    return order;
}

Expr summed(const Expr& value, const std::vector<Dim>& over) {
    return over.empty() ? value : sum(over, value);
}

} // namespace

ContractionOrder contraction_order(const std::vector<std::vector<Dim>>& operands, const std::vector<Dim>& result,
                                   const std::vector<Estimate>& sizes) {
    return order_of(Network(operands, result, sizes));
}

Tensor contraction(const std::vector<Arg>& operands, const std::vector<Dim>& result,
                   const std::vector<Estimate>& sizes) {
    Function f("contraction", operands);
    f.require(!operands.empty(), "no operands, where 1 or more are needed");
    std::vector<std::vector<Dim>> dims;
    const auto has = [](const std::vector<Dim>& list, const Dim& dim) {
        return std::any_of(list.begin(), list.end(), [&](const Dim& each) { return each.name() == dim.name(); });
    };
    for (const Arg& operand : operands) {
        dims.push_back(operand.dims());
        for (const Dim& dim : dims.back()) {
            f.require(std::any_of(sizes.begin(), sizes.end(),
                                  [&](const Estimate& size) { return size.dim.name() == dim.name(); }),
                      "the dim `" + dim.name() + "` has no size", "orders are compared by the sizes of all dims");
        }
    }
    for (const Dim& dim : result) {
        f.require(std::any_of(dims.begin(), dims.end(), [&](const std::vector<Dim>& each) { return has(each, dim); }),
                  "no operand has the dim `" + dim.name() + "` of the result");
    }
    const Network network(dims, result, sizes);
    struct Part {
        Expr value;
        Set subset;
        Set kept;
    };
    std::vector<Part> parts;
    for (std::size_t i = 0; i < operands.size(); ++i) {
        const Set subset = Set{1} << i, kept = network.kept(subset);
        const std::vector<Dim> alone = network.dims.list(network.operands[i] & ~kept);
        if (alone.empty() || operands.size() == 1) {
            parts.push_back({operands[i], subset, network.operands[i]});
        } else {
            Tensor total("sum");
            total = sum(alone, operands[i]);
            parts.push_back({total, subset, kept});
        }
    }
    if (operands.size() == 1) {
        return summed(operands[0], network.dims.list(network.operands[0] & ~network.kept(1)));
    }
    for (const auto& [first, second] : order_of(network).steps) {
        const Part &a = parts[first], &b = parts[second];
        const Set subset = a.subset | b.subset, kept = network.kept(subset);
        const Expr product = summed(a.value * b.value, network.dims.list((a.kept | b.kept) & ~kept));
        if (subset == network.all()) {
            return product;
        }
        Tensor partial("partial");
        partial = product;
        parts.push_back({partial, subset, kept});
    }
    return operands[0]; // not reached: the last step joins all
}

Kernel contraction() {
    Dim edge("edge"), channel("channel"), i("i"), j("j"), k("k");
    Input x("x", f32, {edge, channel, j}), y("y", f32, {edge, k}), c("c", f32, {i, j, k});
    c.frozen();
    Tensor result("result");
    result(edge, channel, i) =
        contraction({c, x, y}, {edge, channel, i}, {{edge, 10000}, {channel, 128}, {i, 9}, {j, 9}, {k, 9}});
    return Kernel("contraction", {result}, estimates({{edge, 10000}, {channel, 128}, {i, 9}, {j, 9}, {k, 9}}));
}

Kernel contraction_chain() {
    Dim i("i"), j("j"), p("p"), q("q"), r("r");
    Input a("a", f32, {i, p}), b("b", f32, {p, q}), c("c", f32, {q, r}), e("e", f32, {r, j});
    Tensor result("result");
    result(i, j) = contraction({a, b, c, e}, {i, j}, {{i, 512}, {p, 64}, {q, 1024}, {r, 16}, {j, 512}});
    return Kernel("contraction_chain", {result}, estimates({{i, 512}, {p, 64}, {q, 1024}, {r, 16}, {j, 512}}));
}

} // namespace coulter::models
