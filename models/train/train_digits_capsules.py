#!/usr/bin/env python3
"""Trains a matrix-capsule network for 8x8 digits with EM routing and writes its weights and its answers.

Makes, from models/data/digits.safetensors:

  models/weights/digits_capsules.safetensors           the parameters, f32, in the layouts of models/weights/README.md
  models/weights/digits_capsules_expected.safetensors  class activations, class poses and predictions for every held-out
                                                       image, assignments and agreement for the first eight, computed by
                                                       PyTorch in f64 from the f32 parameters, stored as f32 and i32

models/weights/README.md describes the network layer by layer. The number of epochs and the rest are fixed; `--validate`
scores them on a fifth of the training images, without writing anything.

Rerun: pip install -r models/train/requirements.txt, then python models/train/train_digits_capsules.py (one thread, about ten
minutes). With glibc, MALLOC_MMAP_MAX_=0 MALLOC_TRIM_THRESHOLD_=8000000000 in the environment save as much again, which the
kernel would spend on pages that come and go. The same versions on the same kind of processor give the same bytes; elsewhere
the last bits of the weights differ, so weights and expected values are always written together.
Licence of the data: CC BY 4.0, see models/data/README.md.
"""

import argparse
import pathlib

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.numpy import load_file
from torch import nn

import capsule_layers as layers
import safetensors_file
from train_digits_cnn import shifted

MODELS = pathlib.Path(__file__).resolve().parents[1]
SEED = 11
EPOCHS = 50
BATCH = 32
LEARNING_RATE = 7e-3
LARGEST_GRADIENT = 5.0
MARGIN_FIRST, MARGIN_LAST = 0.8, 0.9
ACCURACY_BAR = 0.96
ROUTED_IMAGES = 8
FEATURES, PRIMARY, CAPSULES, DIGITS = 64, 8, 8, 10
# Positions of a layer times types of it, over those of the layer below: how many parents share 100 units of a child.
CAPSULES_COST_SCALE = 100 * (4 * 4 * CAPSULES) / (6 * 6 * PRIMARY)
CLASS_COST_SCALE = 100 * DIGITS / (4 * 4 * CAPSULES)
# The centre of the 7x7 pixels that a capsule of the 4x4 below the classes sees, in heights of the image.
COORDINATE_SCALE, COORDINATE_OFFSET = 1 / 8, 2.5 / 8
# Lambda is about 0.001, so a useful beta_a is in the hundreds, which Adam would take long to reach: what is learned is
# beta_a / 1000, and its first value makes the first activations 0.5 on average. A beta_u below 0 makes a
# parent the more active the more its children give to it.
BETA_A_UNIT, FIRST_BETA_A, FIRST_BETA_U = 1000.0, -1.3, -1.5
ARCHITECTURE = (
    "image[y 8, x 8] / 16; conv 5x5 pad 1, 1 to 64; relu; primary capsules 1x1, 64 to 8; conv capsules 3x3, 8 to 8; "
    "class capsules, 8 to 10, coordinate addition; EM routing, 3 iterations")


class DigitsCapsules(nn.Module):
    def __init__(self):
        super().__init__()

        def normal(*shape, deviation, mean=0.0):
            return nn.Parameter(mean + deviation * torch.randn(*shape))

        def constant(n, value):
            return nn.Parameter(torch.full((n,), value))

        # Votes begin as the poses with some noise: were they random, the first assignments would be as well, and as hard.
        same_pose = torch.eye(4)
        self.conv_weight = normal(5, 5, 1, FEATURES, deviation=0.6)
        self.conv_bias = constant(FEATURES, 0.0)
        self.primary_pose_weight = normal(FEATURES, PRIMARY, 4, 4, deviation=2 / FEATURES ** 0.5)
        self.primary_pose_bias = nn.Parameter(torch.zeros(PRIMARY, 4, 4))
        self.primary_activation_weight = normal(FEATURES, PRIMARY, deviation=1 / FEATURES ** 0.5)
        self.primary_activation_bias = constant(PRIMARY, 0.0)
        self.capsules_weight = normal(3, 3, PRIMARY, CAPSULES, 4, 4, deviation=0.2, mean=same_pose)
        self.capsules_beta_u = constant(CAPSULES, FIRST_BETA_U)
        self.capsules_beta_a = constant(CAPSULES, FIRST_BETA_A)
        self.class_weight = normal(CAPSULES, DIGITS, 4, 4, deviation=0.2, mean=same_pose)
        self.class_beta_u = constant(DIGITS, FIRST_BETA_U)
        self.class_beta_a = constant(DIGITS, FIRST_BETA_A)

    def weights(self):
        """The weights as models/weights/README.md has them."""
        w = dict(self.named_parameters())
        return {name: BETA_A_UNIT * t if name.endswith("beta_a") else t for name, t in w.items()}

    def forward(self, image):
        return network(image, self.weights())[0]


