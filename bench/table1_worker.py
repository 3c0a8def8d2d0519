"""One contender of table1.py in a process of its own, so that its threads, limits and crashes are its own.

    python table1_worker.py '{"module": "native", "form": "gcc openmp", "problem": [...], ...}'

It prepares the kernel, calls it, and says so in one line of JSON. Then it answers each line: `results PATH` writes what the
last call made to PATH, `calls WARM TIMED` gives the times of calls during TIMED seconds after WARM seconds not counted, and
`growth` by how much the resident set grows at most during a call.
"""
import importlib
import json
import os
import resource
import sys
import time

import numpy as np

import compare
from contenders import Unavailable
from contenders.problems import Problem


def first_line(error):
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__


def prepare(options):
    problem = Problem(*options["problem"])
    inputs, outputs = problem.inputs(), problem.outputs()
    module = importlib.import_module("contenders." + options["module"])
    prepared = module.prepare(options["form"], problem, inputs, outputs, options)
    first = compare.seconds(prepared.call)
    if prepared.compile_seconds is None:
        prepared.compile_seconds = max(0.0, first - min(compare.for_seconds(prepared.call, 0.5)))
    return prepared, outputs, inputs, {"compile_seconds": prepared.compile_seconds}


def serve(prepare, for_seconds=compare.for_seconds, reason=first_line):
    """Answers the lines. `prepare` gets the options and returns what is called, its outputs, what it holds on to, and what to
    answer at first; `reason` words what it raises."""
    # What libraries print must not get between the answers.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)

    def answer(**fields):
        print(json.dumps(fields), file=answers, flush=True)

    options = json.loads(sys.argv[1])
    limit = int(options["memory_gib"] * 2 ** 30)
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    try:
        prepared, outputs, _held, fields = prepare(options)
    except Unavailable as error:
        return answer(failed=first_line(error))
    except Exception as error:  # whatever a compiler raises is the contender's row
        return answer(failed=reason(error))
    answer(note=prepared.note, **fields)
    for line in sys.stdin:
        command, *words = line.split()
        if command == "results":
            prepared.fetch()
            np.savez(words[0], **outputs)
            answer(results=words[0])
        elif command == "growth":
            answer(bytes=compare.peak_growth(prepared.call))
        else:
            for_seconds(prepared.call, float(words[0]))
            answer(times=for_seconds(prepared.call, float(words[1])))


if __name__ == "__main__":
    serve(prepare)
