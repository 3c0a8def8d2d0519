#!/usr/bin/env python3
"""Trains the small convolutional network for 8x8 digits and writes its weights and its answers.

Makes, from models/data/digits.safetensors:

  models/weights/digits_cnn.safetensors           the parameters, f32, channels last (conv: ky, kx, in, out; dense: in, out)
  models/weights/digits_cnn_expected.safetensors  logits, probabilities and predictions for every held-out image, computed
                                                  by PyTorch in f64 from the f32 parameters, stored as f32 and i32

models/weights/README.md describes the network layer by layer. The held-out images choose nothing: the number of epochs
and the rest are fixed, and `--cross-validate` scores them on folds of the training images alone.

Rerun: pip install -r models/train/requirements.txt, then python models/train/train_digits_cnn.py (one thread, about a
minute). The same versions on the same kind of processor give the same bytes; elsewhere the last bits of the weights differ, so weights and
expected values are always written together.
Licence of the data: CC BY 4.0, see models/data/README.md.
"""

import argparse
import pathlib

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.numpy import load_file
from torch import nn

import safetensors_file

MODELS = pathlib.Path(__file__).resolve().parents[1]
SEED = 7
EPOCHS = 60
BATCH = 64
LEARNING_RATE = 3e-3
WEIGHT_DECAY = 0.05
LABEL_SMOOTHING = 0.05
EPSILON = 1e-5
ACCURACY_BAR = 0.98
ARCHITECTURE = (
    "image[y 8, x 8] / 16; conv1 3x3 pad 1, 1 to 32; gelu (erf); max_pool 2x2; conv2 3x3 pad 1, 32 to 64; "
    "layer_norm over channel, eps 1e-5; gelu (erf); avg_pool 2x2; dense1 (y, x, channel) 256 to 64; gelu (erf); "
    "dense2 64 to 10; softmax")


class DigitsCnn(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 32, 3, padding=1)
        self.conv2 = nn.Conv2d(32, 64, 3, padding=1)
        self.norm = nn.LayerNorm(64, eps=EPSILON)
        self.dense1 = nn.Linear(2 * 2 * 64, 64)
        self.dense2 = nn.Linear(64, 10)

    def forward(self, image):
        """image[batch, y, x] in 0..1 to logits[batch, digit]."""
        h = F.gelu(self.conv1(image[:, None]))
        h = F.max_pool2d(h, 2)
        h = self.conv2(h).permute(0, 2, 3, 1)  # batch, y, x, channel
        h = F.gelu(self.norm(h)).permute(0, 3, 1, 2)
        h = F.avg_pool2d(h, 2).permute(0, 2, 3, 1)
        h = F.gelu(self.dense1(h.flatten(1)))  # flattened in the order y, x, channel
        return self.dense2(h)

    def channels_last(self):
        """The parameters as contiguous f32 arrays in the layouts of models/weights/README.md."""
        tensors = {
            "conv1_weight": self.conv1.weight.permute(2, 3, 1, 0),
            "conv1_bias": self.conv1.bias,
            "conv2_weight": self.conv2.weight.permute(2, 3, 1, 0),
            "conv2_bias": self.conv2.bias,
            "norm_gamma": self.norm.weight,
            "norm_beta": self.norm.bias,
            "dense1_weight": self.dense1.weight.t(),
            "dense1_bias": self.dense1.bias,
            "dense2_weight": self.dense2.weight.t(),
            "dense2_bias": self.dense2.bias,
        }
        return {name: np.ascontiguousarray(tensor.detach().numpy()) for name, tensor in tensors.items()}


def shifted(images, generator):
    """Each image moved by -1, 0 or 1 pixel each way, blank pixels coming in: the only augmentation."""
    padded = F.pad(images, (1, 1, 1, 1))
    offset = torch.randint(0, 3, (len(images), 2), generator=generator)
    index = torch.arange(8)
    rows = (offset[:, :1] + index)[:, :, None]
    cols = (offset[:, 1:] + index)[:, None, :]
    return padded[torch.arange(len(images))[:, None, None], rows, cols]


