"""Losses, optimiser steps, random numbers and dropout."""

import numpy as np
import torch
import torch.nn.functional as F

INF = np.inf


def losses(goldens, rng_for):
    for kernel, name in (("cross_entropy", "logits"), ("spread_loss", "a"), ("margin_loss", "length")):
        inputs = {name: "row class", "label": "row", **({"margin": ""} if kernel == "spread_loss" else {})}
        goldens.kernel(kernel, inputs, {"loss": "row", **({"mean": ""} if kernel == "cross_entropy" else {})})

        def one(case, row, classes, labels=None, edit=None, note=None, kernel=kernel, name=name):
            rng = rng_for(kernel, case)
            x = (rng.standard_normal((row, classes)) * (3 if kernel == "cross_entropy" else 0.5)).astype(np.float32)
            label = np.asarray(labels if labels is not None else rng.integers(0, classes, row), np.int32)
            if edit:
                edit(x)
            x64 = x.astype(np.float64)
            loss = np.zeros(row)
            for r, t in enumerate(label):
                known = 0 <= t < classes
                if kernel == "margin_loss":
                    loss[r] = sum(max(0, 0.9 - v) ** 2 if c == t else 0.5 * max(0, v - 0.1) ** 2 for c, v in enumerate(x64[r]))
                elif known and kernel == "spread_loss":
                    margin = float(np.float32(0.6))
                    loss[r] = sum(max(0, margin - (x64[r, t] - v)) ** 2 for c, v in enumerate(x64[r]) if c != t)
                elif known:
                    top = x64[r].max()
                    loss[r] = top + np.log(np.exp(x64[r] - top).sum()) - x64[r, t]
            given, outputs, by_torch = {name: x, "label": label}, {"loss": loss}, None
            if kernel == "spread_loss":
                given["margin"] = np.array(0.6, np.float32)
            if kernel == "cross_entropy":
                known = (label >= 0) & (label < classes)
                outputs["mean"] = np.array(loss.sum() / max(known.sum(), 1))
                t = torch.from_numpy(np.where(known, label, -1).astype(np.int64))
                by_torch = {"loss": F.cross_entropy(torch.from_numpy(x64), t, ignore_index=-1, reduction="none")}
                if known.any():
                    by_torch["mean"] = F.cross_entropy(torch.from_numpy(x64), t, ignore_index=-1)
            goldens.case(kernel, case, given, outputs, by_torch=by_torch, note=note)

        one("odd", 5, 7)
        one("one", 1, 1)
        one("wide", 3, 35)
        one("unknown", 4, 3, labels=[-1, 2, 3, 0], note="two labels that are no class")
        if kernel == "cross_entropy":
            def large(x):
                x[0] *= 1000
                x[1, 0] = -INF
            one("large", 3, 5, labels=[1, 2, 0], edit=large, note="logits whose exponentials overflow, and one of -inf")
            one("none", 2, 3, labels=[-1, -1], note="no row has a class: the mean is 0")

    kernel = "mean_squared_error"
    goldens.kernel(kernel, {"a": "row col", "b": "row col"}, {"loss": ""})
    for case, row, col in (("odd", 5, 7), ("one", 1, 1), ("wide", 3, 67)):
        rng = rng_for(kernel, case)
        a, b = (rng.standard_normal((row, col)).astype(np.float32) for _ in range(2))
        a64, b64 = a.astype(np.float64), b.astype(np.float64)
        by_torch = F.mse_loss(torch.from_numpy(a64), torch.from_numpy(b64))
        goldens.case(kernel, case, {"a": a, "b": b}, {"loss": np.array(((a64 - b64) ** 2).mean())}, by_torch={"loss": by_torch})


