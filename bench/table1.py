#!/usr/bin/env python3
"""Table 1 of Barham and Isard (HotOS 2019) on this machine: compile time against run time, each way of getting a kernel.

Two kernels, `votes` (summed capsule votes) and `em` (EM routing), in f32 from row-major inputs to row-major outputs. Each
contender runs in a process of its own, with a limit on its time and its memory; one that is not installed, ends, or runs
over a limit is a row that says so. Results are held to f64 references. Rounds give each contender 60 ms in turn after
80 ms that are not counted, as in bench/compare.py; the medians and quartiles are over all calls. docs/table1.md says
what the rows are.

Usage, from the repository's root, after scripts/setup and with .venv/bin first in PATH:

    cmake --build --preset default --target coulter bench_build
    python bench/table1.py [--kernels votes,em] [--without halide,jax,...] [--threads 2] [--rounds 12] [--limit 300]
                           [--python torch=PYTHON] [--python jax=PYTHON] [--python plaidml=PYTHON]
                           [--out bench/results/NAME.json]

`--python` names an interpreter that has the package, as these want environments of their own. `--without` takes names of
contenders or of the packages they need.
"""
import argparse
import collections
import dataclasses
import json
import os
import pathlib
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time

import numpy as np

import compare
from contenders import problems

HERE = pathlib.Path(__file__).resolve().parent


@dataclasses.dataclass(frozen=True)
class Contender:
    name: str
    key: str  # for --without
    package: str  # what it needs, and whose interpreter runs it
    module: str
    form: str
    threaded: bool = True
    budget: int = 0  # seconds that it may search, besides the limit


CONTENDERS = [
    Contender("gcc", "gcc_serial", "gcc", "native", "gcc serial", threaded=False),
    Contender("gcc -fopenmp", "gcc_openmp", "gcc", "native", "gcc openmp"),
    Contender("PyTorch, eager", "torch_eager", "torch", "pytorch", "eager"),
    Contender("PyTorch, torch.compile", "torch_compile", "torch", "pytorch", "compile"),
    Contender("JAX, jit", "jax_jit", "jax", "xla", "jit"),
    Contender("PlaidML 0.7", "plaidml_tile", "plaidml", "tile", ""),
    Contender("Halide, Mullapudi2016", "mullapudi", "halide", "autoscheduled", "Mullapudi2016"),
    Contender("Halide, Adams2019", "adams", "halide", "autoscheduled", "Adams2019"),
    Contender("Halide, Adams2019, parallelism 16", "adams_16", "halide", "autoscheduled", "Adams2019 parallelism=16"),
    Contender("Halide, Adams2019, beam of 1", "adams_greedy", "halide", "autoscheduled", "Adams2019 beam_size=1"),
    Contender("Halide, Li2018", "li", "halide", "autoscheduled", "Li2018"),
    Contender("Halide, Anderson2021", "anderson", "halide", "autoscheduled", "Anderson2021"),
    Contender("Coulter, default schedule", "coulter_default", "coulter", "native", "coulter default"),
    *(Contender(f"Coulter, {seconds} s of search", f"coulter_{seconds}s", "coulter", "native", "coulter tuned",
                budget=seconds) for seconds in (10, 60, 600)),
    Contender("Coulter, hand-written schedule", "coulter_schedule", "coulter", "native", "coulter schedule"),
]


class Failed(Exception):
    """What a row says instead of times."""


