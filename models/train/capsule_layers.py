"""Capsule layers with EM routing in PyTorch: Procedure 1 of G. Hinton, S. Sabour, N. Frosst, Matrix Capsules with EM
Routing, ICLR 2018.

Votes are tensors [batch, y, x, child, out, 16]: at each position (y, x) of the parents, `child` counts the children that
the window covers, in the order (ky, kx, in), `out` the types of parents, and the last dim the elements of a 4x4 pose, row by
row. The fully connected class layer is the same with a window that covers the whole image. Everything works in the type of
its arguments, f32 or f64, and gradients flow through all iterations.
"""

import torch
import torch.nn.functional as F

FINAL_LAMBDA = 0.01
VARIANCE_EPSILON = 1e-4
MASS_EPSILON = 1e-7


def windows(image, size, stride):
    """image[batch, iy, ix, ...] to [batch, y, x, ky, kx, ...], without padding."""
    image = image.unfold(1, size, stride).unfold(2, size, stride)
    return image.movedim((-2, -1), (3, 4))


def conv_votes(pose, weight, stride):
    """The votes of a convolutional layer: pose times weight, (row, k) x (k, col).

    pose[batch, iy, ix, in, 4, 4], weight[ky, kx, in, out, 4, 4] to votes[batch, y, x, child, out, 16].
    """
    size, _, n_in, n_out = weight.shape[:4]
    w = windows(pose, size, stride)
    batch, y, x = w.shape[:3]
    # One product per child: the rows of all windows times the columns of all parents.
    left = w.permute(3, 4, 5, 0, 1, 2, 6, 7).reshape(size * size * n_in, batch * y * x * 4, 4)
    right = weight.permute(0, 1, 2, 4, 3, 5).reshape(size * size * n_in, 4, n_out * 4)
    votes = torch.bmm(left, right).reshape(-1, batch, y, x, 4, n_out, 4)
    return votes.permute(1, 2, 3, 0, 5, 4, 6).flatten(-2)


def class_votes(pose, weight, coordinate_scale, coordinate_offset):
    """The votes of the class layer, whose weights are shared by all positions, with coordinate addition.

    pose[batch, iy, ix, in, 4, 4], weight[in, out, 4, 4] to votes[batch, 1, 1, child, out, 16]. The right-hand column of a
    vote gets `scale * iy + offset` in row 0 and `scale * ix + offset` in row 1.
    """
    batch, height, width, n_in = pose.shape[:4]
    votes = torch.einsum("byxirk,iokc->byxiorc", pose, weight)
    addition = pose.new_zeros(height, width, 1, 1, 4, 4)
    addition[..., 0, 3] = (coordinate_scale * torch.arange(height, dtype=pose.dtype) + coordinate_offset)[:, None, None, None]
    addition[..., 1, 3] = (coordinate_scale * torch.arange(width, dtype=pose.dtype) + coordinate_offset)[None, :, None, None]
    return (votes + addition).reshape(batch, 1, 1, height * width * n_in, -1, 16)


def parent_counts(height, width, size, stride, n_out):
    """How many parents, over positions and types, cover each position of the children: [iy, ix]."""
    ones = torch.ones(1, 1, (height - size) // stride + 1, (width - size) // stride + 1)
    cover = F.conv_transpose2d(ones, torch.ones(1, 1, size, size), stride=stride)
    return F.pad(cover, (0, width - cover.shape[3], 0, height - cover.shape[2]))[0, 0] * n_out


def em_routing(votes, activation, beta_u, beta_a, size, stride, cost_scale=1.0, iterations=3):
    """Routes children to the parents above them.

    votes[batch, y, x, child, out, 16]; activation[batch, iy, ix, in] of the children; beta_u, beta_a[out]; windows of
    `size` = (ky, kx) at `stride`, without padding. Returns pose[batch, y, x, out, 4, 4], activation[batch, y, x, out] and
    the assignments routing[batch, y, x, child, out] of the last iteration.
    """
    batch, y, x, _, n_out, _ = votes.shape
    _, height, width, n_in = activation.shape
    ky, kx = size
    # The position of the child that each tap of each window reads, [y, x, ky, kx, in], as an index into [iy, ix, in].
    rows = stride * torch.arange(y)[:, None, None, None] + torch.arange(ky)[:, None]
    cols = stride * torch.arange(x)[:, None, None] + torch.arange(kx)
    child = ((rows * width + cols)[..., None] * n_in + torch.arange(n_in)).flatten()
    children = height * width * n_in

    def of_child(t):  # [batch, children] to [batch, y, x, child]
        return t[:, child].reshape(batch, y, x, ky * kx * n_in)

    counts = torch.zeros(children, dtype=votes.dtype).index_add(0, child, torch.ones(len(child), dtype=votes.dtype)) * n_out
    a_child = of_child(activation.reshape(batch, children))
    routing = (1 / counts[child]).reshape(1, y, x, -1, 1).expand(batch, y, x, -1, n_out)
    elements = votes.permute(0, 1, 2, 4, 3, 5).contiguous()  # batch, y, x, out, child, 16

    for t in range(iterations):
        mass_of = (routing * a_child[..., None]).transpose(3, 4)[..., None, :]  # batch, y, x, out, 1, child
        mass = mass_of.sum(-1)
        share = mass_of / (mass[..., None] + MASS_EPSILON)
        mean = share @ elements
        squares = (elements - mean) ** 2
        variance = share @ squares + VARIANCE_EPSILON
        log_variance = torch.log(variance)[..., 0, :]
        cost = ((beta_u[:, None] + 0.5 * log_variance) * mass).sum(-1) * cost_scale
        inverse_temperature = FINAL_LAMBDA * (1 - 0.95 ** (t + 1))
        logit = inverse_temperature * (beta_a - cost)
        if t + 1 == iterations:
            break
        density = -0.5 * (squares @ (1 / variance).transpose(-1, -2))[..., 0] - 0.5 * log_variance.sum(-1)[..., None]
        score = (F.logsigmoid(logit)[..., None] + density).transpose(3, 4)  # batch, y, x, child, out
        flat = child.expand(batch, -1)
        highest = torch.full((batch, children), -torch.inf, dtype=votes.dtype).scatter_reduce(
            1, flat, score.detach().amax(-1).flatten(1), "amax")
        e = torch.exp(score - of_child(highest)[..., None])
        total = torch.zeros(batch, children, dtype=votes.dtype).index_add(1, child, e.sum(-1).flatten(1))
        routing = e / of_child(total)[..., None]
    return mean.reshape(batch, y, x, n_out, 4, 4), torch.sigmoid(logit), routing


def spread_loss(activation, label, margin):
    """sum over wrong classes of max(0, margin - (a_right - a_wrong))^2, averaged over the batch."""
    right = activation.gather(1, label[:, None])
    short = torch.clamp(margin - (right - activation), min=0) ** 2
    wrong = F.one_hot(label, activation.shape[1]) == 0
    return (short * wrong).sum(1).mean()
