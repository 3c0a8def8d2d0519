"""Routing by agreement in f64, as Procedure 1 of Hinton, Sabour and Frosst (Matrix Capsules with EM Routing, ICLR 2018)
has it: the reference for the routing kernels of models/, with which it shares no code.

A layer is a list of pairs, one for each parent and each child that it sees. All sums run over pairs that have the parent,
or the child, in common, so nothing here depends on how windows lie.
"""

import numpy as np


def window_pairs(iy, ix, n_in, n_out, size, stride):
    """The pairs of a convolutional layer of one image, with the window inside the image.

    Returns the numbers (parent, child, ky, kx, in, out), one row each: parents are numbered over (y, x, out), children
    over (iy, ix, in).
    """
    rows = []
    n_y, n_x = (iy - size) // stride + 1, (ix - size) // stride + 1
    for y in range(n_y):
        for x in range(n_x):
            for o in range(n_out):
                for ky in range(size):
                    for kx in range(size):
                        for i in range(n_in):
                            parent = (y * n_x + x) * n_out + o
                            child = ((stride * y + ky) * ix + stride * x + kx) * n_in + i
                            rows.append((parent, child, ky, kx, i, o))
    return np.array(rows).T


def dense_pairs(n_y, n_x, n_in, n_out):
    """The pairs of a layer whose parents, one per type, see all children, as (parent, child, y, x, in, out)."""
    rows = [(o, (y * n_x + x) * n_in + i, y, x, i, o)
            for o in range(n_out) for y in range(n_y) for x in range(n_x) for i in range(n_in)]
    return np.array(rows).T


def route(votes, parent, child, activation, beta_u, beta_a, iterations=3, final_lambda=0.01, scale_cost=1.0,
          variance_epsilon=1e-4, mass_epsilon=1e-7):
    """Means and activations of the parents.

    votes: [pairs, elements of a pose]; parent, child: [pairs]; activation: [children]; beta_u, beta_a: [parents].
    """
    votes = np.asarray(votes, np.float64)
    parents, kids = len(beta_u), len(activation)

    def per_parent(values):
        total = np.zeros((parents,) + values.shape[1:])
        np.add.at(total, parent, values)
        return total

    number_of_parents = np.bincount(child, minlength=kids)
    r = 1.0 / number_of_parents[child]
    for t in range(iterations):
        # M-step
        r = r * activation[child]
        mass = per_parent(r)
        divisor = (mass + mass_epsilon)[:, None]
        mean = per_parent(r[:, None] * votes) / divisor
        variance = per_parent(r[:, None] * (votes - mean[parent]) ** 2) / divisor + variance_epsilon
        cost = scale_cost * (beta_u[:, None] + np.log(np.sqrt(variance))) * mass[:, None]
        logit = final_lambda * (1 - 0.95 ** (t + 1)) * (beta_a - cost.sum(1))
        if t + 1 == iterations:
            break
        # E-step
        log_p = (-(votes - mean[parent]) ** 2 / (2 * variance[parent]) - 0.5 * np.log(variance[parent])).sum(1)
        log_ap = log_p - np.logaddexp(0, -logit)[parent]
        highest = np.full(kids, -np.inf)
        np.maximum.at(highest, child, log_ap)
        p = np.exp(log_ap - highest[child])
        total = np.zeros(kids)
        np.add.at(total, child, p)
        r = p / total[child]
    return mean, 1 / (1 + np.exp(-logit))


def conv_em_routing(pose, activation, weight, beta_u, beta_a, stride, **options):
    """pose[n, iy, ix, in, row, k], activation[n, iy, ix, in], weight[ky, kx, in, out, k, col] with square windows.

    Returns poses [n, y, x, out, row, col] and activations [n, y, x, out].
    """
    pose, activation, weight = (np.asarray(t, np.float64) for t in (pose, activation, weight))
    batch, iy, ix, n_in = activation.shape
    size, n_out = weight.shape[0], weight.shape[3]
    n_y, n_x = (iy - size) // stride + 1, (ix - size) // stride + 1
    parent, child, ky, kx, i, o = window_pairs(iy, ix, n_in, n_out, size, stride)
    beta_u, beta_a = (np.tile(np.asarray(b, np.float64), n_y * n_x) for b in (beta_u, beta_a))
    poses, activations = [], []
    for n in range(batch):
        votes = pose[n].reshape(-1, 4, 4)[child] @ weight[ky, kx, i, o]
        mean, active = route(votes.reshape(-1, 16), parent, child, activation[n].ravel(), beta_u, beta_a, **options)
        poses.append(mean.reshape(n_y, n_x, n_out, 4, 4))
        activations.append(active.reshape(n_y, n_x, n_out))
    return np.stack(poses), np.stack(activations)


def class_em_routing(pose, activation, weight, beta_u, beta_a, centres, **options):
    """One capsule per class over all positions, which share weights, with coordinate addition.

    pose[n, y, x, in, row, k], activation[n, y, x, in], weight[in, out, k, col]; centres: (first, step) of the positions'
    receptive fields along y and x. Returns poses [n, out, row, col] and activations [n, out].
    """
    pose, activation, weight = (np.asarray(t, np.float64) for t in (pose, activation, weight))
    batch, n_y, n_x, n_in = activation.shape
    n_out = weight.shape[1]
    parent, child, y, x, i, o = dense_pairs(n_y, n_x, n_in, n_out)
    (first_y, step_y), (first_x, step_x) = centres
    beta_u, beta_a = (np.asarray(b, np.float64) for b in (beta_u, beta_a))
    poses, activations = [], []
    for n in range(batch):
        votes = pose[n].reshape(-1, 4, 4)[child] @ weight[i, o]
        votes[:, 0, 3] += first_y + step_y * y
        votes[:, 1, 3] += first_x + step_x * x
        mean, active = route(votes.reshape(-1, 16), parent, child, activation[n].ravel(), beta_u, beta_a, **options)
        poses.append(mean.reshape(n_out, 4, 4))
        activations.append(active)
    return np.stack(poses), np.stack(activations)
