"""Convolutions, transposed convolutions, pooling, and products under windows whose weights differ from place to place."""

import itertools

import numpy as np
import torch
import torch.nn.functional as F

NAN, INF = np.nan, np.inf
CONV, SPREAD = [None, F.conv1d, None, F.conv3d], [None, F.conv_transpose1d, F.conv_transpose2d, None]


def geometry(parameters, **otherwise):
    """size, stride, padding, dilation and more of a case, and what of them differs from the kernel's own."""
    g = {**otherwise, **parameters}
    return g, {name: value for name, value in parameters.items() if otherwise[name] != value}


def windows(image, size, stride, padding, dilation, fill=0.0, **_):
    """image[batch, places..., channels...] with as many places as `size`s; yields (taps, image at all positions)."""
    places = len(size)
    image = np.pad(image, [(0, 0)] + [(padding, padding)] * places + [(0, 0)] * (image.ndim - 1 - places),
                   constant_values=fill)
    positions = [(n - dilation * (k - 1) - 1) // stride + 1 for n, k in zip(image.shape[1:], size)]
    for taps in itertools.product(*map(range, size)):
        yield taps, image[(slice(None),) + tuple(slice(dilation * k, dilation * k + stride * (p - 1) + 1, stride)
                                                 for k, p in zip(taps, positions))]


def channels_first(t, places):
    """[batch, places..., channels...] to PyTorch's [batch, channels, places...]."""
    t = torch.from_numpy(np.ascontiguousarray(t))
    return t.flatten(1 + places).movedim(1 + places, 1)


def convolutions(goldens, rng_for):
    def one(kernel, axes, case, batch, extents, n_in, n_out, note=None, edit=None, **parameters):
        g, given = geometry(parameters, size=3, stride=1, padding=1, dilation=1)
        rng = rng_for(kernel, case)
        size = (g["size"],) * axes
        inputs = {"image": rng.standard_normal((batch, *extents, n_in)).astype(np.float32),
                  "weight": rng.standard_normal((*size, n_in, n_out) if n_out else (*size, n_in)).astype(np.float32)}
        if n_out:
            inputs["bias"] = rng.standard_normal(n_out).astype(np.float32)
        if edit:
            edit(inputs)
        i64 = {name: t.astype(np.float64) for name, t in inputs.items()}
        g = {**g, "size": size}
        result = i64.get("bias", 0.0)
        for taps, at in windows(i64["image"], **g):
            result = result + (at @ i64["weight"][taps] if n_out else at * i64["weight"][taps])
        weight = torch.from_numpy(i64["weight"] if n_out else i64["weight"][..., None, :]).permute(axes + 1, axes, *range(axes))
        by_torch = CONV[axes](channels_first(i64["image"], axes), weight.contiguous(),
                              torch.from_numpy(i64["bias"]) if n_out else None, g["stride"], g["padding"], g["dilation"],
                              groups=1 if n_out else n_in).movedim(1, -1)
        goldens.case(kernel, case, inputs, {"result": result}, by_torch={"result": by_torch}, note=note, parameters=given)

    goldens.kernel("conv1d", {"image": "batch ix in", "weight": "kx in out", "bias": "out"}, {"result": "batch x out"})
    one("conv1d", 1, "odd", 2, (7,), 3, 5)
    one("conv1d", 1, "one", 1, (1,), 1, 1, note="all taps but the middle one are outside")
    one("conv1d", 1, "wide", 1, (37,), 5, 18)
    one("conv1d", 1, "strided", 1, (11,), 2, 3, stride=4, note="a stride that skips elements")
    one("conv1d", 1, "dilated", 2, (9,), 3, 2, dilation=3, padding=4)

    def poison(inputs):
        inputs["image"][0, 2, 1] = NAN
    one("conv1d", 1, "nan", 1, (6,), 2, 3, edit=poison)

    goldens.kernel("conv3d", {"image": "batch iz iy ix in", "weight": "kz ky kx in out", "bias": "out"},
                   {"result": "batch z y x out"})
    one("conv3d", 3, "odd", 2, (3, 4, 5), 2, 3)
    one("conv3d", 3, "one", 1, (1, 1, 1), 1, 1)
    one("conv3d", 3, "strided", 1, (5, 4, 6), 2, 2, stride=2, size=2, padding=0)
    one("conv3d", 3, "dilated", 1, (5, 5, 4), 1, 2, dilation=2, padding=2)

    goldens.kernel("depthwise_conv3d", {"image": "batch iz iy ix channel", "weight": "kz ky kx channel"},
                   {"result": "batch z y x channel"})
    one("depthwise_conv3d", 3, "odd", 2, (3, 5, 4), 3, None)
    one("depthwise_conv3d", 3, "one", 1, (1, 1, 1), 1, None)
    one("depthwise_conv3d", 3, "wide", 1, (2, 3, 3), 19, None)
    one("depthwise_conv3d", 3, "strided", 1, (4, 5, 6), 2, None, stride=2, dilation=2, padding=2)


def transposed(goldens, rng_for):
    def by_numpy(image, weight, size, stride, padding, dilation, more):
        """image[b, places..., g, i], weight[taps..., g, i, o]: each place of the image adds to all that it reaches."""
        places = image.shape[1:1 + len(size)]
        extents = [(n - 1) * stride + dilation * (k - 1) + 1 - 2 * padding + more for n, k in zip(places, size)]
        result = np.zeros((image.shape[0], *extents, weight.shape[-3], weight.shape[-1]))
        for place in np.ndindex(*places):
            for taps in np.ndindex(*size):
                at = tuple(stride * p + dilation * k - padding for p, k in zip(place, taps))
                if all(0 <= a < n for a, n in zip(at, extents)):
                    result[(slice(None), *at)] += np.einsum("bgi,gio->bgo", image[(slice(None), *place)], weight[taps])
        return result

    def one(kernel, axes, otherwise, case, batch, extents, groups, n_in, n_out, note=None, torch_too=True, **parameters):
        g, given = geometry(parameters, **otherwise)
        rng = rng_for(kernel, case)
        size = (g["size"],) * axes
        image = rng.standard_normal((batch, *extents, groups, n_in)).astype(np.float32)
        weight = rng.standard_normal((*size, groups, n_in, n_out)).astype(np.float32)
        i64, w64 = image.astype(np.float64), weight.astype(np.float64)
        result = by_numpy(i64, w64, **{**g, "size": size})
        by_torch = None
        if torch_too:
            w = torch.from_numpy(w64).permute(axes, axes + 1, axes + 2, *range(axes)).flatten(0, 1).contiguous()
            t = SPREAD[axes](channels_first(i64, axes), w, None, g["stride"], g["padding"], g["more"], groups, g["dilation"])
            by_torch = t.movedim(1, -1).reshape(result.shape)
        inputs = {"image": image, "weight": weight}
        if kernel == "conv_transpose2d":  # one group, and a bias
            bias = rng.standard_normal(n_out).astype(np.float32)
            inputs = {"image": image[..., 0, :], "weight": weight[..., 0, :, :], "bias": bias}
            result = result[..., 0, :] + bias.astype(np.float64)
            by_torch = by_torch[..., 0, :] + torch.from_numpy(bias).double() if by_torch is not None else None
        goldens.case(kernel, case, inputs, {"result": result}, by_torch={"result": by_torch} if torch_too else None, note=note,
                     parameters=given)

    own = dict(size=3, stride=1, padding=0, dilation=1, more=0)
    goldens.kernel("conv_transpose1d", {"image": "batch ix group in", "weight": "kx group in out"},
                   {"result": "batch x group out"})
    for case, *shape in (("odd", 2, (5,), 3, 2, 4), ("one", 1, (1,), 1, 1, 1), ("wide", 1, (9,), 2, 3, 17)):
        one("conv_transpose1d", 1, own, case, *shape)
    for stride, size, dilation, padding, more in ((2, 4, 1, 1, 1), (3, 2, 1, 0, 2), (2, 3, 3, 2, 0), (4, 3, 2, 1, 1),
                                                  (2, 3, 2, 1, 1), (3, 5, 2, 4, 2), (2, 1, 1, 0, 1)):
        one("conv_transpose1d", 1, own, f"stride{stride}_size{size}_dilation{dilation}", 1, (6,), 1, 2, 3, size=size,
            stride=stride, dilation=dilation, padding=padding, more=more,
            note="a stride above the window leaves places that nothing reaches" if stride > size else None)
    own = dict(size=3, stride=2, padding=1, dilation=1, more=1)
    goldens.kernel("conv_transpose2d", {"image": "batch iy ix in", "weight": "ky kx in out", "bias": "out"},
                   {"result": "batch y x out"})
    one("conv_transpose2d", 2, own, "odd", 2, (3, 5), 1, 3, 4)
    one("conv_transpose2d", 2, own, "one", 1, (1, 1), 1, 1, 1)
    one("conv_transpose2d", 2, own, "wide", 1, (4, 3), 1, 5, 18)
    one("conv_transpose2d", 2, own, "stride1", 1, (3, 4), 1, 2, 3, stride=1, more=0)


def local(goldens, rng_for):
    kernel = "locally_connected"
    goldens.kernel(kernel, {"image": "batch iy ix in", "weight": "y x ky kx in out"}, {"result": "batch y x out"})
    padded = dict(size=(3, 3), stride=1, padding=1, dilation=1)
    for case, batch, y, x, n_in, n_out in (("odd", 2, 3, 5, 2, 3), ("one", 1, 1, 1, 1, 1), ("wide", 3, 2, 3, 3, 17)):
        rng = rng_for(kernel, case)
        image = rng.standard_normal((batch, y, x, n_in)).astype(np.float32)
        weight = rng.standard_normal((y, x, 3, 3, n_in, n_out)).astype(np.float32)
        result = sum(np.einsum("byxi,yxio->byxo", at, weight.astype(np.float64)[:, :, taps[0], taps[1]])
                     for taps, at in windows(image.astype(np.float64), **padded))
        goldens.case(kernel, case, {"image": image, "weight": weight}, {"result": result})

    kernel = "involution"
    goldens.kernel(kernel, {"image": "batch iy ix group channel", "weight": "batch y x ky kx group"},
                   {"result": "batch y x group channel"})
    for case, size, batch, y, x, groups, n in (("odd", 7, 2, 3, 5, 2, 3), ("one", 7, 1, 1, 1, 1, 1), ("wide", 7, 1, 2, 8, 1, 19),
                                               ("size3", 3, 1, 4, 5, 3, 2)):
        rng = rng_for(kernel, case)
        image = rng.standard_normal((batch, y, x, groups, n)).astype(np.float32)
        weight = rng.standard_normal((batch, y, x, size, size, groups)).astype(np.float32)
        i64, w64 = image.astype(np.float64), weight.astype(np.float64)
        result = sum(at * w64[:, :, :, taps[0], taps[1], :, None]
                     for taps, at in windows(i64, (size, size), 1, size // 2, 1))
        unfolded = F.unfold(channels_first(i64, 2), size, padding=size // 2).reshape(batch, groups, n, size * size, y, x)
        w = torch.from_numpy(w64).reshape(batch, y, x, size * size, groups).permute(0, 4, 3, 1, 2)[:, :, None]
        goldens.case(kernel, case, {"image": image, "weight": weight}, {"result": result},
                     by_torch={"result": (unfolded * w).sum(3).permute(0, 3, 4, 1, 2)},
                     parameters={"size": size} if size != 7 else None)

    kernel = "correlation"
    goldens.kernel(kernel, {"a": "batch y x channel", "b": "batch iy ix channel"}, {"result": "batch y x dy dx"})
    for case, reach, dilation, batch, y, x, n in (("odd", 10, 2, 1, 2, 3, 5), ("one", 10, 2, 1, 1, 1, 1), ("wide", 10, 2, 1, 1, 23, 4),
                                                  ("near", 2, 1, 2, 4, 5, 3), ("sparse", 1, 3, 1, 5, 4, 2)):
        rng = rng_for(kernel, case)
        a, b = (rng.standard_normal((batch, y, x, n)).astype(np.float32) for _ in range(2))
        a64, b64 = a.astype(np.float64), b.astype(np.float64)
        side = 2 * reach + 1
        result = np.zeros((batch, y, x, side, side))
        for p, q, dy, dx in np.ndindex(y, x, side, side):
            at = p + dilation * (dy - reach), q + dilation * (dx - reach)
            if 0 <= at[0] < y and 0 <= at[1] < x:
                result[:, p, q, dy, dx] = (a64[:, p, q] * b64[:, at[0], at[1]]).sum(-1)
        goldens.case(kernel, case, {"a": a, "b": b}, {"result": result},
                     parameters={"reach": reach, "dilation": dilation} if reach != 10 else None)


def pooling(goldens, rng_for):
    for kernel, axes, is_max in (("max_pool1d", 1, True), ("avg_pool1d", 1, False), ("max_pool3d", 3, True),
                                 ("avg_pool3d", 3, False)):
        names = "x" if axes == 1 else "z y x"
        goldens.kernel(kernel, {"image": "batch " + " ".join("i" + n for n in names.split()) + " channel"},
                       {"result": f"batch {names} channel"})

        def one(case, shape, edit=None, note=None, kernel=kernel, axes=axes, is_max=is_max, **parameters):
            g, given = geometry(parameters, size=3, stride=2, padding=1, dilation=1)
            image = rng_for(kernel, case).standard_normal(shape).astype(np.float32)
            if edit:
                edit(image)
            i64 = image.astype(np.float64)
            g = {**g, "size": (g["size"],) * axes}
            if is_max:
                result = -INF
                for _, at in windows(i64, fill=-INF, **g):
                    result = np.maximum(result, at)
                pool = (F.max_pool1d, None, F.max_pool3d)[axes - 1]
                by_torch = pool(channels_first(i64, axes), g["size"], g["stride"], g["padding"], g["dilation"])
            else:
                total = sum(at for _, at in windows(i64, **g))
                result = total / sum(at for _, at in windows(np.ones_like(i64), **g))
                by_torch = None
                if g["dilation"] == 1 and min(shape[1:-1]) >= g["size"][0]:  # as PyTorch asks for
                    pool = (F.avg_pool1d, None, F.avg_pool3d)[axes - 1]
                    by_torch = pool(channels_first(i64, axes), g["size"], g["stride"], g["padding"], count_include_pad=False)
            by_torch = {"result": by_torch.movedim(1, -1)} if by_torch is not None else None
            goldens.case(kernel, case, {"image": image}, {"result": result}, 0 if is_max else 1e-5, by_torch, note, given)

        def poison(image):
            image[0, ..., 0] = -INF
            image[(0,) + (1,) * axes + (1,)] = NAN
        one("odd", (2,) + (5, 4, 7)[:axes] + (3,))
        one("one", (1,) + (1,) * axes + (1,))
        one("wide", (1,) + (3, 2, 4)[:axes] + (19,))
        one("special", (1,) + (5, 3, 3)[:axes] + (3,), poison, "channel 0 is all -inf, channel 1 has a NaN")
        one("gaps", (1,) + (9, 8, 7)[:axes] + (2,), stride=4, size=2, padding=0, note="the stride is longer than the window")
        one("dilated", (1,) + (6, 5, 6)[:axes] + (2,), dilation=2, stride=1)


def make(goldens, rng_for):
    convolutions(goldens, rng_for)
    transposed(goldens, rng_for)
    local(goldens, rng_for)
    pooling(goldens, rng_for)
