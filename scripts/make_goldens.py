#!/usr/bin/env python3
"""Makes test/goldens: inputs and expected outputs of common kernels, computed by NumPy and PyTorch.

Makes: test/goldens/<kernel>/<case>.safetensors, whose tensors are named as the kernel's arguments and lie in memory in
the order of the dims that test/goldens/manifest.json gives, and that manifest. Inputs are f32 (classes: i32); outputs are computed in f64
from those inputs and stored as f32 (argmin, argmax: i32). Where both libraries can compute a result, both do and must
agree, and PyTorch's f32 result must lie within the tolerance that the manifest states (two exceptions have comments).
test/goldens/README.md says more.

Rerun: pip install -r models/train/requirements.txt, then python scripts/make_goldens.py (seconds). Each case has its own
seed, taken from its name, so that a new case changes no other; the tensors depend on NumPy's generator only, but for the
last bit of transcendental functions.
Licence: all values are generated here; there is no third-party data.
"""

import argparse
import json
import pathlib
import zlib

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.numpy import save_file

import dynamic_routing_goldens
import em_goldens
import ordered_goldens

DEFAULT_OUTPUT = pathlib.Path(__file__).resolve().parents[1] / "test" / "goldens"
U = 2.0 ** -24  # the unit roundoff of f32
LAYER_NORM_EPSILON = 1e-5
INF, NAN = np.inf, np.nan


def rng_for(kernel, case):
    return np.random.default_rng(zlib.crc32(f"{kernel}/{case}".encode()))


def agree(a, b, scale=1.0):
    """Two f64 computations of one thing must agree to f64's precision."""
    np.testing.assert_allclose(a, b, rtol=1e-11, atol=1e-12 * scale)


class Goldens:
    def __init__(self, folder):
        self.folder = folder
        self.kernels = {}
        self.cases = []
        self.bytes = 0

    def kernel(self, name, inputs, outputs, **parameters):
        """Declares a kernel: argument names to dims, in the order of the memory layout."""
        self.kernels[name] = {"inputs": {k: v.split() for k, v in inputs.items()},
                              "outputs": {k: v.split() for k, v in outputs.items()}, "parameters": parameters}

    def case(self, kernel, case, inputs, outputs, tolerances, torch_f32=None, note=None):
        """Writes one case. `tolerances`: output to (rtol, atol); `torch_f32`: outputs of PyTorch in f32, to be within them."""
        declared = self.kernels[kernel]
        assert list(inputs) == list(declared["inputs"]) and list(outputs) == list(declared["outputs"]) == list(tolerances)
        extents = {}
        for name, dims in {**declared["inputs"], **declared["outputs"]}.items():
            shape = {**inputs, **outputs}[name].shape
            assert len(shape) == len(dims), (kernel, case, name, shape)
            for dim, extent in zip(dims, shape):
                assert extents.setdefault(dim, extent) == extent, (kernel, case, name, dim)
        assert all(t.dtype in (np.float32, np.int32) for t in inputs.values())

        stored = {name: np.ascontiguousarray(t) for name, t in inputs.items()}
        entry = {"kernel": kernel, "case": case, "file": f"{kernel}/{case}.safetensors", "extents": extents, "tolerance": {}}
        if note:
            entry["note"] = note
        for name, value in outputs.items():
            type_stored = np.int32 if value.dtype.kind == "i" else np.float32
            with np.errstate(all="raise", under="ignore"):
                stored[name] = np.ascontiguousarray(value).astype(type_stored)
            rtol, atol = (float(f"{t:.3g}") for t in tolerances[name])
            entry["tolerance"][name] = {"rtol": rtol, "atol": atol}
            if torch_f32 is not None and name in torch_f32:
                np.testing.assert_allclose(torch_f32[name].numpy(), stored[name], rtol=rtol, atol=atol,
                                           err_msg=f"{kernel}/{case}: PyTorch in f32")
        path = self.folder / entry["file"]
        path.parent.mkdir(parents=True, exist_ok=True)
        save_file(stored, path)
        self.bytes += path.stat().st_size
        self.cases.append(entry)

    def write_manifest(self, made_by="scripts/make_goldens.py"):
        lines = ['{', f' "made_by": {json.dumps(made_by)},',
                 f' "versions": {json.dumps({"numpy": np.__version__, "torch": torch.__version__.split("+")[0]})},',
                 ' "kernels": {']
        lines += [",\n".join(f"  {json.dumps(k)}: {json.dumps(v)}" for k, v in self.kernels.items())]
        lines += [' },', ' "cases": [', ",\n".join("  " + json.dumps(c) for c in self.cases), ' ]', '}']
        text = "\n".join(lines) + "\n"
        json.loads(text)
        (self.folder / "manifest.json").write_text(text)
        current = {self.folder / case["file"] for case in self.cases}
        for kernel in self.kernels:
            for path in set((self.folder / kernel).glob("*.safetensors")) - current:
                path.unlink()


