"""Capsule layers in training, as a good PyTorch user writes them: all arguments are differentiated, and what rearranges
weights is part of a call. The fastest way counts, eager and compiled each for itself."""
import math

from peers import capsules
from peers.forms import Form

STRIDE = 2


def windows(pose, taps):
    """pose[n, iy, ix, in, row, k] as a view [n, y, x, in, row, k, ky, kx]."""
    return pose.unfold(1, taps, STRIDE).unfold(2, taps, STRIDE)


def votes_by_convolution(torch, kernel):
    """The rows of a pose as batch, a channels-last conv2d over (in, k) to (out, col)."""
    def votes(pose, weight):
        taps, _, channels, types = weight.shape[:4]
        filters = weight.permute(3, 5, 2, 4, 0, 1).reshape(types * 4, channels * 4, taps, taps)
        filters = filters.contiguous(memory_format=torch.channels_last)
        n, iy, ix = pose.shape[:3]
        rows = pose.permute(0, 4, 1, 2, 3, 5).reshape(n * 4, iy, ix, channels * 4).permute(0, 3, 1, 2)
        sums = torch.nn.functional.conv2d(rows, filters, stride=STRIDE)
        y, x = sums.shape[2:]
        return (sums.permute(0, 2, 3, 1).reshape(n, 4, y, x, types, 4).permute(0, 2, 3, 4, 1, 5),)
    return votes


def votes_by_product(torch, kernel):
    """Windows times weights as one matrix product over (ky, kx, in, k)."""
    def votes(pose, weight):
        taps, _, channels, types = weight.shape[:4]
        matrix = weight.permute(0, 1, 2, 4, 3, 5).reshape(-1, types * 4)
        seen = windows(pose, taps)
        n, y, x = seen.shape[:3]
        rows = seen.permute(0, 1, 2, 4, 6, 7, 3, 5).reshape(-1, matrix.shape[0])
        return ((rows @ matrix).reshape(n, y, x, 4, types, 4).transpose(3, 4),)
    return votes


def votes_by_einsum(torch, kernel):
    def votes(pose, weight):
        return (torch.einsum("nyxirkab,abiokc->nyxorc", windows(pose, weight.shape[0]), weight),)
    return votes


def routing_by_einsum(torch, kernel):
    """Over arrays [n, y, x, taps, in, out, ...]."""
    at = kernel.extents
    taps = capsules.Layer(at["iy"], at["y"], at["in"], at["out"], at["ky"], STRIDE)
    places = taps.windows
    parents = torch.from_numpy(taps.parents())

    def at_child(values):
        return torch.stack([values[place] for place in places], 3)

    def over_parents(values, start, combine):
        result = torch.full((values.shape[0], at["iy"], at["ix"], values.shape[4]), start)
        for tap, place in enumerate(places):
            result[place] = combine(result[place], values[:, :, :, tap])
        return result

    def route(pose, activation, weight, beta_u, beta_a):
        votes = torch.einsum("nyxirkab,abiokc->nyxabiorc", windows(pose, at["ky"]), weight)
        votes = votes.reshape(*votes.shape[:3], -1, *votes.shape[5:7], 16)
        r = at_child(activation / parents)[..., None].expand(*votes.shape[:6])
        for t in range(capsules.ITERATIONS):
            mass = r.sum((3, 4))
            mean = torch.einsum("nyxtio,nyxtioh->nyxoh", r, votes) / (mass + 1e-7)[..., None]
            squares = (votes - mean[:, :, :, None, None]) ** 2
            variance = torch.einsum("nyxtio,nyxtioh->nyxoh", r, squares) / (mass + 1e-7)[..., None] + 1e-4
            log_volume = torch.log(variance).sum(-1)
            logit = 0.01 * (1 - 0.95 ** (t + 1)) * (beta_a - (16 * beta_u + 0.5 * log_volume) * mass)
            if t + 1 == capsules.ITERATIONS:
                return mean.reshape(*mean.shape[:-1], 4, 4), torch.sigmoid(logit)
            evidence = torch.nn.functional.logsigmoid(logit) - 0.5 * log_volume
            distances = torch.einsum("nyxtioh,nyxoh->nyxtio", squares, 1 / variance)
            logits = evidence[:, :, :, None, None] - 0.5 * distances
            most = over_parents(logits.detach().amax(-1), -math.inf, torch.maximum)
            p = torch.exp(logits - at_child(most)[..., None])
            total = over_parents(p.sum(-1), 0.0, torch.add)
            r = p * at_child(activation / total.clamp_min(0.5))[..., None]
    return route


FORMS = {
    "conv_capsules": [Form("convolution", votes_by_convolution), Form("product", votes_by_product),
                      Form("einsum", votes_by_einsum)],
    "em_routing": [Form("products", lambda torch, kernel: capsules.routing(capsules.TorchOps(torch), kernel)),
                   Form("einsum", routing_by_einsum)],
}
