#pragma once
/// Kernels from kernels: gradients, and derivatives along a direction.

#include "coulter/ir.hpp"
#include "coulter/kernel.hpp"

namespace coulter {

/// What a gradient kernel is made of, for people and for tests.
struct GradientReport {
    /// How the adjoint of one tensor takes what one definition contributes.
    enum class Form : std::uint8_t {
        pointwise, ///< each element from elements that its own indices determine
        gather,    ///< a sum, over the reader's loops that the access leaves open
        scatter    ///< each element of the reader's adjoint is added where the access read: data decides the place
    };
    struct Contribution {
        std::string tensor; ///< whose adjoint
        std::string reader; ///< the definition that read it
        std::string stage;  ///< the definition of the gradient kernel that computes the contribution
        Form form = Form::pointwise;
        std::vector<std::string> reduced; ///< dims that the gather or scatter sums over
        std::string why;                  ///< of the form, in words
    };
    std::vector<Contribution> contributions;
    std::vector<std::string> reductions; ///< definitions of the gradient that reduce or scan, helpers included
    std::vector<std::string> reads;      ///< inputs and forward definitions that the adjoints read themselves
    std::vector<std::string> kept;       ///< all forward definitions in the gradient kernel
    std::vector<std::string> sizes_only; ///< inputs that it has for their extents alone
};

/// The vector-Jacobian product of a kernel, by reverse accumulation.
///
/// The result is called `<kernel>.grad`. Its inputs are the inputs of `kernel` that it needs and a cotangent
/// `d.<output>` for every output that depends on `wrt`, with the output's type, dims and layout; its outputs are
/// `d.<input>` for each of `wrt`, in that order, with the input's type, dims and layout. Forward definitions that
/// adjoints read are part of it, under their names. Adjoints are summed in f32 where a tensor is f16 or bf16.
///
/// \throws LanguageError: G001 an operation without a rule, G002 `wrt` is no input, G003 the input has no gradient.
[[nodiscard]] ir::Kernel grad(const ir::Kernel& kernel, const std::vector<std::string>& wrt,
                              GradientReport* report = nullptr);

/// The same for a kernel of the language: `grad(conv_capsules(), {"pose", "weight"})`.
[[nodiscard]] Kernel grad(const Kernel& kernel, const std::vector<std::string>& wrt, GradientReport* report = nullptr);

/// The kernel and its gradient in one, as a step of training wants them: what both need is computed once.
///
/// The result is called `<kernel>.value_and_grad`. Its outputs are those of `kernel`, whether or not they depend on `wrt`,
/// then those of `grad`; its inputs are those of either. An output that `kernel` updates in place is an array of its own
/// here, as the gradient reads what was there before.
///
/// \throws LanguageError as grad does.
[[nodiscard]] ir::Kernel value_and_grad(const ir::Kernel& kernel, const std::vector<std::string>& wrt,
                                        GradientReport* report = nullptr);
[[nodiscard]] Kernel value_and_grad(const Kernel& kernel, const std::vector<std::string>& wrt,
                                    GradientReport* report = nullptr);

/// The Jacobian-vector product of a kernel, in forward mode.
///
/// The result is called `<kernel>.jvp`. Its inputs are the inputs of `kernel` that it needs and a tangent `d.<input>` for
/// each of `wrt`, with the input's type, dims and layout; its outputs are the tangents `d.<output>` of the outputs that
/// depend on `wrt`. Conventions are those of grad: <w, jvp(v)> = <grad(w), v>, but that three or more elements of a
/// reduction of one's own that tie may share otherwise. Rules by `with_vjp` are not asked: what functions compute is
/// differentiated. jvp(grad(kernel, {"x"}), {"x"}) is a Hessian-vector product, `d2.d.x` along `d2.x`.
///
/// \throws LanguageError as grad does.
[[nodiscard]] ir::Kernel jvp(const ir::Kernel& kernel, const std::vector<std::string>& wrt);
[[nodiscard]] Kernel jvp(const Kernel& kernel, const std::vector<std::string>& wrt);

/// The report as text, one line per contribution; and as JSON.
[[nodiscard]] std::string to_text(const GradientReport& report);
[[nodiscard]] std::string to_json(const GradientReport& report);

} // namespace coulter
