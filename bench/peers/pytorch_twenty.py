"""The twenty kernels as a good PyTorch user writes them, in the ways that come to mind: the fastest of them counts, eager
and compiled each for itself. A way that only a compiler makes sense of is not tried eagerly, and the other way round."""
from peers import pytorch_attention, pytorch_sampling, pytorch_scans
from peers.forms import Form

COMPILED = ("compile",)


def pairwise(torch, kernel):
    return lambda x, y: (torch.cdist(x, y, p=1.0),)


def pairwise_by_differences(torch, kernel):
    return lambda x, y: ((x[:, None] - y[None]).abs().sum(-1),)


def group_norm(torch, kernel):
    functions = torch.nn.functional

    def norm(x, gamma, beta):
        flat = x.flatten(1, 2)
        normal = functions.group_norm(flat, x.shape[1], gamma.flatten(), beta.flatten(), 1e-5)
        return (functions.silu(normal).reshape(x.shape),)
    return norm


def padded(torch, image, amount):
    """image[batch, y, x, ...], with zeros around y and x."""
    axes = (0, 0) * (image.ndim - 3)
    return torch.nn.functional.pad(image, (*axes, amount, amount, amount, amount))


def locally_connected(torch, kernel):
    """A matrix product for each position."""
    def conv(image, weight):
        y, x, ky, kx, channels, out = weight.shape
        windows = padded(torch, image, 1).unfold(1, 3, 1).unfold(2, 3, 1)  # [batch, y, x, in, ky, kx]
        rows = windows.permute(1, 2, 0, 4, 5, 3).reshape(y * x, -1, ky * kx * channels)
        sums = torch.bmm(rows, weight.reshape(y * x, -1, out))
        return (sums.reshape(y, x, -1, out).permute(2, 0, 1, 3),)
    return conv


