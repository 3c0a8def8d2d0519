"""Attention for PyTorch. A library's one function for it sees all keys or takes a mask; blocks of queries, each with the
keys that any of them sees, are how windows are written with it, and flex_attention what compiles a mask."""
import math

from peers.forms import Form


def attention(torch, kernel):
    return lambda q, k, v: (torch.nn.functional.scaled_dot_product_attention(q, k, v),)


def window_of(kernel):
    """Keys to each side."""
    return kernel.extents["tap"] // 2


def sliding_masked(torch, kernel):
    i, j = (torch.arange(kernel.extents[dim]) for dim in "ij")
    seen = (i[:, None] - j).abs() <= window_of(kernel)

    def attend(q, k, v):
        return (torch.nn.functional.scaled_dot_product_attention(q, k, v, attn_mask=seen),)
    return attend


def sliding_blocks(torch, kernel):
    """As many queries in a block as a window has keys to each side; three such blocks of keys are all that they see."""
    window = size = window_of(kernel)
    keys = kernel.extents["j"]
    blocks = math.ceil(kernel.extents["i"] / size)
    query = torch.arange(size) + size * torch.arange(blocks)[:, None]
    key = torch.arange(3 * size) + size * (torch.arange(blocks)[:, None] - 1)
    seen = ((query[:, :, None] - key[:, None]).abs() <= window) & (key >= 0)[:, None] & (key < keys)[:, None]
    seen = seen | ~seen.any(2, keepdim=True)  # queries beyond the last see what they like

    def attend(q, k, v):
        pad = torch.nn.functional.pad
        rows = q.shape[2]
        queries = pad(q, (0, 0, 0, blocks * size - rows)).unflatten(2, (blocks, size))

        def around(x):
            more = pad(x, (0, 0, size, (blocks + 1) * size - keys))
            return more.unfold(2, 3 * size, size).transpose(-1, -2)  # [batch, head, block, key, channel]
        result = torch.nn.functional.scaled_dot_product_attention(queries, around(k), around(v), attn_mask=seen)
        return (result.flatten(2, 3)[:, :, :rows],)
    return attend


def flexible(torch, seen, queries, keys):
    """seen(b, h, query, key), compiled with the attention; [batch, head, query, channel]."""
    from torch.nn.attention.flex_attention import create_block_mask, flex_attention
    mask = create_block_mask(seen, None, None, queries, keys, device="cpu")
    return lambda q, k, v: flex_attention(q, k, v, block_mask=mask)


def sliding_flexible(torch, kernel):
    window = window_of(kernel)
    attend = flexible(torch, lambda b, h, i, j: (i - j).abs() <= window, kernel.extents["i"], kernel.extents["j"])
    return lambda q, k, v: (attend(q, k, v),)


