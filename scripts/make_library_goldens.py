#!/usr/bin/env python3
"""Makes test/goldens/library: inputs and expected outputs of the kernels of models/library.hpp, by NumPy and PyTorch.

Makes: test/goldens/library/<kernel>/<case>.safetensors and test/goldens/library/manifest.json, laid out as
test/goldens/README.md says. Outputs of floats are computed in f64 from the stored inputs; where PyTorch has the function it
computes it too, in f64, and must agree. Integers are equal or wrong. A case may have `parameters`, which are those of the
generator program (`-p name=value`).

Rerun: pip install -r models/train/requirements.txt, then python scripts/make_library_goldens.py (seconds). Each case has
its own seed, taken from its name.
Licence: all values are generated here, but for the known answers of Philox, which say where they come from.
"""

import argparse
import json
import pathlib

import numpy as np
import torch
from safetensors.numpy import save_file

import library_goldens
from make_goldens import Goldens, agree, rng_for

DEFAULT_OUTPUT = pathlib.Path(__file__).resolve().parents[1] / "test" / "goldens" / "library"
STORED = {"f": np.float32, "i": np.int32, "u": np.uint32}


class LibraryGoldens(Goldens):
    """Cases of any input type, with a tolerance that is a share of each output's largest magnitude."""

    def case(self, kernel, case, inputs, outputs, share=1e-5, by_torch=None, note=None, parameters=None):
        """Writes one case. `by_torch`: outputs of PyTorch in f64, which must agree. `share` is 0 for equality."""
        declared = self.kernels[kernel]
        assert list(inputs) == list(declared["inputs"]) and list(outputs) == list(declared["outputs"]), (kernel, case)
        extents = {}
        for name, dims in {**declared["inputs"], **declared["outputs"]}.items():
            shape = {**inputs, **outputs}[name].shape
            assert len(shape) == len(dims), (kernel, case, name, shape)
            for dim, extent in zip(dims, shape):
                assert extents.setdefault(dim, extent) == extent, (kernel, case, name, dim)
        assert all(t.dtype != np.float64 for t in inputs.values()), (kernel, case)

        stored = {name: np.ascontiguousarray(t).reshape(t.shape) for name, t in inputs.items()}
        entry = {"kernel": kernel, "case": case, "file": f"{kernel}/{case}.safetensors", "extents": extents,
                 "tolerance": {}}
        if parameters:
            entry["parameters"] = {name: str(value).lower() for name, value in parameters.items()}
        if note:
            entry["note"] = note
        for name, value in outputs.items():
            value = np.asarray(value)
            if by_torch is not None and name in by_torch:
                largest = np.abs(value[np.isfinite(value)]).max(initial=1)
                agree(value, np.asarray(by_torch[name]), largest)
            type_stored = value.dtype if value.dtype in (np.int8, np.uint8) else STORED[value.dtype.kind]
            stored[name] = np.ascontiguousarray(value.astype(type_stored)).reshape(value.shape)
            finite = np.abs(value[np.isfinite(value)]).max(initial=0) if value.dtype.kind == "f" else 0
            entry["tolerance"][name] = {"rtol": 0.0, "atol": float(f"{share * finite:.3g}")}
        path = self.folder / entry["file"]
        path.parent.mkdir(parents=True, exist_ok=True)
        save_file(stored, path)
        self.bytes += path.stat().st_size
        self.cases.append(entry)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=pathlib.Path, default=DEFAULT_OUTPUT, help="folder; default: test/goldens/library")
    args = parser.parse_args()

    torch.set_num_threads(1)
    goldens = LibraryGoldens(args.output)
    for make in library_goldens.families():
        make(goldens, rng_for)
    goldens.write_manifest("scripts/make_library_goldens.py")
    print(f"{len(goldens.kernels)} kernels, {len(goldens.cases)} cases, {goldens.bytes / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
