"""The twenty kernels as a good JAX user writes them, in the ways that come to mind: the fastest of them counts. All is
traced, so a recurrence is a `scan` or an `associative_scan`, and a window a shift, a gather or a convolution."""
import numpy as np

from peers import xla_attention, xla_sampling
from peers.forms import Form


def padded(jax, image, amount, axes=(1, 2)):
    return jax.numpy.pad(image, [(amount, amount) if axis in axes else (0, 0) for axis in range(image.ndim)])


def states(jax, kernel):
    """Step by step; what a step needs is made in it."""
    def scan(x, step, a, b, c, skip):
        def advance(state, now):
            x, step, b, c = now  # of one time: [batch, channel] or [batch, state]
            state = jax.numpy.exp(step[..., None] * a) * state + (step * x)[..., None] * b[:, None]
            return state, (state * c[:, None]).sum(-1)
        first = jax.numpy.zeros((x.shape[0], *a.shape), x.dtype)
        sums = jax.lax.scan(advance, first, tuple(each.swapaxes(0, 1) for each in (x, step, b, c)))[1]
        return (sums.swapaxes(0, 1) + skip * x,)
    return scan


def states_associative(jax, kernel):
    def scan(x, step, a, b, c, skip):
        def combine(first, then):
            return first[0] * then[0], first[1] * then[0] + then[1]
        parts = jax.numpy.exp(step[..., None] * a), (step * x)[..., None] * b[:, :, None]
        state = jax.lax.associative_scan(combine, parts, axis=1)[1]
        return ((state * c[:, :, None]).sum(-1) + skip * x,)
    return scan


def averages(np_, before, k, v, bonus):
    highest, values, weights = before
    newest = bonus + k
    top = np_.maximum(highest, newest)
    old, young = np_.exp(highest - top), np_.exp(newest - top)
    return (values * old + young * v) / (weights * old + young)


FAR = np.float32(1e30)


def wkv(jax, kernel):
    np_ = jax.numpy

    def scan(k, v, decay, bonus):
        def advance(state, now):
            highest, values, weights = state
            key, value = now
            faded = highest - decay
            top = np_.maximum(faded, key)
            old, young = np_.exp(faded - top), np_.exp(key - top)
            return (top, values * old + young * value, weights * old + young), averages(np_, state, key, value, bonus)
        none = np_.zeros_like(k[:, 0])
        results = jax.lax.scan(advance, (none - FAR, none, none), (k.swapaxes(0, 1), v.swapaxes(0, 1)))[1]
        return (results.swapaxes(0, 1),)
    return scan


def wkv_associative(jax, kernel):
    np_ = jax.numpy

    def scan(k, v, decay, bonus):
        def combine(first, then):
            faded = first[1] - then[0]
            top = np_.maximum(faded, then[1])
            old, young = np_.exp(faded - top), np_.exp(then[1] - top)
            return first[0] + then[0], top, first[2] * old + then[2] * young, first[3] * old + then[3] * young
        one = np_.ones_like(k)
        parts = jax.lax.associative_scan(combine, (decay * one, k, v, one), axis=1)[1:]
        before = [np_.pad(part[:, :-1], ((0, 0), (1, 0), (0, 0)), constant_values=first)
                  for part, first in zip(parts, (-FAR, 0, 0))]
        return (averages(np_, before, k, v, bonus),)
    return scan


def soft_dtw(jax, kernel):
    """Diagonal by diagonal: cost[batch, i, d - i] for all i of diagonal d at once."""
    np_ = jax.numpy
    rows, cols = kernel.extents["i"], kernel.extents["j"]
    width = rows + cols - 1
    cols_of = np.arange(width)[:, None] - np.arange(rows)
    is_cell = np_.asarray((cols_of >= 0) & (cols_of < cols))

    def above(line):
        return np_.pad(line[:, :-1], ((0, 0), (1, 0)), constant_values=FAR)

    def align(cost, gamma):
        def advance(state, now):
            old, older = state
            line, inside = now
            least = -gamma * jax.nn.logsumexp(np_.stack([old, above(old), above(older)]) / -gamma, axis=0)
            return (np_.where(inside, line + least, FAR), old), None
        batch = cost.shape[0]
        skewed = np_.pad(cost, ((0, 0), (0, 0), (0, rows))).reshape(batch, -1)[:, :rows * width]
        lines = skewed.reshape(batch, rows, width).transpose(2, 0, 1)
        first = np_.pad(cost[:, :1, 0], ((0, 0), (0, rows - 1)), constant_values=FAR)
        (last, _), _ = jax.lax.scan(advance, (first, np_.full_like(first, FAR)), (lines[1:], is_cell[1:]))
        return (last[:, rows - 1],)
    return align


