"""Capsules for PyTorch and JAX alike, in batched matrix products, through the operations of `TorchOps` or `JaxOps`.

Votes are [position, out, children, 16], where a position is one of all images and the children are those of its window in
the order (ky, kx, in): means, variances and distances are then products of a matrix per position and parent.
"""
import dataclasses
import math

import numpy as np

ITERATIONS = 3


@dataclasses.dataclass(frozen=True)
class Layer:
    size: int  # positions of children along an axis
    to: int  # of parents
    channels: int
    out: int
    taps: int
    stride: int
    cost: float = 1.0  # times a parent's cost

    @property
    def windows(self):
        reach = self.stride * (self.to - 1) + 1
        return [(slice(None), slice(ky, ky + reach, self.stride), slice(kx, kx + reach, self.stride))
                for ky in range(self.taps) for kx in range(self.taps)]

    @property
    def is_whole(self):
        """One window sees all children, and no child has parents at two positions."""
        return self.to == 1

    @property
    def children(self):
        return self.taps * self.taps * self.channels

    def parents(self):
        """How many each child has."""
        count = np.zeros((1, self.size, self.size, 1), np.float32)
        for window in self.windows:
            count[window] += self.out
        return np.maximum(count, 1)


class TorchOps:
    def __init__(self, torch):
        self.torch = torch
        self.permute, self.matmul, self.exp, self.log = torch.permute, torch.matmul, torch.exp, torch.log
        self.sigmoid, self.log_sigmoid = torch.sigmoid, torch.nn.functional.logsigmoid
        self.array = torch.from_numpy

    def stack(self, values, axis):
        return self.torch.stack(values, axis)

    def highest(self, x, axis):
        """A constant to the gradient: what it is for cancels."""
        return x.detach().amax(axis)

    def at_least(self, x, low):
        return x.clamp_min(low)

    def filled(self, shape, value):
        return self.torch.full(shape, value)

    def put(self, result, window, values, how):
        if how == "max":
            result[window] = self.torch.maximum(result[window], values)
        else:
            result[window] += values
        return result


class JaxOps:
    def __init__(self, jax):
        np_ = jax.numpy
        self.np, self.permute, self.matmul, self.exp, self.log = np_, np_.transpose, np_.matmul, np_.exp, np_.log
        self.sigmoid, self.log_sigmoid, self.array = jax.nn.sigmoid, jax.nn.log_sigmoid, np_.asarray
        self.constant = jax.lax.stop_gradient

    def stack(self, values, axis):
        return self.np.stack(values, axis)

    def highest(self, x, axis):
        return self.constant(x).max(axis)

    def at_least(self, x, low):
        return self.np.maximum(x, low)

    def filled(self, shape, value):
        return self.np.full(shape, value, self.np.float32)

    def put(self, result, window, values, how):
        return getattr(result.at[window], how)(values)


def matrices(ops, weight):
    """weight[..., in, out, k, col] as one matrix [k, out * col] per child."""
    flat = weight.reshape(-1, *weight.shape[-3:])
    return ops.permute(flat, (0, 2, 1, 3)).reshape(flat.shape[0], 4, -1)


def frozen_matrices(ops, weight):
    """Rearranged once: a copy with nothing between its elements."""
    flat = weight.reshape(-1, *weight.shape[-3:])
    return ops.array(np.ascontiguousarray(flat.transpose(0, 2, 1, 3)).reshape(flat.shape[0], 4, -1))


def at_child(ops, layer, values):
    """values[n, y, x, in] as [position, 1, children]."""
    if not layer.is_whole:
        values = ops.stack([values[window] for window in layer.windows], 3)
    return values.reshape(-1, 1, layer.children)


def votes_of(ops, layer, pose, weight):
    """From pose[n, y, x, in, 4, 4] and the `matrices` of a weight for each child of a window."""
    n, children = pose.shape[0], layer.children
    seen = ops.stack([pose[window] for window in layer.windows], 0)  # [taps, n, y, x, in, row, k]
    left = ops.permute(seen, (0, 4, 1, 2, 3, 5, 6)).reshape(children, -1, 4)
    votes = ops.matmul(left, weight).reshape(children, n * layer.to * layer.to, 4, layer.out, 4)
    return ops.permute(votes, (1, 3, 0, 2, 4)).reshape(-1, layer.out, children, 16)


def class_votes_of(ops, layer, pose, weight, centres):
    """All positions share the `matrices` of a weight for each type; votes have their child's position added."""
    n, size = pose.shape[:2]
    left = ops.permute(pose, (3, 0, 1, 2, 4, 5)).reshape(layer.channels, -1, 4)
    votes = ops.matmul(left, weight).reshape(layer.channels, n, size, size, 4, layer.out, 4)
    votes = ops.permute(votes, (1, 5, 2, 3, 0, 4, 6)) + centres
    return votes.reshape(n, layer.out, layer.children, 16)


def centres(size, first, step):
    added = np.zeros((1, 1, size, size, 1, 4, 4), np.float32)
    at = first + step * np.arange(size, dtype=np.float32)
    added[..., 0, 3] = at[:, None, None]
    added[..., 1, 3] = at[None, :, None]
    return added


def over_parents(ops, layer, n, values, start, how):
    """values[position, children], combined over the positions of each child's parents."""
    shape = (n, layer.size, layer.size, layer.channels)
    if layer.is_whole:
        return values.reshape(shape)
    result = ops.filled(shape, start)
    by_tap = values.reshape(n, layer.to, layer.to, -1, layer.channels)
    for tap, window in enumerate(layer.windows):
        result = ops.put(result, window, by_tap[:, :, :, tap], how)
    return result


