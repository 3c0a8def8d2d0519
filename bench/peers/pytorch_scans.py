"""Recurrences for PyTorch: step by step, and in chunks, which takes fewer and larger operations."""
import math

from peers.forms import Form

EAGER = ("eager",)


def chunk_of(time):
    """The divisor of `time` next below its root, or at it."""
    return max(size for size in range(1, math.isqrt(time) + 1) if time % size == 0)


def chunked_scan(torch, combine, parts):
    """The inclusive scan of an associative `combine` over axis 1 of all `parts`: first within all chunks at once, then over
    the chunks, whose results go back into them."""
    time = parts[0].shape[1]
    size = chunk_of(time)
    chunks = [part.unflatten(1, (time // size, size)) for part in parts]
    inside = [tuple(part[:, :, 0] for part in chunks)]
    for step in range(1, size):
        inside.append(combine(inside[-1], tuple(part[:, :, step] for part in chunks)))
    before = [tuple(part[:, 0] for part in inside[-1])]
    for chunk in range(1, time // size - 1):
        before.append(combine(before[-1], tuple(part[:, chunk] for part in inside[-1])))
    stacked = tuple(torch.stack(each, 2) for each in zip(*inside))  # [batch, chunk, step, ...]
    if time == size:
        return tuple(part.flatten(1, 2) for part in stacked)
    carried = tuple(torch.stack(each, 1)[:, :, None] for each in zip(*before))
    rest = combine(carried, tuple(part[:, 1:] for part in stacked))
    return tuple(torch.cat([part[:, :1], later], 1).flatten(1, 2) for part, later in zip(stacked, rest))


def gates_of(x, step, a, b):
    import torch
    return torch.exp(step[..., None] * a), (step * x)[..., None] * b[:, :, None]


def states_in_place(torch, kernel):
    """The states overwrite what is added to them."""
    def scan(x, step, a, b, c, skip):
        gate, state = gates_of(x, step, a, b)
        gates, states = gate.unbind(1), state.unbind(1)
        for t in range(1, len(states)):
            states[t].addcmul_(gates[t], states[t - 1])
        return (torch.einsum("ntcs,nts->ntc", state, c) + skip * x,)
    return scan


def states_in_turn(torch, kernel):
    def scan(x, step, a, b, c, skip):
        gate, added = gates_of(x, step, a, b)
        gates, rows, weights = gate.unbind(1), added.unbind(1), c.unbind(1)
        state, sums = rows[0], []
        for t in range(len(rows)):
            if t > 0:
                state = torch.addcmul(rows[t], gates[t], state)
            sums.append(torch.matmul(state, weights[t][:, :, None])[..., 0])
        return (torch.stack(sums, 1) + skip * x,)
    return scan


def states_in_chunks(torch, kernel):
    def combine(first, then):
        return first[0] * then[0], first[1] * then[0] + then[1]

    def scan(x, step, a, b, c, skip):
        state = chunked_scan(torch, combine, gates_of(x, step, a, b))[1]
        return ((state * c[:, :, None]).sum(-1) + skip * x,)
    return scan


def averages(torch, before, k, v, bonus):
    """What a position sees: what is before it, and itself with a bonus."""
    highest, values, weights = before
    newest = bonus + k
    top = torch.maximum(highest, newest)
    old, young = torch.exp(highest - top), torch.exp(newest - top)
    return (values * old + young * v) / (weights * old + young)


def wkv_in_turn(torch, kernel):
    def scan(k, v, decay, bonus):
        highest, values = torch.full_like(k[:, 0], -math.inf), torch.zeros_like(k[:, 0])
        weights, results = values, []
        for key, value in zip(k.unbind(1), v.unbind(1)):
            results.append(averages(torch, (highest, values, weights), key, value, bonus))
            faded = highest - decay
            top = torch.maximum(faded, key)
            old, young = torch.exp(faded - top), torch.exp(key - top)
            highest, values, weights = top, values * old + young * value, weights * old + young
        return (torch.stack(results, 1),)
    return scan


def wkv_in_chunks(torch, kernel):
    def combine(first, then):
        faded = first[1] - then[0]
        top = torch.maximum(faded, then[1])
        old, young = torch.exp(faded - top), torch.exp(then[1] - top)
        return first[0] + then[0], top, first[2] * old + then[2] * young, first[3] * old + then[3] * young

    def scan(k, v, decay, bonus):
        one = torch.ones_like(k)
        _, highest, values, weights = chunked_scan(torch, combine, (decay * one, k, v, one))
        # Exclusive: nothing is before the first.
        first = torch.nn.functional.pad
        before = first(highest[:, :-1], (0, 0, 1, 0), value=-1e30), *(
            first(each[:, :-1], (0, 0, 1, 0)) for each in (values, weights))
        return (averages(torch, before, k, v, bonus),)
    return scan


FAR = 1e30


def diagonal(torch, now, is_cell, old, older, gamma):
    """A diagonal of the soft minima from the two before it. Element i is the cell of row i."""
    def above(line):
        return torch.nn.functional.pad(line[:, :-1], (1, 0), value=FAR)
    least = -gamma * torch.logsumexp(torch.stack([old, above(old), above(older)]) / -gamma, 0)
    return torch.where(is_cell, now + least, FAR)


def soft_dtw_by(wrapped):
    """Diagonal by diagonal: cost[batch, i, d - i] for all i of diagonal d at once."""
    def make(torch, kernel):
        rows, cols = kernel.extents["i"], kernel.extents["j"]
        width = rows + cols - 1
        cols_of = torch.arange(width)[:, None] - torch.arange(rows)
        is_cell = ((cols_of >= 0) & (cols_of < cols)).unbind()
        step = wrapped(torch, lambda *lines: diagonal(torch, *lines))

        def align(cost, gamma):
            pad = torch.nn.functional.pad
            skewed = pad(cost, (0, rows)).flatten(1)[:, :rows * width].unflatten(1, (rows, width))
            lines = skewed.permute(2, 0, 1).contiguous().unbind()
            older = torch.full_like(lines[0], FAR)
            old = pad(cost[:, :1, 0], (0, rows - 1), value=FAR)
            for d in range(1, width):
                older, old = old, step(lines[d], is_cell[d], old, older, gamma)
            return (old[:, rows - 1],)
        return align
    return make


FORMS = {
    "selective_scan": [Form("in place", states_in_place, under=EAGER, gradients=False),
                       Form("steps", states_in_turn, under=EAGER), Form("chunks", states_in_chunks)],
    "wkv": [Form("steps", wkv_in_turn, under=EAGER), Form("chunks", wkv_in_chunks)],
    "soft_dtw": [Form("diagonals", soft_dtw_by(lambda torch, step: step), under=EAGER),
                 Form("compiled diagonals", soft_dtw_by(lambda torch, step: torch.compile(step)), under=("compile",),
                      whole=False)],
}
