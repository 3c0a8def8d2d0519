#!/usr/bin/env python3
"""Kernels of models/ beside PyTorch, torch.compile, JAX, C loops, and Halide's own autoschedulers.

`--suite models`, which is the default, has the kernels with hand-written schedules; `twenty` has the layers that stock
libraries serve badly, `twenty_grad` their gradients, and `capsules_grad` forward and backward passes of capsule layers
(peers/suites.py), these without Halide's autoschedulers.

Contenders get the same row-major inputs and give row-major outputs, in f32 and with the same number of threads, each in a
process of its own; inputs that are frozen may be rearranged before the timing. Coulter has its hand-written schedules
(`hand`), what `coulter autoschedule` writes (`instant`), and those of further folders (--also). Every result is held to
the first contender's before a time counts. Rounds give each contender 60 ms in turn, or one call where that takes longer,
after 80 ms that are not counted; medians and quartiles are over all calls. docs/peers.md says what the rows are.

Usage, from the repository's root, after a build of `coulter`, `coulter_models_generator` and `bench_autoschedule`:

    python bench/peers.py [--suite SUITE] [--kernels a,b] [--extra-memory] [--threads 2] [--rounds 12] [--also tuned=DIR] [--build-only]
                          [--python PYTHON] [--work DIR] [--out bench/results/NAME.json] [--merge] [--without jax,li,...]

`--python` names an interpreter with PyTorch and JAX. `--work` keeps what was built for later runs: `--build-only` builds,
a later run measures. `--merge` keeps the kernels that the --out file has and this run does not measure; `--show` prints a
file's table and measures nothing. `--extra-memory` adds what a call takes beside its arguments: of Coulter and loops by
how much the resident set grows at most in the first call, of libraries, which may compile then, in one after it.
"""
import argparse
import dataclasses
import importlib.metadata
import json
import os
import pathlib
import subprocess
import sys
import tempfile

import numpy as np

sys.path[0] = str(pathlib.Path(__file__).resolve().parent)
import compare  # noqa: E402
import table1  # noqa: E402
from peers import build, kernels, suites, tables  # noqa: E402

BENCH = pathlib.Path(__file__).resolve().parent
ROOT = BENCH.parent


@dataclasses.dataclass(frozen=True)
class Contender:
    key: str
    module: str
    form: str
    scheduler: str = ""  # Halide's name of it
    folder: str | None = None  # of Coulter's schedules; None: instant


def contenders_of(arguments):
    """All that a suite has; those of gradients alone are left out where the kernel is none."""
    coulter = {"hand": str(ROOT / "models" / "schedules"), "instant": None} | arguments.also
    halide = tables.THREE if arguments.suite == "models" else {}
    return [Contender(key, "native", "coulter", folder=folder) for key, folder in coulter.items()] + [
        Contender("torch_eager", "pytorch", "eager"), Contender("torch_compile", "pytorch", "compile"),
        Contender("jax", "xla", "jit"), Contender("c_loops", "native", "loops")] + [
        Contender("torch_backward", "pytorch", "eager backward"), Contender("jax_backward", "xla", "jit backward")] * (
        arguments.suite != "models") + [
        Contender(key, "native", "halide", scheduler=name) for key, name in halide.items()] + [
        Contender(tables.PLAIN, "native", "halide")] * arguments.plain


class Worker(table1.Worker):
    """A process that has prepared one contender, and answers line by line."""

    def __init__(self, contender, kernel, library, arguments, environment=compare.KEEP_MEMORY):
        options = {"module": contender.module, "form": contender.form, "kernel": dataclasses.asdict(kernel),
                   "threads": arguments.threads, "memory_gib": arguments.memory, "library": str(library),
                   "cache": str(pathlib.Path(arguments.work).resolve() / "inductor")}
        python = sys.executable if contender.module == "native" else arguments.python
        self.limit, self.late = arguments.limit, False
        self.stderr = tempfile.TemporaryFile("w+", errors="replace")
        environment = os.environ | environment | {"OMP_NUM_THREADS": str(arguments.threads)}
        try:
            self.process = subprocess.Popen([python, str(BENCH / "peers" / "worker.py"), json.dumps(options)], text=True,
                                            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.stderr,
                                            env=environment, start_new_session=True)
        except OSError:
            raise table1.Failed("not installed: its Python") from None

        try:
            self.prepared = self.answer()
        except table1.Failed:
            self.close()
            raise