def involution_by_taps(torch, kernel):
    size = kernel.extents["ky"]

    def apply(image, weight):
        y, x = weight.shape[1:3]
        around, sums = padded(torch, image, size // 2), torch.zeros_like(image)
        for ky in range(size):
            for kx in range(size):
                sums = torch.addcmul(sums, around[:, ky:ky + y, kx:kx + x], weight[:, :, :, ky, kx, :, None])
        return (sums,)
    return apply


def involution_by_windows(torch, kernel):
    size = kernel.extents["ky"]

    def apply(image, weight):
        windows = padded(torch, image, size // 2).unfold(1, size, 1).unfold(2, size, 1)  # [..., group, channel, ky, kx]
        return (torch.einsum("nyxgckl,nyxklg->nyxgc", windows, weight),)
    return apply


def depthwise_conv3d(torch, kernel):
    def conv(image, weight):
        taps = weight.permute(3, 0, 1, 2).unsqueeze(1)
        sums = torch.nn.functional.conv3d(image.permute(0, 4, 1, 2, 3), taps, padding=1, groups=image.shape[-1])
        return (sums.permute(0, 2, 3, 4, 1),)
    return conv


def depthwise_by_planes(torch, kernel):
    """Three convolutions of all planes, shifted and added."""
    def conv(image, weight):
        batch, z, y, x, channel = image.shape
        planes = image.reshape(batch * z, y, x, channel).permute(0, 3, 1, 2)
        sums = 0
        for kz in range(3):
            part = torch.nn.functional.conv2d(planes, weight[kz].permute(2, 0, 1).unsqueeze(1), padding=1, groups=channel)
            part = part.permute(0, 2, 3, 1).reshape(image.shape)
            sums = sums + torch.nn.functional.pad(part, (0, 0) * 3 + (1, 1))[:, kz:kz + z]
        return (sums,)
    return conv


def depthwise_by_taps(torch, kernel):
    def conv(image, weight):
        z, y, x = image.shape[1:4]
        around, sums = torch.nn.functional.pad(image, (0, 0) + (1, 1) * 3), 0
        for kz in range(3):
            for ky in range(3):
                for kx in range(3):
                    sums = sums + around[:, kz:kz + z, ky:ky + y, kx:kx + x] * weight[kz, ky, kx]
        return (sums,)
    return conv


def correlation_by_products(torch, kernel):
    """All pairs of positions in one matrix product, of which the displaced ones are picked."""
    y, x = kernel.extents["y"], kernel.extents["x"]
    reach = kernel.extents["dy"] // 2

    def places(n):
        return torch.arange(n)[:, None] + 2 * (torch.arange(2 * reach + 1) - reach)
    rows, cols = places(y)[:, None, :, None], places(x)[None, :, None, :]
    inside = (rows >= 0) & (rows < y) & (cols >= 0) & (cols < x)
    picked = (rows.clamp(0, y - 1) * x + cols.clamp(0, x - 1)).reshape(1, y * x, -1)

    def correlate(a, b):
        products = torch.bmm(a.flatten(1, 2), b.flatten(1, 2).transpose(1, 2))
        found = products.gather(2, picked.expand(a.shape[0], -1, -1)).reshape(-1, *inside.shape)
        return (found * inside,)
    return correlate


def correlation_by_windows(torch, kernel):
    """A row of displacements at a time."""
    taps = kernel.extents["dy"]

    def correlate(a, b):
        y, x = a.shape[1:3]
        around = padded(torch, b, taps - 1)
        rows = []
        for dy in range(taps):
            windows = around[:, 2 * dy:2 * dy + y].unfold(2, 2 * taps - 1, 1)[..., ::2]  # [batch, y, x, channel, dx]
            rows.append((a[..., None] * windows).sum(3))
        return (torch.stack(rows, 3),)
    return correlate


def contraction(torch, kernel):
    def contract(x, y, c):
        return (torch.bmm(x, torch.einsum("ijk,ek->eji", c, y)),)
    return contract


def contraction_by_einsum(torch, kernel):
    return lambda x, y, c: (torch.einsum("ijk,ecj,ek->eci", c, x, y),)


def dynamic_routing(torch, kernel):
    """weight[in, k, out, d]."""
    def squash(s):
        squares = (s * s).sum(-1, keepdim=True)
        return s * (squares / ((1 + squares) * torch.sqrt(squares + 1e-7)))

    def route(u, weight):
        children, parts, out, pose = weight.shape
        predictions = torch.bmm(u.transpose(0, 1), weight.flatten(2)).reshape(children, -1, out, pose)
        predictions = predictions.permute(1, 2, 0, 3).contiguous()
        parents, logits = squash(predictions.sum(2) / out), 0
        for _ in range(2):
            logits = logits + torch.matmul(predictions, parents[..., None])[..., 0]
            couplings = torch.softmax(logits, 1)
            parents = squash(torch.matmul(couplings[:, :, None], predictions)[:, :, 0])
        return parents, torch.linalg.vector_norm(parents, dim=-1)
    return route


def dequantised(torch, kernel, weight, scale, zero):
    """weight[col, k] as floats."""
    size, k = kernel.extents["within"], weight.shape[1]
    groups = torch.arange(k) // size
    return (weight.to(torch.float32) - zero.to(torch.float32)[:, groups]) * scale[:, groups]


def floats_beforehand(torch, kernel, arguments):
    x, x_scale, *weight = arguments
    return [x, x_scale, dequantised(torch, kernel, *weight)]


def int8_of_floats(torch, kernel):
    return lambda x, x_scale, weight: (torch.mm(x.to(torch.float32), weight.T) * x_scale[:, None],)


def int8_dequantised(torch, kernel):
    def product(x, x_scale, *weight):
        return (torch.mm(x.to(torch.float32), dequantised(torch, kernel, *weight).T) * x_scale[:, None],)
    return product


def sorted_by_expert(torch, chosen, experts):
    """Choices in the order of their experts, the tokens they belong to, and how many each expert has."""
    flat = chosen.flatten().long()
    order = torch.argsort(flat, stable=True)
    return order, order // chosen.shape[1], torch.bincount(flat, minlength=experts)


def experts_in_turn(torch, kernel):
    def apply(x, weight, chosen, gate):
        order, token, count = sorted_by_expert(torch, chosen, weight.shape[0])
        rows = x[token].split(count.tolist())
        products = torch.cat([part @ matrix for part, matrix in zip(rows, weight.unbind())])
        return (torch.zeros(x.shape[0], weight.shape[2]).index_add(0, token, products * gate.flatten()[order, None]),)
    return apply


def experts_grouped(torch, kernel):
    def apply(x, weight, chosen, gate):
        order, token, count = sorted_by_expert(torch, chosen, weight.shape[0])
        products = torch.nn.functional.grouped_mm(x[token], weight, offs=count.cumsum(0).to(torch.int32))
        return (torch.zeros(x.shape[0], weight.shape[2]).index_add(0, token, products * gate.flatten()[order, None]),)
    return apply


def messages_in_bags(torch, kernel):
    def pass_on(x, source_of, start, weight):
        return (torch.nn.functional.embedding_bag(source_of, x, start, mode="sum", per_sample_weights=weight,
                                                  include_last_offset=True),)
    return pass_on


def messages_sparse(torch, kernel):
    def pass_on(x, source_of, start, weight):
        matrix = torch.sparse_csr_tensor(start, source_of, weight, (start.shape[0] - 1, x.shape[0]), check_invariants=False)
        return (matrix @ x,)
    return pass_on


def messages_added(torch, kernel):
    def pass_on(x, source_of, start, weight):
        nodes = start.shape[0] - 1
        node = torch.repeat_interleave(torch.arange(nodes), (start[1:] - start[:-1]).long(), output_size=source_of.shape[0])
        messages = x.index_select(0, source_of) * weight[:, None]
        return (torch.zeros(nodes, x.shape[1]).index_add(0, node, messages),)
    return pass_on


def topk(torch, kernel):
    def largest(x):
        values, indices = torch.topk(x, 4, 1)
        return values, indices.to(torch.int32)
    return largest


FORMS = {
    **pytorch_scans.FORMS,
    **pytorch_attention.FORMS,
    **pytorch_sampling.FORMS,
    "pairwise_l1": [Form("cdist", pairwise), Form("differences", pairwise_by_differences, under=COMPILED)],
    "group_norm": [Form("group_norm", group_norm)],
    "locally_connected": [Form("products", locally_connected)],
    "involution": [Form("taps", involution_by_taps), Form("windows", involution_by_windows)],
    "depthwise_conv3d": [Form("conv3d", depthwise_conv3d), Form("planes", depthwise_by_planes),
                         Form("taps", depthwise_by_taps)],
    "correlation": [Form("products", correlation_by_products), Form("windows", correlation_by_windows)],
    "contraction": [Form("products", contraction), Form("einsum", contraction_by_einsum)],
    "dynamic_routing": [Form("products", dynamic_routing, {"weight": (0, 2, 1, 3)})],
    "grouped_int8_matmul": [Form("floats beforehand", int8_of_floats, before=floats_beforehand),
                            Form("floats in the call", int8_dequantised)],
    "moe_gather_matmul": [Form("experts in turn", experts_in_turn), Form("grouped_mm", experts_grouped)],
    "message_passing": [Form("bags", messages_in_bags), Form("sparse", messages_sparse), Form("index_add", messages_added)],
    "topk": [Form("topk", topk)],
}
