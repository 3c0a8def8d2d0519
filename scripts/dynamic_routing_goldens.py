"""Golden cases of dynamic routing and of its decoder: test/goldens/dynamic_routing and test/goldens/capsule_decoder.

Part of scripts/make_goldens.py. NumPy computes the expected values in f64, and PyTorch must agree.
"""

import numpy as np
import torch
import torch.nn.functional as F

ITERATIONS = 3
SQUASH_EPSILON = 1e-7
# Predictions are sums of 8 products; three softmaxes and squashes between them and the result multiply errors little, as
# couplings and lengths stay below 1. PyTorch's f32 results are within a tenth of this.
SHARE_OF_MAX = 1e-5


def by_numpy(u, weight):
    """u[batch, in, k], weight[in, out, k, d] to v[batch, out, d], one child and parent at a time."""
    batch, n_in, _ = u.shape
    n_out, d = weight.shape[1], weight.shape[3]
    result = np.zeros((batch, n_out, d))
    for n in range(batch):
        predictions = np.stack([[u[n, i] @ weight[i, j] for j in range(n_out)] for i in range(n_in)])
        logits = np.zeros((n_in, n_out))
        for t in range(ITERATIONS):
            couplings = np.exp(logits - logits.max(1, keepdims=True))
            couplings /= couplings.sum(1, keepdims=True)
            for j in range(n_out):
                s = couplings[:, j] @ predictions[:, j]
                length = np.sqrt(s @ s + SQUASH_EPSILON)
                result[n, j] = (s @ s) / (1 + s @ s) * s / length
            logits = logits + np.einsum("ijd,jd->ij", predictions, result[n])
    return result


def by_torch(u, weight):
    predictions = torch.einsum("bik,iokd->biod", u, weight)
    logits = torch.zeros(predictions.shape[:3], dtype=u.dtype)
    for _ in range(ITERATIONS):
        s = (F.softmax(logits, 2)[..., None] * predictions).sum(1)
        squares = (s ** 2).sum(-1, keepdim=True)
        v = squares / (1 + squares) * s / torch.sqrt(squares + SQUASH_EPSILON)
        logits = logits + (predictions * v[:, None]).sum(-1)
    return v


def routing(goldens, rng_for):
    kernel = "dynamic_routing"
    goldens.kernel(kernel, {"u": "batch in k", "weight": "in out k d"}, {"v": "batch out d", "length": "batch out"},
                   iterations=ITERATIONS, squash_epsilon=SQUASH_EPSILON)

    def one(case, batch, n_in, n_out, scale=1.0, note=None):
        rng = rng_for(kernel, case)
        u = (scale * rng.uniform(-1, 1, (batch, n_in, 8)) / 8 ** 0.5).astype(np.float32)
        weight = rng.standard_normal((n_in, n_out, 8, 16)).astype(np.float32)
        v = by_numpy(u.astype(np.float64), weight.astype(np.float64))
        np.testing.assert_allclose(by_torch(torch.from_numpy(u).double(), torch.from_numpy(weight).double()).numpy(), v,
                                   rtol=1e-9, atol=1e-12)
        v32 = by_torch(torch.from_numpy(u), torch.from_numpy(weight))
        results = {"v": v, "length": np.sqrt((v ** 2).sum(-1))}
        goldens.case(kernel, case, {"u": u, "weight": weight}, results,
                     {name: (0.0, SHARE_OF_MAX * abs(t).max()) for name, t in results.items()},
                     {"v": v32, "length": torch.linalg.vector_norm(v32, dim=-1)}, note)

    for batch, n_in, n_out in [(1, 1, 1), (2, 7, 5), (1, 17, 3), (9, 5, 2), (3, 33, 10), (8, 16, 4)]:
        one(f"batch{batch}_in{n_in}_out{n_out}", batch, n_in, n_out)
    one("zero", 2, 5, 3, 0.0, "all predictions are 0, and so is the result: the root in squash is not of 0")
    one("large", 2, 6, 4, 30.0, "lengths are near 1, and couplings near 0 and 1")


def decoder(goldens, rng_for):
    kernel = "capsule_decoder"
    dims = {"weight1": "digit d hidden1", "bias1": "hidden1", "weight2": "hidden1 hidden2", "bias2": "hidden2",
            "weight3": "hidden2 pixel", "bias3": "pixel"}
    goldens.kernel(kernel, {"v": "batch digit d", "chosen": "batch", **dims}, {"image": "batch pixel"})

    def one(case, chosen, n_digit, n_hidden1, n_hidden2, n_pixel, note=None):
        rng = rng_for(kernel, case)
        batch = len(chosen)
        extents = {"digit": n_digit, "d": 16, "hidden1": n_hidden1, "hidden2": n_hidden2, "pixel": n_pixel}
        v = rng.uniform(-0.5, 0.5, (batch, n_digit, 16)).astype(np.float32)
        parameters = {name: rng.standard_normal([extents[d] for d in of.split()]) for name, of in dims.items()}
        for name, fan_in in [("weight1", 2), ("weight2", n_hidden1), ("weight3", n_hidden2)]:
            parameters[name] /= fan_in ** 0.5
        parameters = {name: t.astype(np.float32) for name, t in parameters.items()}

        def by_torch(v, weight1, bias1, weight2, bias2, weight3, bias3):
            one_hot = torch.tensor([[j == c for j in range(n_digit)] for c in chosen], dtype=v.dtype)
            h = F.relu(F.linear((v * one_hot[..., None]).flatten(1), weight1.flatten(0, 1).t(), bias1))
            h = F.relu(F.linear(h, weight2.t(), bias2))
            return torch.sigmoid(F.linear(h, weight3.t(), bias3))

        w = {name: t.astype(np.float64) for name, t in parameters.items()}
        image = np.zeros((batch, n_pixel))
        for n, c in enumerate(chosen):
            h = w["bias1"] + (v[n, c].astype(np.float64) @ w["weight1"][c] if 0 <= c < n_digit else 0)
            h = np.maximum(h, 0) @ w["weight2"] + w["bias2"]
            image[n] = 1 / (1 + np.exp(-(np.maximum(h, 0) @ w["weight3"] + w["bias3"])))
        double = [torch.from_numpy(t).double() for t in (v, *parameters.values())]
        np.testing.assert_allclose(by_torch(*double).numpy(), image, rtol=1e-10)
        goldens.case(kernel, case, {"v": v, "chosen": np.asarray(chosen, np.int32), **parameters}, {"image": image},
                     {"image": (0.0, SHARE_OF_MAX)},
                     {"image": by_torch(*map(torch.from_numpy, (v, *parameters.values())))}, note)

    one("one_of_each", [0], 1, 1, 1, 1)
    for chosen, *sizes in [([2, 0, 1], 3, 7, 5, 11), ([9, 3, 3, 0, 5, 1, 7, 2, 4], 10, 17, 33, 13), ([1], 2, 33, 31, 64)]:
        one(f"batch{len(chosen)}_digit{sizes[0]}_hidden{sizes[1]}_{sizes[2]}_pixel{sizes[3]}", chosen, *sizes)
    one("batch8", [3, 1, 4, 1, 5, 2, 6, 5], 7, 16, 32, 48)
    one("none_chosen", [-1, 3, 1], 3, 5, 6, 7, "classes that there are not: the decoder sees zeros")


def make(goldens, rng_for):
    routing(goldens, rng_for)
    decoder(goldens, rng_for)
