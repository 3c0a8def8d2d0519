"""Attention for JAX, which has no kernel of its own for processors: products and a softmax, over all keys under a mask,
or over blocks of queries with the keys that any of them sees."""
import math

import numpy as np

from peers.forms import Form


def attended(jax, q, k, v, seen=None):
    """q[..., i, d], k[..., j, d], v[..., j, e]."""
    scores = jax.numpy.einsum("...id,...jd->...ij", q, k) / math.sqrt(q.shape[-1])
    if seen is not None:
        scores = jax.numpy.where(seen, scores, -np.inf)
    return jax.numpy.einsum("...ij,...je->...ie", jax.nn.softmax(scores, -1), v)


def attention(jax, kernel):
    return lambda q, k, v: (attended(jax, q, k, v),)


def attention_library(jax, kernel):
    """Of [batch, position, head, channel]."""
    def attend(q, k, v):
        turned = [each.swapaxes(1, 2) for each in (q, k, v)]
        return (jax.nn.dot_product_attention(*turned).swapaxes(1, 2),)
    return attend


def sliding_masked(jax, kernel):
    i, j = (np.arange(kernel.extents[dim]) for dim in "ij")
    seen = abs(i[:, None] - j) <= kernel.extents["tap"] // 2
    return lambda q, k, v: (attended(jax, q, k, v, seen),)


def sliding_blocks(jax, kernel):
    """As many queries in a block as a window has keys to each side; three such blocks of keys are all that they see."""
    np_ = jax.numpy
    window = size = kernel.extents["tap"] // 2
    queries, keys = kernel.extents["i"], kernel.extents["j"]
    blocks = math.ceil(queries / size)
    query = np.arange(size) + size * np.arange(blocks)[:, None]
    key = np.arange(3 * size) + size * (np.arange(blocks)[:, None] - 1)
    seen = (abs(query[:, :, None] - key[:, None]) <= window) & (key >= 0)[:, None] & (key < keys)[:, None]
    seen |= ~seen.any(2, keepdims=True)  # queries beyond the last see what they like

    def attend(q, k, v):
        def pad(x, before, total):
            return np_.pad(x, ((0, 0), (0, 0), (before, total - before - x.shape[2]), (0, 0)))

        def around(x):
            parts = pad(x, size, (blocks + 2) * size).reshape(*x.shape[:2], blocks + 2, size, -1)
            return np_.concatenate([parts[:, :, at:at + blocks] for at in range(3)], 3)
        own = pad(q, 0, blocks * size).reshape(*q.shape[:2], blocks, size, -1)
        result = attended(jax, own, around(k), around(v), seen)
        return (result.reshape(*q.shape[:2], blocks * size, -1)[:, :, :queries],)
    return attend


def starts_of(kernel):
    size = kernel.extents["ty"]
    return [np.clip(np.arange(kernel.extents[dim]) - size // 2, 0, kernel.extents[dim] - size) for dim in "yx"] + [size]


def neighbours_masked(jax, kernel):
    rows, cols, size = starts_of(kernel)
    y, x = np.arange(len(rows)), np.arange(len(cols))
    by_row = (y >= rows[:, None]) & (y < rows[:, None] + size)
    by_col = (x >= cols[:, None]) & (x < cols[:, None] + size)
    seen = (by_row[:, None, :, None] & by_col[None, :, None, :]).reshape(len(y) * len(x), -1)

    def attend(q, k, v):
        flat = [each.reshape(each.shape[0], -1, *each.shape[3:]).swapaxes(1, 2) for each in (q, k, v)]
        return (attended(jax, *flat, seen).swapaxes(1, 2).reshape(*q.shape[:4], -1),)
    return attend


def neighbours_gathered(jax, kernel):
    rows, cols, size = starts_of(kernel)
    at_y, at_x = rows[:, None] + np.arange(size), cols[:, None] + np.arange(size)

    def attend(q, k, v):
        near = [each[:, at_y[:, None, :, None], at_x[None, :, None, :]] for each in (k, v)]  # [b, y, x, ty, tx, h, d]
        scores = jax.numpy.einsum("byxhd,byxtuhd->byxhtu", q, near[0]) / math.sqrt(q.shape[-1])
        shares = jax.nn.softmax(scores.reshape(*scores.shape[:4], -1), -1).reshape(scores.shape)
        return (jax.numpy.einsum("byxhtu,byxtuhe->byxhe", shares, near[1]),)
    return attend


def neighbours_in_tiles(jax, kernel):
    """Tiles of 8x8 queries, each with the 14x14 keys, or so many as there are, that contain their windows."""
    rows, cols, size = starts_of(kernel)
    (height, width), tile = (len(rows), len(cols)), 8
    reach = min(tile + size - 1, height), min(tile + size - 1, width)

    def along(starts, n, reach):
        tiles = math.ceil(n / tile)
        query = np.minimum(np.arange(tiles)[:, None] * tile + np.arange(tile), n - 1)
        key = np.minimum(starts[query[:, 0]], n - reach)[:, None] + np.arange(reach)
        first = starts[query][:, :, None]
        return query, key, (key[:, None] >= first) & (key[:, None] < first + size)
    (qy, ky, sy), (qx, kx, sx) = along(rows, height, reach[0]), along(cols, width, reach[1])
    seen = sy[:, None, :, None, :, None] & sx[None, :, None, :, None, :]
    seen = seen.reshape(len(qy), len(qx), 1, tile * tile, -1)

    def of_tiles(x, y, place):
        part = x[:, y[:, None, :, None], place[None, :, None, :]]  # [batch, ty, tx, y, x, head, channel]
        return part.reshape(*part.shape[:3], -1, *part.shape[5:]).swapaxes(3, 4)

    def attend(q, k, v):
        result = attended(jax, of_tiles(q, qy, qx), of_tiles(k, ky, kx), of_tiles(v, ky, kx), seen).swapaxes(3, 4)
        batch, ty, tx = result.shape[:3]
        whole = result.reshape(batch, ty, tx, tile, tile, *result.shape[4:]).swapaxes(2, 3)
        return (whole.reshape(batch, ty * tile, tx * tile, *result.shape[4:])[:, :height, :width],)
    return attend


def rope(jax, kernel):
    """The turns of a position in parts, as there are no f64 numbers: whole turns of the large part do not count."""
    pair = kernel.extents["pair"]
    turns = 10000.0 ** (-np.arange(pair, dtype=np.float64) / pair) / (2 * math.pi)
    coarse = np.round(turns * 4096) / 4096
    coarse, fine = coarse.astype(np.float32), (turns - coarse).astype(np.float32)

    def rotate(x, position):
        at = position[..., None].astype(np.float32)
        whole = at * coarse
        part = whole - jax.numpy.round(whole) + at * fine
        angle = (2 * math.pi) * part[:, :, None]
        cosine, sine = jax.numpy.cos(angle), jax.numpy.sin(angle)
        first, second = x[:, :, :, 0], x[:, :, :, 1]
        return (jax.numpy.stack([first * cosine - second * sine, first * sine + second * cosine], 3),)
    return rotate


FORMS = {
    "attention": [Form("products", attention), Form("library", attention_library)],
    "sliding_window_attention": [Form("mask", sliding_masked), Form("blocks", sliding_blocks)],
    "neighbourhood_attention": [Form("mask", neighbours_masked), Form("gather", neighbours_gathered),
                                Form("tiles", neighbours_in_tiles)],
    "rope": [Form("pairs", rope)],
}
