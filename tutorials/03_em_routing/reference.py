"""Writes reference.hpp: what EM routing makes of the lesson's small layer, in f64.

    .venv/bin/python tutorials/03_em_routing/reference.py            (it needs NumPy)

Means and activations are those of scripts/em_reference.py, which routes lists of pairs of a parent and a child and knows
nothing of windows. What a child gives to each parent after one iteration is not among its results, so it is computed
here, over the same pairs, and checked: the next M-step makes the means of two iterations of it.
"""
import pathlib
import sys

import numpy as np

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "scripts"))
import em_reference  # noqa: E402

# The layer: 5 x 5 positions and 3 types of children, and so 2 x 2 positions of parents, of 2 types. `inputs` in main.cpp
# has the same formulas, all of whose numbers are exact in f32.
SIZE, N_IN, N_OUT = 5, 3, 2


def pattern(shape, step, modulus, offset, scale):
    return ((np.arange(np.prod(shape)) * step % modulus - offset) / scale).reshape(shape)


POSE = pattern((1, SIZE, SIZE, N_IN, 4, 4), 29, 61, 30, 32)
ACTIVE = pattern((1, SIZE, SIZE, N_IN), 5, 11, -2, 16)
WEIGHT = pattern((3, 3, N_IN, N_OUT, 4, 4), 23, 67, 33, 64)
BETA_U = pattern((N_OUT,), 1, 2, -1, 4)
BETA_A = pattern((N_OUT,), 3, 4, 2, 1)
LAYER = (POSE, ACTIVE, WEIGHT, BETA_U, BETA_A, 2)


def first_assignment():
    """R times the activation of the child after the first E-step, as [y, x, ky, kx, in, out]."""
    parent, child, ky, kx, i, o = em_reference.window_pairs(SIZE, SIZE, N_IN, N_OUT, 3, 2)
    votes = (POSE[0].reshape(-1, 4, 4)[child] @ WEIGHT[ky, kx, i, o]).reshape(-1, 16)
    active = ACTIVE.ravel()

    def over(index, values):
        total = np.zeros((index.max() + 1,) + values.shape[1:])
        np.add.at(total, index, values)
        return total[index]

    r = active[child] / over(child, np.ones(len(child)))
    mass = over(parent, r)[:, None]
    mean = over(parent, r[:, None] * votes) / (mass + 1e-7)
    variance = over(parent, r[:, None] * (votes - mean) ** 2) / (mass + 1e-7) + 1e-4
    cost = ((BETA_U[o, None] + np.log(variance) / 2) * mass).sum(1)
    parent_active = 1 / (1 + np.exp(-0.01 * (1 - 0.95) * (BETA_A[o] - cost)))
    p = parent_active * np.exp(-(votes - mean) ** 2 / (2 * variance)).prod(1) / np.sqrt(variance).prod(1)
    r = active[child] * p / over(child, p)

    first_pair = np.unique(parent, return_index=True)[1]
    mean = (over(parent, r[:, None] * votes) / (over(parent, r)[:, None] + 1e-7))[first_pair]
    second, _ = em_reference.conv_em_routing(*LAYER, iterations=2)
    assert np.allclose(mean.ravel(), second.ravel(), rtol=0, atol=1e-12)
    at = (parent // N_OUT // 2, parent // N_OUT % 2, ky, kx, i, o)
    result = np.zeros((2, 2, 3, 3, N_IN, N_OUT))
    result[at] = r
    return result


def lines(name, values):
    numbers = [f"{v:.8g}" for v in values.ravel()]
    rows = [", ".join(numbers[i:i + 8]) for i in range(0, len(numbers), 8)]
    return f"inline const std::vector<double> {name}{{\n    " + ",\n    ".join(rows) + "};\n"


def main():
    children_per_type = 3 * 3 * N_IN / N_OUT
    text = """#pragma once
/// Written by reference.py: poses [y, x, out, row, col], activations [y, x, out], and what children give to parents
/// [y, x, ky, kx, in, out].

#include <vector>

// clang-format off
namespace reference {

"""
    for name, options in [("one", {"iterations": 1}), ("three", {}),
                          ("scaled", {"scale_cost": 100 / children_per_type})]:
        pose, active = em_reference.conv_em_routing(*LAYER, **options)
        text += lines(f"{name}_pose", pose) + lines(f"{name}_activation", active) + "\n"
    text += lines("one_assignment", first_assignment())
    (HERE / "reference.hpp").write_text(text + "\n} // namespace reference\n")


main()
