"""Layers that carry a state along a sequence, one step after the other."""

import numpy as np

INF = np.inf


def selective_scan(goldens, rng_for):
    kernel = "selective_scan"
    goldens.kernel(kernel, {"x": "batch time channel", "step": "batch time channel", "a": "channel state",
                            "b": "batch time state", "c": "batch time state", "skip": "channel"},
                   {"result": "batch time channel"})
    for case, batch, time, channel, state in (("odd", 2, 7, 3, 5), ("one", 1, 1, 1, 1), ("wide", 1, 5, 19, 4), ("long", 1, 67, 2, 3)):
        rng = rng_for(kernel, case)
        inputs = {"x": rng.standard_normal((batch, time, channel)), "step": rng.uniform(0.01, 0.5, (batch, time, channel)),
                  "a": -rng.uniform(0.1, 4, (channel, state)), "b": rng.standard_normal((batch, time, state)),
                  "c": rng.standard_normal((batch, time, state)), "skip": rng.standard_normal(channel)}
        inputs = {name: t.astype(np.float32) for name, t in inputs.items()}
        x, step, a, b, c, skip = (t.astype(np.float64) for t in inputs.values())
        result = np.zeros_like(x)
        held = np.zeros((batch, channel, state))
        for t in range(time):
            held = np.exp(step[:, t, :, None] * a) * held + (step[:, t] * x[:, t])[:, :, None] * b[:, t, None]
            result[:, t] = (held * c[:, t, None]).sum(2) + skip * x[:, t]
        goldens.case(kernel, case, inputs, {"result": result})


def wkv(goldens, rng_for):
    kernel = "wkv"
    goldens.kernel(kernel, {"k": "batch time channel", "v": "batch time channel", "decay": "channel", "bonus": "channel"},
                   {"result": "batch time channel"})
    for case, batch, time, channel, scale in (("odd", 2, 7, 3, 1), ("one", 1, 1, 1, 1), ("wide", 1, 5, 19, 1), ("large", 1, 9, 2, 100)):
        rng = rng_for(kernel, case)
        inputs = {"k": scale * rng.standard_normal((batch, time, channel)), "v": rng.standard_normal((batch, time, channel)),
                  "decay": rng.uniform(0.01, 2, channel), "bonus": rng.standard_normal(channel)}
        inputs = {name: t.astype(np.float32) for name, t in inputs.items()}
        k, v, decay, bonus = (t.astype(np.float64) for t in inputs.values())
        result = np.zeros_like(k)
        for t in range(time):
            exponents = np.concatenate([k[:, :t] - np.arange(t - 1, -1, -1)[:, None] * decay, (bonus + k[:, t])[:, None]], 1)
            weights = np.exp(exponents - exponents.max(1, keepdims=True))
            result[:, t] = (weights * v[:, :t + 1]).sum(1) / weights.sum(1)
        goldens.case(kernel, case, inputs, {"result": result}, note="exponentials overflow" if scale > 1 else None)


def softmin(values, gamma):
    least = min(values)
    return least - gamma * np.log(sum(np.exp((least - v) / gamma) for v in values)) if np.isfinite(least) else least


def soft_dtw(goldens, rng_for):
    """Cuturi and Blondel 2017, algorithm 1, one cell after the other."""
    kernel = "soft_dtw"
    goldens.kernel(kernel, {"cost": "batch i j", "gamma": ""}, {"result": "batch"})
    for case, batch, n, m, gamma, note in (
            ("odd", 2, 5, 7, 1.0, None), ("one", 1, 1, 1, 0.5, None), ("row", 1, 1, 6, 0.1, None), ("column", 3, 9, 1, 2.0, None),
            ("wide", 19, 3, 4, 0.7, None), ("sharp", 2, 8, 5, 1e-3, "almost the least cost"), ("large", 1, 6, 6, 1.0, "exponentials overflow"),
            ("masked", 2, 7, 7, 0.3, "pairs that must not meet; none is left in the second")):
        rng = rng_for(kernel, case)
        cost = rng.uniform(0, 2, (batch, n, m)) * (500 if case == "large" else 1)
        if case == "masked":
            cost[:, np.abs(np.arange(n)[:, None] - np.arange(m)) > 2] = INF
            cost[1, 3] = INF
        inputs = {"cost": cost.astype(np.float32), "gamma": np.float32(gamma)}
        cost, gamma = (t.astype(np.float64) for t in inputs.values())
        best = np.full((batch, n + 1, m + 1), INF)
        best[:, 0, 0] = 0
        for b in range(batch):
            for i in range(n):
                for j in range(m):
                    best[b, i + 1, j + 1] = cost[b, i, j] + softmin([best[b, i, j], best[b, i, j + 1], best[b, i + 1, j]], gamma)
        goldens.case(kernel, case, {"cost": inputs["cost"], "gamma": np.asarray(inputs["gamma"])}, {"result": best[:, -1, -1]}, note=note)


def make(goldens, rng_for):
    selective_scan(goldens, rng_for)
    wkv(goldens, rng_for)
    soft_dtw(goldens, rng_for)
