#!/usr/bin/env python3
"""Makes weights and answers for the small network of Hinton et al. 2018, untrained: a check of its arithmetic.

G. Hinton, S. Sabour, N. Frosst, Matrix Capsules with EM Routing, ICLR 2018, the network of section 4 with A = 64, B = 8,
C = D = 16 and 5 classes, which has 68,754 parameters:

  image[y 32, x 32, channel 2]; conv 5x5 stride 2, 2 to 64; relu; primary capsules 1x1, 64 to 8; conv capsules 3x3 stride 2,
  8 to 16; conv capsules 3x3, 16 to 16; class capsules, 16 to 5, coordinate addition; EM routing, 3 iterations

Makes:

  models/weights/hinton_capsules.safetensors           normally distributed weights, f32, from a fixed seed
  models/weights/hinton_capsules_expected.safetensors  `image` f32 [4, 32, 32, 2], normally distributed, and what PyTorch
                                                       makes of it in f64 from these weights, stored as f32: `activation`
                                                       [4, 5] and `pose` [4, 5, 4, 4]

models/weights/README.md lists the tensors. The numbers come from NumPy's generator, so only the expected values depend on
PyTorch, and those only in their last bits.

Rerun: pip install -r models/train/requirements.txt, then python models/train/make_hinton_capsules.py (seconds).
Licence: all values are generated here.
"""

import argparse
import pathlib

import numpy as np
import torch

import capsule_layers as layers
import safetensors_file

MODELS = pathlib.Path(__file__).resolve().parents[1]
SEED = 20180430
IMAGES = 4
FEATURES, PRIMARY, CAPSULES1, CAPSULES2, CLASSES = 64, 8, 16, 16, 5
# Positions times types of the layer over those of the layer below.
COST_SCALE1 = 100 * (6 * 6 * CAPSULES1) / (14 * 14 * PRIMARY)
COST_SCALE2 = 100 * (4 * 4 * CAPSULES2) / (6 * 6 * CAPSULES1)
CLASS_COST_SCALE = 100 * CLASSES / (4 * 4 * CAPSULES2)
# The centre of the 17x17 pixels that a capsule of the last 4x4 sees, 4 pixels apart, in heights of the image.
COORDINATE_SCALE, COORDINATE_OFFSET = 4 / 32, 8.5 / 32


def weights(rng):
    def normal(deviation, *shape):
        return deviation * rng.standard_normal(shape)

    # Votes that keep a part of the pose: means of purely random ones would all be near 0.
    same_pose = 0.5 * np.eye(4)
    return {
        "conv_weight": normal(0.3, 5, 5, 2, FEATURES),
        "conv_bias": normal(0.3, FEATURES),
        "primary_pose_weight": normal(0.1, FEATURES, PRIMARY, 4, 4),
        "primary_pose_bias": normal(0.1, PRIMARY, 4, 4),
        "primary_activation_weight": normal(0.1, FEATURES, PRIMARY),
        "primary_activation_bias": normal(0.1, PRIMARY),
        "capsules1_weight": same_pose + normal(0.3, 3, 3, PRIMARY, CAPSULES1, 4, 4),
        "capsules1_beta_u": 1 + normal(0.3, CAPSULES1),
        "capsules1_beta_a": normal(500, CAPSULES1),
        "capsules2_weight": same_pose + normal(0.3, 3, 3, CAPSULES1, CAPSULES2, 4, 4),
        "capsules2_beta_u": 1 + normal(0.3, CAPSULES2),
        "capsules2_beta_a": normal(500, CAPSULES2),
        "class_weight": same_pose + normal(0.3, CAPSULES2, CLASSES, 4, 4),
        "class_beta_u": 1.5 + normal(0.3, CLASSES),
        "class_beta_a": normal(500, CLASSES),
    }


def network(image, w):
    """image[batch, y, x, channel] to activation[batch, class] and pose[batch, class, 4, 4]."""
    h = torch.relu(torch.einsum("byxklc,klco->byxo", layers.windows(image, 5, 2), w["conv_weight"]) + w["conv_bias"])
    pose = torch.einsum("byxc,corn->byxorn", h, w["primary_pose_weight"]) + w["primary_pose_bias"]
    activation = torch.sigmoid(torch.einsum("byxc,co->byxo", h, w["primary_activation_weight"])
                               + w["primary_activation_bias"])
    for layer, stride, cost_scale in [("capsules1", 2, COST_SCALE1), ("capsules2", 1, COST_SCALE2)]:
        votes = layers.conv_votes(pose, w[f"{layer}_weight"], stride)
        pose, activation, _ = layers.em_routing(votes, activation, w[f"{layer}_beta_u"], w[f"{layer}_beta_a"], (3, 3), stride,
                                                cost_scale)
    votes = layers.class_votes(pose, w["class_weight"], COORDINATE_SCALE, COORDINATE_OFFSET)
    pose, activation, _ = layers.em_routing(votes, activation, w["class_beta_u"], w["class_beta_a"], (4, 4), 1,
                                            CLASS_COST_SCALE)
    return activation[:, 0, 0], pose[:, 0, 0]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=pathlib.Path, default=MODELS / "weights", help="folder; default: models/weights")
    args = parser.parse_args()

    torch.set_num_threads(1)
    rng = np.random.default_rng(SEED)
    w = {name: t.astype(np.float32) for name, t in weights(rng).items()}
    image = rng.standard_normal((IMAGES, 32, 32, 2)).astype(np.float32)
    with torch.no_grad():
        activation, pose = network(torch.from_numpy(image).double(), {n: torch.from_numpy(t).double() for n, t in w.items()})
        activation32, pose32 = network(torch.from_numpy(image), {n: torch.from_numpy(t) for n, t in w.items()})
    activation_error = float((activation - activation32).abs().max())
    pose_error = float((pose - pose32).abs().max())
    print(f"{sum(t.size for t in w.values())} parameters")
    print(f"activations {float(activation.min()):.3f} to {float(activation.max()):.3f}, error of PyTorch's f32 {activation_error:.2g}")
    print(f"poses up to {float(pose.abs().max()):.3f}, error of PyTorch's f32 {pose_error:.2g}")

    common = {"seed": str(SEED), "torch_version": torch.__version__.split("+")[0]}
    args.output.mkdir(parents=True, exist_ok=True)
    safetensors_file.write(args.output / "hinton_capsules.safetensors", w, {
        **common,
        "dims": "conv_weight: ky, kx, in, out; primary_pose_weight: in, out, row, col; primary_activation_weight: in, out; "
                "capsules*_weight: ky, kx, in, out, k, col; class_weight: in, out, k, col",
    })
    safetensors_file.write(args.output / "hinton_capsules_expected.safetensors", {
        "image": image,
        "activation": activation.float().numpy(),
        "pose": pose.float().numpy(),
    }, {
        **common,
        "computed": "in f64 from the f32 weights and images, then rounded",
        "dims": "image: image, y, x, channel; activation: image, class; pose: image, class, row, col",
        "torch_f32_activation_error": f"{activation_error:.6g}",
        "torch_f32_pose_error": f"{pose_error:.6g}",
    })


if __name__ == "__main__":
    main()
