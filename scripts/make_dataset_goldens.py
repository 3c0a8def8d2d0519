#!/usr/bin/env python3
"""Makes test/goldens/datasets: tiny files in the formats of MNIST (IDX) and smallNORB (.mat).

  images-idx3-ubyte        u8 [3, 4, 5]            (31 i + 7 y + 3 x) modulo 256
  labels-idx1-ubyte        u8 [3]                  7, 0, 9
  values-idx2-double       f64 [2, 3]              i - j / 4
  counts-idx1-short        i16 [4]                 -2, 0, 1, 300
  norb-dat.mat             u8 [2, 2, 3, 4]         (31 i + 17 camera + 7 y + 3 x) modulo 256
  norb-cat.mat             i32 [2]                 4, 1
  norb-info.mat            i32 [2, 4]              10 i + j

Both formats are written here byte by byte from their descriptions, which runtime/include/coulter/idx.hpp and smallnorb.hpp
cite. Nothing is taken from MNIST or smallNORB.

Rerun: python scripts/make_dataset_goldens.py (the same bytes; needs nothing but Python).
Licence: all values are generated here.
"""

import argparse
import itertools
import math
import pathlib
import struct

DEFAULT_OUTPUT = pathlib.Path(__file__).resolve().parents[1] / "test" / "goldens" / "datasets"


def idx(code, letter, shape, values):
    assert len(values) == math.prod(shape)
    head = struct.pack(">BBBB", 0, 0, code, len(shape)) + struct.pack(f">{len(shape)}I", *shape)
    return head + struct.pack(f">{len(values)}{letter}", *values)


def matrix(magic, letter, shape, values):
    assert len(values) == math.prod(shape)
    extents = list(shape) + [1] * (3 - len(shape))
    head = struct.pack("<II", magic, len(shape)) + struct.pack(f"<{len(extents)}i", *extents)
    return head + struct.pack(f"<{len(values)}{letter}", *values)


def filled(shape, value):
    return [value(*index) for index in itertools.product(*map(range, shape))]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=pathlib.Path, default=DEFAULT_OUTPUT, help="folder; default: test/goldens/datasets")
    args = parser.parse_args()

    images, pairs = (3, 4, 5), (2, 2, 3, 4)
    files = {
        "images-idx3-ubyte": idx(0x08, "B", images, filled(images, lambda i, y, x: (31 * i + 7 * y + 3 * x) % 256)),
        "labels-idx1-ubyte": idx(0x08, "B", (3,), [7, 0, 9]),
        "values-idx2-double": idx(0x0E, "d", (2, 3), filled((2, 3), lambda i, j: i - j / 4)),
        "counts-idx1-short": idx(0x0B, "h", (4,), [-2, 0, 1, 300]),
        "norb-dat.mat": matrix(0x1E3D4C55, "B", pairs,
                               filled(pairs, lambda i, c, y, x: (31 * i + 17 * c + 7 * y + 3 * x) % 256)),
        "norb-cat.mat": matrix(0x1E3D4C54, "i", (2,), [4, 1]),
        "norb-info.mat": matrix(0x1E3D4C54, "i", (2, 4), filled((2, 4), lambda i, j: 10 * i + j)),
    }
    args.output.mkdir(parents=True, exist_ok=True)
    for name, data in files.items():
        (args.output / name).write_bytes(data)
    print(f"{len(files)} files, {sum(map(len, files.values()))} bytes")


if __name__ == "__main__":
    main()
