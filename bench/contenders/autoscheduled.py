"""Halide's autoschedulers, on the algorithms written as one writes them in Halide, compiled just in time.

Sizes and strides are constants, as autoschedulers know no others, and the weights lie with the output capsules innermost,
which is the better order for vectors: both are in these contenders' favour. The order of the arguments of a stage is the
order of its memory, innermost first.
"""
import importlib.metadata
import os
import pathlib
import time

import numpy as np

from contenders import Prepared, Unavailable
from contenders.problems import ITERATIONS, STRIDE, TAPS


class Pipeline:
    """Inputs, stages and results by name, all over f32."""

    def __init__(self, hl, problem):
        self.hl, self.problem, self.inputs = hl, problem, {}
        self.n, self.y, self.x, self.o, self.r, self.c = (hl.Var(name) for name in "nyxorc")

    def constant(self, dims, extents):
        stride = 1
        for dim, extent in zip(dims, extents):
            dim.set_bounds(0, extent)
            dim.set_stride(stride)
            dim.set_estimate(0, extent)
            stride *= extent

    def input(self, name, extents):
        parameter = self.hl.ImageParam(self.hl.Float(32), len(extents), name)
        self.constant([parameter.dim(i) for i in range(len(extents))], extents)
        self.inputs[name] = parameter
        return parameter

    def stage(self, name, at, value):
        func = self.hl.Func(name)
        func[tuple(at)] = value if isinstance(value, self.hl.Expr) else self.hl.f32(value)
        return func

    def total(self, name, at, value):
        """The sum of `value` over the reduction domain in it."""
        func = self.stage(name, at, 0.0)
        func[tuple(at)] += value
        return func

    def result(self, func, extents):
        buffer = func.output_buffer()
        self.constant([buffer.dim(i) for i in range(len(extents))], extents)
        func.set_estimates([self.hl.Range(0, extent) for extent in extents])
        return func


def votes(hl, problem):
    p = Pipeline(hl, problem)
    types = problem.channels
    pose = p.input("pose", [4, 4, types, problem.size, problem.size, problem.batch])
    weight = p.input("weight", [types, 4, 4, types, TAPS, TAPS])
    k = hl.RDom([(0, 4), (0, types), (0, TAPS), (0, TAPS)])
    at = [p.c, p.r, p.o, p.x, p.y, p.n]
    # The sum is a stage of its own: autoschedulers place a producer among a result's loops, but not a result's own sum.
    sums = p.total("sums", at, pose[k[0], p.r, k[1], STRIDE * p.x + k[2], STRIDE * p.y + k[3], p.n] *
                   weight[p.o, p.c, k[0], k[1], k[2], k[3]])
    result = p.stage("votes", at, sums[tuple(at)])
    return p, [p.result(result, [4, 4, types, problem.out, problem.out, problem.batch])]