class Worker:
    """A process that has prepared one contender, and answers line by line."""

    def __init__(self, contender, problem, arguments, directory):
        threads = arguments.threads if contender.threaded else 1
        options = {"module": contender.module, "form": contender.form, "problem": dataclasses.astuple(problem),
                   "threads": threads, "memory_gib": arguments.memory, "directory": directory, "build": arguments.build,
                   # A number of seconds shows nothing at small sizes, where a few candidates do.
                   "budget": "2" if arguments.small else f"{contender.budget}s"}
        python = arguments.python.get(contender.package, sys.executable)
        self.limit, self.late = arguments.limit + contender.budget, False
        self.stderr = tempfile.TemporaryFile("w+", errors="replace")
        try:
            self.process = subprocess.Popen([python, str(HERE / "table1_worker.py"), json.dumps(options)], text=True,
                                            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.stderr,
                                            env=os.environ | compare.KEEP_MEMORY | {"OMP_NUM_THREADS": str(threads)},
                                            start_new_session=True)
        except OSError:
            raise Failed("not installed: its Python") from None
        try:
            self.prepared = self.answer()
        except Failed:
            self.close()
            raise

    def answer(self):
        timer = threading.Timer(self.limit, self.end)
        timer.start()
        line = self.process.stdout.readline()
        timer.cancel()
        if line:
            fields = json.loads(line)
            if "failed" in fields:
                raise Failed(fields["failed"])
            return fields
        if self.late:
            raise Failed(f"not done after {self.limit:g} s")
        self.stderr.seek(0)
        said = [text.strip() for text in self.stderr if text.strip() and "warning" not in text.lower()]
        raise Failed(": ".join([self.how_it_ended(), *said[:1]]))

    def how_it_ended(self):
        _, status, usage = os.wait4(self.process.pid, 0)
        self.process.returncode = code = os.waitstatus_to_exitcode(status)
        ending = f"ended by {signal.Signals(-code).name}" if code < 0 else f"ended with {code}"
        return f"{ending}, at most {usage.ru_maxrss / 2 ** 20:.1f} GiB resident"

    def ask(self, line):
        try:
            self.process.stdin.write(line + "\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            pass  # `answer` tells how it ended
        return self.answer()

    def end(self):
        """Ends the process and those that it started, which are in its group."""
        self.late = True
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass

    def close(self):
        self.end()
        self.process.wait()
        self.stderr.close()


def without_paths(text):
    """A message as it may stand in a record: folders of this machine are no part of it."""
    return re.sub(r"/(?:[^\s/:'\"]+/)+", "", text)


def prepare(contenders, problem, arguments, directory):
    """The rows as far as compilation goes, and the processes of those contenders that can be called."""
    rows, workers = {}, {}
    for number, contender in enumerate(contenders):
        row = rows[contender.name] = {"contender": contender.name, "threads": arguments.threads if contender.threaded else 1}
        folder = pathlib.Path(directory) / f"{problem.kernel}.{number}"
        folder.mkdir()
        begin = time.perf_counter()
        try:
            workers[contender.name] = worker = Worker(contender, problem, arguments, str(folder))
            row |= worker.prepared
            result = folder / "results.npz"
            worker.ask(f"results {result}")
            row["max_error"] = problem.error(dict(np.load(result)))
            result.unlink()
            if not row["max_error"] < problem.tolerance:
                raise Failed(f"wrong: error {row['max_error']:.1e}")
        except Failed as reason:
            row["failed"] = without_paths(str(reason))
            if contender.name in workers:
                workers.pop(contender.name).close()
        print(f"  {contender.name}: {row.get('failed', 'ready')} after {time.perf_counter() - begin:.1f} s", file=sys.stderr)
    return rows, workers


def measure(rows, workers, rounds):
    times = {name: [] for name in workers}
    order = collections.deque(workers)
    for _ in range(rounds):
        for name in [name for name in order if name in workers]:
            time.sleep(0.02)  # as in compare.measure: the workers of the contender before still spin
            try:
                times[name] += workers[name].ask("calls 0.08 0.06")["times"]
            except Failed as reason:
                rows[name]["failed"] = without_paths(str(reason))
                workers.pop(name).close()
        order.rotate(-1)
    for name in workers:
        t = sorted(times[name])
        rows[name] |= {"median_ms": statistics.median(t) * 1e3, "q1_ms": t[len(t) // 4] * 1e3,
                       "q3_ms": t[3 * len(t) // 4] * 1e3, "calls": len(t)}


def markdown(problem, rows):
    """The table, with times beside those of Coulter under its hand-written schedule where that is there."""
    ours = rows[-1].get("median_ms") if rows[-1]["contender"] == CONTENDERS[-1].name else None
    lines = [f"`{problem.kernel}`: {problem.text}", "", "| contender | threads | compile | run | quartiles | of Coulter's time |",
             "|---|---|---|---|---|---|"]
    for row in rows:
        if "failed" in row:
            message = row["failed"].replace("|", "\\|")
            lines.append(f"| {row['contender']} | {row['threads']} | {message} | | | |")
            continue
        ratio = f"{row['median_ms'] / ours:.2f}" if ours else ""
        lines.append(f"| {row['contender']} | {row['threads']} | {row['compile_seconds']:.2f} s | {row['median_ms']:.3g} ms | "
                     f"{row['q1_ms']:.3g} - {row['q3_ms']:.3g} ms | {ratio} |")
    return "\n".join(lines)


def parsed():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--kernels", default="votes,em", help="votes, em, or both")
    parser.add_argument("--without", default="", help="contenders, or packages that they need, to leave out")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--limit", type=float, default=300, help="seconds that a contender may take to compile")
    parser.add_argument("--memory", type=float, default=12, help="GiB of address space that a contender may take")
    parser.add_argument("--small", action="store_true", help="sizes that only show that all this works")
    parser.add_argument("--build", default=str(HERE.parent / "build"), help="the folder that Coulter was built in")
    parser.add_argument("--python", action="append", default=[], help="PACKAGE=PYTHON, the interpreter that has a package")
    parser.add_argument("--strict", action="store_true", help="fail where a row has no time")
    parser.add_argument("--out", help="write the figures as JSON")
    arguments = parser.parse_args()
    arguments.kernels, arguments.without = arguments.kernels.split(","), set(filter(None, arguments.without.split(",")))
    known = {c.package for c in CONTENDERS} | {c.key for c in CONTENDERS}
    for kind, given, legal in [("kernel", set(arguments.kernels), set(problems.FULL)), ("contender", arguments.without, known),
                               ("package", {p.split("=")[0] for p in arguments.python}, {c.package for c in CONTENDERS})]:
        if given - legal:
            parser.error(f"unknown {kind} `{min(given - legal)}`; known are {', '.join(sorted(legal))}")
    arguments.python = dict(p.split("=", 1) for p in arguments.python if "=" in p)
    return arguments


def main():
    arguments = parsed()
    contenders = [c for c in CONTENDERS if not {c.key, c.package} & arguments.without]
    tables = []
    for kernel in arguments.kernels:
        problem = (problems.SMALL if arguments.small else problems.FULL)[kernel]
        print(f"{problem.kernel}: {problem.text}", file=sys.stderr)
        with tempfile.TemporaryDirectory() as directory:
            rows, workers = prepare(contenders, problem, arguments, directory)
            try:
                measure(rows, workers, arguments.rounds)
            finally:
                for worker in workers.values():
                    worker.close()
        tables.append({"kernel": problem.kernel, "sizes": problem.text, "rows": list(rows.values())})
        print("\n" + markdown(problem, list(rows.values())) + "\n", flush=True)
    if arguments.out:
        document = {"processor": compare.processor(), "threads": arguments.threads, "rounds": arguments.rounds,
                    "limit_seconds": arguments.limit, "memory_gib": arguments.memory, "tables": tables}
        pathlib.Path(arguments.out).write_text(json.dumps(document, indent=1) + "\n")
    if arguments.strict and any("failed" in row for table in tables for row in table["rows"]):
        sys.exit("a contender has no time")


if __name__ == "__main__":
    main()
