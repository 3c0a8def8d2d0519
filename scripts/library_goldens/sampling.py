"""Reading images between their elements: sampling by grids, resizing, deformable convolution."""

import itertools

import numpy as np
import torch
import torch.nn.functional as F

NAN = np.nan


def linear(image, at, nearest=False):
    """image[axes..., channel] at one place; zeros beyond, or the nearest element."""
    at = np.asarray(at, np.float64)
    if np.isnan(at).any():
        return np.full(image.shape[-1], NAN)
    if nearest:
        at = np.clip(at, 0, np.asarray(image.shape[:-1]) - 1)
    low = np.floor(at).astype(int)
    total = np.zeros(image.shape[-1])
    for corner in itertools.product((0, 1), repeat=len(at)):
        where = low + corner
        share = np.prod(np.where(corner, at - low, 1 - (at - low)))
        if share > 0 and (where >= 0).all() and (where < image.shape[:-1]).all():
            total += share * image[tuple(where)]
    return total


def grid_sample(goldens, rng_for):
    def one(kernel, case, batch, extents, out, channel, spread=1.2, note=None, centres=False, nearest=False):
        rng = rng_for(kernel, case)
        axes = len(extents)
        image = rng.standard_normal((batch, *extents, channel)).astype(np.float32)
        grid = rng.uniform(-spread, spread, (batch, *out, axes)).astype(np.float32)
        i64, g64 = image.astype(np.float64), grid.astype(np.float64)[..., ::-1]
        n = np.asarray(extents)
        at = (g64 + 1) * (n - 1) / 2 if centres else ((g64 + 1) * n - 1) / 2
        result = np.zeros((batch, *out, channel))
        for b, *p in np.ndindex(batch, *out):
            result[(b, *p)] = linear(i64[b], at[(b, *p)], nearest)
        shaped = grid if axes == 2 else grid[:, None, None]
        by_torch = F.grid_sample(torch.from_numpy(i64).movedim(-1, 1), torch.from_numpy(shaped.astype(np.float64)),
                                 padding_mode="border" if nearest else "zeros", align_corners=centres)
        by_torch = {"result": by_torch.movedim(1, -1).reshape(result.shape)}
        parameters = {name: True for name, on in (("centres", centres), ("nearest", nearest)) if on}
        goldens.case(kernel, case, {"image": image, "grid": grid}, {"result": result}, by_torch=by_torch, note=note,
                     parameters=parameters)

    def specials(kernel, case):
        rng = rng_for(kernel, case)
        image = rng.standard_normal((1, 3, 4, 2)).astype(np.float32)
        grid = rng.uniform(-1, 1, (1, 2, 3, 2)).astype(np.float32)
        grid[0, 0, 0] = NAN
        grid[0, 0, 1] = [1e30, 0]
        grid[0, 1, 0] = [-1e30, 0.25]
        result = np.zeros((1, 2, 3, 2))
        for y, x in np.ndindex(2, 3):
            at = ((grid[0, y, x, ::-1].astype(np.float64) + 1) * [3, 4] - 1) / 2
            result[0, y, x] = linear(image[0].astype(np.float64), np.clip(at, -1e6, 1e6))
        goldens.case(kernel, case, {"image": image, "grid": grid}, {"result": result},
                     note="a NaN, which gives NaN, and places far outside, which give 0")

    goldens.kernel("grid_sample", {"image": "batch iy ix channel", "grid": "batch y x axis"}, {"result": "batch y x channel"})
    one("grid_sample", "odd", 2, (5, 4), (3, 7), 3)
    one("grid_sample", "one", 1, (1, 1), (1, 1), 1, spread=0.3)
    one("grid_sample", "wide", 1, (3, 3), (2, 5), 19)
    one("grid_sample", "centres", 1, (5, 6), (4, 3), 2, centres=True)
    one("grid_sample", "border", 1, (4, 5), (5, 3), 2, spread=2, nearest=True)
    specials("grid_sample", "special")
    goldens.kernel("grid_sample3d", {"image": "batch iz iy ix channel", "grid": "batch point axis"},
                   {"result": "batch point channel"})
    one("grid_sample3d", "odd", 2, (3, 4, 5), (7,), 3)
    one("grid_sample3d", "one", 1, (1, 1, 1), (1,), 1, spread=0.5)
    one("grid_sample3d", "wide", 1, (2, 3, 2), (18,), 17)


