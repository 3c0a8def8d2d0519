"""Normalisation, and SiLU."""

import numpy as np
import torch
import torch.nn.functional as F

NAN = np.nan


def group_norm(goldens, rng_for):
    for kernel, with_silu in (("group_norm", True), ("group_norm_two_passes", False)):
        goldens.kernel(kernel, {"x": "batch group channel pixel", "gamma": "group channel", "beta": "group channel"},
                       {"result": "batch group channel pixel"}, epsilon=1e-5)

        def one(case, batch, group, channel, pixel, mean=0.5, share=1e-5, edit=None, note=None, kernel=kernel,
                with_silu=with_silu):
            rng = rng_for(kernel, case)
            x = (mean + 2 * rng.standard_normal((batch, group, channel, pixel))).astype(np.float32)
            if edit:
                edit(x)
            gamma, beta = (rng.standard_normal((group, channel)).astype(np.float32) for _ in range(2))
            x64, gamma64, beta64 = (t.astype(np.float64) for t in (x, gamma, beta))
            centred = x64 - x64.mean((2, 3), keepdims=True)
            result = centred / np.sqrt((centred ** 2).mean((2, 3), keepdims=True) + 1e-5) * gamma64[..., None] + beta64[..., None]
            by_torch = torch.group_norm(torch.from_numpy(x64).reshape(batch, group * channel, pixel), group,
                                    *(torch.from_numpy(t).flatten() for t in (gamma64, beta64)))
            if with_silu:
                result, by_torch = result / (1 + np.exp(-result)), F.silu(by_torch)
            goldens.case(kernel, case, {"x": x, "gamma": gamma, "beta": beta}, {"result": result}, share,
                         {"result": by_torch.reshape(x.shape)}, note)

        one("odd", 2, 3, 5, 7)
        one("one", 1, 1, 1, 1)
        one("single_pixel", 2, 2, 4, 1)
        one("wide", 1, 2, 3, 67)
        one("mean_1000", 1, 2, 4, 9, mean=1000, share=5e-4, note="deviation 2: what rounding of the mean in f32 allows")

        def constant(x):
            x[0, 0] = 3
            x[0, 1, 0, 2] = NAN
        one("constant_and_nan", 1, 3, 2, 5, edit=constant, note="group 0 has variance 0, group 1 a NaN")


