"""Distances between all pairs, and contractions of several operands."""

import numpy as np
import torch
import torch.nn.functional as F

NAN = np.nan


def distances(goldens, rng_for):
    def by_torch(kernel, x, y):
        x, y = torch.from_numpy(x), torch.from_numpy(y)
        if kernel == "pairwise_cosine":
            return 1 - F.cosine_similarity(x[:, None], y[None], dim=2)
        return torch.cdist(x, y, p=1.0 if kernel == "pairwise_l1" else 2.0,
                           compute_mode="donot_use_mm_for_euclid_dist")

    def by_numpy(kernel, x, y):
        d = x[:, None] - y[None]
        if kernel == "pairwise_l1":
            return np.abs(d).sum(2)
        if kernel == "pairwise_l2":
            return np.sqrt((d ** 2).sum(2))
        length = lambda t: np.maximum(np.sqrt((t ** 2).sum(1)), 1e-8)
        return 1 - x @ y.T / np.outer(length(x), length(y))

    for kernel in ("pairwise_l1", "pairwise_l2", "pairwise_cosine", "laplacian_sum"):
        with_sum = kernel == "laplacian_sum"
        goldens.kernel(kernel, {"x": "i channel", "y": "j channel", **({"b": "j"} if with_sum else {})},
                       {"result": "i" if with_sum else "i j"}, **({"gamma": 0.5} if with_sum else {}))

        def one(case, i, j, channel, edit=None, note=None, kernel=kernel, with_sum=with_sum):
            rng = rng_for(kernel, case)
            inputs = {"x": rng.standard_normal((i, channel)).astype(np.float32),
                      "y": rng.standard_normal((j, channel)).astype(np.float32)}
            if with_sum:
                inputs["b"] = rng.standard_normal(j).astype(np.float32)
            if edit:
                edit(inputs)
            i64 = {name: t.astype(np.float64) for name, t in inputs.items()}
            if with_sum:
                l1 = by_numpy("pairwise_l1", i64["x"], i64["y"])
                goldens.case(kernel, case, inputs, {"result": np.exp(-0.5 * l1) @ i64["b"]}, note=note)
                return
            result = by_numpy(kernel, i64["x"], i64["y"])
            goldens.case(kernel, case, inputs, {"result": result}, note=note,
                         by_torch={"result": by_torch(kernel, i64["x"], i64["y"])})

        def close(inputs):
            inputs["x"] += 1000
            inputs["y"][:] = inputs["x"][0] + np.arange(len(inputs["y"]))[:, None] * np.float32(2.0 ** -10)

        def zero(inputs):
            inputs["x"][0] = 0
            inputs["y"][1] = NAN
        one("odd", 5, 7, 3)
        one("one", 1, 1, 1)
        one("wide", 3, 35, 18)
        if kernel == "pairwise_cosine":
            one("zero_and_nan", 3, 4, 5, zero, "a vector of length 0, and one with a NaN")
        else:
            one("close", 2, 5, 3, close, "points that differ in the last bits: expanded squares lose them")


def contractions(goldens, rng_for):
    def one(kernel, case, formula, names, shapes, note=None):
        rng = rng_for(kernel, case)
        inputs = {name: rng.standard_normal(shape).astype(np.float32) for name, shape in zip(names, shapes)}
        i64 = [t.astype(np.float64) for t in inputs.values()]
        goldens.case(kernel, case, inputs, {"result": np.einsum(formula, *i64)}, note=note,
                     by_torch={"result": torch.einsum(formula, *map(torch.from_numpy, i64))})

    goldens.kernel("contraction", {"x": "edge channel j", "y": "edge k", "c": "i j k"}, {"result": "edge channel i"})
    for case, e, c, i, j, k in (("odd", 5, 3, 4, 2, 7), ("one", 1, 1, 1, 1, 1), ("wide", 3, 18, 9, 9, 9)):
        one("contraction", case, "ecj,ek,ijk->eci", ("x", "y", "c"), ((e, c, j), (e, k), (i, j, k)))
    goldens.kernel("contraction_chain", {"a": "i p", "b": "p q", "c": "q r", "e": "r j"}, {"result": "i j"})
    for case, i, p, q, r, j in (("odd", 5, 3, 7, 2, 4), ("one", 1, 1, 1, 1, 1), ("wide", 3, 9, 2, 17, 19)):
        one("contraction_chain", case, "ip,pq,qr,rj->ij", "abce", ((i, p), (p, q), (q, r), (r, j)))


def make(goldens, rng_for):
    distances(goldens, rng_for)
    contractions(goldens, rng_for)
