#!/usr/bin/env python3
"""The same kernels under several schedules: times side by side, results compared, memory of each.

Builds every kernel once per contender with `coulter build`: `hand` with the schedule of its name in models/schedules,
`instant` with what `coulter autoschedule` writes for so many threads, and one contender per --also NAME=DIR with the schedules of that folder. All
contenders of a kernel get the same inputs in one process, are called in turn, and their results are compared with those
of the first. Reported are medians and quartiles over all calls, the memory that a call takes besides its arguments
(scratch at its peak and packed copies), and each contender's ratio to the first: above 1 it is faster.

Usage, from the repository's root, after a build and with .venv/bin first in PATH:

    python bench/schedules.py [--kernels a,b] [--threads 2] [--rounds 10] [--also tuned=DIR] [--out bench/results/NAME.json]
"""
import argparse
import json
import math
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

import ctypes
import numpy as np

import compare

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent
TYPES = {"f64": np.float64, "f32": np.float32, "f16": np.float16, "i8": np.int8, "i16": np.int16, "i32": np.int32,
         "i64": np.int64, "u8": np.uint8, "u16": np.uint16, "u32": np.uint32, "u64": np.uint64, "bool": np.bool_}
SCALARS = {"f64": ctypes.c_double, "f32": ctypes.c_float, "i8": ctypes.c_int8, "i16": ctypes.c_int16, "i32": ctypes.c_int32,
           "i64": ctypes.c_int64, "u8": ctypes.c_uint8, "u16": ctypes.c_uint16, "u32": ctypes.c_uint32,
           "u64": ctypes.c_uint64, "bool": ctypes.c_bool}
CODES = {"f": 2, "i": 0, "u": 1, "b": 6}
TOLERANCE = 1e-3  # of the largest magnitude: sums in another order, and mistakes are far above it


class Memory(ctypes.Structure):
    _fields_ = [(name, ctypes.c_int64) for name in ("current", "peak", "reserved", "packed")]


def array_of(kernel, tensor):
    """An array on a 64-byte boundary for a tensor of a kernel at its estimates."""
    shape = [kernel["extents"][dim] for dim in tensor["dims"]]
    kind = np.dtype(TYPES[tensor["type"]])
    raw = np.zeros(math.prod(shape) * kind.itemsize + 64, dtype=np.uint8)
    start = -raw.ctypes.data % 64
    return raw[start:start + math.prod(shape) * kind.itemsize].view(kind).reshape(shape)


def filled(rng, array):
    """Probabilities are among the inputs: floats lie in (0, 1]."""
    if array.dtype.kind == "f":
        array[...] = rng.uniform(0.05, 1, array.shape)
    else:
        array[...] = rng.integers(0, 2, array.shape)
    return array


def dltensor(array):
    shape = (ctypes.c_int64 * array.ndim)(*array.shape)
    tensor = compare.DLTensor(array.ctypes.data, 1, 0, array.ndim, CODES[array.dtype.kind], array.dtype.itemsize * 8, 1,
                              shape, None, 0)
    tensor.keep = (array, shape)
    return tensor


class Contender:
    """One build of a kernel with a context and outputs of its own."""

    def __init__(self, path, kernel, inputs, threads):
        self.coulter = compare.Coulter(path, threads)
        self.outputs = [array_of(kernel, tensor) for tensor in kernel["outputs"]]
        tensors = [dltensor(each) for each in inputs + self.outputs]
        # The function takes an input without dims by value.
        passed = [ctypes.byref(tensor) if given["dims"] else SCALARS[given["type"]](array.item())
                  for given, array, tensor in zip(kernel["inputs"], inputs, tensors)]
        passed += [ctypes.byref(each) for each in tensors[len(inputs):]]
        function = getattr(self.coulter.library, kernel["name"].replace(".", "_"))
        # Named here so that they live as long as the call.
        self.keep = tensors
        self.times = []

        def call():
            if function(self.coulter.context, *passed) != 0:
                raise RuntimeError(self.coulter.library.coulter_context_last_error(self.coulter.context).decode())
        self.call = call

    def memory(self):
        memory = Memory()
        assert self.coulter.library.coulter_context_memory(self.coulter.context, ctypes.byref(memory)) == 0
        return memory.peak + memory.packed

    def sample(self, seconds):
        """Calls for a while; the first calls, which find cold caches and sleeping threads, do not count."""
        began = time.perf_counter()
        while time.perf_counter() - began < seconds / 2:
            self.call()
        began = time.perf_counter()
        while True:
            start = time.perf_counter()
            self.call()
            end = time.perf_counter()
            self.times.append(end - start)
            if end - began > seconds:
                return


