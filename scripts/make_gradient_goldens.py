#!/usr/bin/env python3
"""Makes test/goldens/gradients: results and gradients of the library's functions that PyTorch has, by its autograd.

Makes: test/goldens/gradients/<kernel>/<case>.safetensors and test/goldens/gradients/manifest.json. The inputs are those of
test/goldens and test/goldens/library, case by case, in f64. For each output `y` of floats there is the result `y` and the
cotangent `d.y`, drawn here, and for each input `x` of floats the gradient `d.x`, all f64. PyTorch computes results and
gradients in f64; soft-DTW, which it lacks, is differentiated by the backward recurrence of its paper in NumPy.

Rerun: pip install -r models/train/requirements.txt, then python scripts/make_gradient_goldens.py (seconds), after
scripts/make_goldens.py and scripts/make_library_goldens.py.
Licence: all values are generated here.
"""

import argparse
import json
import pathlib

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.numpy import load_file, save_file

from make_goldens import rng_for

GOLDENS = pathlib.Path(__file__).resolve().parents[1] / "test" / "goldens"


def first(t):
    """[batch, places..., channel] to PyTorch's [batch, channel, places...]."""
    return t.movedim(-1, 1)


def last(t):
    return t.movedim(1, -1)


def convolution(axes, size=3, stride=1, padding=1, dilation=1, depthwise=False):
    conv = (F.conv1d, F.conv2d, F.conv3d)[axes - 1]

    def compute(p, image, weight, bias=None):
        stride_, padding_, dilation_ = (int(p.get(name, otherwise)) for name, otherwise in
                                        (("stride", stride), ("padding", padding), ("dilation", dilation)))
        weight = weight[..., None, :] if depthwise else weight
        weight = weight.permute(axes + 1, axes, *range(axes))
        return {"result": last(conv(first(image), weight, bias, stride_, padding_, dilation_,
                                    groups=image.shape[-1] if depthwise else 1))}
    return compute


def grouped_conv2d(p, image, weight, bias):
    batch, y, x, groups, n = image.shape
    w = weight.permute(2, 4, 3, 0, 1).flatten(0, 1)
    result = F.conv2d(first(image.flatten(3)), w, bias.flatten(), padding=1, groups=groups)
    return {"result": last(result).reshape(batch, y, x, groups, -1)}


def transposed(axes, **otherwise):
    conv = (F.conv_transpose1d, F.conv_transpose2d)[axes - 1]

    def compute(p, image, weight, bias=None):
        g = {name: int(p.get(name, value)) for name, value in otherwise.items()}
        if axes == 2:
            image, weight = image[..., None, :], weight[..., None, :, :]
        groups, n_out = weight.shape[axes], weight.shape[-1]
        w = weight.permute(axes, axes + 1, axes + 2, *range(axes)).flatten(0, 1)
        result = last(conv(first(image.flatten(-2)), w, None, g["stride"], g["padding"], g["more"], groups, g["dilation"]))
        result = result.reshape(*result.shape[:-1], groups, n_out)
        return {"result": result if axes == 1 else result[..., 0, :] + bias}
    return compute


def pool(axes, largest, size=3, stride=2, padding=1):
    max_pool, average = ((F.max_pool1d, F.avg_pool1d), (F.max_pool2d, F.avg_pool2d), (F.max_pool3d, F.avg_pool3d))[axes - 1]

    def compute(p, image):
        g = {name: int(p.get(name, value)) for name, value in (("size", size), ("stride", stride), ("padding", padding))}
        args = first(image), g["size"], g["stride"], g["padding"]
        result = max_pool(*args, int(p.get("dilation", 1))) if largest else average(*args, count_include_pad=False)
        return {"result": last(result)}
    return compute


def attention(mask=None, scale=None):
    def compute(p, q, k, v, bias=None):
        i, j = q.shape[2], k.shape[2]
        seen = {None: torch.ones(i, j), "causal": torch.ones(i, j).tril(), "from_end": torch.ones(i, j).tril(j - i)}[mask]
        added = torch.zeros(i, j, dtype=torch.float64).masked_fill(seen == 0, -torch.inf)
        added = added if bias is None else added + bias
        return {"result": F.scaled_dot_product_attention(q, k, v, attn_mask=added, scale=scale)}
    return compute


