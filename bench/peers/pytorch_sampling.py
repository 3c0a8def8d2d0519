"""Interpolation at places for PyTorch: grid_sample, and bags of the rows of the nearest elements, each with a weight."""
from peers.forms import Form


def channels_first(image):
    return image.permute(0, 3, 1, 2)


def nearest_four(torch, y, x, height, width):
    """For places y, x: the four elements around each as rows of [height * width], and their weights, 0 outside."""
    low_y, low_x = torch.floor(y), torch.floor(x)
    rows, weights = [], []
    for dy in (0, 1):
        for dx in (0, 1):
            at_y, at_x = low_y + dy, low_x + dx
            inside = (at_y >= 0) & (at_y < height) & (at_x >= 0) & (at_x < width)
            weight = (1 - (y - at_y).abs()) * (1 - (x - at_x).abs())
            rows.append(at_y.clamp(0, height - 1) * width + at_x.clamp(0, width - 1))
            weights.append(weight * inside)
    return torch.stack(rows, -1).to(torch.int64), torch.stack(weights, -1)


def in_bags(torch, image, y, x):
    """image[batch, iy, ix, channel] at y, x[batch, place] as [batch * place, channel]."""
    batch, height, width, channel = image.shape
    rows, weights = nearest_four(torch, y, x, height, width)
    rows = rows + (height * width) * torch.arange(batch)[:, None, None]
    return torch.nn.functional.embedding_bag(rows.flatten(0, 1), image.reshape(-1, channel), mode="sum",
                                             per_sample_weights=weights.flatten(0, 1))


def by_gathers(torch, image, y, x):
    """The same, as sums of gathered rows."""
    batch, height, width, channel = image.shape
    rows, weights = nearest_four(torch, y, x, height, width)
    rows = (rows + (height * width) * torch.arange(batch)[:, None, None]).flatten(0, 1)
    flat, weights = image.reshape(-1, channel), weights.flatten(0, 1)
    return sum(flat[rows[:, corner]] * weights[:, corner, None] for corner in range(4))


def grid_sample(torch, kernel):
    def sample(image, grid):
        found = torch.nn.functional.grid_sample(channels_first(image), grid, align_corners=False)
        return (found.permute(0, 2, 3, 1),)
    return sample


def grid_sample_by(sampled):
    def form(torch, kernel):
        def sample(image, grid):
            height, width = image.shape[1:3]
            x, y = (((grid[..., axis] + 1) * size - 1) / 2 for axis, size in ((0, width), (1, height)))
            return (sampled(torch, image, y.flatten(1), x.flatten(1)).reshape(*grid.shape[:3], -1),)
        return sample
    return form


def tap_places(torch, offset):
    """Where each tap of a padded 3x3 window lands, [batch, y, x, ky, kx]."""
    y, x, ky, kx = (torch.arange(n) for n in offset.shape[1:5])
    return ((y[:, None] + ky - 1)[:, None, :, None] + offset[..., 0], (x[:, None] + kx - 1)[:, None, :] + offset[..., 1])


def deformable(sampled):
    def form(torch, kernel):
        def conv(image, offset, mask, weight):
            batch, y, x = offset.shape[:3]
            places = tap_places(torch, offset)
            samples = sampled(torch, image, *(place.flatten(1) for place in places)) * mask.reshape(-1, 1)
            rows = samples.reshape(batch * y * x, -1)
            return (torch.mm(rows, weight.reshape(rows.shape[1], -1)).reshape(batch, y, x, -1),)
        return conv
    return form


def by_library(torch, image, y, x):
    """grid_sample of the places as one row of them."""
    height, width = image.shape[1:3]
    grid = torch.stack([(2 * x + 1) / width - 1, (2 * y + 1) / height - 1], -1)
    found = torch.nn.functional.grid_sample(channels_first(image), grid[:, None], align_corners=False)
    return found.permute(0, 2, 3, 1).flatten(0, 2)


