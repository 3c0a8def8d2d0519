"""Capsule layers in training, as a good JAX user writes them: all arguments are differentiated, and what rearranges weights
is part of a call. The fastest way counts."""
from contenders import xla as table1_forms
from contenders.problems import Problem
from peers import capsules
from peers.forms import Form

STRIDE = 2


def problem_of(kernel):
    at = kernel.extents
    return Problem(kernel.family, at["batch"], at["iy"], at["out"])


def votes_by_product(jax, kernel):
    """Windows times weights as one matrix product over (tap, in, k)."""
    problem = problem_of(kernel)
    return lambda pose, weight: table1_forms.votes_by_product(jax, problem, weight)(pose)


def votes_by_convolution(jax, kernel):
    """The rows of a pose as batch, a convolution over (in, k) to (out, col)."""
    def votes(pose, weight):
        taps, _, channels, types = weight.shape[:4]
        n, iy, ix = pose.shape[:3]
        filters = weight.transpose(0, 1, 2, 4, 3, 5).reshape(taps, taps, channels * 4, types * 4)
        rows = pose.transpose(0, 4, 1, 2, 3, 5).reshape(n * 4, iy, ix, channels * 4)
        sums = jax.lax.conv_general_dilated(rows, filters, (STRIDE, STRIDE), "VALID",
                                            dimension_numbers=("NHWC", "HWIO", "NHWC"))
        y, x = sums.shape[1:3]
        return (sums.reshape(n, 4, y, x, types, 4).transpose(0, 2, 3, 4, 1, 5),)
    return votes


def routing_by_products(jax, kernel):
    return capsules.routing(capsules.JaxOps(jax), kernel)


def routing_by_einsum(jax, kernel):
    return table1_forms.routing(jax, problem_of(kernel))


FORMS = {
    "conv_capsules": [Form("product", votes_by_product), Form("convolution", votes_by_convolution)],
    "em_routing": [Form("products", routing_by_products), Form("einsum", routing_by_einsum)],
}