def rope_attention(p, q, k, v):
    def rotated(t):
        i, pair = t.shape[1], t.shape[4]
        angle = torch.arange(i)[:, None] * 10000.0 ** (-torch.arange(pair, dtype=torch.float64) / pair)
        z = torch.complex(t[..., 0, :], t[..., 1, :]) * torch.polar(torch.ones_like(angle), angle)[:, None]
        return torch.cat([z.real, z.imag], -1).transpose(1, 2)
    result = F.scaled_dot_product_attention(rotated(q), rotated(k), v.transpose(1, 2), is_causal=True)
    return {"result": result.transpose(1, 2)}


def group_norm(p, x, gamma, beta, then=lambda t: t):
    result = F.group_norm(x.flatten(1, 2), x.shape[1], gamma.flatten(), beta.flatten(), 1e-5)
    return {"result": then(result).reshape(x.shape)}


def batch_norm(p, x, mean, variance, gamma, beta):
    # PyTorch differentiates by all but the statistics: the same written out is differentiated by these too.
    result = (x - mean) * torch.rsqrt(variance + 1e-5) * gamma + beta
    assert torch.allclose(result, last(F.batch_norm(first(x), mean.detach(), variance.detach(), gamma, beta)))
    return {"result": result}


def batch_norm_training(p, x, gamma, beta, running_mean, running_variance):
    # PyTorch changes its running statistics in place, without gradients: here they are what it documents.
    n = x.shape[0] * x.shape[1]
    result = F.batch_norm(first(x), None, None, gamma, beta, training=True)
    return {"result": last(result), "new_mean": torch.lerp(running_mean, x.mean((0, 1)), 0.1),
            "new_variance": torch.lerp(running_variance, x.var((0, 1), correction=0) * (n / max(n - 1, 1)), 0.1)}


def distances(norm):
    if norm is None:
        return lambda p, x, y: {"result": 1 - F.cosine_similarity(x[:, None], y[None], dim=2, eps=1e-8)}
    return lambda p, x, y: {"result": torch.cdist(x, y, p=norm, compute_mode="donot_use_mm_for_euclid_dist")}


def grid_sample(p, image, grid):
    flat = grid.dim() == 3
    result = F.grid_sample(first(image), grid[:, None, None] if flat else grid, align_corners="centres" in p,
                           padding_mode="border" if "nearest" in p else "zeros")
    return {"result": last(result)[:, 0, 0] if flat else last(result)}


