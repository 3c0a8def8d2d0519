// What one_iteration.cpp has, as a function: a step for each letter, and a loop around them. Read that file first.
//
// The loop is one of C++. It runs when the kernel is written down, so the kernel has every iteration's stages side by
// side, and a schedule may treat each of them differently.

#include "routing.hpp"

#include <cmath>

namespace lesson {

using namespace coulter;

namespace {

/// What an M-step finds out about the parents. The variance is there as what is read of it, so that there is a
/// logarithm and a division for each element of each parent, and not for each vote.
struct Gaussians {
    Tensor mean{"mean"}, log_variance{"log_variance"}, precision{"precision"}, cost{"cost"};
};

class Router {
public:
    Router(const Arg& votes, const Arg& active, const Arg& beta_u, const Arg& beta_a, const Layer& layer,
           const Options& options)
        : votes_(votes), active_(active), beta_u_(beta_u), beta_a_(beta_a), l_(layer), options_(options) {}

    [[nodiscard]] Parents run() const {
        // `=` defines a tensor, and a second `=` is an error. What changes from one iteration to the next is therefore
        // a new tensor each time.
        std::vector<Gaussians> parents{m_step(first_assignment())};
        for (int t = 0; t + 1 < options_.iterations; ++t) {
            parents.push_back(m_step(e_step(parents.back(), t)));
        }
        // There is no E-step after the last M-step, as nothing would read it. The two results have different dims, and
        // need nearly the same stages. A stage of both lets a schedule compute all of them in the loops of one.
        Tensor last("parents");
        last = Tuple{parents.back().mean, parents.back().cost};
        return {last[0], sigmoid(logit(last[1], options_.iterations - 1))};
    }

private:
    [[nodiscard]] Expr parent_y() const { return l_.iy / 2 - l_.py; }
    [[nodiscard]] Expr parent_x() const { return l_.ix / 2 - l_.px; }
    [[nodiscard]] Expr tap_y() const { return l_.iy % 2 + 2 * l_.py; }
    [[nodiscard]] Expr tap_x() const { return l_.ix % 2 + 2 * l_.px; }
    [[nodiscard]] ReduceOption exist() const {
        return where(parent_y() >= 0 && parent_y() < extent(l_.y) && tap_y() < extent(l_.ky) && //
                     parent_x() >= 0 && parent_x() < extent(l_.x) && tap_x() < extent(l_.kx));
    }
    [[nodiscard]] Expr at_child(const Tensor& t) const { return t(l_.iy(2 * l_.y + l_.ky), l_.ix(2 * l_.x + l_.kx)); }
    [[nodiscard]] Padded of_parents(const Tensor& t) const {
        return clamped(t)(l_.y(parent_y()), l_.ky(tap_y()), l_.x(parent_x()), l_.kx(tap_x()));
    }
    [[nodiscard]] Dims children() const { return {l_.ky, l_.kx, l_.in}; }
    [[nodiscard]] Dims pose() const { return {l_.row, l_.col}; }

    [[nodiscard]] Tensor first_assignment() const {
        Tensor positions("positions"), share("share"), assignment("assignment");
        positions = sum({l_.py, l_.px}, f32(1), exist());
        share = active_ / (positions * f32(extent(l_.out)));
        assignment = at_child(share);
        return assignment;
    }

    [[nodiscard]] Gaussians m_step(const Tensor& assignment) const {
        Tensor mass("mass"), weighted("weighted"), squares("squares"), variance("variance");
        Gaussians parents;
        mass = sum(children(), assignment);
        weighted = sum(children(), assignment * votes_);
        parents.mean = weighted / (mass + 1e-7);
        const Expr d = votes_ - parents.mean;
        squares = sum(children(), assignment * d * d);
        variance = squares / (mass + 1e-7) + 1e-4;
        parents.log_variance = log(variance);
        parents.precision = 1 / variance;
        const Expr cost = mass * (0.5 * parents.log_variance + beta_u_);
        parents.cost = options_.cost_scale ? cost * *options_.cost_scale : cost;
        return parents;
    }

    /// Of the activation of the parents; the inverse temperature rises from one iteration to the next.
    [[nodiscard]] Expr logit(const Expr& cost, int t) const {
        Tensor total_cost("total_cost");
        total_cost = sum(pose(), cost);
        return options_.final_lambda * (1 - std::pow(0.95, t + 1)) * (beta_a_ - total_cost);
    }

    [[nodiscard]] Tensor e_step(const Gaussians& parents, int t) const {
        Tensor evidence("evidence"), volume("log_volume"), distance("distance"), logits("logits"), best("best"),
            highest("highest"), density("density"), types("types"), total("total"), share("share"),
            assignment("assignment");
        volume = sum(pose(), parents.log_variance);
        evidence = log_sigmoid(logit(parents.cost, t)) - 0.5 * volume;
        const Expr d = votes_ - parents.mean;
        distance = sum(pose(), d * d * parents.precision);
        logits = -0.5 * distance + evidence;
        best = max({l_.out}, logits);
        highest = max({l_.py, l_.px}, of_parents(best), exist());
        density = exp(logits - at_child(highest));
        types = sum({l_.out}, density);
        total = sum({l_.py, l_.px}, of_parents(types), exist());
        share = active_ / total;
        assignment = density * at_child(share);
        return assignment;
    }

    [[nodiscard]] static Expr log_sigmoid(const Expr& value) {
        Tensor logit("logit");
        logit = value;
        return min(logit, 0) - log1p(exp(-abs(logit)));
    }

    Arg votes_, active_, beta_u_, beta_a_;
    Layer l_;
    Options options_;
};

} // namespace

Parents em_routing(const Arg& votes, const Arg& active, const Arg& beta_u, const Arg& beta_a, const Layer& layer,
                   const Options& options) {
    // All that is defined while `f` lives belongs to this call, and is named after the tensor that the call defines and
    // `em`. Equal names are numbered in the order of the text: mean[0] is that of the first iteration.
    Function f("em", {votes, active, beta_u, beta_a});
    return Router(votes, active, beta_u, beta_a, layer, options).run();
}

Kernel routing_kernel(const std::string& name, const Layer& l, const Options& options) {
    Input pose("pose", f32, {l.batch, l.iy, l.ix, l.in, l.row, l.k});
    Input active("activation", f32, {l.batch, l.iy, l.ix, l.in});
    Input weight("weight", f32, {l.ky, l.kx, l.in, l.out, l.k, l.col});
    Input beta_u("beta_u", f32, {l.out}), beta_a("beta_a", f32, {l.out});
    weight.frozen();

    Tensor votes("votes"), pose_out("pose_out"), active_out("activation_out");
    votes(l.batch, l.y, l.x, l.ky, l.kx, l.in, l.out, l.row, l.col) =
        sum({l.k}, pose(l.iy(2 * l.y + l.ky), l.ix(2 * l.x + l.kx)) * weight);
    const Parents parents = em_routing(votes, active, beta_u, beta_a, l, options);
    pose_out(l.batch, l.y, l.x, l.out, l.row, l.col) = parents.pose;
    active_out(l.batch, l.y, l.x, l.out) = parents.activation;
    return Kernel(name, {pose_out, active_out},
                  estimates({{l.batch, 8}, {l.iy, 14}, {l.ix, 14}, {l.in, 16}, {l.out, 16}}));
}

} // namespace lesson
