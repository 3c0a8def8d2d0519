"""Golden cases of routing: test/goldens/em_routing, and layers of other geometries in test/goldens/capsules_*.

Part of scripts/make_goldens.py; the expected values are those of scripts/em_reference.py.
"""

import numpy as np

from em_reference import class_em_routing, conv_em_routing

# Routing multiplies errors: three rounds of weighted means, exponentials of squared distances and quotients. Results are
# held to 1e-4 of the largest magnitude.
SHARE_OF_MAX = 1e-4
CONV_INPUTS = {"pose": "batch iy ix in row k", "activation": "batch iy ix in", "weight": "ky kx in out k col",
               "beta_u": "out", "beta_a": "out"}
CONV_OUTPUTS = {"pose_out": "batch y x out row col", "activation_out": "batch y x out"}
CENTRES = ((0.125, 0.25), (0.1, 0.2))


def conv_inputs(rng, batch, iy, ix, n_in, n_out, size):
    return {"pose": rng.uniform(-1, 1, (batch, iy, ix, n_in, 4, 4)), "activation": rng.uniform(0, 1, (batch, iy, ix, n_in)),
            "weight": rng.uniform(-1, 1, (size, size, n_in, n_out, 4, 4)), "beta_u": rng.uniform(-1, 1, n_out),
            "beta_a": rng.uniform(-1, 1, n_out)}


def store(goldens, kernel, case, inputs, results, note):
    outputs = dict(zip(CONV_OUTPUTS, results))
    assert all(np.isfinite(t).all() for t in outputs.values())
    tolerances = {name: (0.0, SHARE_OF_MAX * abs(t).max()) for name, t in outputs.items()}
    goldens.case(kernel, case, inputs, outputs, tolerances, note=note)


def conv_layer(goldens, rng_for, kernel, size, stride, cases):
    """`cases`: name, (batch, iy, ix, in, out), what to do with the inputs, note."""
    goldens.kernel(kernel, CONV_INPUTS, CONV_OUTPUTS, window=size, stride=stride, iterations=3, final_lambda=0.01)
    for case, sizes, change, note in cases:
        rng = rng_for(kernel, case)
        inputs = conv_inputs(rng, *sizes, size)
        if change:
            change(rng, inputs)
        inputs = {name: t.astype(np.float32) for name, t in inputs.items()}
        store(goldens, kernel, case, inputs, conv_em_routing(*inputs.values(), stride), note)


def random_case(*sizes):
    return ("_".join(f"{d}{n}" for d, n in zip(("batch", "iy", "ix", "in", "out"), sizes)), sizes, None, None)


def scaled(factor):
    def change(_, inputs):
        inputs["pose"] *= factor
    return change


def on_and_off(rng, inputs):
    inputs["activation"] = rng.integers(0, 2, inputs["activation"].shape).astype(np.float64)
    inputs["activation"][0] = 0


def identical(_, inputs):
    inputs["pose"][...] = inputs["pose"][:1, :1, :1, :1]
    inputs["weight"][...] = inputs["weight"][:1, :1, :1, :1]


def class_layer(goldens, rng_for):
    kernel = "capsules_class"
    goldens.kernel(kernel, {"pose": "batch y x in row k", "activation": "batch y x in", "weight": "in out k col",
                            "beta_u": "out", "beta_a": "out"},
                   {"pose_out": "batch out row col", "activation_out": "batch out"},
                   iterations=2, final_lambda=0.02, scale_cost=0.5, centres=CENTRES)
    for batch, y, x, n_in, n_out in [(1, 1, 1, 1, 1), (2, 3, 2, 5, 10), (1, 4, 4, 3, 17)]:
        case = f"batch{batch}_y{y}_x{x}_in{n_in}_out{n_out}"
        rng = rng_for(kernel, case)
        inputs = {"pose": rng.uniform(-1, 1, (batch, y, x, n_in, 4, 4)), "activation": rng.uniform(0, 1, (batch, y, x, n_in)),
                  "weight": rng.uniform(-1, 1, (n_in, n_out, 4, 4)), "beta_u": rng.uniform(-1, 1, n_out),
                  "beta_a": rng.uniform(-1, 1, n_out)}
        inputs = {name: t.astype(np.float32) for name, t in inputs.items()}
        results = class_em_routing(*inputs.values(), CENTRES, iterations=2, final_lambda=0.02, scale_cost=0.5)
        store(goldens, kernel, case, inputs, results, None)


def make(goldens, rng_for):
    conv_layer(goldens, rng_for, "em_routing", 3, 2, [
        random_case(1, 3, 3, 1, 1), random_case(2, 7, 5, 3, 5), random_case(1, 6, 8, 5, 8), random_case(1, 5, 9, 2, 17),
        random_case(1, 3, 4, 7, 3), random_case(3, 5, 5, 1, 33), random_case(1, 5, 5, 9, 16),
        ("activations_0_and_1", (2, 7, 6, 3, 4), on_and_off, "of the first image all are 0: means are 0"),
        ("identical_votes", (1, 7, 7, 4, 3), identical, "all variances are 0 before the epsilon"),
        ("small_poses", (1, 6, 7, 4, 5), scaled(1e-3), "the epsilon is most of the variance"),
        ("large_poses", (1, 7, 6, 4, 5), scaled(1e3), "densities differ by thousands of e-foldings")])
    conv_layer(goldens, rng_for, "capsules_stride1", 3, 1, [
        random_case(1, 3, 3, 1, 2), random_case(2, 5, 6, 3, 4), random_case(1, 7, 5, 2, 17),
        ("activations_0_and_1", (2, 5, 5, 2, 3), on_and_off, "of the first image all are 0: means are 0"),
        ("large_poses_few_children", (1, 5, 5, 1, 2), scaled(1e3),
         "children win parents for themselves among votes that are thousands away: one pass over the votes loses the variance")])
    conv_layer(goldens, rng_for, "capsules_one_tap", 1, 1, [
        ("one_child", (1, 3, 4, 1, 5), None, "every parent has one child: all variances are 0 before the epsilon"),
        ("three_children", (2, 3, 2, 3, 4), None, None)])
    conv_layer(goldens, rng_for, "capsules_gaps", 2, 3, [
        ("batch1_iy8_ix9_in3_out4", (1, 8, 9, 3, 4), None, "a third of the rows and columns of children have no parents")])
    class_layer(goldens, rng_for)
