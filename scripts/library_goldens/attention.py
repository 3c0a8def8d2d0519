"""Attention, log-softmax and rotary positions."""

import numpy as np
import torch
import torch.nn.functional as F

INF, NAN = np.inf, np.nan


def softmax_average(scores, values):
    """One query: scores[j] with -inf where a key is not seen, values[j, e]; 0 where none is."""
    if scores.size == 0 or (scores.max() == -INF and not np.isnan(scores).any()):
        return np.zeros(values.shape[1])
    with np.errstate(invalid="ignore"):
        e = np.exp(scores - scores.max())
    return e @ values / e.sum()


def attend(q, k, v, seen, scale, bias=None):
    """q[b, h, i, d], k[b, h, j, d], v[b, h, j, e]; seen(i) gives the keys of query i, as indices."""
    result = np.zeros(q.shape[:3] + v.shape[3:])
    for b in range(q.shape[0]):
        for h in range(q.shape[1]):
            for i in range(q.shape[2]):
                keys = np.asarray(list(seen(i)), int)
                scores = scale * (k[b, h, keys] @ q[b, h, i])
                if bias is not None:
                    scores = scores + bias[i, keys]
                result[b, h, i] = softmax_average(scores, v[b, h, keys])
    return result


def operands(rng, batch, head, i, j, d, e):
    return {"q": rng.standard_normal((batch, head, i, d)).astype(np.float32),
            "k": rng.standard_normal((batch, head, j, d)).astype(np.float32),
            "v": rng.standard_normal((batch, head, j, e)).astype(np.float32)}


LAYOUT = {"q": "batch head i d", "k": "batch head j d", "v": "batch head j e"}
RESULT = {"result": "batch head i e"}


def full(goldens, rng_for):
    for kernel in ("attention", "attention_causal", "attention_one_pass", "attention_bias"):
        with_bias = kernel == "attention_bias"
        goldens.kernel(kernel, {**LAYOUT, **({"bias": "i j"} if with_bias else {})}, RESULT)

        def one(case, shape, edit=None, note=None, kernel=kernel, with_bias=with_bias):
            rng = rng_for(kernel, case)
            inputs = operands(rng, *shape)
            i, j, d = shape[2:5]
            if with_bias:
                inputs["bias"] = rng.standard_normal((i, j)).astype(np.float32)
            if edit:
                edit(inputs)
            q, k, v = (inputs[name].astype(np.float64) for name in "qkv")
            seen = {"attention": lambda n: range(j), "attention_bias": lambda n: range(j),
                    "attention_causal": lambda n: range(min(n + 1, j)),
                    "attention_one_pass": lambda n: range(max(0, min(n + 1 + j - i, j)))}[kernel]
            scale = 0.25 if with_bias else d ** -0.5
            bias = inputs["bias"].astype(np.float64) if with_bias else None
            result = attend(q, k, v, seen, scale, bias)
            mask = np.full((i, j), -INF)
            for n in range(i):
                mask[n, list(seen(n))] = 0
            if with_bias:
                mask = mask + bias
            by_torch = None
            # What PyTorch gives where nothing is seen changed between its versions, and a NaN spreads through its mask.
            if (mask.max(1) > -INF).all() and not np.isnan(k).any():
                by_torch = {"result": F.scaled_dot_product_attention(*map(torch.from_numpy, (q, k, v)),
                                                                     attn_mask=torch.from_numpy(mask), scale=scale)}
            goldens.case(kernel, case, inputs, {"result": result}, by_torch=by_torch, note=note)

        one("square", (2, 3, 7, 7, 5, 9))
        one("one", (1, 1, 1, 1, 1, 1))
        one("more_keys", (1, 2, 3, 67 if kernel == "attention_one_pass" else 17, 4, 33))
        one("more_queries", (1, 2, 9, 5, 8, 3), note="from the end: the first four queries see no key, and give 0"
            if kernel == "attention_one_pass" else None)
        if kernel == "attention_one_pass":
            one("blocks", (1, 1, 5, 129, 3, 4), note="two blocks of 64 keys and one key")

        def large(inputs):
            inputs["q"] *= 100
        one("large", (1, 1, 6, 6, 4, 5), large, "scores in the hundreds, whose exponentials overflow")

        def poison(inputs):
            inputs["k"][0, 0, 2, 1] = NAN
        one("nan", (1, 2, 5, 5, 3, 4), poison, "a NaN key makes the queries NaN that see it, in its head alone")
    rng = rng_for("attention_bias", "masked")

    def mask(inputs):
        inputs["bias"][:] = np.where(rng.random(inputs["bias"].shape) < 0.5, -INF, 0)
        inputs["bias"][2] = -INF
        inputs["bias"][3] = 0
    one("masked", (1, 2, 6, 9, 4, 5), mask, "half of the keys hidden by -inf, and all of those of query 2, which gives 0")


def sliding(goldens, rng_for):
    kernel = "sliding_window_attention"
    goldens.kernel(kernel, LAYOUT, RESULT)

    def one(case, shape, window=None, causal=False, note=None):
        inputs = operands(rng_for(kernel, case), *shape)
        q, k, v = (inputs[name].astype(np.float64) for name in "qkv")
        j, w = shape[3], window or 256
        seen = lambda n: [key for key in range(j) if n - w <= key <= (n if causal else n + w)]
        parameters = {**({"window": window} if window else {}), **({"causal": True} if causal else {})}
        goldens.case(kernel, case, inputs, {"result": attend(q, k, v, seen, shape[4] ** -0.5)}, note=note,
                     parameters=parameters)

    one("beyond", (2, 2, 9, 9, 5, 7), note="the window is wider than the sequence")
    one("one", (1, 1, 1, 1, 1, 1))
    one("long", (1, 1, 290, 290, 2, 3), note="queries at both ends and in the middle")
    one("window2", (1, 3, 11, 11, 4, 5), window=2)
    one("causal", (2, 1, 13, 13, 3, 4), window=3, causal=True)
    one("few_keys", (1, 1, 12, 4, 3, 2), window=2, note="queries from 6 on see no key, and give 0")


