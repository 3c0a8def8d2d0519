#!/usr/bin/env python3
"""Coulter's kernels beside PyTorch and plain C loops, in one process, interleaved, results checked.

Every contender gets the same row-major inputs and outputs and the same number of threads. What is frozen (weights) may be
rearranged once before the timing, on every side. A round gives each contender 60 ms in turn, after 80 ms that are not
counted; medians and quartiles are over all calls. The FMA roof and the copy bandwidth are measured in the same rounds;
the highest of each counts.

Usage, from the repository's root, after scripts/setup and with .venv/bin first in PATH:

    cmake --build --preset default --target bench_build
    python bench/compare.py --library build/bench/bench.kernels/libbench.so [--kernels a,b] [--threads 2] [--rounds 12]
                            [--out bench/results/NAME.json]

PyTorch is optional (models/train/requirements.txt); without it its rows are left out, and the output says so.
"""
import argparse
import ctypes
import json
import math
import os
import pathlib
import platform
import statistics
import subprocess
import sys
import tempfile
import time

import numpy as np

HERE = pathlib.Path(__file__).resolve().parent

# Memory that a contender gives back stays in its process, as Coulter's does: else those that take their intermediate
# results anew in every call would be timed on page faults, as they are not in a program that runs for long.
KEEP_MEMORY = {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": str(2 ** 36)}


class DLTensor(ctypes.Structure):
    _fields_ = [("data", ctypes.c_void_p), ("device_type", ctypes.c_int32), ("device_id", ctypes.c_int32),
                ("ndim", ctypes.c_int32), ("code", ctypes.c_uint8), ("bits", ctypes.c_uint8),
                ("lanes", ctypes.c_uint16), ("shape", ctypes.POINTER(ctypes.c_int64)),
                ("strides", ctypes.POINTER(ctypes.c_int64)), ("byte_offset", ctypes.c_uint64)]


def aligned(shape):
    """A zeroed f32 array on a 64-byte boundary, as every contender's allocator gives."""
    count = math.prod(shape)
    raw = np.zeros(count * 4 + 64, dtype=np.uint8)
    start = -raw.ctypes.data % 64
    return raw[start:start + count * 4].view(np.float32).reshape(shape)


def dltensor(array):
    shape = (ctypes.c_int64 * array.ndim)(*array.shape)
    tensor = DLTensor(array.ctypes.data, 1, 0, array.ndim, 2, 32, 1, shape, None, 0)
    tensor.keep = (array, shape)
    return tensor


class Coulter:
    """Calls kernels of a generated shared library through the C interface."""

    def __init__(self, path, threads):
        self.library = ctypes.CDLL(path)
        self.context = ctypes.c_void_p()
        assert self.library.coulter_context_create(1, ctypes.byref(self.context)) == 0
        self.library.coulter_context_last_error.restype = ctypes.c_char_p
        assert self.library.coulter_context_set_threads(self.context, threads) == 0

    def kernel(self, name, arrays, tensor_of=dltensor):
        """`arrays`: one for each argument; numbers of ctypes for those that C takes by value."""
        tensors = [a if isinstance(a, ctypes._SimpleCData) else tensor_of(a) for a in arrays]
        function = getattr(self.library, name)
        pointers = [t if isinstance(t, ctypes._SimpleCData) else ctypes.byref(t) for t in tensors]

        def call():
            code = function(self.context, *pointers)
            if code != 0:
                raise RuntimeError(self.library.coulter_context_last_error(self.context).decode())
        call.keep = tensors
        return call


def compile_c(source, flags, directory):
    out = pathlib.Path(directory) / (source.stem + ".so")
    subprocess.run(["gcc", *flags, "-shared", "-fPIC", str(source), "-o", str(out), "-lm"], check=True)
    return ctypes.CDLL(str(out))


def c_call(function, sizes, arrays):
    args = [ctypes.c_int64(s) for s in sizes] + [ctypes.c_void_p(a.ctypes.data) for a in arrays]
    function.restype = None

    def call():
        function(*args)
    call.keep = arrays
    return call


def uniform(rng, *shape):
    array = aligned(shape)
    array[...] = rng.uniform(-1, 1, shape)
    return array


class Case:
    """One kernel at one size: its contenders, each with the array it writes, and a reference in f64."""

    def __init__(self, name, sizes, flops, moved_bytes):
        self.name, self.sizes, self.flops, self.moved_bytes = name, sizes, flops, moved_bytes
        self.contenders = {}
        self.reference = None

    def add(self, contender, call, result):
        self.contenders[contender] = (call, result)


def torch_votes(torch, weight, stride=2):
    """Capsule votes in the best form that PyTorch has for these layouts: the rows of a pose as batch, a channels-last conv2d
    over (in, k) to (out, col), the weights rearranged once; pose[n, iy, ix, in, row, k] to votes[n, y, x, out, row, col]."""
    taps, _, channels, types = weight.shape[:4]
    kernel = weight.permute(3, 5, 2, 4, 0, 1).reshape(types * 4, channels * 4, taps, taps)
    kernel = kernel.contiguous(memory_format=torch.channels_last)

    def votes(pose):
        n, iy, ix = pose.shape[:3]
        rows = pose.permute(0, 4, 1, 2, 3, 5).reshape(n * 4, iy, ix, channels * 4).permute(0, 3, 1, 2)
        sums = torch.nn.functional.conv2d(rows, kernel, stride=stride)
        y, x = sums.shape[2:]
        return sums.permute(0, 2, 3, 1).reshape(n, 4, y, x, types, 4).permute(0, 2, 3, 4, 1, 5)
    return votes


def conv_capsules(rng, coulter, loops, torch, n=64, size=15, channels=32):
    out = (size - 3) // 2 + 1
    pose = uniform(rng, n, size, size, channels, 4, 4)
    weight = uniform(rng, 3, 3, channels, channels, 4, 4)
    case = Case("conv_capsules", f"N={n} {size}x{size} {channels}->{channels} 3x3 s2",
                2.0 * n * out * out * channels * 16 * 9 * channels * 4, 4 * (pose.size + weight.size + n * out * out * channels * 16))
    y = [aligned((n, out, out, channels, 4, 4)) for _ in range(2)]
    case.add("coulter", coulter.kernel("conv_capsules", [pose, weight, y[0]]), y[0])
    case.add("c_loops", c_call(loops.conv_capsules, [n, size, size, channels, channels], [pose, weight, y[1]]), y[1])
    patches = np.lib.stride_tricks.sliding_window_view(pose, (3, 3), axis=(1, 2))[:, ::2, ::2]
    case.reference = np.einsum("nyxirkab,abiokc->nyxorc", patches, weight, optimize=True)
    if torch is not None:
        votes, tp = torch_votes(torch, torch.from_numpy(weight)), torch.from_numpy(pose)
        result = aligned((n, out, out, channels, 4, 4))
        tr = torch.from_numpy(result)

        def call():
            tr.copy_(votes(tp))
        case.add("pytorch", call, result)
    return case


def matmul(rng, coulter, loops, torch, n=1024):
    a, b = uniform(rng, n, n), uniform(rng, n, n)
    case = Case("matmul", f"{n}x{n}x{n}", 2.0 * n ** 3, 12 * n * n)
    y = [aligned((n, n)) for _ in range(3)]
    case.add("coulter", coulter.kernel("matmul", [a, b, y[0]]), y[0])
    case.add("c_loops", c_call(loops.matmul, [n, n, n], [a, b, y[1]]), y[1])
    case.reference = a.astype(np.float64) @ b.astype(np.float64)
    if torch is not None:
        ta, tb, ty = map(torch.from_numpy, (a, b, y[2]))
        case.add("pytorch", lambda: torch.matmul(ta, tb, out=ty), y[2])
    return case


def conv2d(rng, coulter, loops, torch, size=56, channels=64):
    image, weight, bias = uniform(rng, 1, size, size, channels), uniform(rng, 3, 3, channels, channels), uniform(rng, channels)
    case = Case("conv2d", f"1x{size}x{size}x{channels} 3x3 padded 1 bias relu", 2.0 * size * size * channels * channels * 9,
                4 * (2 * image.size + weight.size))
    y = [aligned(image.shape) for _ in range(2)]
    case.add("coulter", coulter.kernel("conv2d", [image, weight, bias, y[0]]), y[0])
    case.add("c_loops", c_call(loops.conv2d, [1, size, size, channels, channels], [image, weight, bias, y[1]]), y[1])
    padded = np.pad(image.astype(np.float64), ((0, 0), (1, 1), (1, 1), (0, 0)))
    patches = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(1, 2))
    case.reference = np.maximum(np.einsum("nyxiab,abio->nyxo", patches, weight, optimize=True) + bias, 0)
    if torch is not None:
        ti, tb = torch.from_numpy(image).permute(0, 3, 1, 2), torch.from_numpy(bias)
        kernel = torch.from_numpy(weight).permute(3, 2, 0, 1).contiguous(memory_format=torch.channels_last)
        box = {}

        def call():
            box["y"] = torch.relu_(torch.nn.functional.conv2d(ti, kernel, tb, padding=1))
        case.add("pytorch", call, lambda: box["y"].permute(0, 2, 3, 1).numpy())
    return case