def pairwise(jax, kernel):
    return lambda x, y: (abs(x[:, None] - y).sum(-1),)


def pairwise_by_channel(jax, kernel):
    return lambda x, y: (sum(abs(x[:, None, c] - y[:, c]) for c in range(x.shape[1])),)


def group_norm(jax, kernel):
    def norm(x, gamma, beta):
        mean = x.mean((2, 3), keepdims=True)
        variance = ((x - mean) ** 2).mean((2, 3), keepdims=True)
        normal = (x - mean) * jax.lax.rsqrt(variance + 1e-5) * gamma[..., None] + beta[..., None]
        return (jax.nn.silu(normal),)
    return norm


def locally_connected(jax, kernel):
    def conv(image, weight):
        y, x = weight.shape[:2]
        around = padded(jax, image, 1)
        windows = jax.numpy.stack([around[:, ky:ky + y, kx:kx + x] for ky in range(3) for kx in range(3)], 3)
        return (jax.numpy.einsum("nyxti,yxtio->nyxo", windows, weight.reshape(y, x, 9, *weight.shape[4:])),)
    return conv


def locally_connected_library(jax, kernel):
    """conv_general_dilated_local, whose windows have the channel before the taps."""
    def conv(image, weight):
        y, x, ky, kx, channels, out = weight.shape
        rows = weight.transpose(0, 1, 4, 2, 3, 5).reshape(y, x, channels * ky * kx, out)
        return (jax.lax.conv_general_dilated_local(image, rows, (1, 1), "SAME", (3, 3),
                                                   dimension_numbers=("NHWC", "HWIO", "NHWC")),)
    return conv