def resize(mode):
    return lambda p, image: {"result": last(F.interpolate(
        first(image), [(3 * n + 1) // 2 for n in image.shape[1:3]], mode=mode))}


def cross_entropy(p, logits, label):
    label = torch.where((label >= 0) & (label < logits.shape[1]), label, -1).long()
    return {"loss": F.cross_entropy(logits, label, ignore_index=-1, reduction="none"),
            "mean": F.cross_entropy(logits, label, ignore_index=-1)}


def spread_loss(p, a, label, margin):
    # PyTorch's margin is a constant; a margin that may change its gradient is that of the same sum written out.
    by_torch = F.multi_margin_loss(a, label.long(), p=2, margin=margin.item(), reduction="none") * a.shape[1]
    true = a.gather(1, label.long()[:, None])
    other = F.one_hot(label.long(), a.shape[1]) == 0
    loss = (torch.relu(margin - true + a) ** 2 * other).sum(1)
    assert torch.allclose(loss, by_torch)
    return {"loss": loss}


def segment_sums(p, x, first):
    lengths = first[1:] - first[:-1]
    return {"sums": torch.segment_reduce(x[first[0]:first[-1]], "sum", lengths=lengths.long(), axis=0, initial=0)}


def scatter_sums(p, x, label, start):
    inside = (label >= 0) & (label < start.shape[0])
    return {"sums": start.index_add(0, label[inside].long(), x[inside])}


def message_passing(p, x, source_of, start, weight):
    aggregate = p.get("aggregate", "sum")
    messages = (x[source_of.long()] * weight[:, None])[:start[-1]]
    owner = torch.repeat_interleave(torch.arange(len(start) - 1), (start[1:] - start[:-1]).long())[:, None].expand_as(messages)
    empty = torch.full((len(start) - 1, x.shape[1]), -torch.inf if aggregate == "max" else 0, dtype=torch.float64)
    return {"result": empty.scatter_reduce(0, owner, messages, {"max": "amax"}.get(aggregate, aggregate),
                                           include_self=aggregate != "mean")}



def sgd_momentum(p, w, gradient, velocity, rate):
    w, velocity = w.clone(), velocity.clone()
    w.grad = gradient
    optimiser = torch.optim.SGD([w], rate, momentum=0.9, nesterov="nesterov" in p, differentiable=True)
    optimiser.state[w]["momentum_buffer"] = velocity
    optimiser.step()
    return {"w_new": w, "velocity_new": optimiser.state[w]["momentum_buffer"]}


def adam(p, w, gradient, mean, variance, rate, t):
    w, state = w.clone(), {"step": t.detach() - 1, "exp_avg": mean.clone(), "exp_avg_sq": variance.clone()}
    w.grad = gradient
    optimiser = torch.optim.AdamW([w], rate, weight_decay=0.01, differentiable=True)
    optimiser.state[w].update(state)
    optimiser.step()
    return {"w_new": w, "mean_new": optimiser.state[w]["exp_avg"], "variance_new": optimiser.state[w]["exp_avg_sq"]}


def topk(p, x):
    return {"values": torch.topk(x, 4, dim=1).values}


CASES = {
    "softmax": (("row3_col7", "row5_col17"), lambda p, x: {"result": F.softmax(x, 1)}),
    "log_softmax": (("odd", "wide"), lambda p, x: {"result": F.log_softmax(x, 1)}),
    "layer_norm": (("row3_col7", "row5_col16"), lambda p, x, gamma, beta: {
        "result": F.layer_norm(x, x.shape[1:], gamma, beta, 1e-5)}),
    "rms_norm": (("odd", "wide"), lambda p, x, gamma: {"result": F.rms_norm(x, x.shape[1:], gamma, 1e-6)}),
    "group_norm": (("odd", "single_pixel"), lambda p, **t: group_norm(p, **t, then=F.silu)),
    "group_norm_two_passes": (("odd", "single_pixel"), group_norm),
    "batch_norm": (("odd", "wide"), batch_norm),
    "batch_norm_training": (("odd", "wide"), batch_norm_training),
    "gelu": (("n7", "n64"), lambda p, x: {"result": F.gelu(x)}),
    "gelu_tanh": (("n7", "n64"), lambda p, x: {"result": F.gelu(x, approximate="tanh")}),
    "silu": (("odd", "one"), lambda p, x: {"result": F.silu(x)}),
    "matmul": (("i3_k5_j7", "i17_k13_j19"), lambda p, a, b: {"c": a @ b}),
    "conv2d": (("batch2_iy5_ix7_in3_out5", "batch1_iy3_ix4_in1_out1"), lambda p, **t: {
        "result": torch.relu(convolution(2)(p, **t)["result"])}),
    "conv2d_strided": (("batch2_iy5_ix7_in3_out5", "batch1_iy3_ix4_in1_out1"), convolution(2, stride=2)),
    "conv2d_dilated": (("batch2_iy5_ix7_in3_out5", "batch1_iy3_ix4_in1_out1"), convolution(2, dilation=2, padding=2)),
    "conv2d_grouped": (("batch1_iy5_ix6_group5_in3_out7", "batch2_iy5_ix7_group3_in1_out1"), grouped_conv2d),
    "conv2d_valid": (("batch2_iy5_ix7_in3_out5", "batch1_iy3_ix4_in1_out1"), convolution(2, padding=0)),
    "conv1d": (("odd", "strided", "dilated"), convolution(1)),
    "conv3d": (("odd", "strided"), convolution(3)),
    "depthwise_conv3d": (("odd", "strided"), convolution(3, depthwise=True)),
    "conv_transpose1d": (("odd", "stride2_size3_dilation3"), transposed(1, stride=1, padding=0, dilation=1, more=0)),
    "conv_transpose2d": (("odd", "stride1"), transposed(2, stride=2, padding=1, dilation=1, more=1)),
    "max_pool1d": (("odd", "dilated"), pool(1, True)),
    "max_pool2d": (("batch2_iy7_ix5_channel3", "batch1_iy2_ix2_channel1"), pool(2, True, 2, 2, 0)),
    "max_pool2d_padded": (("batch2_iy7_ix5_channel3", "batch1_iy2_ix2_channel1"), pool(2, True)),
    "max_pool3d": (("odd", "gaps"), pool(3, True)),
    "avg_pool1d": (("odd", "gaps"), pool(1, False)),
    "avg_pool2d": (("batch2_iy7_ix5_channel3", "batch1_iy2_ix2_channel1"), pool(2, False, 2, 2, 0)),
    "avg_pool2d_padded": (("batch2_iy7_ix5_channel3", "batch1_iy8_ix8_channel16"), pool(2, False)),
    "avg_pool3d": (("odd", "gaps"), pool(3, False)),
    "attention": (("square", "more_queries"), attention()),
    "attention_causal": (("square", "more_queries"), attention("causal")),
    "attention_one_pass": (("square", "more_keys"), attention("from_end")),
    "attention_bias": (("square", "more_queries"), attention(scale=0.25)),
    "rope_attention": (("odd", "longer"), rope_attention),
    "pairwise_l1": (("odd", "wide"), distances(1.0)),
    "pairwise_l2": (("odd", "wide"), distances(2.0)),
    "pairwise_cosine": (("odd", "wide"), distances(None)),
    "contraction": (("odd", "wide"), lambda p, x, y, c: {"result": torch.einsum("ecj,ek,ijk->eci", x, y, c)}),
    "contraction_chain": (("odd", "wide"), lambda p, a, b, c, e: {"result": torch.linalg.multi_dot((a, b, c, e))}),
    "grid_sample": (("odd", "centres", "border"), grid_sample),
    "grid_sample3d": (("odd", "wide"), grid_sample),
    "resize_bilinear": (("odd", "wide"), resize("bilinear")),
    "resize_nearest": (("odd", "wide"), resize("nearest")),
    "embedding": (("odd", "wide"), lambda p, table, ids: {"result": F.embedding(ids, table)}),
    "message_passing": (("odd", "wide", "mean", "max"), message_passing),
    "cross_entropy": (("odd", "unknown"), cross_entropy),
    "spread_loss": (("odd", "wide"), spread_loss),
    "mean_squared_error": (("odd", "wide"), lambda p, a, b: {"loss": F.mse_loss(a, b)}),
    "sgd_momentum": (("odd", "nesterov"), sgd_momentum),
    "adam": (("odd", "wide"), adam),
    "cumulative_sums": (("row3_col7", "row5_col33"), lambda p, x: {
        "prefix": x.cumsum(1), "suffix": x.sum(1, keepdim=True) - x.cumsum(1)}),
    "segment_sums": (("i5_col3_segment3", "i19_col17_segment5"), segment_sums),
    "scatter_sums": (("i19_col5_segment4", "i7_col1_segment2"), scatter_sums),
    "topk": (("row3_col7", "row5_col17"), topk),
}


# PyTorch has no derivative by these.
WITHOUT = {("adam", "t")}


def soft_dtw(cost, gamma, cotangent):
    """Algorithms 1 and 2 of Cuturi and Blondel 2017, cell by cell: the results, and the gradient by `cost`."""
    batch, n, m = cost.shape
    result, gradient = np.zeros(batch), np.zeros_like(cost)
    for b in range(batch):
        r = np.full((n + 2, m + 2), np.inf)
        r[0, 0] = 0
        d = np.zeros((n + 2, m + 2))
        d[1:-1, 1:-1] = cost[b]
        for i in range(1, n + 1):
            for j in range(1, m + 1):
                before = np.array([r[i - 1, j - 1], r[i - 1, j], r[i, j - 1]])
                r[i, j] = d[i, j] + before.min() - gamma * np.log(np.exp((before.min() - before) / gamma).sum())
        result[b] = r[n, m]
        e = np.zeros((n + 2, m + 2))
        e[n + 1, m + 1] = 1
        r[:, m + 1] = r[n + 1, :] = -np.inf
        r[n + 1, m + 1] = r[n, m]
        for j in range(m, 0, -1):
            for i in range(n, 0, -1):
                a = np.exp((r[i + 1, j] - r[i, j] - d[i + 1, j]) / gamma)
                c = np.exp((r[i, j + 1] - r[i, j] - d[i, j + 1]) / gamma)
                g = np.exp((r[i + 1, j + 1] - r[i, j] - d[i + 1, j + 1]) / gamma)
                e[i, j] = e[i + 1, j] * a + e[i, j + 1] * c + e[i + 1, j + 1] * g
        gradient[b] = cotangent[b] * e[1:-1, 1:-1]
    return result, gradient


def golden_inputs():
    """(kernel, case) to the case's entry and its tensors."""
    found = {}
    for folder in (GOLDENS, GOLDENS / "library"):
        manifest = json.loads((folder / "manifest.json").read_text())
        for entry in manifest["cases"]:
            names = manifest["kernels"][entry["kernel"]]["inputs"]
            tensors = load_file(folder / entry["file"])
            found[entry["kernel"], entry["case"]] = entry, {name: tensors[name] for name in names}
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=pathlib.Path, default=GOLDENS / "gradients", help="folder; default: test/goldens/gradients")
    args = parser.parse_args()
    torch.set_num_threads(1)
    known, cases, size = golden_inputs(), [], 0

    def write(kernel, case, stored):
        nonlocal size
        path = args.output / kernel / f"{case}.safetensors"
        path.parent.mkdir(parents=True, exist_ok=True)
        save_file({name: np.ascontiguousarray(t).reshape(np.shape(t)) for name, t in stored.items()}, path)
        size += path.stat().st_size
        cases.append({"kernel": kernel, "case": case, "file": f"{kernel}/{case}.safetensors"})

    for kernel, (names, compute) in CASES.items():
        for case in names:
            entry, inputs = known[kernel, case]
            rng = rng_for(f"gradient of {kernel}", case)
            tensors = {name: torch.from_numpy(t.astype(np.float64) if t.dtype.kind == "f" else t) for name, t in inputs.items()}
            floats = {name: t.requires_grad_() for name, t in tensors.items()
                      if t.is_floating_point() and (kernel, name) not in WITHOUT}
            outputs = compute(entry.get("parameters", {}), **tensors)
            cotangents = {name: torch.from_numpy(rng.standard_normal(tuple(t.shape))) for name, t in outputs.items()}
            # An infinite result, as the maximum of no messages, has no derivative.
            finite = {name: torch.isfinite(t) for name, t in outputs.items()}
            total = sum((cotangents[name][finite[name]] * t[finite[name]]).sum() for name, t in outputs.items())
            gradients = torch.autograd.grad(total, list(floats.values()), allow_unused=True, materialize_grads=True)
            stored = {name: t.detach().numpy() for name, t in outputs.items()}
            stored |= {f"d.{name}": t.numpy() for name, t in cotangents.items()}
            stored |= {f"d.{name}": t.numpy() for name, t in zip(floats, gradients)}
            write(kernel, case, stored)
    for case in ("odd", "column", "large"):
        inputs = known["soft_dtw", case][1]
        cost, gamma = inputs["cost"].astype(np.float64), float(inputs["gamma"])
        cotangent = rng_for("gradient of soft_dtw", case).standard_normal(len(cost))
        result, gradient = soft_dtw(cost, gamma, cotangent)
        write("soft_dtw", case, {"result": result, "d.result": cotangent, "d.cost": gradient})
    with open(args.output / "manifest.json", "w") as file:
        file.write('{\n "made_by": "scripts/make_gradient_goldens.py",\n "versions": ' +
                   json.dumps({"numpy": np.__version__, "torch": torch.__version__.split("+")[0]}) + ',\n "cases": [\n  ')
        file.write(",\n  ".join(map(json.dumps, cases)) + "\n ]\n}\n")
    print(f"{len({c['kernel'] for c in cases})} kernels, {len(cases)} cases, {size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