def rowwise(name, rng, coulter, loops, torch, rows=4096, cols=1024):
    x = uniform(rng, rows, cols)
    y = [aligned((rows, cols)) for _ in range(2)]
    x64 = x.astype(np.float64)
    if name == "softmax":
        case = Case(name, f"{rows}x{cols}", 5.0 * x.size, 8 * x.size)
        case.add("coulter", coulter.kernel(name, [x, y[0]]), y[0])
        case.add("c_loops", c_call(loops.softmax, [rows, cols], [x, y[1]]), y[1])
        e = np.exp(x64 - x64.max(1, keepdims=True))
        case.reference = e / e.sum(1, keepdims=True)
    else:
        gamma, beta = uniform(rng, cols), uniform(rng, cols)
        case = Case(name, f"{rows}x{cols}", 8.0 * x.size, 8 * x.size)
        case.add("coulter", coulter.kernel(name, [x, gamma, beta, y[0]]), y[0])
        case.add("c_loops", c_call(loops.layer_norm, [rows, cols], [x, gamma, beta, y[1]]), y[1])
        mean = x64.mean(1, keepdims=True)
        case.reference = (x64 - mean) / np.sqrt(x64.var(1, keepdims=True) + 1e-5) * gamma + beta
    if torch is not None:
        tx = torch.from_numpy(x)
        result = aligned((rows, cols))
        box = {"y": torch.from_numpy(result)}
        if name == "softmax":
            # `out=` writes the caller's memory, as the other contenders do.
            case.add("pytorch", lambda: torch.softmax(tx, 1, out=box["y"]) if hasattr(torch, "_softmax_out") else
                     torch._softmax(tx, 1, False, out=box["y"]), result)
        else:
            tg, tb = torch.from_numpy(gamma), torch.from_numpy(beta)

            def call():
                box["y"] = torch.nn.functional.layer_norm(tx, (cols,), tg, tb, 1e-5)
            case.add("pytorch", call, lambda: box["y"].numpy())
    return case