def build(arguments, text, name, folder, directory):
    """The path of a library, and how long it took to build."""
    command = [arguments.coulter, "build", str(text), "--name", f"{text.stem}_{name}", "--target", "host", "--shared", "-o",
               str(directory / name / text.stem)]
    start = time.perf_counter()
    if folder is None:
        schedule = directory / f"{text.stem}.{name}.sched"
        subprocess.run([arguments.coulter, "autoschedule", str(text), "--threads", str(arguments.threads), "-o",
                        str(schedule)], check=True)
    else:
        schedule = pathlib.Path(folder) / (text.stem + ".sched")
        if not schedule.exists():
            return None
    command += ["--schedule", str(schedule)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return directory / name / text.stem / f"lib{text.stem}_{name}.so", time.perf_counter() - start


def difference(ours, theirs):
    worst = 0.0
    for a, b in zip(ours, theirs):
        a, b = a.astype(np.float64), b.astype(np.float64)
        scale = max(float(np.max(np.abs(b), initial=0)), 1e-30)
        worst = max(worst, float(np.max(np.abs(a - b), initial=0)) / scale)
    return worst


def measure(arguments, text, folders, directory):
    kernel = json.loads(subprocess.run([arguments.coulter, "kernels", str(text), "--json"], check=True,
                                       capture_output=True).stdout)[0]
    rng = np.random.default_rng(1)
    inputs = [filled(rng, array_of(kernel, tensor)) for tensor in kernel["inputs"]]
    contenders, seconds = {}, {}
    for name, folder in folders.items():
        built = build(arguments, text, name, folder, directory)
        if built is not None:
            contenders[name] = Contender(str(built[0]), kernel, inputs, arguments.threads)
            seconds[name] = built[1]
    for contender in contenders.values():
        contender.call()
    for _ in range(arguments.rounds):
        for contender in contenders.values():
            contender.sample(arguments.seconds)
    first = next(iter(contenders.values()))
    rows = {}
    for name, contender in contenders.items():
        times = sorted(contender.times)
        rows[name] = {
            "median_ms": statistics.median(times) * 1e3, "q1_ms": times[len(times) // 4] * 1e3,
            "q3_ms": times[3 * len(times) // 4] * 1e3, "calls": len(times),
            "ratio": statistics.median(first.times) / statistics.median(times), "extra_bytes": contender.memory(),
            "build_s": seconds[name], "difference": difference(contender.outputs, first.outputs)}
    arguments_bytes = sum(each.nbytes for each in inputs + first.outputs)
    return {"kernel": kernel["name"], "flops": kernel["flops"], "argument_bytes": arguments_bytes, "rows": rows}


def show(result):
    for name, row in result["rows"].items():
        flag = "" if row["difference"] <= TOLERANCE else "  WRONG"
        print(f"{result['kernel']:<18} {name:<10} {row['median_ms']:>9.3f} ms [{row['q1_ms']:.3f}, {row['q3_ms']:.3f}]"
              f" ratio {row['ratio']:>5.2f}  {row['extra_bytes'] / 1e6:>8.2f} MB  built in {row['build_s']:.1f} s"
              f"  differs by {row['difference']:.0e}{flag}", flush=True)


def beyond(result, name, factor=1.5, share=0.01):
    """Whether a contender takes more memory than `factor` times the first one's and a share of the arguments."""
    first = next(iter(result["rows"].values()))
    return result["rows"][name]["extra_bytes"] > factor * first["extra_bytes"] + share * result["argument_bytes"]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kernels", default="", help="names, comma separated (all with a schedule in a folder)")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--seconds", type=float, default=0.06, help="of each contender in a round, after half as long")
    parser.add_argument("--also", action="append", default=[], metavar="NAME=DIR", help="schedules of another folder")
    parser.add_argument("--coulter", default=str(ROOT / "build/bin/coulter"))
    parser.add_argument("--generator", default=str(ROOT / "build/models/coulter_models_generator"))
    parser.add_argument("--out", help="JSON file for the figures")
    arguments = parser.parse_args()
    folders = {"hand": HERE.parent / "models" / "schedules", "instant": None}
    folders.update(each.split("=", 1) for each in arguments.also)
    wanted = [each for each in arguments.kernels.split(",") if each]
    results = []
    with tempfile.TemporaryDirectory() as directory:
        directory = pathlib.Path(directory)
        subprocess.run([arguments.generator, "-o", str(directory)], check=True)
        texts = {each.stem: each for each in sorted(directory.glob("*.coulter"))}
        for name in wanted:
            if name not in texts:
                sys.exit(f"no kernel `{name}`; known are {', '.join(texts)}")
        scheduled = [name for name in texts
                     if any((pathlib.Path(each) / f"{name}.sched").exists() for each in folders.values() if each)]
        for name in wanted or scheduled:
            results.append(measure(arguments, texts[name], folders, directory))
            show(results[-1])
    for name in list(folders)[1:]:
        ratios = [each["rows"][name]["ratio"] for each in results if name in each["rows"]]
        if ratios:
            print(f"{name}: geometric mean {math.exp(sum(map(math.log, ratios)) / len(ratios)):.2f}, least "
                  f"{min(ratios):.2f}, over {len(ratios)} kernels")
            much = [each["kernel"] for each in results if name in each["rows"] and beyond(each, name)]
            print(f"  memory: {', '.join(much) or 'none'} beyond 1.5 times the first one's and 1 % of the arguments")
    if arguments.out:
        pathlib.Path(arguments.out).write_text(json.dumps(
            {"processor": compare.processor(), "threads": arguments.threads, "results": results}, indent=1) + "\n")
    if any(row["difference"] > TOLERANCE for each in results for row in each["rows"].values()):
        sys.exit("results differ")


if __name__ == "__main__":
    main()
