#!/usr/bin/env python3
"""EM routing beside PyTorch and plain C loops: time and extra memory, as bench/compare.py measures them.

Routes 14x14 capsules with 3x3 windows and stride 2, batch 8, three iterations, 16 -> 16 and 32 -> 32 types. Results are
held to 1e-4 of the largest magnitude against scripts/em_reference.py (on the first image). Extra memory is what the peak
of the resident set grows by in the first call, in a process of its own.

Contenders: `coulter` and further libraries (--also); `c_loops`, which allocates in every call, and `c_loops_kept`, whose
caller keeps the memory; PyTorch with batched products (`torch_bmm`), with einsum (`torch_einsum`), and the latter
compiled (`torch_compile`).

    cmake --build --preset default --target bench_build bench_no_votes_build
    python bench/compare_em.py --library build/bench/bench.kernels/libbench.so
                               [--also no_votes=build/bench/bench_no_votes.kernels/libbench_no_votes.so]...
                               [--sizes 16,32] [--threads 2] [--rounds 8] [--without torch_compile,...]
                               [--keep-memory] [--out bench/results/NAME.json]

With --keep-memory the C library's allocator gives no memory back to the system, so that no contender, PyTorch first of
all, waits in each call for pages that it had in the call before.
"""
import argparse
import ctypes
import json
import math
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile

import numpy as np

import compare

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "scripts"))
import em_reference  # noqa: E402

BATCH, SIZE, TAPS, STRIDE, ITERATIONS = 8, 14, 3, 2, 3


def make_inputs(channels):
    rng = np.random.default_rng(1)
    pose = compare.uniform(rng, BATCH, SIZE, SIZE, channels, 4, 4)
    activation = compare.uniform(rng, BATCH, SIZE, SIZE, channels)
    np.abs(activation, out=activation)
    weight = compare.uniform(rng, TAPS, TAPS, channels, channels, 4, 4)
    return [pose, activation, weight, compare.uniform(rng, channels), compare.uniform(rng, channels)]


def make_outputs(channels):
    out = positions(SIZE)
    return [compare.aligned((BATCH, out, out, channels, 4, 4)), compare.aligned((BATCH, out, out, channels))]


def positions(size):
    return (size - TAPS) // STRIDE + 1


def windows(size):
    """For each tap, the positions (iy, ix) that the windows have there."""
    last = STRIDE * (positions(size) - 1) + 1
    return [(slice(ky, ky + last, STRIDE), slice(kx, kx + last, STRIDE)) for ky in range(TAPS) for kx in range(TAPS)]


def torch_routing(torch, votes_of, m_step, distances_of):
    """Routing over tensors [n, y, x, taps, in, out] from the three steps in which the forms differ."""

    def at_child(values):
        return torch.stack([values[:, s[0], s[1]] for s in windows(values.shape[1])], 3)

    def route(pose, activation, weight, beta_u, beta_a):
        n, size, channels = *pose.shape[:2], weight.shape[3]
        taps, out = windows(size), positions(size)
        count = torch.zeros(1, size, size, 1)
        for s in taps:
            count[:, s[0], s[1]] += channels
        r = at_child(activation / count.clamp_min(1))[..., None].expand(n, out, out, 9, -1, channels)
        votes = votes_of(pose, weight)
        for t in range(ITERATIONS):
            mass = r.sum((3, 4))
            mean, variance, squares = m_step(votes, r, mass + 1e-7)
            variance = variance + 1e-4
            log_volume = torch.log(variance).sum(-1)
            logit = 0.01 * (1 - 0.95 ** (t + 1)) * (beta_a - (16 * beta_u + 0.5 * log_volume) * mass)
            if t + 1 == ITERATIONS:
                return mean, torch.sigmoid(logit)
            evidence = torch.nn.functional.logsigmoid(logit) - 0.5 * log_volume
            logits = evidence[:, :, :, None, None] - 0.5 * distances_of(squares, 1 / variance)
            most = torch.full((n, size, size, logits.shape[4]), -math.inf)
            best = logits.amax(-1)
            for k, s in enumerate(taps):
                most[:, s[0], s[1]] = torch.maximum(most[:, s[0], s[1]], best[:, :, :, k])
            p = torch.exp(logits - at_child(most)[..., None])
            total, sums = torch.zeros_like(most), p.sum(-1)
            for k, s in enumerate(taps):
                total[:, s[0], s[1]] += sums[:, :, :, k]
            r = p * at_child(activation / total.clamp_min(0.5))[..., None]
    return route