CASES = {
    "conv_capsules": conv_capsules,
    "matmul": matmul,
    "conv2d": conv2d,
    "softmax": lambda *a: rowwise("softmax", *a),
    "layer_norm": lambda *a: rowwise("layer_norm", *a),
}


def seconds(call):
    begin = time.perf_counter()
    call()
    return time.perf_counter() - begin


def peak_growth(call):
    """Bytes by which the resident set grows at most during a call."""
    def field(name):
        for line in open("/proc/self/status"):
            if line.startswith(name):
                return int(line.split()[1]) * 1024
        raise RuntimeError(name)
    pathlib.Path("/proc/self/clear_refs").write_text("5")
    before = field("VmRSS")
    call()
    return field("VmHWM") - before


def for_seconds(call, duration):
    """Times of single calls, as many as fit in `duration` and at least two."""
    end = time.perf_counter() + duration
    times = []
    while len(times) < 2 or time.perf_counter() < end:
        times.append(seconds(call))
    return times


def measure(case, rounds, roof, threads):
    times = {name: [] for name in case.contenders}
    peaks, bandwidths = [], []
    for call, _ in case.contenders.values():
        for _ in range(3):
            call()
    names = list(case.contenders)
    for i in range(rounds):
        for name in names[i % len(names):] + names[:i % len(names)]:
            # The workers of the contender before spin for some milliseconds before they sleep, and the system needs some
            # more to give this one's workers a processor each: calls until then are not counted.
            time.sleep(0.02)
            call = case.contenders[name][0]
            for_seconds(call, 0.08)
            times[name] += for_seconds(call, 0.06)
        time.sleep(0.02)
        for_seconds(lambda: roof.fma_flops(threads, ctypes.c_int64(500000)), 0.05)
        peaks.append(roof.fma_flops(threads, ctypes.c_int64(3000000)))
        bandwidths.append(roof.copy_bandwidth(threads, ctypes.c_int64(16 << 20), ctypes.c_int64(3)))
    # A roof is the most that the machine does; a disturbed sample of it would flatter every kernel.
    return times, max(peaks), max(bandwidths)


