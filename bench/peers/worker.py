"""One contender of peers.py in a process of its own, so that its threads, limits and crashes are its own.

    python worker.py '{"module": "loops", "kernel": {...}, "threads": 2, ...}'

It prepares the kernel, calls it, and says so in one line of JSON. Then it answers each line: `results PATH` writes what the
last call made to PATH, `calls WARM TIMED` gives the times of calls during TIMED seconds after WARM seconds not counted.
"""
import importlib
import json
import os
import pathlib
import resource
import sys
import time

BENCH = pathlib.Path(__file__).resolve().parents[1]
sys.path[0] = str(BENCH)
import numpy as np  # noqa: E402

import compare  # noqa: E402
import table1_worker  # noqa: E402
from contenders import Unavailable  # noqa: E402
from peers.kernels import Kernel  # noqa: E402


def calls_for(call, duration):
    """As compare.for_seconds, but once is enough: some contenders take a second."""
    end = time.perf_counter() + duration
    times = [compare.seconds(call)]
    while time.perf_counter() < end:
        times.append(compare.seconds(call))
    return times


def main():
    # What libraries print must not get between the answers.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)

    def answer(**fields):
        print(json.dumps(fields), file=answers, flush=True)

    options = json.loads(sys.argv[1])
    limit = int(options["memory_gib"] * 2 ** 30)
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    try:
        kernel = Kernel(**options["kernel"])
        inputs, outputs = kernel.inputs_of(), kernel.outputs_of()
        module = importlib.import_module("peers." + options["module"])
        prepared = module.prepare(kernel, inputs, outputs, options)
        first = compare.seconds(prepared.call)
    except Unavailable as reason:
        return answer(failed=table1_worker.first_line(reason))
    except Exception as error:  # whatever a contender raises is its row
        return answer(failed=f"{type(error).__name__}: {table1_worker.first_line(error)}")
    answer(first_call_seconds=first, note=prepared.note)
    for line in sys.stdin:
        command, *words = line.split()
        if command == "results":
            prepared.fetch()
            np.savez(words[0], **outputs)
            answer(results=words[0])
        else:
            calls_for(prepared.call, float(words[0]))
            answer(times=calls_for(prepared.call, float(words[1])))


if __name__ == "__main__":
    main()