def patches(pose):
    """[n, y, x, ky, kx, in, row, k], a view."""
    unfolded = pose.unfold(1, TAPS, STRIDE).unfold(2, TAPS, STRIDE)
    return unfolded.permute(0, 1, 2, 6, 7, 3, 4, 5)


def torch_bmm(torch):
    # Votes [n, y, x, out, children, 16], so that means, variances and distances are batched products.
    def votes_of(pose, weight):
        n, channels, types, out = pose.shape[0], pose.shape[3], weight.shape[3], positions(pose.shape[1])
        left = patches(pose).permute(3, 4, 5, 0, 1, 2, 6, 7).reshape(9 * channels, -1, 4)
        right = weight.permute(0, 1, 2, 4, 3, 5).reshape(9 * channels, 4, types * 4)
        votes = torch.bmm(left, right).reshape(9 * channels, n, out, out, 4, types, 4)
        return votes.permute(1, 2, 3, 5, 0, 4, 6).reshape(-1, 9 * channels, 16)

    def m_step(votes, r, divisor):
        rows = r.permute(0, 1, 2, 5, 3, 4).reshape(-1, 1, votes.shape[1])
        mean = torch.bmm(rows, votes) / divisor.reshape(-1, 1, 1)
        squares = (votes - mean).square_()
        variance = torch.bmm(rows, squares) / divisor.reshape(-1, 1, 1)
        shape = (*r.shape[:3], r.shape[5], 16)
        return mean.reshape(shape), variance.reshape(shape), squares

    def distances_of(squares, precision):
        distances = torch.bmm(squares, precision.reshape(-1, 16, 1))
        return distances.reshape(*precision.shape[:4], 9, -1).permute(0, 1, 2, 4, 5, 3)
    return torch_routing(torch, votes_of, m_step, distances_of)


def torch_einsum(torch):
    def votes_of(pose, weight):
        votes = torch.einsum("nyxabirk,abiokc->nyxabiorc", patches(pose), weight)
        return votes.reshape(*votes.shape[:3], 9, *votes.shape[5:7], 16)

    def m_step(votes, r, divisor):
        mean = torch.einsum("nyxtio,nyxtioh->nyxoh", r, votes) / divisor[..., None]
        squares = (votes - mean[:, :, :, None, None]).square()
        return mean, torch.einsum("nyxtio,nyxtioh->nyxoh", r, squares) / divisor[..., None], squares

    def distances_of(squares, precision):
        return torch.einsum("nyxtioh,nyxoh->nyxtio", squares, precision)
    return torch_routing(torch, votes_of, m_step, distances_of)


def contender(name, channels, libraries, threads, directory):
    """A call and the arrays that it fills."""
    inputs, outputs = make_inputs(channels), make_outputs(channels)
    if name in libraries:
        library = compare.Coulter(libraries[name], threads)
        return library.kernel("em_routing", inputs + outputs), outputs
    sizes = [BATCH, SIZE, SIZE, channels, channels]
    if name.startswith("c_loops"):
        loops = compare.compile_c(HERE / "em_loops.c", ["-O3", "-march=native", "-ffast-math", "-fopenmp"], directory)
        if name == "c_loops":
            return compare.c_call(loops.em_routing, sizes, inputs + outputs), outputs
        loops.em_workspace.restype = ctypes.c_int64
        workspace = np.empty(loops.em_workspace(*map(ctypes.c_int64, sizes)), np.float32)
        return compare.c_call(loops.em_routing_in, sizes, inputs + outputs + [workspace]), outputs
    import torch
    torch.set_num_threads(threads)
    torch.set_grad_enabled(False)
    route = torch_bmm(torch) if name == "torch_bmm" else torch_einsum(torch)
    if name == "torch_compile":
        route = torch.compile(route)
    tensors = [torch.from_numpy(t) for t in inputs]
    results = [torch.from_numpy(t) for t in outputs]

    def call():
        mean, active = route(*tensors)
        results[0].copy_(mean.reshape(results[0].shape))
        results[1].copy_(active)
    return call, outputs