def train(images, labels, seed):
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    model = DigitsCnn()
    optimiser = torch.optim.AdamW(model.parameters(), lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    steps = EPOCHS * -(-len(images) // BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, max_lr=LEARNING_RATE, total_steps=steps)
    for _ in range(EPOCHS):
        for chosen in torch.randperm(len(images), generator=generator).split(BATCH):
            logits = model(shifted(images[chosen], generator))
            loss = F.cross_entropy(logits, labels[chosen], label_smoothing=LABEL_SMOOTHING)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
    return model.eval()


def correct(model, images, labels):
    with torch.no_grad():
        return int((model(images).argmax(1) == labels).sum())


def cross_validate(images, labels, folds=5):
    fold = torch.randperm(len(images), generator=torch.Generator().manual_seed(SEED)) % folds
    right = 0
    for k in range(folds):
        inside = fold == k
        model = train(images[~inside], labels[~inside], SEED + k)
        fold_right = correct(model, images[inside], labels[inside])
        right += fold_right
        print(f"fold {k}: {fold_right} of {int(inside.sum())}")
    print(f"{folds}-fold accuracy on the training images: {right / len(images):.4f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=pathlib.Path, default=MODELS / "data" / "digits.safetensors",
                        help="default: models/data/digits.safetensors")
    parser.add_argument("--output", type=pathlib.Path, default=MODELS / "weights", help="folder; default: models/weights")
    parser.add_argument("--seed", type=int, default=SEED, help=f"default: {SEED}")
    parser.add_argument("--cross-validate", action="store_true", help="score the settings on the training images, write nothing")
    args = parser.parse_args()

    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)

    data = load_file(args.data)
    images = {part: torch.from_numpy(data[part + "_images"]).float() / 16 for part in ("train", "held_out")}
    labels = {part: torch.from_numpy(data[part + "_labels"]).long() for part in ("train", "held_out")}
    if args.cross_validate:
        cross_validate(images["train"], labels["train"])
        return

    model = train(images["train"], labels["train"], args.seed)
    weights = model.channels_last()
    count = len(labels["held_out"])
    right = correct(model, images["held_out"], labels["held_out"])
    with torch.no_grad():
        logits32 = model(images["held_out"])
        logits = model.double()(images["held_out"].double())
        probabilities = F.softmax(logits, 1)
    predictions = logits.argmax(1)
    assert (predictions == logits32.argmax(1)).all(), "f32 and f64 disagree on a prediction: choose another seed"
    best = logits.topk(2, 1).values
    margin = float((best[:, 0] - best[:, 1]).min())
    f32_error = float((logits - logits32).abs().max())

    print(f"training images: {correct(model, images['train'].double(), labels['train'])} of {len(labels['train'])}")
    print(f"held-out images: {right} of {count} ({right / count:.4f})")
    print(f"smallest margin between the best two logits {margin:.3g}, largest error of the f32 logits {f32_error:.3g}")
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
    safetensors_file.write(args.output / "digits_cnn.safetensors", weights, {
        **common,
        "dims": "conv*_weight: ky, kx, in, out; dense1_weight: (y, x, channel), hidden; dense2_weight: hidden, digit",
    })
    safetensors_file.write(args.output / "digits_cnn_expected.safetensors", {
        "logits": logits.float().numpy(),
        "probabilities": probabilities.float().numpy(),
        "predictions": predictions.int().numpy(),
    }, {
        **common,
        "computed": "in f64 from the f32 parameters, then rounded",
        "dims": "logits, probabilities: image, digit; predictions: image; image as in held_out_images",
        "smallest_logit_margin": f"{margin:.6g}",
        "torch_f32_logit_error": f"{f32_error:.6g}",
    })


if __name__ == "__main__":
    main()