def neighbourhood(goldens, rng_for):
    kernel = "neighbourhood_attention"
    goldens.kernel(kernel, {"q": "batch y x head d", "k": "batch jy jx head d", "v": "batch jy jx head e"},
                   {"result": "batch y x head e"})

    def one(case, batch, y, x, head, d, e, window=None, note=None):
        rng = rng_for(kernel, case)
        inputs = {name: rng.standard_normal((batch, y, x, head, n)).astype(np.float32) for name, n in zip("qkv", (d, d, e))}
        q, k, v = (inputs[name].astype(np.float64) for name in "qkv")
        size = window or 7
        result = np.zeros((batch, y, x, head, e))
        for b, r, c, h in np.ndindex(batch, y, x, head):
            top, left = (min(max(at - size // 2, 0), n - size) for at, n in ((r, y), (c, x)))
            near = np.s_[b, top:top + size, left:left + size, h]
            result[b, r, c, h] = softmax_average(d ** -0.5 * (k[near].reshape(-1, d) @ q[b, r, c, h]), v[near].reshape(-1, e))
        goldens.case(kernel, case, inputs, {"result": result}, note=note,
                     parameters={"window": window} if window else None)

    one("exact", 1, 7, 7, 1, 3, 4, note="one window: all queries see all keys")
    one("odd", 1, 9, 8, 2, 3, 5)
    one("window3", 2, 5, 3, 2, 4, 3, window=3)
    one("window2", 1, 4, 5, 1, 2, 3, window=2, note="an even window reaches further up and left")


def rope(goldens, rng_for):
    def angles(position, pair):
        return np.multiply.outer(position, 10000.0 ** (-np.arange(pair) / pair))

    def rotate(x, angle):
        """x[..., i, head, half, pair] by angle[..., i, pair], as complex numbers."""
        z = (x[..., 0, :] + 1j * x[..., 1, :]) * np.exp(1j * angle)[..., None, :]
        return np.stack([z.real, z.imag], -2)

    kernel = "rope"
    goldens.kernel(kernel, {"x": "batch i head half pair", "position": "batch i"}, {"result": "batch i head half pair"})

    def one(case, batch, i, head, pair, first=0, note=None):
        rng = rng_for(kernel, case)
        x = rng.standard_normal((batch, i, head, 2, pair)).astype(np.float32)
        position = (first + rng.integers(0, 50, (batch, i))).astype(np.int32)
        result = rotate(x.astype(np.float64), angles(position.astype(np.float64), pair))
        goldens.case(kernel, case, {"x": x, "position": position}, {"result": result}, note=note)

    one("odd", 2, 5, 3, 7)
    one("one", 1, 1, 1, 1)
    one("far", 1, 6, 2, 8, first=3_000_000, note="angles of millions of radians")

    kernel = "rope_attention"
    goldens.kernel(kernel, {"q": "batch i head half pair", "k": "batch j head half pair", "v": "batch j head e"},
                   {"result": "batch i head e"})

    def fused(case, batch, i, head, pair, e):
        rng = rng_for(kernel, case)
        inputs = {name: rng.standard_normal((batch, i, head, 2, pair)).astype(np.float32) for name in "qk"}
        inputs["v"] = rng.standard_normal((batch, i, head, e)).astype(np.float32)
        q, k = (rotate(inputs[name].astype(np.float64), angles(np.arange(i), pair)).reshape(batch, i, head, 2 * pair)
                .swapaxes(1, 2) for name in "qk")
        v = inputs["v"].astype(np.float64).swapaxes(1, 2)
        result = attend(q, k, v, lambda n: range(n + 1), (2 * pair) ** -0.5).swapaxes(1, 2)
        by_torch = F.scaled_dot_product_attention(*(torch.from_numpy(np.ascontiguousarray(t)) for t in (q, k, v)), is_causal=True)
        goldens.case(kernel, case, inputs, {"result": result}, by_torch={"result": by_torch.transpose(1, 2)})

    fused("odd", 2, 7, 3, 5, 4)
    fused("one", 1, 1, 1, 2, 3)
    fused("longer", 1, 19, 1, 3, 17)


def log_softmax(goldens, rng_for):
    kernel = "log_softmax"
    goldens.kernel(kernel, {"x": "row col"}, {"result": "row col"})

    def one(case, row, col, edit=None, note=None):
        x = (3 * rng_for(kernel, case).standard_normal((row, col))).astype(np.float32)
        if edit:
            edit(x)
        x64 = x.astype(np.float64)
        with np.errstate(invalid="ignore", divide="ignore"):
            shifted = x64 - x64.max(1, keepdims=True)
            result = shifted - np.log(np.exp(shifted).sum(1, keepdims=True))
        goldens.case(kernel, case, {"x": x}, {"result": result}, note=note,
                     by_torch={"result": F.log_softmax(torch.from_numpy(x64), 1)})

    def specials(x):
        x[0, 1] = NAN
        x[1] = -INF
        x[2, 0] = -INF
        x[3] += 1e4
        x[4, 0] = 300
    one("odd", 5, 17)
    one("one", 1, 1)
    one("wide", 2, 257)
    one("special", 5, 6, specials, "a NaN, a row of -inf, one -inf, and probabilities that underflow")


def make(goldens, rng_for):
    full(goldens, rng_for)
    sliding(goldens, rng_for)
    neighbourhood(goldens, rng_for)
    rope(goldens, rng_for)
    log_softmax(goldens, rng_for)