# Freed arrays go back to the system, whatever was freed before: the next call takes all that it needs anew.
GIVE_BACK = {"MALLOC_MMAP_THRESHOLD_": "65536", "MALLOC_TRIM_THRESHOLD_": "65536"}


def extra_memory(contenders, rows, kernel, builder, arguments):
    """Adds the bytes that a call takes beside its arguments, each in a process of its own."""
    for contender in contenders:
        row = rows[contender.key]
        if "failed" in row:
            continue
        is_native = contender.module == "native"
        worker = Worker(contender, kernel, builder.library(kernel, contender) if is_native else "", arguments, GIVE_BACK)
        row["extra_bytes"] = worker.prepared["first_call_bytes"] if is_native else worker.ask("growth")["bytes"]
        worker.close()


def result_of(worker, folder):
    path = folder / "results.npz"
    worker.ask(f"results {path}")
    with np.load(path) as results:
        return [results[name] for name in results.files]


def prepare(contenders, kernel, builder, arguments, folder):
    """Rows, and the processes of those that can be called and agree with the first."""
    rows, workers, expected = {}, {}, None
    for contender in contenders:
        row = rows[contender.key] = {}
        worker = None
        try:
            library = builder.library(kernel, contender) if contender.module == "native" else ""
            if seconds := builder.seconds(kernel, contender):
                row["build_seconds"] = seconds
            worker = Worker(contender, kernel, library, arguments)
            row |= worker.prepared
            result = result_of(worker, folder)
            expected = expected or result
            row["difference"] = kernels.difference(result, expected)
            if not row["difference"] <= kernels.TOLERANCE:
                raise table1.Failed(f"wrong: differs by {row['difference']:.1e}")
            workers[contender.key] = worker
        except table1.Failed as reason:
            row["failed"] = table1.without_paths(str(reason))
            if worker:
                worker.close()
        print(f"  {contender.key}: {row.get('failed', 'ready')}", file=sys.stderr, flush=True)
    return rows, workers


def parsed():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--suite", choices=["models", "twenty", "twenty_grad", "capsules_grad"], default="models",
                        help="what is compared, and with whom: peers/suites.py")
    parser.add_argument("--kernels", default="", help="names, comma separated (all of the suite)")
    parser.add_argument("--without", default="", help="contenders to leave out")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--sizes", default="", help="dim=n,... in place of the estimates")
    parser.add_argument("--limit", type=float, default=600, help="seconds that a contender may take to build or to answer")
    parser.add_argument("--memory", type=float, default=12, help="GiB of address space that a contender may take")
    parser.add_argument("--also", action="append", default=[], metavar="NAME=DIR", help="schedules of another folder")
    parser.add_argument("--python", default=sys.executable, help="the interpreter that has PyTorch and JAX")
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build", help="the folder that Coulter was built in")
    parser.add_argument("--work", help="folder that keeps what was built (a temporary one)")
    parser.add_argument("--build-only", action="store_true", help="build everything, and measure nothing")
    parser.add_argument("--check-only", action="store_true", help="build and compare results, and measure nothing")
    parser.add_argument("--extra-memory", action="store_true", help="add what a call takes beside its arguments")
    parser.add_argument("--plain", action="store_true", help="add Halide's functions without a schedule, as a check")
    parser.add_argument("--out", help="JSON file for the figures")
    parser.add_argument("--merge", action="store_true", help="keep the --out file's other kernels")
    parser.add_argument("--show", help="print the tables of this file")
    arguments = parser.parse_args()
    arguments.also = dict(each.split("=", 1) for each in arguments.also)
    known = {contender.key for contender in contenders_of(arguments)}
    arguments.without = set(filter(None, arguments.without.split(",")))
    if arguments.without - known:
        parser.error(f"unknown contender `{min(arguments.without - known)}`; known are {', '.join(sorted(known))}")
    return parser, arguments


def halide_version():
    try:
        return importlib.metadata.version("halide")
    except importlib.metadata.PackageNotFoundError:
        return None