def batch_norm(goldens, rng_for):
    channels = ("mean", "variance", "gamma", "beta")
    kernel = "batch_norm"
    goldens.kernel(kernel, {"x": "batch pixel channel", **{name: "channel" for name in channels}},
                   {"result": "batch pixel channel"}, epsilon=1e-5)

    def inputs_of(rng, batch, pixel, channel):
        x = rng.standard_normal((batch, pixel, channel)).astype(np.float32)
        per_channel = {name: rng.standard_normal(channel).astype(np.float32) for name in channels}
        per_channel["variance"] = np.abs(per_channel["variance"]) + np.float32(0.1)
        return x, per_channel

    def one(case, *shape, zero=False, note=None):
        x, p = inputs_of(rng_for(kernel, case), *shape)
        if zero:
            p["variance"][:] = 0
        x64, p64 = x.astype(np.float64), {name: t.astype(np.float64) for name, t in p.items()}
        result = (x64 - p64["mean"]) / np.sqrt(p64["variance"] + 1e-5) * p64["gamma"] + p64["beta"]
        by_torch = F.batch_norm(torch.from_numpy(x64).movedim(2, 1), *(torch.from_numpy(p64[n]) for n in channels))
        goldens.case(kernel, case, {"x": x, **p}, {"result": result}, by_torch={"result": by_torch.movedim(1, 2)}, note=note)

    one("odd", 2, 5, 7)
    one("one", 1, 1, 1)
    one("wide", 3, 2, 33)
    one("variance_0", 1, 3, 5, zero=True, note="what epsilon is for")

    kernel = "batch_norm_training"
    goldens.kernel(kernel, {"x": "batch pixel channel", "gamma": "channel", "beta": "channel", "running_mean": "channel",
                            "running_variance": "channel"},
                   {"result": "batch pixel channel", "new_mean": "channel", "new_variance": "channel"}, epsilon=1e-5,
                   momentum=0.1)

    def training(case, *shape, note=None):
        x, p = inputs_of(rng_for(kernel, case), *shape)
        inputs = {"x": x, "gamma": p["gamma"], "beta": p["beta"], "running_mean": p["mean"], "running_variance": p["variance"]}
        i64 = {name: t.astype(np.float64) for name, t in inputs.items()}
        n = shape[0] * shape[1]
        mean, variance = i64["x"].mean((0, 1)), i64["x"].var((0, 1))
        outputs = {"result": (i64["x"] - mean) / np.sqrt(variance + 1e-5) * i64["gamma"] + i64["beta"],
                   "new_mean": 0.9 * i64["running_mean"] + 0.1 * mean,
                   "new_variance": 0.9 * i64["running_variance"] + 0.1 * variance * n / max(n - 1, 1)}
        by_torch = None
        if n > 1:  # PyTorch refuses one value per channel
            running = [torch.from_numpy(i64[name].copy()) for name in ("running_mean", "running_variance")]
            result = F.batch_norm(torch.from_numpy(i64["x"]).movedim(2, 1), *running, torch.from_numpy(i64["gamma"]),
                                  torch.from_numpy(i64["beta"]), training=True, momentum=0.1)
            by_torch = {"result": result.movedim(1, 2), "new_mean": running[0], "new_variance": running[1]}
        goldens.case(kernel, case, inputs, outputs, by_torch=by_torch, note=note)

    training("odd", 3, 5, 7)
    training("one", 1, 1, 3, note="one value per channel: variance 0, and no division by n - 1 = 0")
    training("wide", 2, 9, 17)


def rms_norm(goldens, rng_for):
    kernel = "rms_norm"
    goldens.kernel(kernel, {"x": "row col", "gamma": "col"}, {"result": "row col"}, epsilon=1e-6)

    def one(case, row, col, edit=None, note=None):
        rng = rng_for(kernel, case)
        x, gamma = rng.standard_normal((row, col)).astype(np.float32), rng.standard_normal(col).astype(np.float32)
        if edit:
            edit(x)
        x64, gamma64 = x.astype(np.float64), gamma.astype(np.float64)
        result = x64 / np.sqrt((x64 ** 2).mean(1, keepdims=True) + 1e-6) * gamma64
        by_torch = F.rms_norm(torch.from_numpy(x64), (col,), torch.from_numpy(gamma64), 1e-6)
        goldens.case(kernel, case, {"x": x, "gamma": gamma}, {"result": result}, by_torch={"result": by_torch}, note=note)

    def specials(x):
        x[0] = 0
        x[1, 2] = NAN
    one("odd", 5, 13)
    one("one", 1, 1)
    one("wide", 2, 130)
    one("zero_and_nan", 3, 7, specials, "a row of zeros, and one with a NaN")


def silu(goldens, rng_for):
    kernel = "silu"
    goldens.kernel(kernel, {"x": "n"}, {"result": "n"})

    def one(case, x, note=None):
        x = np.asarray(x, np.float32)
        x64 = x.astype(np.float64)
        goldens.case(kernel, case, {"x": x}, {"result": F.silu(torch.from_numpy(x64)).numpy()}, note=note)

    one("odd", 2 * rng_for(kernel, "odd").standard_normal(67))
    one("one", [0.75])
    one("special", [NAN, np.inf, -np.inf, 0.0, -0.0, -100.0, 100.0], "-inf gives NaN, as PyTorch does")


def make(goldens, rng_for):
    group_norm(goldens, rng_for)
    batch_norm(goldens, rng_for)
    rms_norm(goldens, rng_for)
    silu(goldens, rng_for)
