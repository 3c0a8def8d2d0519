"""The bilateral grid."""

import numpy as np

from .sampling import linear


def grid(goldens, rng_for):
    kernel = "bilateral_grid"
    goldens.kernel(kernel, {"value": "y x", "guide": "y x"}, {"result": "y x"})

    def one(case, y, x, cell=16, bins=8, flat=False, note=None):
        rng = rng_for(kernel, case)
        value, guide = (rng.uniform(0, 1, (y, x)).astype(np.float32) for _ in range(2))
        if flat:
            guide[:] = np.float32(1)
        v, g = value.astype(np.float64), guide.astype(np.float64) * (bins - 1)
        cells = np.zeros((y // cell + 2, x // cell + 2, bins, 2))
        for p, q in np.ndindex(y, x):  # a scatter, to the cell whose pixels lie in cell*gy - cell/2 .. + cell - 1
            gy, gx = (p + cell // 2) // cell, (q + cell // 2) // cell
            share = np.maximum(0, 1 - np.abs(g[p, q] - np.arange(bins)))
            cells[gy, gx] += share[:, None] * [v[p, q], 1]
        for axis in (2, 0, 1):
            n = cells.shape[axis]
            band = sum(w * np.eye(n, k=k) for w, k in zip((1, 4, 6, 4, 1), range(-2, 3))) / 16
            cells = np.moveaxis(np.tensordot(band, cells, (1, axis)), 0, axis)
        result = np.zeros((y, x))
        for p, q in np.ndindex(y, x):
            total = linear(cells, (p / cell, q / cell, g[p, q]), nearest=True)
            result[p, q] = total[0] / total[1]
        parameters = {"cell": cell, "bins": bins} if (cell, bins) != (16, 8) else None
        goldens.case(kernel, case, {"value": value, "guide": guide}, {"result": result}, 2e-5, note=note, parameters=parameters)

    one("odd", 19, 35)
    one("one", 1, 1)
    one("flat", 17, 9, flat=True, note="a guide of 1, which lies in the last bin: a blur")
    one("small_cells", 7, 10, cell=3, bins=4)

    kernel = "bilateral_slice"
    goldens.kernel(kernel, {"image": "y x in", "guide": "y x", "grid": "gy gx gz out in", "offset": "gy gx gz out"},
                   {"result": "y x out"})

    def sliced(case, y, x, gy, gx, gz, n_in, n_out, note=None):
        rng = rng_for(kernel, case)
        inputs = {"image": rng.standard_normal((y, x, n_in)), "guide": rng.uniform(-0.1, 1.1, (y, x)),
                  "grid": rng.standard_normal((gy, gx, gz, n_out, n_in)), "offset": rng.standard_normal((gy, gx, gz, n_out))}
        inputs = {name: t.astype(np.float32) for name, t in inputs.items()}
        image, guide, coefficients, offset = (t.astype(np.float64) for t in inputs.values())
        result = np.zeros((y, x, n_out))
        for p, q in np.ndindex(y, x):
            at = p / 16, q / 16, guide[p, q] * (gz - 1)
            matrix = linear(coefficients.reshape(gy, gx, gz, -1), at, nearest=True).reshape(n_out, n_in)
            result[p, q] = matrix @ image[p, q] + linear(offset, at, nearest=True)
        goldens.case(kernel, case, inputs, {"result": result}, 2e-5, note=note)

    sliced("odd", 19, 5, 3, 2, 4, 3, 2)
    sliced("one", 1, 1, 1, 1, 1, 1, 1)
    sliced("beyond", 3, 40, 1, 2, 5, 1, 3, note="pixels beyond the last cells, guides beyond 0 .. 1")


def make(goldens, rng_for):
    grid(goldens, rng_for)