def optimisers(goldens, rng_for):
    """PyTorch's own optimisers take a few steps in f64; the case is the last of them."""
    def torch_steps(make, w, gradients):
        parameter = torch.nn.Parameter(torch.from_numpy(w.astype(np.float64)))
        optimiser, before = make([parameter]), None
        for gradient in gradients:
            before = (parameter.detach().clone(), {k: v.clone() for k, v in optimiser.state.get(parameter, {}).items()
                                                   if torch.is_tensor(v)})
            parameter.grad = torch.from_numpy(gradient.astype(np.float64))
            optimiser.step()
        return before, parameter.detach(), optimiser.state[parameter]

    f32 = lambda t: t.numpy().astype(np.float32)
    rate = float(np.float32(0.01))
    kernel = "sgd_momentum"
    goldens.kernel(kernel, {"w": "n", "gradient": "n", "velocity": "n", "rate": ""}, {"w_new": "n", "velocity_new": "n"})
    for case, n, steps, nesterov in (("odd", 7, 3, False), ("one", 1, 2, False), ("wide", 67, 2, False), ("nesterov", 5, 3, True)):
        rng = rng_for(kernel, case)
        w, *gradients = (rng.standard_normal(n).astype(np.float32) for _ in range(steps + 1))
        make = lambda p: torch.optim.SGD(p, rate, momentum=0.9, nesterov=nesterov)
        (w, state), after, _ = torch_steps(make, w, gradients)
        inputs = {"w": f32(w), "gradient": gradients[-1], "velocity": f32(state["momentum_buffer"]), "rate": np.array(rate, np.float32)}
        w64, g, v = (inputs[name].astype(np.float64) for name in ("w", "gradient", "velocity"))
        v = 0.9 * v + g
        result = w64 - rate * (g + 0.9 * v if nesterov else v)
        np.testing.assert_allclose(result, after.numpy(), rtol=1e-6, atol=1e-7)  # its state was rounded to f32 above
        goldens.case(kernel, case, inputs, {"w_new": result, "velocity_new": v}, parameters={"nesterov": True} if nesterov else None)

    kernel = "adam"
    goldens.kernel(kernel, {"w": "n", "gradient": "n", "mean": "n", "variance": "n", "rate": "", "t": ""},
                   {"w_new": "n", "mean_new": "n", "variance_new": "n"})
    for case, n, steps in (("odd", 7, 3), ("one", 1, 2), ("wide", 67, 5), ("many_steps", 3, 1000)):
        rng = rng_for(kernel, case)
        w, *gradients = (rng.standard_normal(n).astype(np.float32) for _ in range(steps + 1))
        make = lambda p: torch.optim.AdamW(p, rate, weight_decay=0.01)
        (w, state), after, _ = torch_steps(make, w, gradients)
        inputs = {"w": f32(w), "gradient": gradients[-1], "mean": f32(state["exp_avg"]), "variance": f32(state["exp_avg_sq"]),
                  "rate": np.array(rate, np.float32), "t": np.array(steps, np.float32)}
        w64, g, m, v = (inputs[name].astype(np.float64) for name in ("w", "gradient", "mean", "variance"))
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g
        result = w64 * (1 - rate * 0.01) - rate * (m / (1 - 0.9 ** steps)) / (np.sqrt(v / (1 - 0.999 ** steps)) + 1e-8)
        np.testing.assert_allclose(result, after.numpy(), rtol=1e-6, atol=1e-7)
        goldens.case(kernel, case, inputs, {"w_new": result, "mean_new": m, "variance_new": v})


def philox_of(counter, key):
    """Philox4x32-10 with integers without a width."""
    c, k, mask = list(counter), list(key), 2 ** 32 - 1
    for _ in range(10):
        first, second = 0xd2511f53 * c[0], 0xcd9e8d57 * c[2]
        c = [second >> 32 ^ c[1] ^ k[0], second & mask, first >> 32 ^ c[3] ^ k[1], first & mask]
        k = [k[0] + 0x9e3779b9 & mask, k[1] + 0xbb67ae85 & mask]
    return c


def random_numbers(goldens, rng_for):
    kernel = "philox"
    goldens.kernel(kernel, {"counter": "n word", "key": "n two"}, {"result": "n word"})
    # The known answers of Random123 for philox4x32 with 10 rounds (tests/kat_vectors of its distribution, BSD licence).
    known = [([0] * 4, [0] * 2, [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8]),
             ([0xffffffff] * 4, [0xffffffff] * 2, [0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd]),
             ([0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344], [0xa4093822, 0x299f31d0],
              [0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1])]
    for counter, key, answer in known:
        assert philox_of(counter, key) == answer
    columns = [np.array(t, np.uint32) for t in zip(*known)]
    goldens.case(kernel, "known_answers", {"counter": columns[0], "key": columns[1]}, {"result": columns[2]}, 0,
                 note="the known answers that Random123 publishes")
    for case, n in (("one", 1), ("wide", 19)):
        rng = rng_for(kernel, case)
        counter, key = (rng.integers(0, 2 ** 32, (n, m), np.uint32) for m in (4, 2))
        answer = np.array([philox_of(map(int, c), map(int, k)) for c, k in zip(counter, key)], np.uint32)
        goldens.case(kernel, case, {"counter": counter, "key": key}, {"result": answer}, 0)

    kernel = "dropout"
    goldens.kernel(kernel, {"x": "n", "seed": "", "stream": ""}, {"result": "n"})
    for case, n, seed, stream, percent in (("odd", 67, 2 ** 40 + 3, 7, 25), ("one", 1, 0, 0, 25), ("wide", 130, 12345, 2 ** 32 - 1, 25),
                                           ("none", 9, 1, 2, 0), ("most", 41, 2 ** 64 - 1, 2, 90)):
        x = rng_for(kernel, case).standard_normal(n).astype(np.float32)
        bits = [word for b in range(-(-n // 4)) for word in philox_of([b, 0, stream, 0], [seed % 2 ** 32, seed >> 32])][:n]
        kept = np.array([(word >> 8) / 2 ** 24 >= percent / 100 for word in bits])
        result = np.where(kept, x.astype(np.float64) / (1 - percent / 100), 0)
        goldens.case(kernel, case, {"x": x, "seed": np.array(seed, np.uint64), "stream": np.array(stream, np.uint32)},
                     {"result": result}, 1e-6, parameters={"percent": percent} if percent != 25 else None)


def make(goldens, rng_for):
    losses(goldens, rng_for)
    optimisers(goldens, rng_for)
    random_numbers(goldens, rng_for)