def starts_of(torch, kernel):
    """The first key of each row's and each column's window, and the size of a window."""
    size = kernel.extents["ty"]
    return [(torch.arange(kernel.extents[dim]) - size // 2).clamp(0, kernel.extents[dim] - size) for dim in "yx"] + [size]


def heads_first(x):
    """[batch, y, x, head, channel] as [batch, head, position, channel]."""
    return x.flatten(1, 2).transpose(1, 2)


def neighbours_masked(torch, kernel):
    rows, cols, size = starts_of(torch, kernel)
    y, x = torch.arange(len(rows)), torch.arange(len(cols))
    by_row = (y >= rows[:, None]) & (y < rows[:, None] + size)
    by_col = (x >= cols[:, None]) & (x < cols[:, None] + size)
    seen = (by_row[:, None, :, None] & by_col[None, :, None, :]).reshape(len(y) * len(x), -1)

    def attend(q, k, v):
        result = torch.nn.functional.scaled_dot_product_attention(*map(heads_first, (q, k, v)), attn_mask=seen)
        return (result.transpose(1, 2).reshape(*q.shape[:4], -1),)
    return attend


def neighbours_gathered(torch, kernel):
    """The keys and values of each window, copied."""
    rows, cols, size = starts_of(torch, kernel)
    taps = torch.arange(size)
    place = ((rows[:, None, None, None] + taps[:, None]) * len(cols) + cols[:, None, None] + taps).reshape(-1, size * size)

    def attend(q, k, v):
        queries = q.flatten(1, 2)[:, :, :, None]  # [batch, position, head, 1, channel]
        near = [x.flatten(1, 2)[:, place].transpose(2, 3) for x in (k, v)]
        result = torch.nn.functional.scaled_dot_product_attention(queries, *near)
        return (result.reshape(*q.shape[:4], -1),)
    return attend


def neighbours_in_tiles(torch, kernel):
    """Tiles of 8x8 queries, each with the 14x14 keys, or so many as there are, that contain their windows."""
    rows, cols, size = starts_of(torch, kernel)
    (height, width), tile = (len(rows), len(cols)), 8
    reach = min(tile + size - 1, height), min(tile + size - 1, width)

    def along(starts, n, reach):
        """Of each tile its queries, its keys, and whether each query's window has each key."""
        tiles = math.ceil(n / tile)
        query = (torch.arange(tiles)[:, None] * tile + torch.arange(tile)).clamp(max=n - 1)
        key = starts[query[:, 0]].clamp(max=n - reach)[:, None] + torch.arange(reach)
        first = starts[query][:, :, None]
        return query, key, (key[:, None] >= first) & (key[:, None] < first + size)
    (qy, ky, sy), (qx, kx, sx) = along(rows, height, reach[0]), along(cols, width, reach[1])
    tiles = len(qy), len(qx)
    seen = sy[:, None, :, None, :, None] & sx[None, :, None, :, None, :]
    seen = seen.reshape(*tiles, 1, tile * tile, -1)

    def of_tiles(x, y, place):
        part = x[:, y[:, None, :, None], place[None, :, None, :]]  # [batch, ty, tx, y, x, head, channel]
        return part.flatten(3, 4).transpose(3, 4)

    def attend(q, k, v):
        result = torch.nn.functional.scaled_dot_product_attention(
            of_tiles(q, qy, qx), of_tiles(k, ky, kx), of_tiles(v, ky, kx), attn_mask=seen)
        result = result.transpose(3, 4).unflatten(3, (tile, tile)).transpose(2, 3).flatten(3, 4).flatten(1, 2)
        return (result[:, :height, :width],)
    return attend


def neighbours_flexible(torch, kernel):
    rows, cols, size = starts_of(torch, kernel)
    width = len(cols)

    def seen(b, h, query, key):
        first_row, first_col = rows[query // width], cols[query % width]
        row, col = key // width, key % width
        return (row >= first_row) & (row < first_row + size) & (col >= first_col) & (col < first_col + size)
    attend = flexible(torch, seen, len(rows) * width, len(rows) * width)

    def all_of(q, k, v):
        rows = [heads_first(each).contiguous() for each in (q, k, v)]
        return (attend(*rows).transpose(1, 2).reshape(*q.shape[:4], -1),)
    return all_of


def rope(torch, kernel):
    pair = kernel.extents["pair"]
    frequency = 10000.0 ** (-torch.arange(pair, dtype=torch.float64) / pair) / (2 * math.pi)

    def rotate(x, position):
        turns = position[..., None] * frequency
        angle = (2 * math.pi) * (turns - torch.round(turns)).to(torch.float32)[:, :, None]
        cosine, sine = torch.cos(angle), torch.sin(angle)
        first, second = x.unbind(3)
        return (torch.stack([first * cosine - second * sine, first * sine + second * cosine], 3),)
    return rotate


COMPILED = ("compile",)
FORMS = {
    "attention": [Form("library", attention)],
    "sliding_window_attention": [Form("mask", sliding_masked), Form("blocks", sliding_blocks),
                                 Form("flex_attention", sliding_flexible, under=COMPILED)],
    "neighbourhood_attention": [Form("mask", neighbours_masked), Form("gather", neighbours_gathered),
                                Form("tiles", neighbours_in_tiles),
                                Form("flex_attention", neighbours_flexible, under=COMPILED)],
    "rope": [Form("pairs", rope)],
}