def report(case, times, peak, bandwidth):
    rows = []
    scale = np.abs(case.reference).max()
    for name, (_, result) in case.contenders.items():
        array = result() if callable(result) else result
        error = float(np.abs(array - case.reference).max() / scale)
        t = sorted(times[name])
        median = statistics.median(t)
        rows.append({"contender": name, "median_ms": median * 1e3, "q1_ms": t[len(t) // 4] * 1e3,
                     "q3_ms": t[3 * len(t) // 4] * 1e3, "gflops": case.flops / median / 1e9,
                     "share_of_fma_peak": case.flops / median / peak, "gbytes": case.moved_bytes / median / 1e9,
                     "max_error": error})
    ours = rows[0]["median_ms"]
    print(f"\n{case.name}  {case.sizes}   FMA roof {peak / 1e9:.1f} GFLOP/s, copy {bandwidth / 1e9:.1f} GB/s")
    print(f"  {'contender':<10} {'median ms':>10} {'quartiles':>19} {'GFLOP/s':>9} {'of peak':>8} {'GB/s':>7} {'error':>9} {'coulter is':>11}")
    for row in rows:
        print(f"  {row['contender']:<10} {row['median_ms']:>10.3f} {row['q1_ms']:>9.3f} {row['q3_ms']:>9.3f} {row['gflops']:>9.1f} "
              f"{row['share_of_fma_peak']:>8.1%} {row['gbytes']:>7.1f} {row['max_error']:>9.1e} {row['median_ms'] / ours:>10.2f}x")
        if not row["max_error"] < 1e-5:
            sys.exit(f"{case.name}: {row['contender']} is wrong: error {row['max_error']:.2e}")
    return {"kernel": case.name, "sizes": case.sizes, "fma_peak_gflops": peak / 1e9, "copy_gbytes": bandwidth / 1e9, "rows": rows}


def processor():
    for line in open("/proc/cpuinfo"):
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.processor()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--library", required=True, help="shared library with the kernels")
    parser.add_argument("--kernels", default=",".join(CASES))
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--out", help="write the figures as JSON")
    arguments = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = str(arguments.threads)
    try:
        import torch
        torch.set_num_threads(arguments.threads)
        torch.set_grad_enabled(False)
        version = torch.__version__
    except ImportError:
        torch, version = None, None
        print("PyTorch is not installed: its rows are left out", file=sys.stderr)
    unknown = [k for k in arguments.kernels.split(",") if k not in CASES]
    if unknown:
        parser.error(f"unknown kernel `{unknown[0]}`; known are {', '.join(CASES)}")
    with tempfile.TemporaryDirectory() as directory:
        roof = compile_c(HERE / "roof.c", ["-O2", "-march=native", "-fopenmp"], directory)
        loops = compile_c(HERE / "loops.c", ["-O3", "-march=native", "-ffast-math", "-fopenmp"], directory)
        roof.fma_flops.restype = roof.copy_bandwidth.restype = ctypes.c_double
        coulter = Coulter(arguments.library, arguments.threads)
        results = []
        for name in arguments.kernels.split(","):
            case = CASES[name](np.random.default_rng(1), coulter, loops, torch)
            results.append(report(case, *measure(case, arguments.rounds, roof, arguments.threads)))
    if arguments.out:
        document = {"processor": processor(), "threads": arguments.threads, "rounds": arguments.rounds, "torch": version,
                    "numpy": np.__version__, "results": results}
        pathlib.Path(arguments.out).write_text(json.dumps(document, indent=1) + "\n")


if __name__ == "__main__":
    main()
