"""One contender of peers.py in a process of its own, so that its threads, limits and crashes are its own.

    python worker.py '{"module": "loops", "kernel": {...}, "threads": 2, ...}'

It prepares the kernel, calls it, and says so in one line of JSON. Then it answers each line: `results PATH` writes what the
last call made to PATH, `calls WARM TIMED` gives the times of calls during TIMED seconds after WARM seconds not counted, and
`growth` by how much the resident set grows at most during a call.
"""
import importlib
import pathlib
import sys
import time

BENCH = pathlib.Path(__file__).resolve().parents[1]
sys.path[0] = str(BENCH)
import compare  # noqa: E402
import table1_worker  # noqa: E402
from peers.kernels import Kernel  # noqa: E402


def calls_for(call, duration):
    """As compare.for_seconds, but once is enough: some contenders take a second."""
    end = time.perf_counter() + duration
    times = [compare.seconds(call)]
    while time.perf_counter() < end:
        times.append(compare.seconds(call))
    return times


def prepare(options):
    kernel = Kernel(**options["kernel"])
    inputs, outputs = kernel.inputs_of(), kernel.outputs_of()
    module = importlib.import_module("peers." + options["module"])
    prepared = module.prepare(kernel, inputs, outputs, options)
    for array in outputs.values():
        array[...] = 0  # its pages are there before the first call
    first = {}

    def call():
        first["first_call_seconds"] = compare.seconds(prepared.call)
    first["first_call_bytes"] = compare.peak_growth(call)
    return prepared, outputs, inputs, first


if __name__ == "__main__":
    table1_worker.serve(prepare, calls_for, lambda error: f"{type(error).__name__}: {table1_worker.first_line(error)}")