def case_name(**extents):
    return "_".join(f"{dim}{extent}" for dim, extent in extents.items())


def dot_tolerance(terms, magnitude, exact):
    """Bounds the f32 error of sums of `terms` products, in any order, where `magnitude` sums their absolute values."""
    return (0.0, 0.0) if exact else (0.0, (terms + 2) * U * float(np.nanmax(magnitude)))


def values(rng, shape, integers=False):
    if integers:  # every partial sum is exact in f32, so results must be equal
        return rng.integers(-4, 5, shape).astype(np.float32)
    return rng.standard_normal(shape).astype(np.float32)


# --- Products and convolutions ---------------------------------------------------------------------------------------

def conv_capsules(goldens):
    kernel = "conv_capsules"
    goldens.kernel(kernel, {"pose": "batch iy ix in row k", "weight": "ky kx in out k col"}, {"votes": "batch y x out row col"},
                   kernel_size=3, stride=2, padding=0)

    def compute(pose, weight):
        _, iy, ix, _, _, _ = pose.shape
        y, x = (iy - 3) // 2 + 1, (ix - 3) // 2 + 1
        votes = 0
        for ky in range(3):
            for kx in range(3):
                window = pose[:, ky:ky + 2 * y - 1:2, kx:kx + 2 * x - 1:2]
                votes = votes + np.einsum("byxirk,iokc->byxorc", window, weight[ky, kx])
        return votes

    def one(case, batch, iy, ix, n_in, n_out, integers=False):
        rng = rng_for(kernel, case)
        pose = values(rng, (batch, iy, ix, n_in, 4, 4), integers)
        weight = values(rng, (3, 3, n_in, n_out, 4, 4), integers)
        p, w = pose.astype(np.float64), weight.astype(np.float64)
        votes = compute(p, w)
        # PyTorch: the rows of the pose are images of a batch, (in, k) the channels, (out, col) the features.
        def by_torch(pose, weight):
            image = pose.permute(0, 4, 3, 5, 1, 2).reshape(batch * 4, n_in * 4, iy, ix)
            filters = weight.permute(3, 5, 2, 4, 0, 1).reshape(n_out * 4, n_in * 4, 3, 3)
            t = F.conv2d(image, filters, stride=2)
            return t.reshape(batch, 4, n_out, 4, *t.shape[2:]).permute(0, 4, 5, 2, 1, 3)
        agree(votes, by_torch(torch.from_numpy(p), torch.from_numpy(w)).numpy(), 100)
        goldens.case(kernel, case, {"pose": pose, "weight": weight}, {"votes": votes},
                     {"votes": dot_tolerance(9 * n_in * 4, compute(abs(p), abs(w)), integers)},
                     {"votes": by_torch(torch.from_numpy(pose), torch.from_numpy(weight))},
                     "small integers: the result is exact" if integers else None)

    for batch, iy, ix, n_in, n_out in [(1, 3, 3, 1, 1), (2, 7, 5, 3, 5), (1, 6, 8, 5, 8), (1, 5, 5, 8, 32), (2, 5, 7, 7, 17),
                                       (1, 3, 11, 2, 33), (3, 4, 9, 1, 13), (1, 7, 7, 16, 16)]:
        one(f"batch{batch}_iy{iy}_ix{ix}_in{n_in}_out{n_out}", batch, iy, ix, n_in, n_out)
    one("integers", 2, 7, 9, 3, 7, integers=True)


