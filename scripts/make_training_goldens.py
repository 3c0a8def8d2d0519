#!/usr/bin/env python3
"""Makes test/goldens/training/digits_capsules.json: the loss of the first 50 steps of training in PyTorch.

The digits capsule network from the first weights of seed 1, on the batches of seed 1, with the plan of a run of 50 steps,
in f64 and in f32. models/train/digits_training.py has the network, the batches and the optimiser.

  {"network", "seed", "steps", "batch", "rate", "largest", "f64": [loss...], "f32": [loss...], "norm": [of the gradients of f64, before they
  are clipped, ...], "torch_version"}

Rerun: pip install -r models/train/requirements.txt, then python scripts/make_training_goldens.py (a minute). f64 is the
same to many digits everywhere, f32 differs in its last bits from one processor to another.
Licence of the data: CC BY 4.0, see models/data/README.md.
"""

import argparse
import json
import pathlib
import sys

import torch

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "models" / "train"))
import digits_training as training  # noqa: E402

STEPS = 50
# Half a run's usual rates or more drive f32 away from f64 by tenths within 50 steps, whoever computes them; a part of the
# gradients is longer than LARGEST.
RATE, LARGEST = 2e-3, 16.0


def curve(dtype, data):
    run = training.digits(dtype, largest=LARGEST)
    losses, norms = [], []
    for step in range(STEPS):
        pixels, labels = training.batch_of(data["train_images"], data["train_labels"], step)
        losses.append(run.step(pixels, labels, training.margin_at(step, STEPS), training.rate_at(step, STEPS, RATE)))
        norms.append(run.norm)
    return losses, norms


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=pathlib.Path, default=ROOT / "test" / "goldens" / "training",
                        help="folder; default: test/goldens/training")
    args = parser.parse_args()

    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    data = training.digits_data()
    f64, norms = curve(torch.float64, data)
    f32, _ = curve(torch.float32, data)
    result = {
        "network": "digits_capsules",
        "seed": training.SEED,
        "steps": STEPS,
        "batch": training.BATCH,
        "rate": RATE,
        "largest": LARGEST,
        "f64": f64,
        "f32": f32,
        "norm": norms,
        "torch_version": torch.__version__.split("+")[0],
    }
    args.output.mkdir(parents=True, exist_ok=True)
    lines = ",\n".join(f"{json.dumps(key)}: {json.dumps(value)}" for key, value in result.items())
    (args.output / "digits_capsules.json").write_text("{\n" + lines + "\n}\n")
    print(f"loss {f64[0]:.6f} to {f64[-1]:.6f}; f32 differs by {max(abs(a - b) for a, b in zip(f32, f64)):.2g}; "
          f"{sum(norm > LARGEST for norm in norms)} gradients clipped")


if __name__ == "__main__":
    main()