def network(image, w):
    """image[batch, y, x] in 0..1 to what the kernel digits_capsules gives: activation[batch, digit], pose[batch, digit, 4, 4],
    assignment and agreement[batch, y, x, capsule, digit]."""
    image = F.pad(image, (1, 1, 1, 1))[..., None]
    h = torch.relu(torch.einsum("byxklc,klco->byxo", layers.windows(image, 5, 1), w["conv_weight"]) + w["conv_bias"])
    pose = torch.einsum("byxc,corn->byxorn", h, w["primary_pose_weight"]) + w["primary_pose_bias"]
    activation = torch.sigmoid(torch.einsum("byxc,co->byxo", h, w["primary_activation_weight"])
                               + w["primary_activation_bias"])
    votes = layers.conv_votes(pose, w["capsules_weight"], 1)
    pose, activation, _ = layers.em_routing(votes, activation, w["capsules_beta_u"], w["capsules_beta_a"], (3, 3), 1,
                                            CAPSULES_COST_SCALE)
    votes = layers.class_votes(pose, w["class_weight"], COORDINATE_SCALE, COORDINATE_OFFSET)
    pose, active, routing = layers.em_routing(votes, activation, w["class_beta_u"], w["class_beta_a"], (4, 4), 1,
                                              CLASS_COST_SCALE)
    by_position = (len(image), 4, 4, CAPSULES, DIGITS)
    assignment = routing.reshape(by_position) * activation[..., None]
    agreement = F.cosine_similarity(votes[:, 0, 0], pose.flatten(-2)[:, 0], dim=-1).reshape(by_position)
    return active[:, 0, 0], pose[:, 0, 0], assignment, agreement


def train(images, labels, seed, epochs):
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    model = DigitsCapsules()
    optimiser = torch.optim.Adam(model.parameters(), lr=LEARNING_RATE)
    steps = epochs * -(-len(images) // BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, max_lr=LEARNING_RATE, total_steps=steps)
    step = 0
    for epoch in range(epochs):
        total = 0.0
        for chosen in torch.randperm(len(images), generator=generator).split(BATCH):
            margin = MARGIN_FIRST + (MARGIN_LAST - MARGIN_FIRST) * step / (steps - 1)
            activation = model(shifted(images[chosen], generator))
            loss = layers.spread_loss(activation, labels[chosen], margin)
            optimiser.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), LARGEST_GRADIENT)
            optimiser.step()
            schedule.step()
            total += loss.item() * len(chosen)
            step += 1
        print(f"epoch {epoch + 1}: loss {total / len(images):.4f} at margin {margin:.2f}", flush=True)
    return model.eval()


def answers(images, w):
    with torch.no_grad():
        parts = [network(part, w) for part in images.split(BATCH)]
    return [torch.cat(t) for t in zip(*parts)]


def correct(model, images, labels):
    return int((answers(images, model.weights())[0].argmax(1) == labels).sum())