def matmul(goldens):
    kernel = "matmul"
    goldens.kernel(kernel, {"a": "i k", "b": "k j"}, {"c": "i j"})

    def one(case, i, k, j, integers=False, note=None, edit=None):
        rng = rng_for(kernel, case)
        a, b = values(rng, (i, k), integers), values(rng, (k, j), integers)
        if edit:
            edit(a, b)
        a64, b64 = a.astype(np.float64), b.astype(np.float64)
        with np.errstate(invalid="ignore"):
            c = np.einsum("ik,kj->ij", a64, b64)
        agree(c, (torch.from_numpy(a64) @ torch.from_numpy(b64)).numpy(), 10)
        finite = np.where(np.isfinite(a64), abs(a64), 0) @ np.where(np.isfinite(b64), abs(b64), 0)
        goldens.case(kernel, case, {"a": a, "b": b}, {"c": c}, {"c": dot_tolerance(k, finite, integers)},
                     {"c": torch.from_numpy(a) @ torch.from_numpy(b)}, note)

    for i, k, j in [(1, 1, 1), (1, 7, 1), (5, 1, 3), (3, 5, 7), (17, 13, 19), (31, 33, 29), (64, 64, 64), (37, 101, 43),
                    (1, 257, 5), (2, 16, 130), (67, 3, 1)]:
        one(case_name(i=i, k=k, j=j), i, k, j)
    one("integers", 33, 65, 31, integers=True, note="small integers: the result is exact")

    def specials(a, b):
        a[2, 3] = NAN   # row 2 of c is NaN
        a[4, 1] = INF   # row 4 is infinite, and NaN in the column where b is 0
        b[1, 5] = 0
    one("nan_and_inf", 7, 11, 13, edit=specials, note="a NaN, an infinity, and 0 * inf")