def resize(goldens, rng_for):
    for kernel, mode in (("resize_bilinear", "bilinear"), ("resize_nearest", "nearest")):
        goldens.kernel(kernel, {"image": "batch iy ix channel"}, {"result": "batch y x channel"})
        for case, batch, iy, ix, channel in (("odd", 2, 5, 4, 3), ("one", 1, 1, 1, 1), ("wide", 1, 3, 7, 18)):
            image = rng_for(kernel, case).standard_normal((batch, iy, ix, channel)).astype(np.float32)
            i64 = image.astype(np.float64)
            y, x = (3 * iy + 1) // 2, (3 * ix + 1) // 2
            result = np.zeros((batch, y, x, channel))
            for b, p, q in np.ndindex(batch, y, x):
                if mode == "nearest":
                    result[b, p, q] = i64[b, p * iy // y, q * ix // x]
                else:
                    result[b, p, q] = linear(i64[b], ((p + 0.5) * iy / y - 0.5, (q + 0.5) * ix / x - 0.5), nearest=True)
            by_torch = F.interpolate(torch.from_numpy(i64).movedim(3, 1), (y, x), mode=mode).movedim(1, 3)
            goldens.case(kernel, case, {"image": image}, {"result": result}, by_torch={"result": by_torch})


def deformable(goldens, rng_for):
    kernel = "deformable_conv"
    goldens.kernel(kernel, {"image": "batch iy ix in", "offset": "batch y x ky kx axis", "mask": "batch y x ky kx",
                            "weight": "ky kx in out"}, {"result": "batch y x out"})

    def one(case, batch, y, x, n_in, n_out, scale=1.0, note=None):
        rng = rng_for(kernel, case)
        inputs = {"image": rng.standard_normal((batch, y, x, n_in)), "offset": scale * rng.standard_normal((batch, y, x, 3, 3, 2)),
                  "mask": rng.uniform(0, 1, (batch, y, x, 3, 3)), "weight": rng.standard_normal((3, 3, n_in, n_out))}
        if scale == 0:
            inputs["mask"][:] = 1
        inputs = {name: t.astype(np.float32) for name, t in inputs.items()}
        image, offset, mask, weight = (t.astype(np.float64) for t in inputs.values())
        result = np.zeros((batch, y, x, n_out))
        for b, p, q, ky, kx in np.ndindex(batch, y, x, 3, 3):
            place = np.array([p + ky - 1, q + kx - 1]) + offset[b, p, q, ky, kx]
            result[b, p, q] += mask[b, p, q, ky, kx] * linear(image[b], place) @ weight[ky, kx]
        by_torch = None
        if scale == 0:
            by_torch = F.conv2d(torch.from_numpy(image).movedim(3, 1), torch.from_numpy(weight).permute(3, 2, 0, 1), padding=1)
            by_torch = {"result": by_torch.movedim(1, 3)}
        goldens.case(kernel, case, inputs, {"result": result}, 2e-5, by_torch, note)

    one("odd", 2, 3, 4, 3, 5)
    one("one", 1, 1, 1, 1, 1)
    one("wide", 1, 2, 3, 2, 18, scale=3, note="many taps land outside")
    one("plain", 1, 4, 3, 2, 3, scale=0, note="no offsets: an ordinary convolution")


def make(goldens, rng_for):
    grid_sample(goldens, rng_for)
    resize(goldens, rng_for)
    deformable(goldens, rng_for)