def splat_by_pools(torch, value, guide, bins, cell, cells):
    """Sums over the cells of each bin's share of each pixel, [2, gy, gx, gz]."""
    share = torch.relu(1 - (guide * (bins - 1) - torch.arange(bins)[:, None, None]).abs())
    weighed = torch.stack([share * value, share])
    around = [side for n, size in zip(cells[::-1], guide.shape[::-1]) for side in (cell // 2, n * cell - cell // 2 - size)]
    sums = torch.nn.functional.avg_pool2d(torch.nn.functional.pad(weighed, around), cell, divisor_override=1)
    return sums.permute(0, 2, 3, 1)


def splat_by_adding(torch, value, guide, bins, cell, cells):
    """Each pixel is added to its two bins."""
    at = guide * (bins - 1)
    low = torch.floor(at.detach()).clamp(0, bins - 2)
    fraction = at - low
    y, x = ((torch.arange(n) + cell // 2) // cell for n in guide.shape)
    first = ((y[:, None] * cells[1] + x) * bins + low.long()).flatten()
    rows = torch.stack([value, torch.ones_like(value)], -1).reshape(-1, 2)
    grid = torch.zeros(cells[0] * cells[1] * bins, 2)
    grid = grid.index_add(0, first, rows * (1 - fraction).reshape(-1, 1))
    grid = grid.index_add(0, first + 1, rows * fraction.reshape(-1, 1))
    return grid.reshape(*cells, bins, 2).permute(3, 0, 1, 2)


def blurred(torch, grid):
    """grid[2, gy, gx, gz] along its three axes."""
    taps = torch.tensor([1, 4, 6, 4, 1]) / 16
    for axis in range(3):
        shape, padding = [1, 1, 1], [0, 0, 0]
        shape[axis], padding[axis] = 5, 2
        grid = torch.nn.functional.conv3d(grid[:, None], taps.reshape(1, 1, *shape), padding=padding)[:, 0]
    return grid


def slice_by_library(torch, grid, guide, cell):
    y, x = (torch.arange(n) / cell for n in guide.shape)
    places = [2 * guide - 1, (x * 2 / (grid.shape[2] - 1) - 1).expand(guide.shape),
              (y * 2 / (grid.shape[1] - 1) - 1)[:, None].expand(guide.shape)]
    found = torch.nn.functional.grid_sample(grid[None], torch.stack(places, -1)[None, None], padding_mode="border",
                                            align_corners=True)
    return found[0, :, 0]


def slice_by_gathers(torch, grid, guide, cell):
    """Between eight elements, which are gathered."""
    bins = grid.shape[3]
    at_y, at_x = (torch.arange(n) / cell for n in guide.shape)
    at_z = guide * (bins - 1)
    low_y, low_x, low_z = torch.floor(at_y), torch.floor(at_x), torch.floor(at_z.detach()).clamp(0, bins - 2)
    y, x, z = low_y.long()[:, None], low_x.long(), low_z.long()

    def between(first, second, fraction):
        return first + (second - first) * fraction

    def along_z(dy, dx):
        return between(grid[:, y + dy, x + dx, z], grid[:, y + dy, x + dx, z + 1], at_z - low_z)
    rows = [between(along_z(dy, 0), along_z(dy, 1), at_x - low_x) for dy in (0, 1)]
    return between(*rows, (at_y - low_y)[:, None])


def bilateral(splat, slice_of):
    def form(torch, kernel):
        cell, bins = kernel.extents["ry"], kernel.extents["gz"]
        cells = [kernel.extents["gy"], kernel.extents["gx"]]

        def smooth(value, guide):
            total, weight = slice_of(torch, blurred(torch, splat(torch, value, guide, bins, cell, cells)), guide, cell)
            return (total / weight,)
        return smooth
    return form


FORMS = {
    "grid_sample": [Form("grid_sample", grid_sample), Form("bags", grid_sample_by(in_bags), under=("eager",)),
                    Form("gathers", grid_sample_by(by_gathers), under=("compile",))],
    "deformable_conv": [Form("grid_sample", deformable(by_library)), Form("bags", deformable(in_bags), under=("eager",)),
                        Form("gathers", deformable(by_gathers), under=("compile",))],
    "bilateral_grid": [Form("pools, grid_sample", bilateral(splat_by_pools, slice_by_library)),
                       Form("additions, gathers", bilateral(splat_by_adding, slice_by_gathers)),
                       Form("pools, gathers", bilateral(splat_by_pools, slice_by_gathers))],
}