def conv2d_family(goldens):
    geometry = {
        "conv2d": dict(stride=1, dilation=1, padding=1, activation="relu"),
        "conv2d_strided": dict(stride=2, dilation=1, padding=1, activation=None),
        "conv2d_dilated": dict(stride=1, dilation=2, padding=2, activation=None),
        "conv2d_grouped": dict(stride=1, dilation=1, padding=1, activation=None),
        "conv2d_valid": dict(stride=1, dilation=1, padding=0, activation=None),
    }

    def by_numpy(image, weight, bias, stride, dilation, padding, activation):
        """image[b, y, x, g, i], weight[ky, kx, g, i, o], bias[g, o] to [b, y, x, g, o]."""
        image = np.pad(image, ((0, 0), (padding, padding), (padding, padding), (0, 0), (0, 0)))
        y, x = ((n - 2 * dilation - 1) // stride + 1 for n in image.shape[1:3])
        result = bias
        for ky in range(3):
            for kx in range(3):
                window = image[:, ky * dilation:, kx * dilation:][:, :(y - 1) * stride + 1:stride, :(x - 1) * stride + 1:stride]
                result = result + np.einsum("byxgi,gio->byxgo", window, weight[ky, kx])
        return np.maximum(result, 0) if activation else result  # np.maximum passes NaN on

    def by_torch(image, weight, bias, stride, dilation, padding, activation):
        groups, n_in, n_out = weight.shape[2:]
        result = F.conv2d(image.flatten(3).permute(0, 3, 1, 2), weight.permute(2, 4, 3, 0, 1).reshape(groups * n_out, n_in, 3, 3),
                          bias.flatten(), stride=stride, dilation=dilation, padding=padding, groups=groups)
        result = torch.relu(result) if activation else result
        return result.permute(0, 2, 3, 1).unflatten(3, (groups, n_out))

    def one(kernel, case, batch, iy, ix, groups, n_in, n_out, integers=False, note=None, edit=None):
        rng = rng_for(kernel, case)
        image = values(rng, (batch, iy, ix, groups, n_in), integers)
        weight = values(rng, (3, 3, groups, n_in, n_out), integers)
        bias = values(rng, (groups, n_out), integers)
        if edit:
            edit(image)
        arrays32 = image, weight, bias
        arrays64 = [t.astype(np.float64) for t in arrays32]
        result = by_numpy(*arrays64, **geometry[kernel])
        agree(result, by_torch(*map(torch.from_numpy, arrays64), **geometry[kernel]).numpy(), 100)
        bound = by_numpy(*map(abs, arrays64), **geometry[kernel])
        result32 = by_torch(*map(torch.from_numpy, arrays32), **geometry[kernel])
        if kernel != "conv2d_grouped":  # no group dim
            image, weight, bias, result, result32 = image[:, :, :, 0], weight[:, :, 0], bias[0], result[:, :, :, 0], result32[:, :, :, 0]
        goldens.case(kernel, case, {"image": image, "weight": weight, "bias": bias}, {"result": result},
                     {"result": dot_tolerance(9 * n_in + 1, bound, integers)}, {"result": result32}, note)

    def poison(image):
        image[0, 2, 3, 0, 1] = NAN

    exact, nan_note = "small integers: the result is exact", "a NaN reaches the positions whose window holds it, also through relu"
    for kernel, g in geometry.items():
        grouped = kernel == "conv2d_grouped"
        goldens.kernel(kernel, {"image": "batch iy ix group in", "weight": "ky kx group in out", "bias": "group out"} if grouped
                       else {"image": "batch iy ix in", "weight": "ky kx in out", "bias": "out"},
                       {"result": "batch y x group out" if grouped else "batch y x out"}, kernel_size=3, **g)
        if grouped:
            for s in [(1, 1, 1, 1, 1, 1), (2, 5, 7, 3, 1, 1), (1, 8, 8, 2, 16, 16), (1, 5, 6, 5, 3, 7), (2, 4, 3, 33, 1, 2)]:
                one(kernel, case_name(**dict(zip(("batch", "iy", "ix", "group", "in", "out"), s))), *s)
            one(kernel, "integers", 2, 6, 5, 3, 4, 5, integers=True, note=exact)
            one(kernel, "nan", 1, 5, 7, 2, 3, 5, note=nan_note.split(",")[0] + ", in its group", edit=poison)
            continue
        least = 3 if kernel == "conv2d_valid" else 1
        for batch, iy, ix, n_in, n_out in [(1, least, least, 1, 1), (1, 3, 4, 1, 1), (2, 5, 7, 3, 5), (1, 8, 8, 16, 32), (1, 6, 13, 17, 11),
                                           (3, 4, 9, 2, 33)]:
            one(kernel, case_name(batch=batch, iy=iy, ix=ix, **{"in": n_in}, out=n_out), batch, iy, ix, 1, n_in, n_out)
        one(kernel, "integers", 2, 7, 6, 1, 5, 7, integers=True, note=exact)
        if kernel == "conv2d":
            one(kernel, "nan", 1, 5, 7, 1, 3, 5, note=nan_note, edit=poison)


# --- Pooling ---------------------------------------------------------------------------------------------------------

def pooling(goldens):
    def by_numpy(image, size, padding, reduce):
        batch, iy, ix, channel = image.shape
        y, x = ((n + 2 * padding - size) // 2 + 1 for n in (iy, ix))
        result = np.empty((batch, y, x, channel))
        for yy in range(y):
            for xx in range(x):
                y0, x0 = 2 * yy - padding, 2 * xx - padding
                result[:, yy, xx] = reduce(image[:, max(y0, 0):y0 + size, max(x0, 0):x0 + size], axis=(1, 2))
        return result

    def one(kernel, case, shape, size, padding, note=None, edit=None):
        image = values(rng_for(kernel, case), shape)
        if edit:
            edit(image)
        is_max = kernel.startswith("max")
        pool = F.max_pool2d if is_max else lambda t, *args: F.avg_pool2d(t, *args, count_include_pad=False)
        by_torch = lambda t: pool(torch.from_numpy(t).permute(0, 3, 1, 2), size, 2, padding).permute(0, 2, 3, 1)
        image64 = image.astype(np.float64)
        with np.errstate(invalid="ignore"):
            result = by_numpy(image64, size, padding, np.max if is_max else np.mean)
        agree(result, by_torch(image64).numpy())
        largest = abs(image64[np.isfinite(image64)]).max()
        goldens.case(kernel, case, {"image": image}, {"result": result},
                     {"result": (0.0, 0.0 if is_max else (size * size + 2) * U * largest)}, {"result": by_torch(image)}, note)

    def negative(image):
        image[:] = -abs(image) - 1

    def specials(image):
        image[0, 1, 2, 0] = NAN
        image[0, :, :, 1] = -INF
        image[0, 3, 3, 2] = INF

    for size, padding, suffix in [(2, 0, ""), (3, 1, "_padded")]:
        for what in ("max", "avg"):
            kernel = f"{what}_pool2d{suffix}"
            goldens.kernel(kernel, {"image": "batch iy ix channel"}, {"result": "batch y x channel"}, kernel_size=size, stride=2,
                           padding=padding)
            shapes = [(1, 2, 2, 1), (2, 7, 5, 3), (1, 8, 8, 16), (1, 5, 9, 17), (3, 6, 4, 33)]
            for shape in ([(1, 1, 1, 1)] if padding else []) + shapes:
                one(kernel, case_name(**dict(zip(("batch", "iy", "ix", "channel"), shape))), shape, size, padding)
            one(kernel, "negative", (1, 5, 7, 5), size, padding, "all below -1: padding must not win or count", negative)
            one(kernel, "nan_and_inf", (1, 5, 7, 3), size, padding, "channel 0 has a NaN, 1 is all -inf, 2 has an inf", specials)


# --- Softmax, layer normalisation, GELU ------------------------------------------------------------------------------

def softmax(goldens):
    kernel = "softmax"
    goldens.kernel(kernel, {"x": "row col"}, {"result": "row col"})

    def one(case, x, note=None):
        x = x.astype(np.float32)
        x64 = x.astype(np.float64)
        result = torch.softmax(torch.from_numpy(x64), 1).numpy()
        with np.errstate(invalid="ignore", under="ignore"):
            e = np.exp(x64 - x64.max(1, keepdims=True))
            agree(result, e / e.sum(1, keepdims=True))
        goldens.case(kernel, case, {"x": x}, {"result": result}, {"result": ((x.shape[1] + 256) * U, 1e-37)},
                     {"result": torch.softmax(torch.from_numpy(x), 1)}, note)

    for row, col in [(1, 1), (1, 2), (3, 7), (5, 17), (2, 64), (7, 33), (4, 100), (13, 1), (1, 257)]:
        case = case_name(row=row, col=col)
        one(case, 3 * rng_for(kernel, case).standard_normal((row, col)))

    def rows(case, row, col):
        return 3 * rng_for(kernel, case).standard_normal((row, col))

    x = rows("mask", 19, 19)
    x[np.triu_indices(19, 1)] = -INF
    one("mask", x, "a causal mask of -inf: exactly 0 there")
    x = rows("masked_row", 3, 11)
    x[1] = -INF
    one("masked_row", x, "row 1 is all -inf: NaN, as PyTorch gives; the others are ordinary")
    x = rows("nan", 3, 13)
    x[1, 5] = NAN
    one("nan", x, "row 1 has a NaN: all of it is NaN; the others are ordinary")
    x = rows("plus_inf", 3, 9)
    x[1, 4] = INF
    one("plus_inf", x, "row 1 has +inf: all of it is NaN, as PyTorch gives")
    x = rows("large", 4, 23)
    x[0] += 1e4
    x[1] -= 1e4
    x[2] *= 1e4
    x[3, ::2], x[3, 1::2] = 3e38, -3e38
    one("large", x, "values that overflow exp, and differences that overflow f32")


def layer_norm(goldens):
    kernel = "layer_norm"
    goldens.kernel(kernel, {"x": "row col", "gamma": "col", "beta": "col"}, {"result": "row col"}, epsilon=LAYER_NORM_EPSILON)

    def one(case, row, col, make=None, note=None, exact_mean=False):
        rng = rng_for(kernel, case)
        x = rng.standard_normal((row, col))
        x = (make(x) if make else 2 * x + 0.5).astype(np.float32)
        gamma, beta = (1 + 0.5 * rng.standard_normal(col)).astype(np.float32), rng.standard_normal(col).astype(np.float32)
        x64, gamma64, beta64 = (t.astype(np.float64) for t in (x, gamma, beta))
        centred = x64 - x64.mean(1, keepdims=True)
        spread = np.sqrt((centred ** 2).mean(1, keepdims=True) + LAYER_NORM_EPSILON)
        result = centred / spread * gamma64 + beta64
        agree(result, F.layer_norm(torch.from_numpy(x64), (col,), *map(torch.from_numpy, (gamma64, beta64)),
                                   LAYER_NORM_EPSILON).numpy(), 1e3)
        # A two-pass f32 computation: the error of the mean, what that does to the variance, and the rounding of the rest.
        mean_error = 0 if exact_mean else (col + 2) * U * abs(x64).mean(1, keepdims=True)
        unit = abs(centred / spread)
        error = abs(gamma64) * (mean_error / spread + unit * ((mean_error / spread) ** 2 + (col + 8) * U))
        error += 2 * U * (abs(result) + abs(beta64))
        # PyTorch's running f32 mean is inexact even where the f32 sum is exact: about 0.03 off in that case.
        result32 = None if exact_mean else {"result": F.layer_norm(torch.from_numpy(x), (col,),
                                                                   *map(torch.from_numpy, (gamma, beta)), LAYER_NORM_EPSILON)}
        goldens.case(kernel, case, {"x": x, "gamma": gamma, "beta": beta}, {"result": result}, {"result": (0.0, np.nanmax(error))},
                     result32, note)

    for row, col in [(1, 1), (1, 2), (3, 7), (5, 16), (2, 64), (7, 33), (4, 100), (1, 257), (13, 3)]:
        one(case_name(row=row, col=col), row, col)
    one("large_mean", 3, 37, lambda x: 1e4 + x, "mean 1e4, deviation 1: mean(x*x) - mean(x)^2 fails here")
    one("large_mean_small_variance", 3, 32, lambda x: 1e4 + np.round(2 * x) / 16,
        "mean 1e4, deviation 1/8, in steps of 1/16: f32 sums of x are exact in any order, so two passes are accurate; "
        "a running mean is not",
        exact_mean=True)
    one("constant_rows", 3, 19, lambda x: np.array([[0.0], [3.0], [-0.1]]) + 0 * x, "variance 0: the result is beta")

    def poison(x):
        x[1, 4] = NAN
        return x
    one("nan", 3, 11, poison, "row 1 has a NaN: all of it is NaN; the others are ordinary")


def gelu(goldens):
    for kernel, approximate in [("gelu", "none"), ("gelu_tanh", "tanh")]:
        goldens.kernel(kernel, {"x": "n"}, {"result": "n"}, form="0.5*x*(1 + erf(x/sqrt(2)))" if approximate == "none" else
                       "0.5*x*(1 + tanh(sqrt(2/pi)*(x + 0.044715*x^3)))")

        def one(case, x, note=None):
            x = np.asarray(x, np.float32)
            apply = lambda t: F.gelu(torch.from_numpy(t), approximate=approximate)
            goldens.case(kernel, case, {"x": x}, {"result": apply(x.astype(np.float64)).numpy()}, {"result": (2e-6, 4e-6)},
                         {"result": apply(x)} if np.isfinite(x).all() else None, note)  # oneDNN's f32 gelu(inf) is NaN

        for n in (1, 7, 64, 257):
            one(case_name(n=n), 2 * rng_for(kernel, case_name(n=n)).standard_normal(n))
        one("grid", np.linspace(-12, 12, 193))
        one("special", [NAN, INF, -INF, 0.0, -0.0, 1e-30, -1e-30, 1e10, -1e10], "gelu(-inf) is NaN, as PyTorch gives")


# --- Reductions ------------------------------------------------------------------------------------------------------

def reductions(goldens):
    kernel = "reductions"
    names = ["sum", "product", "min", "max", "argmin", "argmax", "logsumexp", "mean", "variance"]
    goldens.kernel(kernel, {"x": "i j"}, {name: "i" for name in names}, over="j", variance="population",
                   argmin_argmax="the first NaN, else the first of equals")

    def one(case, x, note=None, exact=()):
        x = np.asarray(x, np.float32)
        x64 = x.astype(np.float64)
        n = x.shape[1]
        with np.errstate(invalid="ignore"):
            outputs = {"sum": x64.sum(1), "product": x64.prod(1), "min": x64.min(1), "max": x64.max(1),
                       "argmin": x64.argmin(1), "argmax": x64.argmax(1),
                       "logsumexp": torch.logsumexp(torch.from_numpy(x64), 1).numpy(),
                       "mean": x64.mean(1), "variance": x64.var(1)}
        size = np.where(np.isfinite(x64), abs(x64), 0)
        variance = outputs["variance"]
        variance = variance[np.isfinite(variance)].max(initial=0)
        mean_error = (n + 2) * U * size.mean(1).max()
        tolerances = {
            "sum": (0, n * U * size.sum(1).max()), "product": (n * U, 0), "min": (0, 0), "max": (0, 0), "argmin": (0, 0), "argmax": (0, 0),
            "logsumexp": (0, (n + 64 + 4 * size.max()) * U), "mean": (0, mean_error),
            "variance": (0, mean_error ** 2 + (n + 8) * U * variance),
        }
        tolerances.update({name: (0, 0) for name in exact})
        t = torch.from_numpy(x)
        goldens.case(kernel, case, {"x": x}, outputs, tolerances,
                     {"sum": t.sum(1), "product": t.prod(1), "min": t.amin(1), "max": t.amax(1), "logsumexp": torch.logsumexp(t, 1),
                      "mean": t.mean(1), "variance": t.var(1, correction=0)}, note)

    for i, j in [(1, 1), (3, 1), (1, 2), (5, 7), (2, 16), (7, 33), (3, 64), (4, 101), (17, 5), (1, 257)]:
        case = case_name(i=i, j=j)
        rng = rng_for(kernel, case)
        # Magnitudes near 1, so that no partial product of up to 257 factors leaves f32's range.
        one(case, np.exp(0.4 * rng.standard_normal((i, j))) * rng.choice([-1, 1], (i, j)))

    x = rng_for(kernel, "nan").standard_normal((6, 19))
    x[0, 0] = x[1, 18] = x[2, 7] = x[2, 11] = NAN
    x[3] = NAN
    x[4, 3], x[4, 9] = INF, NAN
    one("nan", x, "NaN first, last, twice, everywhere, after an infinity, and a row without")

    x = rng_for(kernel, "minus_inf").standard_normal((4, 17))
    x[0, 5] = x[1, 0] = x[1, 16] = -INF
    x[2] = -INF
    one("minus_inf", x, "one, two, only and no -inf: logsumexp passes over them, and of nothing else is -inf")

    x = rng_for(kernel, "plus_inf").standard_normal((4, 13))
    x[0, 12] = x[1, 0] = x[1, 6] = INF
    x[2, 4], x[2, 9] = INF, -INF
    one("plus_inf", x, "one, two, one with a -inf, and no +inf: logsumexp is +inf, as PyTorch gives")

    x = rng_for(kernel, "ties").integers(-2, 3, (7, 35)).astype(np.float32)
    x[0] = 1
    x[1], x[1, ::3] = 0.0, -0.0  # equal, so the first counts
    x[2, 34] = x[2, 20] = 5
    x[3, 34] = x[3, 20] = -5
    one("ties", x, "small integers with ties; row 0 is constant, row 1 has zeros of both signs, which are equal", exact=("sum",))

    x = rng_for(kernel, "large").standard_normal((3, 11))
    x[0] += 200
    x[1] -= 200
    x[2] *= 100
    one("large", x, "exp overflows in all rows but the second, where it underflows to 0")
    x = 1e4 + rng_for(kernel, "large_mean").standard_normal((3, 9))
    one("large_mean", x, "mean 1e4, deviation 1: mean(x*x) - mean(x)^2 fails here")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=pathlib.Path, default=DEFAULT_OUTPUT, help="folder; default: test/goldens")
    args = parser.parse_args()

    torch.set_num_threads(1)
    goldens = Goldens(args.output)
    makers = (conv_capsules, matmul, conv2d_family, pooling, softmax, layer_norm, gelu, reductions)
    for make in makers:
        make(goldens)
    em_goldens.make(goldens, rng_for)
    dynamic_routing_goldens.make(goldens, rng_for)
    ordered_goldens.make(goldens, rng_for)
    goldens.write_manifest()
    print(f"{len(goldens.kernels)} kernels, {len(goldens.cases)} cases, {goldens.bytes / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
