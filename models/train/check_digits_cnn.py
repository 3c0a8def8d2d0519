#!/usr/bin/env python3
"""Checks models/weights against a second implementation: the network in NumPy, written from models/weights/README.md.

Shares nothing with train_digits_cnn.py: no PyTorch, plain loops over named positions, channels last, f64. Fails if a logit
or probability of a held-out image differs from the expected file by more than the rounding to f32, or a prediction at all.
Makes no file.

Rerun: pip install numpy safetensors, then python models/train/check_digits_cnn.py (seconds).
Licence of the data: CC BY 4.0, see models/data/README.md.
"""

import argparse
import math
import pathlib

import numpy as np
from safetensors.numpy import load_file

MODELS = pathlib.Path(__file__).resolve().parents[1]
erf = np.vectorize(math.erf, otypes=[np.float64])


def conv2d_padded(image, weight, bias):
    """image[batch, y, x, in], weight[ky 3, kx 3, in, out], bias[out] to [batch, y, x, out]; zeros around the image."""
    batch, height, width, _ = image.shape
    result = np.zeros((batch, height, width, weight.shape[3])) + bias
    for y in range(height):
        for x in range(width):
            for ky in range(3):
                for kx in range(3):
                    iy, ix = y + ky - 1, x + kx - 1
                    if 0 <= iy < height and 0 <= ix < width:
                        result[:, y, x] += image[:, iy, ix] @ weight[ky, kx]
    return result


def gelu(t):
    return 0.5 * t * (1 + erf(t / math.sqrt(2)))


def pool_2x2(image, reduce):
    windows = [image[:, ky::2, kx::2] for ky in range(2) for kx in range(2)]
    return reduce(np.stack(windows), axis=0)


def layer_norm(t, gamma, beta):
    centred = t - t.mean(axis=-1, keepdims=True)
    variance = (centred ** 2).mean(axis=-1, keepdims=True)
    return centred / np.sqrt(variance + 1e-5) * gamma + beta


def logits_of(images, w):
    h = (images / 16.0)[..., None]
    h = pool_2x2(gelu(conv2d_padded(h, w["conv1_weight"], w["conv1_bias"])), np.max)
    h = conv2d_padded(h, w["conv2_weight"], w["conv2_bias"])
    h = pool_2x2(gelu(layer_norm(h, w["norm_gamma"], w["norm_beta"])), np.mean)
    h = gelu(h.reshape(len(h), 256) @ w["dense1_weight"] + w["dense1_bias"])
    return h @ w["dense2_weight"] + w["dense2_bias"]


def main():
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    data = load_file(MODELS / "data" / "digits.safetensors")
    weights = {name: t.astype(np.float64) for name, t in load_file(MODELS / "weights" / "digits_cnn.safetensors").items()}
    expected = load_file(MODELS / "weights" / "digits_cnn_expected.safetensors")

    logits = logits_of(data["held_out_images"], weights)
    probabilities = np.exp(logits - logits.max(axis=1, keepdims=True))
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(expected["logits"], logits, rtol=1e-6, atol=1e-7)
    np.testing.assert_allclose(expected["probabilities"], probabilities, rtol=1e-6, atol=1e-37)
    np.testing.assert_array_equal(expected["predictions"], logits.argmax(axis=1))
    right = int((expected["predictions"] == data["held_out_labels"]).sum())
    print(f"agrees on {len(logits)} held-out images, {right} of them right ({right / len(logits):.4f})")


if __name__ == "__main__":
    main()
