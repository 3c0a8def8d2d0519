"""JAX under jit, that is XLA's back end for processors."""
import os

import numpy as np

from contenders import Prepared, Unavailable
from contenders.problems import ITERATIONS, STRIDE, TAPS

WINDOWS = [(ky, kx) for ky in range(TAPS) for kx in range(TAPS)]


def window(tap, out):
    return tuple(slice(at, at + STRIDE * (out - 1) + 1, STRIDE) for at in tap)


def votes_by_product(jax, problem, weight):
    """Windows times weights as one matrix product over (tap, in, k): the fastest of this, an einsum and a convolution."""
    n, out, types = problem.batch, problem.out, problem.channels
    matrix = jax.numpy.asarray(weight.transpose(0, 1, 2, 4, 3, 5).reshape(-1, types * 4))

    def votes(pose):
        windows = jax.numpy.stack([pose[:, *window(tap, out)] for tap in WINDOWS], 3)
        rows = windows.transpose(0, 1, 2, 5, 3, 4, 6).reshape(-1, matrix.shape[0])
        return ((rows @ matrix).reshape(n, out, out, 4, types, 4).transpose(0, 1, 2, 4, 3, 5),)
    return votes


def routing(jax, problem):
    """Over arrays [n, y, x, taps, in, out, ...], as compare_em.torch_einsum has it."""
    np_ = jax.numpy
    size, out = problem.size, problem.out

    def at_child(values):
        return np_.stack([values[:, *window(tap, out)] for tap in WINDOWS], 3)

    def over_parents(values, start, combine):
        result = np_.full((values.shape[0], size, size, values.shape[4]), start, np_.float32)
        for k, tap in enumerate(WINDOWS):
            result = getattr(result.at[:, *window(tap, out)], combine)(values[:, :, :, k])
        return result

    parents = np.zeros((1, size, size, 1), np.float32)
    for tap in WINDOWS:
        parents[:, *window(tap, out)] += problem.channels

    def route(pose, activation, weight, beta_u, beta_a):
        kernels = weight.reshape(-1, *weight.shape[2:])
        votes = np_.einsum("nyxtirk,tiokc->nyxtiorc", at_child(pose), kernels)
        votes = votes.reshape(*votes.shape[:6], 16)
        r = np_.broadcast_to(at_child(activation / np_.maximum(parents, 1))[..., None], votes.shape[:6])
        for t in range(ITERATIONS):
            mass = r.sum((3, 4))
            mean = np_.einsum("nyxtio,nyxtioh->nyxoh", r, votes) / (mass + 1e-7)[..., None]
            squares = (votes - mean[:, :, :, None, None]) ** 2
            variance = np_.einsum("nyxtio,nyxtioh->nyxoh", r, squares) / (mass + 1e-7)[..., None] + 1e-4
            log_volume = np_.log(variance).sum(-1)
            logit = 0.01 * (1 - 0.95 ** (t + 1)) * (beta_a - (16 * beta_u + 0.5 * log_volume) * mass)
            if t + 1 == ITERATIONS:
                return mean.reshape(*mean.shape[:-1], 4, 4), jax.nn.sigmoid(logit)
            evidence = jax.nn.log_sigmoid(logit) - 0.5 * log_volume
            distance = np_.einsum("nyxtioh,nyxoh->nyxtio", squares, 1 / variance)
            logits = evidence[:, :, :, None, None] - 0.5 * distance
            most = over_parents(jax.lax.stop_gradient(logits).max(-1), -np.inf, "max")
            p = np_.exp(logits - at_child(most)[..., None])
            total = over_parents(p.sum(-1), 0, "add")
            r = p * at_child(activation / np_.maximum(total, 0.5))[..., None]
    return route


def prepare(form, problem, inputs, outputs, options):
    # XLA takes the number of its threads from the processors that the process may use.
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:options["threads"]])
    try:
        import jax
    except ImportError:
        raise Unavailable("not installed: jax") from None
    if problem.kernel == "conv_capsules":
        function = votes_by_product(jax, problem, inputs["weight"])
        arguments = [jax.numpy.asarray(inputs["pose"])]
    else:
        function, arguments = routing(jax, problem), [jax.numpy.asarray(array) for array in inputs.values()]
    function = jax.jit(function)
    box = []

    def call():
        box[:] = jax.block_until_ready(function(*arguments))

    def fetch():
        for array, result in zip(outputs.values(), box):
            array[...] = result
    return Prepared(None, call, fetch, jax.__version__)
