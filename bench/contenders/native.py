"""gcc and Coulter: a compiler makes a shared library, whose C function is called."""
import ctypes
import pathlib
import subprocess
import time

import numpy as np

import compare
from contenders import Prepared, Unavailable

BENCH = pathlib.Path(__file__).resolve().parents[1]
MODELS = BENCH.parent / "models"


def timed(command):
    begin = time.perf_counter()
    try:
        done = subprocess.run(command, capture_output=True, text=True)
    except FileNotFoundError:
        raise Unavailable(f"not installed: {command[0]}") from None
    if done.returncode != 0:
        raise RuntimeError(done.stderr.strip() or f"{command[0]} ended with {done.returncode}")
    return time.perf_counter() - begin


def gcc(form, problem, inputs, outputs, options):
    source = BENCH / ("loops.c" if problem.kernel == "conv_capsules" else "em_loops.c")
    library = pathlib.Path(options["directory"]) / "loops.so"
    openmp = ["-fopenmp"] if form == "openmp" else []
    seconds = timed(["gcc", "-O3", "-march=native", "-ffast-math", *openmp, "-shared", "-fPIC", str(source), "-o",
                     str(library), "-lm"])
    version = subprocess.run(["gcc", "-dumpfullversion"], capture_output=True, text=True, check=True).stdout.strip()
    loops = ctypes.CDLL(str(library))
    sizes = [problem.batch, problem.size, problem.size, problem.channels, problem.channels]
    arrays = [*inputs.values(), *outputs.values()]
    if problem.kernel == "conv_capsules":
        return Prepared(seconds, compare.c_call(loops.conv_capsules, sizes, arrays), note=version)
    # Memory for the votes, which a call would otherwise take and return, is kept: the faster way for this contender.
    loops.em_workspace.restype = ctypes.c_int64
    workspace = np.empty(loops.em_workspace(*map(ctypes.c_int64, sizes)), np.float32)
    return Prepared(seconds, compare.c_call(loops.em_routing_in, sizes, [*arrays, workspace]), note=version)


def coulter(form, problem, inputs, outputs, options):
    program = pathlib.Path(options["build"]) / "bin" / "coulter"
    texts = sorted(pathlib.Path(options["build"]).glob(f"*/*.kernels/text/{problem.kernel}.coulter"),
                   key=lambda path: path.stat().st_mtime)  # those of models/ and of bench/, of which one may be old
    if not program.exists() or not texts:
        raise Unavailable("not built: cmake --build --preset default --target coulter bench_build")
    schedule, seconds = [], 0
    if form == "schedule":
        schedule = ["--schedule", str(MODELS / "schedules" / f"{problem.kernel}.sched")]
    elif form == "tuned":
        found = f"{options['directory']}/tuned.sched"
        extents = {"batch": problem.batch, "iy": problem.size, "ix": problem.size, "in": problem.channels,
                   "out": problem.channels}
        seconds = timed([str(program), "tune", str(texts[-1]), "--budget", options["budget"], "--threads",
                         str(options["threads"]), "--store", f"{options['directory']}/tuning.db", "-o", found, "--sizes",
                         ",".join(f"{dim}={extent}" for dim, extent in extents.items())])
        schedule = ["--schedule", found]
    seconds += timed([str(program), "build", str(texts[-1]), *schedule, "--threads", str(options["threads"]), "--name", "table",
                     "--shared", "-o", options["directory"]])
    library = compare.Coulter(f"{options['directory']}/libtable.so", options["threads"])
    return Prepared(seconds, library.kernel(problem.kernel, [*inputs.values(), *outputs.values()]))


def prepare(form, problem, inputs, outputs, options):
    contender, form = form.split(" ")
    return {"gcc": gcc, "coulter": coulter}[contender](form, problem, inputs, outputs, options)
