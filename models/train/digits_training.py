"""Training the digits capsule network in PyTorch as demo/train does: the same first weights, batches, plan and optimiser.

Written from the comments of demo/train/random.hpp, batches.hpp and trainer.hpp; shares no code with them.
"""

import math
import pathlib

import numpy as np
import torch
from safetensors.numpy import load_file

import capsule_layers as layers
from train_digits_capsules import BETA_A_UNIT, network

DATA = pathlib.Path(__file__).resolve().parents[1] / "data" / "digits.safetensors"
SEED, BATCH, RATE, LARGEST, SHIFT, FIRST_MARGIN, LAST_MARGIN = 1, 32, 7e-3, 5.0, 1, 0.8, 0.9
POSE = np.eye(4)
# name: shape, mean, deviation
PARAMETERS = {
    "conv_weight": ((5, 5, 1, 64), 0, 0.6),
    "conv_bias": ((64,), 0, 0),
    "primary_pose_weight": ((64, 8, 4, 4), 0, 2 / 8),
    "primary_pose_bias": ((8, 4, 4), 0, 0),
    "primary_activation_weight": ((64, 8), 0, 1 / 8),
    "primary_activation_bias": ((8,), 0, 0),
    "capsules_weight": ((3, 3, 8, 8, 4, 4), POSE, 0.2),
    "capsules_beta_u": ((8,), -1.5, 0),
    "capsules_beta_a": ((8,), -1.3, 0),
    "class_weight": ((8, 10, 4, 4), POSE, 0.2),
    "class_beta_u": ((10,), -1.5, 0),
    "class_beta_a": ((10,), -1.3, 0),
}


def philox(counter, seed):
    """Philox4x32-10: counter is four arrays of u64 below 2^32, the result as well. J. Salmon et al., SC 2011."""
    c = [np.asarray(word, np.uint64) for word in counter]
    low = np.uint64(0xFFFFFFFF)
    shift = np.uint64(32)
    k0, k1 = seed & 0xFFFFFFFF, seed >> 32
    for _ in range(10):
        a, b = np.uint64(0xD2511F53) * c[0], np.uint64(0xCD9E8D57) * c[2]
        c = [(b >> shift) ^ c[1] ^ np.uint64(k0), b & low, (a >> shift) ^ c[3] ^ np.uint64(k1), a & low]
        k0, k1 = (k0 + 0x9E3779B9) & 0xFFFFFFFF, (k1 + 0xBB67AE85) & 0xFFFFFFFF
    return c


def normals(seed, parameter, count):
    element = np.arange(count, dtype=np.uint64)
    zero = np.zeros_like(element)
    words = np.stack(philox([element // 2, zero + np.uint64(parameter), zero, zero], seed))
    first = 2 * (element % 2).astype(int)
    index = np.arange(count)
    u, v = (words[first, index] + 1.0) / 2**32, words[first + 1, index] / 2**32
    return np.sqrt(-2 * np.log(u)) * np.cos(2 * math.pi * v)


def first_weights(parameters, seed):
    """Each parameter, f32."""
    result = {}
    for number, (name, (shape, mean, deviation)) in enumerate(parameters.items()):
        noise = normals(seed, number, math.prod(shape)).reshape(shape) if deviation else np.zeros(shape)
        result[name] = (mean + deviation * noise).astype(np.float32)
    return result


def batch_of(images, labels, step, batch=BATCH, seed=SEED, shift=SHIFT):
    """The images, moved, and labels of a step; images[count, y, x, ...] of u8."""
    count = len(images)
    epoch, place = divmod(step, count // batch)
    i = np.arange(count, dtype=np.uint64)
    w0, w1, w2, w3 = philox([i, np.full_like(i, epoch), np.zeros_like(i), np.ones_like(i)], seed)
    chosen = np.lexsort((w1, w0))[place * batch:(place + 1) * batch]
    ways = np.uint64(2 * shift + 1)
    height, width = images.shape[1:3]
    moved = []
    for image in chosen:
        padded = np.pad(images[image], [(shift, shift)] * 2 + [(0, 0)] * (images.ndim - 3))
        down, right = int(w2[image] % ways) - shift, int(w3[image] % ways) - shift
        moved.append(padded[shift - down:shift - down + height, shift - right:shift - right + width])
    return np.stack(moved), labels[chosen]


def rate_at(step, steps, rate=RATE):
    up = steps // 10
    if step < up:
        return rate * (step + 1) / up
    return rate * 0.5 * (1 + math.cos(math.pi * (step - up) / (steps - up)))


def margin_at(step, steps):
    return FIRST_MARGIN + (LAST_MARGIN - FIRST_MARGIN) * step / max(1, steps - 1)


def digits_activation(image, w):
    """image[batch, y, x] in 0..1, weights as they are trained."""
    return network(image, {name: BETA_A_UNIT * t if name.endswith("beta_a") else t for name, t in w.items()})[0]


class Training:
    """The network of `activation(image, weights)`, in a type, and its optimiser. `wrap` may compile the loss."""

    def __init__(self, activation, weights, dtype, scale, wrap=lambda f: f, largest=LARGEST):
        self.weights = {name: torch.tensor(w, dtype=dtype, requires_grad=True) for name, w in weights.items()}
        self.activation, self.dtype, self.scale, self.largest = activation, dtype, scale, largest
        self.optimiser = torch.optim.Adam(self.weights.values(), lr=RATE)
        self.loss = wrap(lambda image, label, margin, w: layers.spread_loss(activation(image, w), label, margin))

    def step(self, pixels, labels, margin, rate):
        """One step; the loss before it, as a number."""
        image = torch.from_numpy(pixels).to(self.dtype) / self.scale
        self.optimiser.param_groups[0]["lr"] = rate
        self.optimiser.zero_grad()
        loss = self.loss(image, torch.from_numpy(labels).long(), torch.tensor(margin, dtype=self.dtype), self.weights)
        loss.backward()
        self.norm = float(torch.nn.utils.clip_grad_norm_(self.weights.values(), self.largest))
        self.optimiser.step()
        return loss.item()

    def right(self, pixels, labels):
        with torch.no_grad():
            parts = [self.activation(torch.from_numpy(part).to(self.dtype) / self.scale, self.weights).argmax(1)
                     for part in np.array_split(pixels, max(1, len(pixels) // 50))]
        return int((torch.cat(parts) == torch.from_numpy(labels).long()).sum())


def digits(dtype, wrap=lambda f: f, seed=SEED, largest=LARGEST):
    return Training(digits_activation, first_weights(PARAMETERS, seed), dtype, 16, wrap, largest)


def digits_data():
    return load_file(DATA)