def involution(jax, kernel):
    size = kernel.extents["ky"]

    def apply(image, weight):
        y, x = weight.shape[1:3]
        around = padded(jax, image, size // 2)
        return (sum(around[:, ky:ky + y, kx:kx + x] * weight[:, :, :, ky, kx, :, None]
                    for ky in range(size) for kx in range(size)),)
    return apply


def depthwise_conv3d(jax, kernel):
    def conv(image, weight):
        return (jax.lax.conv_general_dilated(image, weight[:, :, :, None], (1, 1, 1), [(1, 1)] * 3,
                                             dimension_numbers=("NDHWC", "DHWIO", "NDHWC"),
                                             feature_group_count=image.shape[-1]),)
    return conv


def depthwise_by_taps(jax, kernel):
    def conv(image, weight):
        z, y, x = image.shape[1:4]
        around = padded(jax, image, 1, (1, 2, 3))
        return (sum(around[:, kz:kz + z, ky:ky + y, kx:kx + x] * weight[kz, ky, kx]
                    for kz in range(3) for ky in range(3) for kx in range(3)),)
    return conv


def correlation_by_products(jax, kernel):
    """All pairs of positions in one matrix product, of which the displaced ones are picked."""
    y, x = kernel.extents["y"], kernel.extents["x"]
    reach = kernel.extents["dy"] // 2

    def places(n):
        return np.arange(n)[:, None] + 2 * (np.arange(2 * reach + 1) - reach)
    rows, cols = places(y)[:, None, :, None], places(x)[None, :, None, :]
    inside = (rows >= 0) & (rows < y) & (cols >= 0) & (cols < x)
    picked = (np.clip(rows, 0, y - 1) * x + np.clip(cols, 0, x - 1)).reshape(1, y * x, -1)

    def correlate(a, b):
        flat = [each.reshape(each.shape[0], y * x, -1) for each in (a, b)]
        products = jax.numpy.einsum("npc,nqc->npq", *flat)
        found = jax.numpy.take_along_axis(products, jax.numpy.asarray(picked), 2).reshape(-1, *inside.shape)
        return (found * inside,)
    return correlate


def correlation_by_shifts(jax, kernel):
    taps = kernel.extents["dy"]

    def correlate(a, b):
        y, x = a.shape[1:3]
        around = padded(jax, b, taps - 1)

        def row(dy):
            shifted = jax.lax.dynamic_slice_in_dim(around, 2 * dy, y, 1)
            return jax.lax.map(lambda dx: (a * jax.lax.dynamic_slice_in_dim(shifted, 2 * dx, x, 2)).sum(-1),
                               jax.numpy.arange(taps))
        return (jax.lax.map(row, jax.numpy.arange(taps)).transpose(2, 3, 4, 0, 1),)
    return correlate


def contraction(jax, kernel):
    return lambda x, y, c: (jax.numpy.einsum("ecj,eij->eci", x, jax.numpy.einsum("ijk,ek->eij", c, y)),)


def dynamic_routing(jax, kernel):
    """weight[in, k, out, d]."""
    np_ = jax.numpy

    def squash(s):
        squares = (s * s).sum(-1, keepdims=True)
        return s * (squares / ((1 + squares) * np_.sqrt(squares + 1e-7)))

    def route(u, weight):
        children, parts, out, pose = weight.shape
        predictions = np_.matmul(u.transpose(1, 0, 2), weight.reshape(children, parts, -1))
        predictions = predictions.reshape(children, -1, out, pose).transpose(1, 2, 0, 3)
        parents, logits = squash(predictions.sum(2) / out), 0
        for _ in range(2):
            logits = logits + np_.einsum("noid,nod->noi", predictions, parents)
            parents = squash(np_.einsum("noi,noid->nod", jax.nn.softmax(logits, 1), predictions))
        return parents, np_.sqrt((parents * parents).sum(-1))
    return route


def dequantised(jax, kernel, weight, scale, zero):
    groups = np.arange(weight.shape[1]) // kernel.extents["within"]
    return (weight.astype(np.float32) - zero.astype(np.float32)[:, groups]) * scale[:, groups]


def floats_beforehand(jax, kernel, arguments):
    return [*arguments[:2], dequantised(jax, kernel, *arguments[2:])]


def int8_of_floats(jax, kernel):
    return lambda x, x_scale, weight: (x.astype(np.float32) @ weight.T * x_scale[:, None],)


def int8_dequantised(jax, kernel):
    return lambda x, x_scale, *weight: (x.astype(np.float32) @ dequantised(jax, kernel, *weight).T * x_scale[:, None],)


def experts_ragged(jax, kernel):
    np_ = jax.numpy

    def apply(x, weight, chosen, gate):
        flat = chosen.reshape(-1)
        order = np_.argsort(flat)
        token = order // chosen.shape[1]
        products = jax.lax.ragged_dot(x[token], weight, np_.bincount(flat, length=weight.shape[0]).astype(np.int32))
        return (jax.ops.segment_sum(products * gate.reshape(-1)[order, None], token, x.shape[0]),)
    return apply


def experts_for_all(jax, kernel):
    """Each expert on all tokens, weighed by its gates."""
    np_ = jax.numpy

    def apply(x, weight, chosen, gate):
        gates = np_.zeros((weight.shape[0], x.shape[0])).at[chosen, np_.arange(x.shape[0])[:, None]].add(gate)

        def add(total, one):
            matrix, own = one
            return total + (own[:, None] * x) @ matrix, None
        return (jax.lax.scan(add, np_.zeros((x.shape[0], weight.shape[2])), (weight, gates))[0],)
    return apply


def messages(jax, kernel):
    np_ = jax.numpy

    def pass_on(x, source_of, start, weight):
        nodes, edges = start.shape[0] - 1, source_of.shape[0]
        node = np_.repeat(np_.arange(nodes), start[1:] - start[:-1], total_repeat_length=edges)
        return (jax.ops.segment_sum(x[source_of] * weight[:, None], node, nodes, indices_are_sorted=True),)
    return pass_on


def messages_sparse(jax, kernel):
    from jax.experimental import sparse

    def pass_on(x, source_of, start, weight):
        matrix = sparse.BCSR((weight, source_of, start), shape=(start.shape[0] - 1, x.shape[0]))
        return (matrix @ x,)
    return pass_on


def topk(jax, kernel):
    return lambda x: tuple(jax.lax.top_k(x, 4))


FORMS = {
    **xla_attention.FORMS,
    **xla_sampling.FORMS,
    "selective_scan": [Form("scan", states), Form("associative_scan", states_associative)],
    "wkv": [Form("scan", wkv), Form("associative_scan", wkv_associative)],
    "soft_dtw": [Form("scan", soft_dtw)],
    "pairwise_l1": [Form("differences", pairwise), Form("by channel", pairwise_by_channel)],
    "group_norm": [Form("moments", group_norm)],
    "locally_connected": [Form("einsum", locally_connected), Form("library", locally_connected_library)],
    "involution": [Form("taps", involution)],
    "depthwise_conv3d": [Form("convolution", depthwise_conv3d), Form("taps", depthwise_by_taps)],
    "correlation": [Form("products", correlation_by_products), Form("shifts", correlation_by_shifts)],
    "contraction": [Form("einsum", contraction)],
    "dynamic_routing": [Form("products", dynamic_routing, {"weight": (0, 2, 1, 3)})],
    "grouped_int8_matmul": [Form("floats beforehand", int8_of_floats, before=floats_beforehand),
                            Form("floats in the call", int8_dequantised)],
    "moe_gather_matmul": [Form("ragged_dot", experts_ragged), Form("all tokens", experts_for_all)],
    "message_passing": [Form("segment_sum", messages), Form("sparse", messages_sparse)],
    "topk": [Form("top_k", topk)],
}
