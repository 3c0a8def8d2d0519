// Sine and cosine of f32 in the lanes of vectors. The C library's, which every angle is good for, take one lane at a
// time.

#include "math.hpp"
#include "pipeline.hpp"

#include <cmath>
#include <iterator>

namespace coulter::lower {

using namespace Halide::Internal;
using Halide::Expr;

namespace {

// Coefficients from scripts/fit_math.py, lowest power first.
constexpr float sin_tail[] = {-0.166666538f, 0.00833211280f, -0.000195087399f};
constexpr float cos_tail[] = {0.0416666456f, -0.00138872513f, 2.44256789e-05f};

/// Below it pi / 2 in two parts is accurate enough: the first one times the number of quarter turns is exact.
constexpr double largest_angle = 16777216;

Expr strict(Call::IntrinsicOp op, const Expr& a, const Expr& b) {
    return Call::make(a.type(), op, {a, b}, Call::PureIntrinsic);
}

/// Replaces the calls in what is to run on the processor, once loops have become vectors: until then a call is one node
/// for Halide, and a branch cannot depend on all lanes.
class InLanes : public IRMutator {
public:
    explicit InLanes(const Math& math) : math_(math) {}

private:
    using IRMutator::visit;

    Stmt visit(const For* op) override {
        return op->device_api == Halide::DeviceAPI::None || op->device_api == Halide::DeviceAPI::Host
                   ? IRMutator::visit(op)
                   : op;
    }

    Expr visit(const Call* op) override {
        const Expr kept = IRMutator::visit(op);
        const Call* call = kept.as<Call>();
        if (call == nullptr || call->call_type != Call::PureExtern || (call->name != "sinf" && call->name != "cosf")) {
            return kept;
        }
        // In names, so that both sides of the branch share them.
        const std::string name = unique_name(call->name);
        const Expr x = Variable::make(call->type, name);
        const Expr near = Variable::make(call->type.with_code(Halide::Type::UInt), name + ".near");
        const Expr far = !Call::make(call->type.with_bits(1).with_code(Halide::Type::UInt), Call::strict_lt,
                                     {math_.call(ir::Op::abs, {x}), make_const(call->type, largest_angle)},
                                     Call::PureIntrinsic); // infinities and NaN as well
        const Expr any = far.type().is_vector() ? VectorReduce::make(VectorReduce::Or, far, 1) : far;
        const Expr called = reinterpret(near.type(), Call::make(call->type, call->name, {x}, Call::PureExtern));
        // Bits, as a choice between floats would tell LLVM that there is no NaN.
        const Expr bits = Call::make(near.type(), Call::if_then_else, {any, Select::make(far, called, near), near},
                                     Call::PureIntrinsic);
        const Expr value = reinterpret(near.type(), math_.near_circular32(x, call->name == "cosf"));
        return Let::make(name, call->args.front(), Let::make(name + ".near", value, reinterpret(call->type, bits)));
    }

    const Math math_;
};

} // namespace

// x = n pi/2 + r, |r| <= pi / 4, in f64; then sin or cos of r in f32, by n modulo 4. Added to 1.5 2^52 a number is
// rounded, and its last bits are n. The sign of a zero stays.
Expr Math::near_circular32(const Expr& x, bool cosine) const {
    const Halide::Type wide = Halide::Float(64, x.type().lanes());
    const Halide::Type bits = Halide::UInt(32, x.type().lanes());
    const auto number = [&](double value) { return make_const(wide, value); };
    const Expr angle = Halide::cast(wide, x);
    const Expr magic = number(6755399441055744.0);
    const Expr rounded = strict(Call::strict_add, strict(Call::strict_mul, angle, number(0.63661977236758134)), magic);
    const Expr n = strict(Call::strict_sub, rounded, magic);
    // pi / 2 in two parts: the first has 25 bits.
    const Expr rest = strict(Call::strict_sub,
                             strict(Call::strict_sub, angle, strict(Call::strict_mul, n, number(1.5707963109016418))),
                             strict(Call::strict_mul, n, number(1.5893254773528197e-8)));
    const Expr r = Halide::cast(x.type(), rest);
    const Expr quarter = Halide::cast(bits, Halide::reinterpret(wide.with_code(Halide::Type::UInt), rounded)) +
                         make_const(bits, cosine ? 1 : 0);
    const Expr square = strict(Call::strict_mul, r, r);
    const Expr sine =
        poly_fma(strict(Call::strict_mul, polynomial(square, sin_tail, std::size(sin_tail)), square), r, r);
    const Expr half = poly_fma(square, make_const(x.type(), -0.5), make_const(x.type(), 1));
    const Expr cosine_of_r =
        poly_fma(polynomial(square, cos_tail, std::size(cos_tail)), strict(Call::strict_mul, square, square), half);
    const Expr is_odd = (quarter & make_const(bits, 1)) != make_const(bits, 0);
    const Expr chosen = Halide::select(is_odd, Halide::reinterpret(bits, cosine_of_r), Halide::reinterpret(bits, sine));
    const Expr sign = (quarter & make_const(bits, 2)) << make_const(bits, 30);
    return barrier(Halide::reinterpret(x.type(), chosen ^ sign));
}

void calculate_in_lanes(Halide::Pipeline& pipeline, const Math& math) {
    pipeline.add_custom_lowering_pass(new InLanes(math)); // the pipeline deletes it
}

} // namespace coulter::lower