def memory_of(name, channels, arguments):
    """In a process of its own, as allocators keep what they have had."""
    command = [sys.executable, __file__, "--memory-of", name, "--sizes", str(channels), "--library", arguments.library,
               "--threads", str(arguments.threads)] + [a for also in arguments.also for a in ("--also", also)]
    return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()[-1])


def report(channels, outputs, times, memory):
    inputs = make_inputs(channels)
    wanted = em_reference.conv_em_routing(inputs[0][:1], inputs[1][:1], *inputs[2:], STRIDE)
    ours = statistics.median(times["coulter"])
    rows = []
    print(f"\nem_routing  N={BATCH} {SIZE}x{SIZE} {channels}->{channels} 3x3 s2, {ITERATIONS} iterations")
    print(f"  {'contender':<14} {'median ms':>10} {'quartiles':>19} {'coulter is':>11} {'extra MB':>9} {'error':>9}")
    for name, t in times.items():
        t = sorted(t)
        error = max(float(np.abs(got[:1] - want).max() / np.abs(want).max()) for got, want in zip(outputs[name], wanted))
        row = {"contender": name, "median_ms": statistics.median(t) * 1e3, "q1_ms": t[len(t) // 4] * 1e3,
               "q3_ms": t[3 * len(t) // 4] * 1e3, "ratio": statistics.median(t) / ours, "extra_bytes": memory[name],
               "max_error": error}
        rows.append(row)
        print(f"  {name:<14} {row['median_ms']:>10.3f} {row['q1_ms']:>9.3f} {row['q3_ms']:>9.3f} {row['ratio']:>10.2f}x "
              f"{memory[name] / 1e6:>9.1f} {error:>9.1e}")
        if not error < 1e-4:
            sys.exit(f"{name} is wrong: error {error:.2e}")
    return {"channels": channels, "rows": rows}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--library", required=True, help="shared library with the kernel")
    parser.add_argument("--also", action="append", default=[], help="NAME=LIBRARY with the kernel under another schedule")
    parser.add_argument("--sizes", default="16,32", help="capsule types, of children and parents")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--without", default="", help="contenders to leave out")
    parser.add_argument("--out", help="write the figures as JSON")
    parser.add_argument("--keep-memory", action="store_true", help="freed memory stays with the process")
    parser.add_argument("--memory-of", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.keep_memory and not compare.KEEP_MEMORY.items() <= os.environ.items():
        os.execve(sys.executable, [sys.executable, *sys.argv], os.environ | compare.KEEP_MEMORY)
    os.environ["OMP_NUM_THREADS"] = str(arguments.threads)
    libraries = {"coulter": arguments.library, **dict(also.split("=", 1) for also in arguments.also)}
    names = [*libraries, "c_loops", "c_loops_kept", "torch_bmm", "torch_einsum", "torch_compile"]
    names = [n for n in names if n not in arguments.without.split(",")]
    results = []
    with tempfile.TemporaryDirectory() as directory:
        if arguments.memory_of:
            call, _ = contender(arguments.memory_of, int(arguments.sizes), libraries, arguments.threads, directory)
            print(compare.peak_growth(call))
            return
        roof = compare.compile_c(HERE / "roof.c", ["-O2", "-march=native", "-fopenmp"], directory)
        roof.fma_flops.restype = roof.copy_bandwidth.restype = ctypes.c_double
        for channels in map(int, arguments.sizes.split(",")):
            case = compare.Case("em_routing", str(channels), 0, 0)
            outputs = {}
            for name in names:
                call, outputs[name] = contender(name, channels, libraries, arguments.threads, directory)
                case.add(name, call, outputs[name])
            times, peak, _ = compare.measure(case, arguments.rounds, roof, arguments.threads)
            memory = {name: memory_of(name, channels, arguments) for name in names}
            results.append(report(channels, outputs, times, memory) | {"fma_peak_gflops": peak / 1e9})
            print(f"  FMA roof {peak / 1e9:.1f} GFLOP/s")
    if arguments.out:
        document = {"processor": compare.processor(), "threads": arguments.threads, "rounds": arguments.rounds,
                    "keep_memory": arguments.keep_memory, "results": results}
        pathlib.Path(arguments.out).write_text(json.dumps(document, indent=1) + "\n")


if __name__ == "__main__":
    main()