def halide_folder():
    """Where the wheel has its autoschedulers; a folder that is not there where there is no wheel."""
    if halide_version() is None:
        return pathlib.Path("no-halide")
    return pathlib.Path(importlib.metadata.distribution("halide").locate_file("halide/lib64"))


def written(results, arguments):
    """The results with those that the file has of other kernels, in the file's order, written where --out says."""
    head = {"processor": compare.processor(), "halide": halide_version(), "threads": arguments.threads, "rounds": arguments.rounds,
            "limit_seconds": arguments.limit, "memory_gib": arguments.memory}
    results = {each["kernel"]: tables.with_ratios(each) for each in results}
    path = pathlib.Path(arguments.out) if arguments.out else None
    if path and arguments.merge and path.exists():
        old = json.loads(path.read_text())
        different = [key for key in head if old.get(key) != head[key]]
        if different:
            sys.exit(f"{arguments.out} is of other {', '.join(different)}: not merged")
        results = {each["kernel"]: each for each in old["results"]} | results
    if path:
        path.write_text(json.dumps(head | {"results": list(results.values())}, indent=1) + "\n")
    return list(results.values())


def save(results, arguments):
    """After each kernel: what was measured is not lost with the rest."""
    if not arguments.build_only:
        written(results, arguments)


def show(results):
    print("\n" + tables.markdown(results) + "\n")
    print("\n".join(tables.summary(results)), flush=True)


def run(parser, arguments):
    work = pathlib.Path(arguments.work)
    subprocess.run([str(arguments.build / "models" / "coulter_models_generator"), "-o", str(work)], check=True)
    known = {name for path in work.glob("*.coulter") if not (name := path.stem).endswith(suites.GRADIENT)}
    known |= {name for suite in ("twenty_grad", "capsules_grad") for name in suites.names(suite, ROOT / "models")
              if suites.forward_of(name) in known}
    of_suite = suites.names(arguments.suite, ROOT / "models")
    wanted = list(filter(None, arguments.kernels.split(","))) or [name for name in of_suite if name in known]
    if unknown := set(wanted) - known:
        parser.error(f"unknown kernel `{min(unknown)}`; known are {', '.join(sorted(known))}")
    builder = build.Builder(arguments)
    results = []
    for name in wanted:
        contenders = [each for each in contenders_of(arguments) if each.key not in arguments.without
                      and (name.endswith(suites.GRADIENT) or each.key not in tables.BACKWARD)]
        try:
            kernel = builder.described(name)
        except table1.Failed as reason:
            print(f"{name}: {reason}", file=sys.stderr, flush=True)
            results.append({"kernel": name, "sizes": "", "flops": None, "rows": {"instant": {"failed": str(reason)}}})
            save(results, arguments)
            continue
        print(f"{name}: {kernel.sizes}", file=sys.stderr, flush=True)
        if arguments.build_only:
            for contender in contenders:
                try:
                    if contender.module == "native":
                        builder.library(kernel, contender)
                except table1.Failed as reason:
                    print(f"  {contender.key}: {reason}", file=sys.stderr, flush=True)
            continue
        with tempfile.TemporaryDirectory() as folder:
            rows, workers = prepare(contenders, kernel, builder, arguments, pathlib.Path(folder))
            try:
                if not arguments.check_only:
                    table1.measure(rows, workers, arguments.rounds)
            finally:
                for worker in workers.values():
                    worker.close()
            if arguments.extra_memory:
                extra_memory(contenders, rows, kernel, builder, arguments)
        results.append({"kernel": name, "sizes": kernel.sizes, "flops": kernel.flops, "rows": rows})
        save(results, arguments)
    return results


def main():
    parser, arguments = parsed()
    if arguments.show:
        return show(json.loads(pathlib.Path(arguments.show).read_text())["results"])
    arguments.halide = halide_folder()
    with tempfile.TemporaryDirectory() as temporary:
        arguments.work = arguments.work or temporary
        pathlib.Path(arguments.work).mkdir(parents=True, exist_ok=True)
        results = run(parser, arguments)
    if arguments.build_only:
        return None
    show(written(results, arguments))
    wrong = [f"{each['kernel']} of {key}" for each in results for key, row in each["rows"].items()
             if row.get("failed", "").startswith("wrong")]
    return f"wrong results: {', '.join(wrong)}" if wrong else None


if __name__ == "__main__":
    sys.exit(main())
