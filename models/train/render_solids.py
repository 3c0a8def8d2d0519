#!/usr/bin/env python3
"""Renders stereo pairs of five solids, 32x32 pixels, for the small network of Hinton et al. 2018.

Makes a safetensors file, which demo/train reads (not committed: 5 MB, the same bytes on every run of one NumPy):

  train_images     u8  [2000, 32, 32, 2]  (image, y, x, camera), background 128
  train_labels     i32 [2000]             0 box, 1 cylinder, 2 cone, 3 pyramid, 4 torus
  held_out_images  u8  [500, 32, 32, 2]
  held_out_labels  i32 [500]

Each image shows one solid of random proportions on a plain ground that is not drawn, under one light from a random
side, from a random elevation of 20 to 60 degrees. Azimuths are multiples of 20 degrees: 20, 80, 140, 200, 260 and 320 are
held out, and no image for training is seen from one of them. Classes are equally frequent in both parts. The two cameras
stand side by side and look at the same point.

Solids are signed distance functions, which rays follow step by step until they meet zero.
Source of both: J. C. Hart, Sphere tracing, The Visual Computer 12, 1996.

Rerun: pip install -r models/train/requirements.txt, then python models/train/render_solids.py --output solids.safetensors
(a minute).
Licence: all values are generated here.
"""

import argparse
import pathlib

import numpy as np

import safetensors_file

SEED = 20180501
SIZE, DISTANCE, FIELD, BASELINE = 32, 4.0, 0.26, 0.5
CLASSES = ("box", "cylinder", "cone", "pyramid", "torus")
HELD_OUT = (20, 80, 140, 200, 260, 320)
STEPS = 48


def length(*parts):
    return np.sqrt(sum(part * part for part in parts))


def capped(distance2d):
    """A distance from the two signed distances to the sides of a convex outline: exact outside of its corner."""
    a, b = distance2d
    return np.minimum(np.maximum(a, b), 0) + length(np.maximum(a, 0), np.maximum(b, 0))


def distance(kind, size, p):
    """The signed distance of points p[..., 3] from a solid: z is up, size has three numbers around 1."""
    x, y, z = np.moveaxis(p, -1, 0)
    a, b, c = size
    if kind == "box":
        qx, qy, qz = np.abs(x) - 0.6 * a, np.abs(y) - 0.4 * b, np.abs(z) - 0.45 * c
        return np.minimum(np.maximum(np.maximum(qx, qy), qz), 0) + length(*(np.maximum(q, 0) for q in (qx, qy, qz)))
    if kind == "cylinder":
        return capped((length(x, y) - 0.45 * a, np.abs(z) - 0.6 * c))
    if kind == "cone":
        slope = 0.6 * a / (1.3 * c)  # radius 0.6 a at z = -0.65 c, 0 at 0.65 c
        side = (length(x, y) - slope * (0.65 * c - z)) / np.sqrt(1 + slope * slope)
        return np.maximum(side, -z - 0.65 * c)
    if kind == "pyramid":
        slope = 0.6 * a / (1.2 * c)
        side = (np.maximum(np.abs(x), np.abs(y)) - slope * (0.6 * c - z)) / np.sqrt(1 + slope * slope)
        return np.maximum(side, -z - 0.6 * c)
    return length(length(x, y) - 0.5 * a, z) - 0.22 * c  # torus


def render(kind, size, azimuth, elevation, light, camera):
    """One image, f64 in 0..255; camera is -1 or 1."""
    ca, sa, ce, se = np.cos(azimuth), np.sin(azimuth), np.cos(elevation), np.sin(elevation)
    towards = np.array([ca * ce, sa * ce, se])
    right = np.array([-sa, ca, 0])
    eye = DISTANCE * towards + camera * BASELINE / 2 * right
    forward = -eye / np.linalg.norm(eye)
    right = np.cross(forward, [0, 0, 1])
    right /= np.linalg.norm(right)
    up = np.cross(right, forward)
    at = (np.arange(SIZE) + 0.5) / SIZE * 2 - 1
    rays = forward + FIELD * (at[None, :, None] * right - at[:, None, None] * up)
    rays /= np.linalg.norm(rays, axis=-1, keepdims=True)
    travelled = np.full((SIZE, SIZE), DISTANCE - 1.6)
    for _ in range(STEPS):
        travelled += np.clip(distance(kind, size, eye + travelled[..., None] * rays), -0.1, 0.4)
    points = eye + travelled[..., None] * rays
    hit = np.abs(distance(kind, size, points)) < 0.01
    normal = np.stack([distance(kind, size, points + 1e-3 * axis) - distance(kind, size, points - 1e-3 * axis)
                       for axis in np.eye(3)], -1)
    normal /= np.maximum(np.linalg.norm(normal, axis=-1, keepdims=True), 1e-9)
    shade = 40 + 200 * np.maximum(normal @ light, 0)
    return np.where(hit, shade, 128)


def part(count, azimuths, rng):
    images = np.empty((count, SIZE, SIZE, 2), np.uint8)
    labels = (np.arange(count) % len(CLASSES)).astype(np.int32)
    rng.shuffle(labels)
    for image, label in zip(images, labels):
        size = rng.uniform(0.85, 1.15, 3)
        azimuth = np.deg2rad(rng.choice(azimuths))
        elevation = np.deg2rad(rng.uniform(20, 60))
        side, height = rng.uniform(0, 2 * np.pi), rng.uniform(0.5, 1.2)
        light = np.array([np.cos(side) * np.cos(height), np.sin(side) * np.cos(height), np.sin(height)])
        for camera in range(2):
            shaded = render(CLASSES[label], size, azimuth, elevation, light, 2 * camera - 1)
            image[..., camera] = np.clip(np.rint(shaded), 0, 255)
    return images, labels


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=pathlib.Path, required=True)
    parser.add_argument("--train", type=int, default=2000, help="images for training (2000)")
    parser.add_argument("--held-out", type=int, default=500, help="images held out (500)")
    args = parser.parse_args()

    rng = np.random.default_rng(SEED)
    all_azimuths = range(0, 360, 20)
    train = part(args.train, [a for a in all_azimuths if a not in HELD_OUT], rng)
    held_out = part(args.held_out, list(HELD_OUT), rng)
    safetensors_file.write(args.output, {
        "train_images": train[0], "train_labels": train[1],
        "held_out_images": held_out[0], "held_out_labels": held_out[1],
    }, {"classes": ", ".join(CLASSES), "dims": "images: image, y, x, camera; labels: image",
        "held_out_azimuths": ", ".join(map(str, HELD_OUT)), "seed": str(SEED)})
    print(f"{args.train} images for training, {args.held_out} held out")


if __name__ == "__main__":
    main()
