#include "models/em_routing.hpp"

#include "models/activations.hpp"

#include <cmath>
#include <stdexcept>

namespace coulter::models {
namespace {

/// What an M-step finds out about each parent.
struct Parents {
    Tensor mean{"mean"};
    Tensor shift{"shift"}; ///< of the mean from the anchor, if there is one
    Tensor log_variance{"log_variance"};
    Tensor precision{"precision"}; ///< 1 / variance
    Tensor cost{"cost"};           ///< per element of the pose
};

class Router {
public:
    Router(const Arg& votes, const Arg& activation, const Arg& beta_u, const Arg& beta_a, const CapsuleLayer& layer,
           const EmOptions& options)
        : votes_(votes), activation_(activation), beta_u_(beta_u), beta_a_(beta_a), layer_(layer), options_(options),
          type_(votes.type().value_or(f32)), children_(children(layer)) {
        if (options.variance == VariancePasses::one) {
            Tensor anchor("anchor"), offset("offset");
            // A constant to the gradient, as no result depends on it.
            anchor = stop_gradient(middle_vote());
            anchor_ = anchor;
            offset = votes_ - anchor;
            offset_ = offset;
        }
    }

    [[nodiscard]] RoutedCapsules run() const {
        std::vector<Tensor> assignments{first_assignment()};
        for (int t = 0; t + 1 < options_.iterations; ++t) {
            assignments.push_back(expectation(maximisation(assignments.back()), t));
        }
        const Parents last = maximisation(assignments.back());
        // What both results need is one stage, in whose loops a schedule can place everything before it.
        Tensor parents("parents");
        parents = Tuple{last.mean, last.cost};
        return {{parents[0], sigmoid(activation_logit(parents[1], options_.iterations - 1))}, assignments.back()};
    }

private:
    [[nodiscard]] Expr value(double literal) const { return cast(type_, literal); }

    // One vote per parent, that of a child in the middle of its window.
    [[nodiscard]] Expr middle_vote() const {
        std::vector<AccessArg> middle;
        for (const Dim& dim : children_) {
            const bool is_tap = middle.size() < layer_.axes.size();
            middle.push_back(dim(is_tap ? extent(dim) / 2 : Expr(0)));
        }
        return votes_(middle);
    }

    [[nodiscard]] Tensor first_assignment() const {
        Tensor share("share");
        // A child that no window reaches has no parents, and nothing reads its share.
        share = activation_ / cast(type_, max(1, parent_count(layer_)));
        Tensor assignment("assignment");
        assignment = at_child(share, layer_);
        return assignment;
    }

    [[nodiscard]] Parents maximisation(const Expr& assignment) const {
        Tensor mass("mass"), scale("inverse_mass"), variance("variance");
        Parents parents;
        mass = sum(children_, assignment);
        scale = value(1) / (mass + value(options_.mass_epsilon));
        Expr spread = 0.0;
        if (anchor_) {
            // Any anchor gives the same mean and variance: with d = vote - anchor and e = mean - anchor,
            // sum R (vote - mean)^2 = sum R d^2 - 2 e sum R d + e^2 sum R.
            Tensor moments("moments");
            const Expr& d = *offset_;
            moments =
                reduce(children_, {0, 0}, {assignment * d, assignment * d * d}, [](const Tuple& a, const Tuple& b) {
                    return Tuple{a[0] + b[0], a[1] + b[1]};
                });
            const Tensor& shift = parents.shift;
            parents.shift = (moments[0] - value(options_.mass_epsilon) * *anchor_) * scale;
            parents.mean = *anchor_ + shift;
            spread = max(moments[1] + shift * (shift * mass - value(2) * moments[0]), value(0));
        } else {
            Tensor squares("squares");
            parents.mean = sum(children_, assignment * votes_) * scale;
            const Expr d = votes_ - parents.mean;
            squares = sum(children_, assignment * d * d);
            spread = squares;
        }
        variance = spread * scale + value(options_.variance_epsilon);
        parents.precision = value(1) / variance;
        parents.log_variance = log(variance);
        const Expr unscaled = mass * (value(0.5) * parents.log_variance + beta_u_);
        parents.cost = options_.scale_cost == 1 ? unscaled : unscaled * value(options_.scale_cost);
        return parents;
    }

