#!/usr/bin/env python3
"""Makes test/goldens/training/hinton_capsules.safetensors: the loss and the gradient of one step of training in PyTorch.

The network for solids (models/train/solids_training.py) from the first weights of seed 1, on ten images of its own with a
margin of 0.8, in f64:

  images u8 [10, 32, 32, 2], labels i32 [10], loss f64 [], and `d.<parameter>` f32, the gradient by each parameter

Rerun: pip install -r models/train/requirements.txt, then python scripts/make_solids_goldens.py (seconds).
Licence: all values are generated here.
"""

import argparse
import pathlib
import sys

import numpy as np
import torch

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "models" / "train"))
import capsule_layers as layers  # noqa: E402
import render_solids  # noqa: E402
import safetensors_file  # noqa: E402
import solids_training as training  # noqa: E402

IMAGES, MARGIN = 10, 0.8


def gradient(dtype, images, labels):
    """The loss and its gradients by name, in `dtype`."""
    run = training.solids(dtype)
    activation = run.activation(torch.from_numpy(images).to(dtype) / run.scale, run.weights)
    loss = layers.spread_loss(activation, torch.from_numpy(labels).long(), torch.tensor(MARGIN, dtype=dtype))
    loss.backward()
    return loss.item(), {name: w.grad.numpy() for name, w in run.weights.items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=pathlib.Path, default=ROOT / "test" / "goldens" / "training",
                        help="folder; default: test/goldens/training")
    args = parser.parse_args()

    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    images, labels = render_solids.part(IMAGES, list(render_solids.HELD_OUT), np.random.default_rng(render_solids.SEED + 1))
    loss, wanted = gradient(torch.float64, images, labels)
    loss32, rounded = gradient(torch.float32, images, labels)
    worst = max(np.linalg.norm(rounded[name] - g) / np.linalg.norm(g) for name, g in wanted.items())
    args.output.mkdir(parents=True, exist_ok=True)
    safetensors_file.write(args.output / "hinton_capsules.safetensors", {
        "images": images, "labels": labels, "loss": np.array(loss),
        **{f"d.{name}": g.astype(np.float32) for name, g in wanted.items()},
    }, {"margin": str(MARGIN), "seed": str(training.SEED), "torch_version": torch.__version__.split("+")[0],
        "torch_f32_gradient_error": f"{worst:.2g}"})
    print(f"loss {loss:.6f}, PyTorch's f32 differs by {abs(loss32 - loss):.2g}; its gradients by {worst:.2g} of a parameter's")


if __name__ == "__main__":
    main()
