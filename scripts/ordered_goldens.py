"""Golden cases of recurrences, sums over segments and the largest few: test/goldens/cumulative_sums and the like.

Part of scripts/make_goldens.py. NumPy's loops compute the expected values in f64, and PyTorch must agree where it has the
function.
"""

import numpy as np
import torch

U = 2.0 ** -24  # the unit roundoff of f32


def cumulative_sums(goldens, rng_for):
    kernel = "cumulative_sums"
    goldens.kernel(kernel, {"x": "row col"}, {"prefix": "row col", "suffix": "row col"})

    def one(case, x, note=None):
        x64 = x.astype(np.float64)
        suffix = np.zeros_like(x64)
        with np.errstate(invalid="ignore"):
            prefix = np.cumsum(x64, 1)
            for j in reversed(range(x.shape[1] - 1)):
                suffix[:, j] = suffix[:, j + 1] + x64[:, j + 1]
        np.testing.assert_allclose(prefix, torch.cumsum(torch.from_numpy(x64), 1).numpy(), rtol=1e-11, atol=1e-11)
        allowed = (0.0, x.shape[1] * U * float(np.nanmax(np.abs(np.where(np.isfinite(x64), x64, 0)).sum(1))))
        goldens.case(kernel, case, {"x": x}, {"prefix": prefix, "suffix": suffix},
                     {"prefix": allowed, "suffix": allowed},
                     {"prefix": torch.cumsum(torch.from_numpy(x), 1)}, note)

    for row, col in [(1, 1), (3, 7), (2, 64), (5, 33), (17, 19), (1, 257)]:
        case = f"row{row}_col{col}"
        one(case, rng_for(kernel, case).standard_normal((row, col)).astype(np.float32))
    x = rng_for(kernel, "nan").standard_normal((4, 9)).astype(np.float32)
    x[1, 4], x[2, 0], x[3, 2], x[3, 6] = np.nan, np.inf, np.inf, -np.inf
    one("nan", x, "a NaN, an infinity, and infinities of both signs, of which the sum is NaN")


def gated_recurrence(goldens, rng_for):
    kernel = "gated_recurrence"
    dims = "batch time channel"
    goldens.kernel(kernel, {"gate": dims, "x": dims}, {"h": dims})
    for batch, time, channel in [(1, 1, 1), (2, 7, 5), (3, 33, 4), (1, 64, 17), (2, 100, 8), (4, 5, 31)]:
        case = f"batch{batch}_time{time}_channel{channel}"
        rng = rng_for(kernel, case)
        gate = (1 / (1 + np.exp(-rng.standard_normal((batch, time, channel))))).astype(np.float32)
        x = rng.standard_normal((batch, time, channel)).astype(np.float32)
        h = np.zeros((batch, time, channel))
        f32 = torch.zeros(batch, channel)
        steps = []
        for t in range(time):
            before = h[:, t - 1] if t > 0 else 0
            h[:, t] = gate[:, t].astype(np.float64) * before + x[:, t]
            f32 = torch.from_numpy(gate[:, t]) * f32 + torch.from_numpy(x[:, t])
            steps.append(f32)
        goldens.case(kernel, case, {"gate": gate, "x": x}, {"h": h}, {"h": (0.0, 1e-5 * float(np.abs(h).max()))},
                     {"h": torch.stack(steps, 1)})


def segment_sums(goldens, rng_for):
    kernel = "segment_sums"
    goldens.kernel(kernel, {"x": "i col", "first": "edge"}, {"sums": "segment col"})
    for i, col, first in [(5, 3, [0, 2, 2, 5]), (1, 1, [0, 1]), (19, 17, [0, 0, 7, 8, 8, 19]), (64, 5, [3, 60, 64]),
                          (33, 8, [0, 33, 33, 33]), (12, 1, list(range(13)))]:
        case = f"i{i}_col{col}_segment{len(first) - 1}"
        x = rng_for(kernel, case).standard_normal((i, col)).astype(np.float32)
        sums = np.stack([x[a:b].astype(np.float64).sum(0) for a, b in zip(first, first[1:])])
        goldens.case(kernel, case, {"x": x, "first": np.asarray(first, np.int32)}, {"sums": sums},
                     {"sums": (0.0, i * U * float(np.abs(x).sum(0).max()))})


def scatter_sums(goldens, rng_for):
    kernel = "scatter_sums"
    goldens.kernel(kernel, {"x": "i col", "label": "i", "start": "segment col"}, {"sums": "segment col"})
    for i, col, segment in [(1, 1, 1), (19, 5, 4), (40, 17, 3), (33, 8, 33), (7, 1, 2), (64, 31, 5)]:
        case = f"i{i}_col{col}_segment{segment}"
        rng = rng_for(kernel, case)
        x = rng.standard_normal((i, col)).astype(np.float32)
        start = rng.standard_normal((segment, col)).astype(np.float32)
        label = rng.integers(-1, segment + 1, i).astype(np.int32)
        sums = start.astype(np.float64)
        inside = (label >= 0) & (label < segment)
        np.add.at(sums, label[inside], x[inside].astype(np.float64))
        f32 = torch.from_numpy(start).index_add(0, torch.from_numpy(label[inside].astype(np.int64)),
                                                torch.from_numpy(x[inside]))
        goldens.case(kernel, case, {"x": x, "label": label, "start": start}, {"sums": sums},
                     {"sums": (0.0, (i + 2) * U * float(np.abs(x).sum(0).max() + np.abs(start).max()))}, {"sums": f32},
                     "labels of -1 and of the number of segments are left out")


def topk(goldens, rng_for):
    kernel, slots = "topk", 4
    goldens.kernel(kernel, {"x": "row col"}, {"values": "row slot", "indices": "row slot"}, slot=slots)

    def one(case, x, note=None):
        def before(row):
            # NaN first, then the larger, then the smaller index.
            return sorted(range(len(row)), key=lambda j: (not np.isnan(row[j]), 0.0 if np.isnan(row[j]) else -row[j], j))

        indices = np.full((x.shape[0], slots), -1, np.int32)
        result = np.full((x.shape[0], slots), -np.inf)
        for n, row in enumerate(x):
            for s, j in enumerate(before(row)[:slots]):
                indices[n, s], result[n, s] = j, row[j]
        if x.shape[1] >= slots:
            np.testing.assert_array_equal(torch.topk(torch.from_numpy(x), slots, 1).values.numpy(), result)
        goldens.case(kernel, case, {"x": x}, {"values": result, "indices": indices},
                     {"values": (0.0, 0.0), "indices": (0.0, 0.0)}, note=note)

    for row, col in [(1, 4), (3, 7), (5, 17), (2, 64), (7, 33), (1, 257)]:
        case = f"row{row}_col{col}"
        one(case, rng_for(kernel, case).standard_normal((row, col)).astype(np.float32))
    one("ties", rng_for(kernel, "ties").integers(-2, 3, (9, 16)).astype(np.float32), "many are equal")
    one("few", rng_for(kernel, "few").standard_normal((3, 2)).astype(np.float32), "fewer elements than slots")
    x = rng_for(kernel, "special").standard_normal((6, 9)).astype(np.float32)
    x[0, [2, 5]], x[1] = np.nan, np.nan
    x[2], x[3, 1:] = -np.inf, -np.inf
    x[4, [0, 8]], x[5, [1, 3]] = np.inf, [-0.0, 0.0]
    one("special", x, "NaN comes first; rows of NaN, of -inf; zeros of both signs are equal")


def make(goldens, rng_for):
    for maker in (cumulative_sums, gated_recurrence, segment_sums, scatter_sums, topk):
        maker(goldens, rng_for)