    [[nodiscard]] Expr activation_logit(const Expr& cost, int t) const {
        Tensor total_cost("total_cost"), logit("activation_logit");
        total_cost = sum(layer_.matrix, cost);
        const double lambda = options_.final_lambda * (1 - std::pow(0.95, t + 1));
        logit = value(-lambda) * (total_cost - beta_a_);
        return logit;
    }

    [[nodiscard]] Tensor expectation(const Parents& parents, int t) const {
        Tensor log_volume("log_volume"), evidence("evidence"), distance("distance"), logits("logits"),
            highest("highest"), likelihood("likelihood"), total("total"), share("share"), assignment("assignment");
        log_volume = sum(layer_.matrix, parents.log_variance);
        evidence = log_sigmoid(activation_logit(parents.cost, t)) - value(0.5) * log_volume;
        const Expr d = offset_ ? *offset_ - parents.shift : votes_ - parents.mean;
        distance = sum(layer_.matrix, d * d * parents.precision);
        logits = value(-0.5) * distance + evidence;
        highest = max_over_parents(logits, layer_);
        // The assignments are the same for any shift.
        likelihood = exp(logits - stop_gradient(at_child(highest, layer_)));
        total = sum_over_parents(likelihood, layer_);
        // 1 or more for a child that has parents, as one of them has the likelihood 1.
        share = activation_ / max(total, value(0.5));
        assignment = likelihood * at_child(share, layer_);
        return assignment;
    }

    Arg votes_;
    Arg activation_;
    Arg beta_u_;
    Arg beta_a_;
    CapsuleLayer layer_;
    EmOptions options_;
    Type type_;
    std::vector<Dim> children_;
    std::optional<Expr> anchor_;
    std::optional<Expr> offset_; ///< of the votes from it
};

} // namespace

RoutedCapsules em_routing(const Arg& votes, const Arg& activation, const Arg& beta_u, const Arg& beta_a,
                          const CapsuleLayer& layer, const EmOptions& options) {
    if (options.iterations < 1) {
        throw std::invalid_argument("em_routing: " + std::to_string(options.iterations) +
                                    " iterations, where 1 or more are needed");
    }
    Function f("em", {votes, activation, beta_u, beta_a});
    f.macros(COULTER_MODELS_DIR "/em.sched");
    return Router(votes, activation, beta_u, beta_a, layer, options).run();
}

Kernel em_routing() {
    constexpr std::int64_t stride = 2;
    Dim batch("batch"), y("y"), x("x"), iy("iy"), ix("ix"), in("in"), out("out");
    Dim ky("ky", 3), kx("kx", 3), row("row", 4), col("col", 4), k("k", 4);
    Dim py("py", most_parents(ky, stride)), px("px", most_parents(kx, stride));

    Input pose("pose", f32, {batch, iy, ix, in, row, k});
    Input activation("activation", f32, {batch, iy, ix, in});
    Input weight("weight", f32, {ky, kx, in, out, k, col});
    Input beta_u("beta_u", f32, {out}), beta_a("beta_a", f32, {out});
    weight.frozen();

    Tensor votes("votes");
    votes(batch, y, x, ky, kx, in, out, row, col) =
        conv_capsule_votes(pose, weight, {iy, y, ky}, {ix, x, kx}, k, stride);
    const CapsuleLayer layer{{{{iy, y, ky}, py}, {{ix, x, kx}, px}}, stride, {in}, out, {row, col}};
    const Capsules parents = em_routing(votes, activation, beta_u, beta_a, layer);
    Tensor pose_out("pose_out"), activation_out("activation_out");
    pose_out(batch, y, x, out, row, col) = parents.pose;
    activation_out(batch, y, x, out) = parents.activation;
    return Kernel("em_routing", {pose_out, activation_out},
                  estimates({{batch, 8}, {iy, 14}, {ix, 14}, {in, 16}, {out, 16}}));
}

} // namespace coulter::models