def validate(images, labels, seed, epochs):
    kept_out = torch.randperm(len(images), generator=torch.Generator().manual_seed(seed)) % 5 == 0
    model = train(images[~kept_out], labels[~kept_out], seed, epochs)
    right = correct(model, images[kept_out], labels[kept_out])
    print(f"trained on four fifths of the training images: {right} of {int(kept_out.sum())} others right")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=pathlib.Path, default=MODELS / "data" / "digits.safetensors",
                        help="default: models/data/digits.safetensors")
    parser.add_argument("--output", type=pathlib.Path, default=MODELS / "weights", help="folder; default: models/weights")
    parser.add_argument("--seed", type=int, default=SEED, help=f"default: {SEED}")
    parser.add_argument("--epochs", type=int, default=EPOCHS, help=f"default: {EPOCHS}")
    parser.add_argument("--validate", action="store_true", help="hold out a fifth of the training images, write nothing")
    parser.add_argument("--answers-only", action="store_true", help="read the weights from OUTPUT and write the answers anew")
    args = parser.parse_args()

    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    data = load_file(args.data)
    images = {part: torch.from_numpy(data[f"{part}_images"]).float() / 16 for part in ("train", "held_out")}
    labels = {part: torch.from_numpy(data[f"{part}_labels"]).long() for part in ("train", "held_out")}
    if args.validate:
        validate(images["train"], labels["train"], args.seed, args.epochs)
        return

    path = args.output / "digits_capsules.safetensors"
    if args.answers_only:
        weights = load_file(path)
    else:
        model = train(images["train"], labels["train"], args.seed, args.epochs)
        weights = {name: np.ascontiguousarray(t.detach().numpy()) for name, t in model.weights().items()}

    count = len(labels["held_out"])
    single = {name: torch.from_numpy(t) for name, t in weights.items()}
    in_training = answers(images["train"], single)[0].argmax(1)
    activation32, pose32, _, _ = answers(images["held_out"], single)
    activation, pose, assignment, agreement = answers(images["held_out"].double(), {n: t.double() for n, t in single.items()})
    predictions = activation.argmax(1)
    assert (predictions == activation32.argmax(1)).all(), "f32 and f64 disagree on a prediction: choose another seed"
    right = int((predictions == labels["held_out"]).sum())
    best = activation.topk(2, 1).values
    margin = float((best[:, 0] - best[:, 1]).min())
    activation_error = float((activation - activation32).abs().max())
    pose_error = float((pose - pose32).abs().max())

    print(f"training images: {int((in_training == labels['train']).sum())} of {len(labels['train'])}")
    print(f"held-out images: {right} of {count} ({right / count:.4f})")
    print(f"smallest margin between the best two activations {margin:.3g}, largest error in f32: of an activation "
          f"{activation_error:.3g}, of a pose {pose_error:.3g} (largest element {float(pose.abs().max()):.3g})")
    if right < ACCURACY_BAR * count:
        raise SystemExit(f"below the bar of {ACCURACY_BAR}: nothing written")

    common = {
        "architecture": ARCHITECTURE,
        "data": "models/data/digits.safetensors (CC BY 4.0, see models/data/README.md)",
        "held_out_accuracy": f"{right / count:.6f}",
        "held_out_correct": f"{right} of {count}",
        "seed": str(args.seed),
        "torch_version": torch.__version__.split("+")[0],
    }
    args.output.mkdir(parents=True, exist_ok=True)
    safetensors_file.write(path, weights, {
        **common,
        "dims": "conv_weight: ky, kx, in, out; primary_pose_weight: in, out, row, col; primary_activation_weight: in, out; "
                "capsules_weight: ky, kx, in, out, k, col; class_weight: in, out, k, col",
    })
    safetensors_file.write(args.output / "digits_capsules_expected.safetensors", {
        "activation": activation.float().numpy(),
        "pose": pose.float().numpy(),
        "predictions": predictions.int().numpy(),
        "assignment": np.ascontiguousarray(assignment[:ROUTED_IMAGES].float().numpy()),
        "agreement": np.ascontiguousarray(agreement[:ROUTED_IMAGES].float().numpy()),
    }, {
        **common,
        "computed": "in f64 from the f32 parameters, then rounded",
        "dims": "activation: image, digit; pose: image, digit, row, col; predictions: image; image as in held_out_images; "
                "assignment, agreement: the first images, y, x, capsule, digit",
        "smallest_activation_margin": f"{margin:.6g}",
        "torch_f32_activation_error": f"{activation_error:.6g}",
        "torch_f32_pose_error": f"{pose_error:.6g}",
    })


if __name__ == "__main__":
    main()
