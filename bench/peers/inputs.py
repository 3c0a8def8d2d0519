"""Values of inputs that ordinary numbers in (-1, 1) would make unlike those of real layers, or invalid.

Each function gets a generator, the shape, the extents of the kernel's dims and the inputs drawn before. Places between
elements stay away from the elements themselves: there the derivative by a place has two values, and rounding chooses.
"""
import numpy as np


def between(low, high):
    return lambda rng, shape, at, before: rng.uniform(low, high, shape)


def off_elements(rng, low, high, shape):
    """Numbers in (low, high), which are whole, that are a twentieth away from whole numbers."""
    return rng.integers(low, high, shape) + rng.uniform(0.05, 0.95, shape)


def offsets(rng, shape, at, before):
    return off_elements(rng, -2, 2, shape)


def guide(rng, shape, at, before):
    """Of eight bins: a smooth image with noise, as an image's brightness is."""
    rows, cols = (np.linspace(0, 3 * np.pi, n) for n in shape)
    smooth = np.clip(3.5 + 3.2 * np.sin(rows)[:, None] * np.cos(cols) + rng.uniform(-0.3, 0.3, shape), 0, 6.99)
    return (np.floor(smooth) + np.clip(smooth % 1, 0.05, 0.95)) / 7


def warp(rng, shape, at, before):
    """Places for grid_sample: each pixel's own, moved by up to three elements, as a flow between images does."""
    batch, y, x, _ = shape
    own = np.stack(np.meshgrid(np.arange(x) * (at["ix"] / x), np.arange(y) * (at["iy"] / y)), -1)
    place = np.floor(own) + off_elements(rng, -3, 3, shape)
    return (2 * place + 1) / np.array([at["ix"], at["iy"]]) - 1


def positions(rng, shape, at, before):
    return np.broadcast_to(np.arange(shape[-1]), shape)


def chosen(rng, shape, at, before):
    """Experts of a token, none twice where there are enough."""
    some = np.arange(max(at["expert"], shape[1])) % at["expert"]
    return rng.permuted(np.tile(some, (shape[0], 1)), axis=1)[:, :shape[1]]


def sources(rng, shape, at, before):
    return rng.integers(0, at["source"], shape)


def starts(rng, shape, at, before):
    """Where each node's edges begin among all, which are sorted by node: as many as chance gives."""
    nodes = shape[0] - 1
    owners = np.bincount(rng.integers(0, nodes, at["edge"]), minlength=nodes)
    return np.concatenate([[0], np.cumsum(owners)])


def distinct(rng, shape, at, before):
    """No two elements of a row are equal: which of equals a library takes is its own choice."""
    return rng.permuted(np.tile(np.arange(shape[1]) / shape[1], (shape[0], 1)), axis=1)


def bytes_of_any(rng, shape, at, before):
    return rng.integers(-128, 128, shape)


SPECIAL = {
    ("reductions", "x"): between(0.9, 1.1),  # a product of a row is neither 0 nor infinite
    ("selective_scan", "step"): between(0.001, 0.1),
    ("selective_scan", "a"): between(-16, -1),
    ("wkv", "decay"): between(0.01, 1),
    ("soft_dtw", "cost"): between(0, 2),
    ("soft_dtw", "gamma"): between(0.5, 1),
    ("rope", "position"): positions,
    ("deformable_conv", "offset"): offsets,
    ("deformable_conv", "mask"): between(0, 1),
    ("bilateral_grid", "value"): between(0.05, 1),
    ("bilateral_grid", "guide"): guide,
    ("grid_sample", "grid"): warp,
    ("grouped_int8_matmul", "x"): bytes_of_any,
    ("grouped_int8_matmul", "weight"): bytes_of_any,
    ("grouped_int8_matmul", "x_scale"): between(0.01, 0.1),
    ("grouped_int8_matmul", "scale"): between(0.01, 0.1),
    ("moe_gather_matmul", "chosen"): chosen,
    ("moe_gather_matmul", "gate"): between(0, 1),
    ("message_passing", "source_of"): sources,
    ("message_passing", "start"): starts,
    ("topk", "x"): distinct,
}