def routed(ops, layer, votes, activation, beta_u, beta_a):
    """Means [n, y, x, out, 16], activations [n, y, x, out] and assignments [position, out, children] of the parents."""
    n, out, children = activation.shape[0], layer.out, layer.children
    votes = votes.reshape(-1, children, 16)
    share = at_child(ops, layer, activation / ops.array(layer.parents()))
    r = share + ops.filled((1, out, 1), 0.0)
    for t in range(ITERATIONS):
        mass, rows = r.sum(2), r.reshape(-1, 1, children)
        divisor = (mass + 1e-7).reshape(-1, 1, 1)
        mean = ops.matmul(rows, votes) / divisor
        squares = (votes - mean) ** 2
        variance = ops.matmul(rows, squares) / divisor + 1e-4
        log_volume = ops.log(variance).sum(2).reshape(-1, out)
        logit = 0.01 * (1 - 0.95 ** (t + 1)) * (beta_a - layer.cost * mass * (16 * beta_u + 0.5 * log_volume))
        if t + 1 == ITERATIONS:
            shape = (n, layer.to, layer.to, out)
            return mean.reshape(*shape, 16), ops.sigmoid(logit).reshape(shape), r
        evidence = ops.log_sigmoid(logit) - 0.5 * log_volume
        distance = ops.matmul(squares, (1 / variance).reshape(-1, 16, 1)).reshape(-1, out, children)
        logits = evidence[:, :, None] - 0.5 * distance
        most = over_parents(ops, layer, n, ops.highest(logits, 1), -math.inf, "max")
        p = ops.exp(logits - at_child(ops, layer, most))
        total = over_parents(ops, layer, n, p.sum(1), 0.0, "add")
        r = p * at_child(ops, layer, activation / ops.at_least(total, 0.5))


def routing(ops, kernel):
    """The kernel em_routing."""
    at = kernel.extents
    layer = Layer(at["iy"], at["y"], at["in"], at["out"], at["ky"], 2)

    def route(pose, activation, weight, beta_u, beta_a):
        votes = votes_of(ops, layer, pose, matrices(ops, weight))
        mean, active, _ = routed(ops, layer, votes, activation, beta_u, beta_a)
        return mean.reshape(*mean.shape[:4], 4, 4), active
    return route


def routing_of_frozen(ops, kernel, frozen):
    """The same, for weights that are rearranged once."""
    at = kernel.extents
    layer = Layer(at["iy"], at["y"], at["in"], at["out"], at["ky"], 2)
    weight = frozen_matrices(ops, frozen["weight"])

    def route(pose, activation, beta_u, beta_a):
        mean, active, _ = routed(ops, layer, votes_of(ops, layer, pose, weight), activation, beta_u, beta_a)
        return mean.reshape(*mean.shape[:4], 4, 4), active
    return route


def network(ops, frozen, features_of, layers, weights, first, step, with_agreement):
    """Primary capsules of features, layers of capsules, and classes."""
    feature = frozen["primary_pose_weight"].shape[0]
    pose_weight = ops.array(frozen["primary_pose_weight"].reshape(feature, -1))
    parameter = {name: ops.array(array) for name, array in frozen.items()}
    prepared = [frozen_matrices(ops, frozen[name + "_weight"]) for name in weights]
    added = ops.array(centres(layers[-1].size, first, step))

    def run(image):
        features = features_of(image)
        pose = ops.matmul(features, pose_weight) + parameter["primary_pose_bias"].reshape(-1)
        pose = pose.reshape(*features.shape[:3], -1, 4, 4)
        active = ops.sigmoid(ops.matmul(features, parameter["primary_activation_weight"]) +
                             parameter["primary_activation_bias"])
        for layer, name, weight in zip(layers, weights, prepared):
            votes = (class_votes_of(ops, layer, pose, weight, added) if layer.is_whole
                     else votes_of(ops, layer, pose, weight))
            pose, active, r = routed(ops, layer, votes, active, parameter[name + "_beta_u"], parameter[name + "_beta_a"])
            pose = pose.reshape(*pose.shape[:4], 4, 4)
        n, last = pose.shape[0], layers[-1]
        pose, active = pose.reshape(n, last.out, 4, 4), active.reshape(n, last.out)
        if not with_agreement:
            return active, pose
        mean = pose.reshape(n, last.out, 1, 16)
        lengths = (votes * votes).sum(3) * (mean * mean).sum(3) + 1e-12
        agreement = (votes * mean).sum(3) / lengths ** 0.5
        shape = (n, last.out, last.size, last.size, last.channels)
        return (active, pose, ops.permute(r.reshape(shape), (0, 2, 3, 4, 1)),
                ops.permute(agreement.reshape(shape), (0, 2, 3, 4, 1)))
    return run


def digits(ops, frozen, features_of):
    layers = [Layer(6, 4, 8, 8, 3, 1, 100 * (4 * 4 * 8) / (6 * 6 * 8)), Layer(4, 1, 8, 10, 4, 1, 100 * 10 / (4 * 4 * 8))]
    return network(ops, frozen, features_of, layers, ["capsules", "class"], 2.5 / 8, 1 / 8, True)


def hinton(ops, frozen, features_of):
    layers = [Layer(14, 6, 8, 16, 3, 2, 100 * (6 * 6 * 16) / (14 * 14 * 8)),
              Layer(6, 4, 16, 16, 3, 1, 100 * (4 * 4 * 16) / (6 * 6 * 16)),
              Layer(4, 1, 16, 5, 4, 1, 100 * 5 / (4 * 4 * 16))]
    return network(ops, frozen, features_of, layers, ["capsules1", "capsules2", "class"], 8.5 / 32, 4 / 32, False)
