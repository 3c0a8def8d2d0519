"""PlaidML 0.7, in its language Tile, on its back end for processors (`llvm_cpu.0`), the only one that needs no OpenCL."""
import os

import numpy as np

from contenders import Prepared, Unavailable
from contenders.problems import ITERATIONS, STRIDE, TAPS

VOTES = """function (POSE[N, IY, IX, I, R, K], WEIGHT[KY, KX, I, O, K, C]) -> (VOTES) {
  VOTES[n, y, x, o, r, c : N, (IY - KY) / 2 + 1, (IX - KX) / 2 + 1, O, R, C] =
      +(POSE[n, 2*y + ky, 2*x + kx, i, r, k] * WEIGHT[ky, kx, i, o, k, c]);
}"""


def routing(problem):
    """A child is at (2*y + ky, 2*x + kx) on either side of a contraction, so sums over parents are like those over
    children. Tile broadcasts from the right, hence the reshapes."""
    n, size, out, types = problem.batch, problem.size, problem.out, problem.channels
    positions = f"{n}, {out}, {out}"
    children, pairs = f"{n}, {size}, {size}, {types}", f"{positions}, {TAPS}, {TAPS}, {types}, {types}"
    child, pair = "n, 2*y + ky, 2*x + kx, i", "n, y, x, ky, kx, i, o"

    def at_child(name):
        return (f"{name}_AT[n, y, x, ky, kx, i, z : {positions}, {TAPS}, {TAPS}, {types}, 1] = =({name}[{child}]), z < 1;")

    lines = [f"V[{pair}, r, c : {pairs}, 4, 4] = +(POSE[{child}, r, k] * WEIGHT[ky, kx, i, o, k, c]);",
             "S0 = ACTIVATION * SHARE;", at_child("S0"),
             f"R0[{pair} : {pairs}] = +(S0_AT[n, y, x, ky, kx, i, z] * ONES[o]);"]
    for t in range(ITERATIONS):
        scale = 0.01 * (1 - 0.95 ** (t + 1))
        lines += [
            f"M{t}[n, y, x, o : {positions}, {types}] = +(R{t}[{pair}]);",
            f"D{t} = reshape(M{t} + 0.0000001, {positions}, {types}, 1, 1);",
            f"A{t}[n, y, x, o, r, c : {positions}, {types}, 4, 4] = +(R{t}[{pair}] * V[{pair}, r, c]);",
            f"MEAN{t} = A{t} / D{t};",
            f"Q{t} = V - reshape(MEAN{t}, {positions}, 1, 1, 1, {types}, 4, 4);",
            f"SQ{t} = Q{t} * Q{t};",
            f"B{t}[n, y, x, o, r, c : {positions}, {types}, 4, 4] = +(R{t}[{pair}] * SQ{t}[{pair}, r, c]);",
            f"VAR{t} = B{t} / D{t} + 0.0001;",
            f"LOG{t} = log(VAR{t});",
            f"LV{t}[n, y, x, o : {positions}, {types}] = +(LOG{t}[n, y, x, o, r, c]);",
            f"LOGIT{t} = {scale:.9f} * (BETA_A - (16.0 * BETA_U + 0.5 * LV{t}) * M{t});",
            f"ACTIVE{t} = 1.0 / (1.0 + exp(-LOGIT{t}));",
        ]
        if t + 1 == ITERATIONS:
            break
        lines += [
            f"PREC{t} = 1.0 / VAR{t};",
            f"DIST{t}[{pair} : {pairs}] = +(SQ{t}[{pair}, r, c] * PREC{t}[n, y, x, o, r, c]);",
            f"EV{t} = reshape(log(ACTIVE{t}) - 0.5 * LV{t}, {positions}, 1, 1, 1, {types});",
            f"L{t} = EV{t} - 0.5 * DIST{t};",
            f"MOST{t}[{child} : {children}] = >(L{t}[{pair}]);", at_child(f"MOST{t}"),
            f"P{t} = exp(L{t} - MOST{t}_AT);",
            f"SUM{t}[{child} : {children}] = +(P{t}[{pair}]);",
            f"S{t + 1} = ACTIVATION / max(SUM{t}, 0.5);", at_child(f"S{t + 1}"),
            f"R{t + 1} = P{t} * S{t + 1}_AT;",
        ]
    last = ITERATIONS - 1
    return (f"function (POSE[N, IY, IX, IN, R, K], ACTIVATION[N, IY, IX, IN], WEIGHT[KY, KX, IN, OUT, K, C], BETA_U[OUT], "
            f"BETA_A[OUT], SHARE[IY, IX, Z], ONES[OUT]) -> (MEAN{last}, ACTIVE{last}) {{\n  " + "\n  ".join(lines) + "\n}",
            [f"MEAN{last}", f"ACTIVE{last}"])


def first_share(problem):
    """What each parent has of a child at first: it depends on the position alone, and is 0 where no window reaches."""
    seen = np.zeros((problem.size, problem.size, 1), np.float32)
    span = STRIDE * (problem.out - 1) + 1
    for ky in range(TAPS):
        for kx in range(TAPS):
            seen[ky:ky + span:STRIDE, kx:kx + span:STRIDE] += problem.channels
    return np.divide(1, seen, out=np.zeros_like(seen), where=seen > 0)


def prepare(form, problem, inputs, outputs, options):
    os.environ.update(PLAIDML_EXPERIMENTAL="1", PLAIDML_DEVICE_IDS="llvm_cpu.0", OMP_NUM_THREADS=str(options["threads"]))
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:options["threads"]])
    try:
        import plaidml
    except ImportError:
        raise Unavailable("not installed: plaidml") from None
    plaidml.settings.setup = True
    context = plaidml.Context()
    plaidml.quiet()
    device = plaidml.Device(context, plaidml.devices(context)[0])

    def tensor(array):
        shape = plaidml.Shape(context, plaidml.DType.FLOAT32, *array.shape)
        result = plaidml.Tensor(device, shape)
        with result.mmap_discard(context) as view:
            view.copy_from_ndarray(array)
            view.writeback()
        return result

    if problem.kernel == "conv_capsules":
        code, names = VOTES, ["VOTES"]
    else:
        code, names = routing(problem)
        inputs = inputs | {"share": first_share(problem), "ones": np.ones(problem.channels, np.float32)}
    results = {name: tensor(array) for name, array in zip(names, outputs.values())}
    invoker = plaidml.Invoker(context, plaidml.Function(code), {name.upper(): tensor(a) for name, a in inputs.items()},
                              results)

    def call():
        invoker.invoke()
        for result in results.values():
            with result.mmap_current():  # waits for the result
                pass

    def fetch():
        for result, array in zip(results.values(), outputs.values()):
            with result.mmap_current() as view:
                view.copy_to_ndarray(array)
    return Prepared(None, call, fetch, "0.7.0")
