"""Interpolation at places for JAX: gathered rows and their weights."""
import numpy as np

from peers.forms import Form


def sampled(jax, image, y, x):
    """image[batch, iy, ix, channel] at y, x[batch, place], 0 outside."""
    np_ = jax.numpy
    height, width = image.shape[1:3]
    low_y, low_x = np_.floor(y), np_.floor(x)
    batch, total = np_.arange(image.shape[0])[:, None], 0
    for dy in (0, 1):
        for dx in (0, 1):
            at_y, at_x = low_y + dy, low_x + dx
            inside = (at_y >= 0) & (at_y < height) & (at_x >= 0) & (at_x < width)
            weight = (1 - abs(y - at_y)) * (1 - abs(x - at_x)) * inside
            rows = [np_.clip(at, 0, size - 1).astype(np.int32) for at, size in ((at_y, height), (at_x, width))]
            total = total + image[batch, rows[0], rows[1]] * weight[..., None]
    return total


def by_library(jax, image, y, x):
    """map_coordinates, channel by channel."""
    of_channel = jax.vmap(lambda plane, y, x: jax.scipy.ndimage.map_coordinates(plane, [y, x], 1, "constant"), (2, None, None), 1)
    return jax.vmap(of_channel)(image, y, x)


def grid_sample(sampled):
    def form(jax, kernel):
        def sample(image, grid):
            batch, rows, cols = grid.shape[:3]
            x, y = (((grid[..., axis] + 1) * size - 1) / 2 for axis, size in ((0, image.shape[2]), (1, image.shape[1])))
            found = sampled(jax, image, y.reshape(batch, -1), x.reshape(batch, -1))
            return (found.reshape(batch, rows, cols, -1),)
        return sample
    return form


def deformable_conv(jax, kernel):
    np_ = jax.numpy

    def conv(image, offset, mask, weight):
        batch, y, x = offset.shape[:3]
        at_y = (np.arange(y)[:, None] + np.arange(3) - 1)[:, None, :, None] + offset[..., 0]
        at_x = (np.arange(x)[:, None] + np.arange(3) - 1)[:, None, :] + offset[..., 1]
        samples = sampled(jax, image, at_y.reshape(batch, -1), at_x.reshape(batch, -1)) * mask.reshape(batch, -1, 1)
        rows = samples.reshape(batch * y * x, -1)
        return ((rows @ weight.reshape(rows.shape[1], -1)).reshape(batch, y, x, -1),)
    return conv


def splat_by_pools(jax, value, guide, bins, cell, cells):
    """Sums over the cells of each bin's share of each pixel, [2, gy, gx, gz]."""
    np_ = jax.numpy
    share = np_.maximum(1 - abs(guide[..., None] * (bins - 1) - np.arange(bins)), 0)
    around = [(cell // 2, n * cell - cell // 2 - size) for n, size in zip(cells, guide.shape)]

    def sums(each):
        padded = np_.pad(each, [*around, (0, 0)])
        return padded.reshape(cells[0], cell, cells[1], cell, bins).sum((1, 3))
    return np_.stack([sums(share * value[..., None]), sums(share)])


def splat_by_adding(jax, value, guide, bins, cell, cells):
    np_ = jax.numpy
    at = guide * (bins - 1)
    low = np_.clip(np_.floor(jax.lax.stop_gradient(at)), 0, bins - 2)
    y, x = ((np.arange(n) + cell // 2) // cell for n in guide.shape)
    first, fraction = (y[:, None] * cells[1] + x) * bins + low.astype(np.int32), (at - low)[..., None]
    rows = np_.stack([value, np_.ones_like(value)], -1)
    grid = np_.zeros((cells[0] * cells[1] * bins, 2)).at[first].add(rows * (1 - fraction)).at[first + 1].add(rows * fraction)
    return grid.reshape(*cells, bins, 2).transpose(3, 0, 1, 2)


def blurred(jax, grid):
    np_ = jax.numpy
    for axis in (1, 2, 3):
        n = grid.shape[axis]
        around = np_.pad(grid, [(2, 2) if each == axis else (0, 0) for each in range(4)])
        grid = sum(share * jax.lax.slice_in_dim(around, at, at + n, axis=axis)
                   for at, share in enumerate((1 / 16, 1 / 4, 3 / 8, 1 / 4, 1 / 16)))
    return grid


def sliced(jax, grid, guide, cell):
    """Between eight elements, which are gathered."""
    np_ = jax.numpy
    bins = grid.shape[3]
    at_y, at_x = (np.arange(n, dtype=np.float32) / cell for n in guide.shape)
    y, x = at_y.astype(np.int32)[:, None], at_x.astype(np.int32)
    at_z = guide * (bins - 1)
    low = np_.clip(np_.floor(jax.lax.stop_gradient(at_z)), 0, bins - 2)
    z = low.astype(np.int32)

    def between(first, second, fraction):
        return first + (second - first) * fraction

    def along_z(dy, dx):
        return between(grid[:, y + dy, x + dx, z], grid[:, y + dy, x + dx, z + 1], at_z - low)
    rows = [between(along_z(dy, 0), along_z(dy, 1), at_x - x) for dy in (0, 1)]
    return between(*rows, at_y[:, None] - y)


def bilateral(splat):
    def form(jax, kernel):
        cell, bins = kernel.extents["ry"], kernel.extents["gz"]
        cells = [kernel.extents["gy"], kernel.extents["gx"]]

        def smooth(value, guide):
            total, weight = sliced(jax, blurred(jax, splat(jax, value, guide, bins, cell, cells)), guide, cell)
            return (total / weight,)
        return smooth
    return form


FORMS = {
    "grid_sample": [Form("gathers", grid_sample(sampled)), Form("map_coordinates", grid_sample(by_library))],
    "deformable_conv": [Form("gathers", deformable_conv)],
    "bilateral_grid": [Form("pools", bilateral(splat_by_pools)), Form("additions", bilateral(splat_by_adding))],
}
