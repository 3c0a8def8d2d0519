"""Quantisation to 8 and 4 bits, and products of quantised matrices."""

import numpy as np


def int8_products(goldens, rng_for):
    kernel = "grouped_int8_matmul"
    goldens.kernel(kernel, {"x": "row k", "x_scale": "row", "weight": "col k", "scale": "col group", "zero": "col group"},
                   {"result": "row col"})

    def one(case, row, col, k, group=33, extreme=False, note=None):
        rng = rng_for(kernel, case)
        groups = -(-k // group)
        draw = (lambda s: rng.choice([-128, 127], s)) if extreme else (lambda s: rng.integers(-128, 128, s))
        x, weight, zero = (draw(s).astype(np.int8) for s in ((row, k), (col, k), (col, groups)))
        x_scale, scale = (rng.uniform(0.01, 0.1, s).astype(np.float32) for s in ((row,), (col, groups)))
        group_of = np.arange(k) // group
        dense = scale.astype(np.float64)[:, group_of] * (weight.astype(np.float64) - zero.astype(np.float64)[:, group_of])
        result = x_scale.astype(np.float64)[:, None] * (x.astype(np.float64) @ dense.T)
        goldens.case(kernel, case, {"x": x, "x_scale": x_scale, "weight": weight, "scale": scale, "zero": zero},
                     {"result": result}, note=note, parameters={"group": group} if group != 33 else None)

    one("odd", 5, 7, 71, note="two whole groups and one of 5")
    one("one", 1, 1, 33)
    one("wide", 3, 35, 66)
    one("extreme", 2, 3, 40, extreme=True, note="all of -128 and 127")
    one("group48", 2, 3, 100, group=48)
    one("group1", 2, 3, 5, group=1)

    kernel = "affine_int8_matmul"
    goldens.kernel(kernel, {"x": "row k", "x_scale": "row", "x_zero": "row", "weight": "col k", "scale": "col"},
                   {"result": "row col"})
    for case, row, col, k, extreme in (("odd", 5, 7, 71, False), ("one", 1, 1, 1, False), ("wide", 3, 35, 66, False),
                                       ("extreme", 9, 33, 257, True)):
        rng = rng_for(kernel, case)
        x = (rng.choice([0, 255], (row, k)) if extreme else rng.integers(0, 256, (row, k))).astype(np.uint8)
        weight = (rng.choice([-128, 127], (col, k)) if extreme else rng.integers(-128, 128, (col, k))).astype(np.int8)
        x_zero = rng.integers(0, 256, row).astype(np.uint8)
        x_scale, scale = (rng.uniform(0.01, 0.1, n).astype(np.float32) for n in (row, col))
        dense = x_scale[:, None].astype(np.float64) * (x.astype(np.float64) - x_zero[:, None])
        result = dense @ (scale[:, None].astype(np.float64) * weight).T
        goldens.case(kernel, case, {"x": x, "x_scale": x_scale, "x_zero": x_zero, "weight": weight, "scale": scale},
                     {"result": result}, note="all of 0, 255, -128 and 127" if extreme else None)


def int8(goldens, rng_for):
    kernel = "quantise_i8"
    goldens.kernel(kernel, {"x": "row k"}, {"q": "row k", "scale": "row"})
    # Multiples of 1/127 of a power of two: quotients are whole or halves, whatever the rounding.
    for case, row, k in (("odd", 4, 7), ("one", 1, 1), ("wide", 2, 35)):
        whole = rng_for(kernel, case).integers(-126, 127, (row, k))
        whole[:, 0] = 127
        if row > 2:
            whole[2] = 0
        x = (whole * 2.0 ** np.arange(row)[:, None]).astype(np.float32)
        scale = np.abs(x).max(1) / 127.0
        goldens.case(kernel, case, {"x": x}, {"q": whole.astype(np.int8), "scale": scale.astype(np.float64)}, 0)

    # A power of two times whole numbers: every quotient is a whole number, whatever the rounding.
    kernel = "quantise_i8_groups"
    goldens.kernel(kernel, {"x": "row k"}, {"q": "row k", "scale": "row group"})
    for case, row, k, group in (("odd", 3, 71, 32), ("one", 1, 1, 32), ("wide", 2, 64, 32), ("group5", 2, 23, 5)):
        rng = rng_for(kernel, case)
        groups = -(-k // group)
        of = np.arange(k) // group
        whole = rng.integers(-126, 127, (row, k))
        whole[:, np.arange(groups) * group] = -127
        power = 2.0 ** rng.integers(-3, 4, (row, groups))
        x = (whole * power[:, of]).astype(np.float32)
        goldens.case(kernel, case, {"x": x}, {"q": whole.astype(np.int8), "scale": power}, 0,
                     parameters={"group": group} if group != 32 else None)

    kernel = "quantise_affine"
    goldens.kernel(kernel, {"x": "row k"}, {"q": "row k", "scale": "row", "zero": "row", "back": "row k"})
    for case, row, k in (("odd", 5, 7), ("one", 1, 1), ("wide", 2, 35)):
        rng = rng_for(kernel, case)
        zero = rng.integers(1, 255, row)
        q = rng.integers(0, 256, (row, k))
        q[:, 0] = 255
        q[:, -1] = 0
        power = 2.0 ** rng.integers(-3, 4, row)
        if case == "one":
            zero, q[:] = np.array([0]), 255  # of one positive value the range begins at 0
        if case == "odd":
            q[1], zero[1] = np.arange(k) + 248, 0  # all positive
            q[2], zero[2] = 0, 255  # all negative
            q[3], zero[3], power[3] = 0, 0, 0  # all 0
            q[1, -1], q[2, 1] = 255, 254
        x = ((q - zero[:, None]) * power[:, None]).astype(np.float32)
        goldens.case(kernel, case, {"x": x}, {"q": q.astype(np.uint8), "scale": power, "zero": zero.astype(np.uint8),
                                              "back": x.astype(np.float64)}, 0)


def pack(q):
    """Blocks [..., size] of integers in -8 .. 7 as bytes [..., size / 2]: the first half in the low bits."""
    low, high = np.split(q + 8, 2, axis=-1)
    return (low | high << 4).astype(np.uint8)


def int4(goldens, rng_for):
    sizes = (("odd", 3, 71, 32), ("one", 1, 1, 32), ("wide", 19, 64, 32), ("block6", 2, 23, 6))
    kernel = "quantise_i4"
    goldens.kernel(kernel, {"x": "col k"}, {"q": "col group byte", "scale": "col group"})
    for case, col, k, size in sizes:
        rng = rng_for(kernel, case)
        groups = -(-k // size)
        whole = np.zeros((col, groups * size), int)
        whole[:, :k] = rng.integers(-6, 7, (col, k))
        blocks = whole.reshape(col, groups, size)
        blocks[:, :, 0] = 7
        power = 2.0 ** rng.integers(-3, 4, (col, groups))
        if case == "wide":
            blocks[1, 1], power[1, 1] = 0, 0
        x = (blocks * power[:, :, None]).reshape(col, -1)[:, :k].astype(np.float32)
        goldens.case(kernel, case, {"x": x}, {"q": pack(blocks), "scale": power}, 0,
                     parameters={"block": size} if size != 32 else None)

    def weight(rng, col, groups, size):
        q = rng.integers(-8, 8, (col, groups, size))
        scale = rng.uniform(0.01, 0.1, (col, groups)).astype(np.float32)
        return q, scale, (q * scale[:, :, None].astype(np.float64)).reshape(col, groups * size)

    kernel = "dequantise_i4"
    goldens.kernel(kernel, {"q": "col group byte", "scale": "col group"}, {"result": "col k"})
    for case, col, k, size in sizes:
        q, scale, dense = weight(rng_for(kernel, case), col, -(-k // size), size)
        goldens.case(kernel, case, {"q": pack(q), "scale": scale}, {"result": dense},
                     parameters={"block": size} if size != 32 else None)

    for kernel in ("int4_matmul", "int4_int8_matmul"):
        quantised = kernel == "int4_int8_matmul"
        goldens.kernel(kernel, {"x": "row k", **({"x_scale": "row"} if quantised else {}), "weight": "col group byte",
                                "scale": "col group"}, {"result": "row col"})
        for case, row, col, groups, size in (("odd", 5, 7, 3, 32), ("one", 1, 1, 1, 32), ("wide", 3, 35, 2, 32),
                                             ("block6", 2, 3, 5, 6)):
            rng = rng_for(kernel, case)
            q, scale, dense = weight(rng, col, groups, size)
            k = groups * size
            x = rng.integers(-128, 128, (row, k)).astype(np.int8) if quantised \
                else rng.standard_normal((row, k)).astype(np.float32)
            inputs, rows = {"x": x}, x.astype(np.float64)
            if quantised:
                inputs["x_scale"] = rng.uniform(0.01, 0.1, row).astype(np.float32)
                rows = rows * inputs["x_scale"][:, None].astype(np.float64)
            goldens.case(kernel, case, {**inputs, "weight": pack(q), "scale": scale}, {"result": rows @ dense.T},
                         parameters={"block": size} if size != 32 else None)


def make(goldens, rng_for):
    int8_products(goldens, rng_for)
    int8(goldens, rng_for)
    int4(goldens, rng_for)