def routing(hl, problem):
    p = Pipeline(hl, problem)
    types, out, size, batch = problem.channels, problem.out, problem.size, problem.batch
    pose = p.input("pose", [4, 4, types, size, size, batch])
    activation = p.input("activation", [types, size, size, batch])
    weight = p.input("weight", [types, 4, 4, types, TAPS, TAPS])
    beta_u, beta_a = p.input("beta_u", [types]), p.input("beta_a", [types])
    o, c, r, x, y, n = p.o, p.c, p.r, p.x, p.y, p.n
    i, kx, ky, ix, iy = (hl.Var(name) for name in ("i", "kx", "ky", "ix", "iy"))
    pair, parent, child = (o, i, kx, ky, x, y, n), (o, x, y, n), (i, ix, iy, n)
    element = (o, c, r, x, y, n)

    # A product of four terms is an expression, which an autoscheduler may inline or store.
    vote = p.stage("vote", (o, c, r, i, kx, ky, x, y, n),
                   sum_of(pose[k, r, i, STRIDE * x + kx, STRIDE * y + ky, n] * weight[o, c, k, i, kx, ky] for k in range(4)))
    children = hl.RDom([(0, types), (0, TAPS), (0, TAPS)])
    matrix = hl.RDom([(0, 4), (0, 4)])
    one = (children[0], children[1], children[2])

    # The parents that see a child: their taps have the child's parity.
    taps = hl.RDom([(0, types), (0, 2), (0, 2)])
    px, py = ix % STRIDE + STRIDE * taps[1], iy % STRIDE + STRIDE * taps[2]
    at_x, at_y = ix // STRIDE - taps[1], iy // STRIDE - taps[2]
    taps.where((px < TAPS) & (py < TAPS) & (at_x >= 0) & (at_x < out) & (at_y >= 0) & (at_y < out))
    of_parents = (taps[0], i, hl.min(px, TAPS - 1), hl.min(py, TAPS - 1), hl.clamp(at_x, 0, out - 1),
                  hl.clamp(at_y, 0, out - 1), n)
    # As many windows as cover a position along one axis.
    def covering(position):
        return sum_of(hl.cast(hl.Float(32), hl.select((position >= STRIDE * q) & (position < STRIDE * q + TAPS), 1, 0))
                      for q in range(out))
    share = p.stage("share", child, activation[child] / hl.max(covering(ix) * covering(iy) * float(types), 1.0))
    here = (i, STRIDE * x + kx, STRIDE * y + ky, n)
    assigned = p.stage("assigned", pair, share[here])
    for t in range(ITERATIONS):
        r_of = assigned[(o, *one, x, y, n)]
        mass = p.total(f"mass{t}", parent, r_of)
        v = vote[(o, c, r, *one, x, y, n)]
        divisor = mass[parent] + hl.f32(1e-7)
        mean = p.stage(f"mean{t}", element, p.total(f"sums{t}", element, r_of * v)[element] / divisor)
        squares = p.total(f"squares{t}", element, r_of * (v - mean[element]) * (v - mean[element]))
        variance = p.stage(f"variance{t}", element, squares[element] / divisor + hl.f32(1e-4))
        log_volume = p.total(f"log_volume{t}", parent, hl.log(variance[(o, matrix[0], matrix[1], x, y, n)]))
        cost = (16.0 * beta_u[o] + 0.5 * log_volume[parent]) * mass[parent]
        slope = hl.f32(-0.01 * (1 - 0.95 ** (t + 1)))
        active = p.stage(f"active{t}", parent, 1.0 / (1.0 + hl.exp(slope * (beta_a[o] - cost))))
        if t + 1 == ITERATIONS:
            break
        precision = p.stage(f"precision{t}", element, 1.0 / variance[element])
        evidence = p.stage(f"evidence{t}", parent, hl.log(active[parent]) - 0.5 * log_volume[parent])
        at = (o, matrix[0], matrix[1], x, y, n)
        d = vote[(o, matrix[0], matrix[1], i, kx, ky, x, y, n)] - mean[at]
        distance = p.total(f"distance{t}", pair, d * d * precision[at])
        logits = p.stage(f"logits{t}", pair, evidence[parent] - 0.5 * distance[pair])
        highest = p.stage(f"highest{t}", child, -1e30)
        highest[child] = hl.max(highest[child], logits[of_parents])
        likelihood = p.stage(f"likelihood{t}", pair, hl.exp(logits[pair] - highest[here]))
        total = p.total(f"total{t}", child, likelihood[of_parents])
        share = p.stage(f"share{t}", child, activation[child] / hl.max(total[child], 0.5))
        assigned = p.stage(f"assigned{t}", pair, likelihood[pair] * share[here])
    result = p.stage("result", (c, r, o, x, y, n), mean[element])
    result_active = p.stage("result_active", parent, active[parent])
    return p, [p.result(result, [4, 4, types, out, out, batch]), p.result(result_active, [types, out, out, batch])]


def sum_of(terms):
    terms = list(terms)
    total = terms[0]
    for term in terms[1:]:
        total = total + term
    return total


def prepare(form, problem, inputs, outputs, options):
    os.environ["HL_NUM_THREADS"] = str(options["threads"])
    try:
        import halide as hl
    except ImportError:
        raise Unavailable("not installed: halide") from None
    name, *parameters = form.split()
    plugin = pathlib.Path(hl.__file__).parent / "lib64" / f"libautoschedule_{name.lower()}.so"
    if not plugin.exists():
        raise Unavailable(f"not installed: {plugin.name}")
    hl.load_plugin(str(plugin))

    begin = time.perf_counter()
    pipeline, results = (votes if problem.kernel == "conv_capsules" else routing)(hl, problem)
    compiled = hl.Pipeline(results)
    target = hl.get_jit_target_from_environment()
    parameters = {"parallelism": str(options["threads"])} | dict(p.split("=") for p in parameters)
    compiled.apply_autoscheduler(target, hl.AutoschedulerParams(name, parameters))
    compiled.compile_jit(target)
    seconds = time.perf_counter() - begin

    packed = inputs | {"weight": np.ascontiguousarray(inputs["weight"].transpose(0, 1, 2, 4, 5, 3))}
    for key, parameter in pipeline.inputs.items():
        parameter.set(hl.Buffer(packed[key]))
    buffers = [hl.Buffer(array) for array in outputs.values()]
    prepared = Prepared(seconds, lambda: compiled.realize(buffers), note=importlib.metadata.version("halide"))
    prepared.keep = packed  # a pipeline does not hold the memory of its inputs
    return prepared
