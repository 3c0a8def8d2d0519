#pragma once
/// EM routing as a function of the algorithm language, for any number of iterations.

#include <coulter/coulter.h>

#include <optional>

namespace lesson {

/// The dims of a layer of capsules whose parents see windows of 3 x 3 positions, 2 apart.
struct Layer {
    coulter::Dim batch{"batch"}, y{"y"}, x{"x"}, iy{"iy"}, ix{"ix"}, in{"in"}, out{"out"};
    coulter::Dim ky{"ky", 3}, kx{"kx", 3}, py{"py", 2}, px{"px", 2};
    coulter::Dim row{"row", 4}, col{"col", 4}, k{"k", 4};
};

struct Options {
    int iterations = 3;
    double final_lambda = 0.01;
    std::optional<coulter::Expr> cost_scale; ///< times the cost, if it is given
};

/// Poses and activations of the parents.
struct Parents {
    coulter::Tensor pose;
    coulter::Tensor activation;
};

/// Parents from the votes of their children. \param votes over positions and types of parents, taps, `in`, row and col;
/// \param active of the children; \param beta_u, beta_a by type of parent.
[[nodiscard]] Parents em_routing(const coulter::Arg& votes, const coulter::Arg& active, const coulter::Arg& beta_u,
                                 const coulter::Arg& beta_a, const Layer& layer, const Options& options = {});

/// The kernel: votes, and the routing of them. \param name what it is called.
[[nodiscard]] coulter::Kernel routing_kernel(const std::string& name, const Layer& layer, const Options& options);

} // namespace lesson
