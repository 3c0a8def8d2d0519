#!/usr/bin/env python3
"""Exports scikit-learn's digits to models/data/digits.safetensors.

Makes: 1797 images of handwritten digits, 8x8, split once (stratified by label, fixed seed) into 1347 for training and
450 held out:

  train_images     u8  [1347, 8, 8]   (image, y, x), values 0..16; the pixel as a number in 0..1 is value / 16
  train_labels     i32 [1347]
  held_out_images  u8  [450, 8, 8]
  held_out_labels  i32 [450]

Rerun: pip install -r models/train/requirements.txt, then python models/train/export_digits.py (a second; the same bytes).
Licence of the data: CC BY 4.0, E. Alpaydin and C. Kaynak, "Optical Recognition of Handwritten Digits", UCI Machine
Learning Repository, 1998, https://doi.org/10.24432/C50P49. See models/data/README.md.
"""

import argparse
import pathlib

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

import safetensors_file

DEFAULT_OUTPUT = pathlib.Path(__file__).resolve().parents[1] / "data" / "digits.safetensors"
SPLIT_SEED = 20240501
HELD_OUT = 450


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=pathlib.Path, default=DEFAULT_OUTPUT, help="default: models/data/digits.safetensors")
    args = parser.parse_args()

    digits = load_digits()
    images = digits.images.astype(np.uint8)
    labels = digits.target.astype(np.int32)
    assert images.shape == (1797, 8, 8) and images.max() == 16 and (images == digits.images).all()

    train, held_out = train_test_split(np.arange(len(labels)), test_size=HELD_OUT, stratify=labels, random_state=SPLIT_SEED)
    train.sort()
    held_out.sort()
    safetensors_file.write(
        args.output,
        {
            "train_images": images[train],
            "train_labels": labels[train],
            "held_out_images": images[held_out],
            "held_out_labels": labels[held_out],
        },
        {
            "attribution": "E. Alpaydin and C. Kaynak, Optical Recognition of Handwritten Digits, UCI Machine Learning "
                           "Repository, 1998, https://doi.org/10.24432/C50P49",
            "dims": "images: image, y, x; labels: image",
            "licence": "CC BY 4.0",
            "pixels": "u8 in 0..16; divide by 16",
            "split_seed": str(SPLIT_SEED),
        },
    )
    print(f"{len(train)} images for training, {len(held_out)} held out")


if __name__ == "__main__":
    main()
