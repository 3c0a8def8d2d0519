"""Builds the libraries of the contenders that a compiler makes, once each; what cannot be built says why.

A folder keeps them between runs, as Halide's autoschedulers take minutes: `<kernel>.<contender>.so`, or `.failed` with a
line of text, and `.seconds` with how long either took.
"""
import math
import os
import pathlib
import re
import resource
import signal
import subprocess
import time

import table1
from peers import kernels, native, suites

BENCH = pathlib.Path(__file__).resolve().parents[1]


class Builder:
    def __init__(self, arguments):
        self.arguments, self.work = arguments, pathlib.Path(arguments.work)

    def described(self, name):
        """Raises table1.Failed where there is no gradient."""
        of = suites.forward_of(name)
        return kernels.described(str(self.arguments.build / "bin/coulter"), self.text(name), self.sizes(name),
                                 self.text(of) if of != name else None)

    def library(self, kernel, contender):
        """The path of a library. Raises table1.Failed with why there is none."""
        stem = self.work / f"{kernel.name}.{contender.key}"
        library, failed = (stem.with_name(stem.name + end) for end in (".so", ".failed"))
        if not library.exists() and not failed.exists():
            begin = time.perf_counter()
            try:
                self.build(kernel, contender, library)
            except table1.Failed as reason:
                failed.write_text(table1.without_paths(str(reason)))
            stem.with_name(stem.name + ".seconds").write_text(f"{time.perf_counter() - begin:.2f}")
        if failed.exists():
            raise table1.Failed(failed.read_text())
        return library

    def seconds(self, kernel, contender):
        path = self.work / f"{kernel.name}.{contender.key}.seconds"
        return float(path.read_text()) if path.exists() else None

    def text(self, name):
        """The file of a kernel; of a gradient, made when it is first asked for."""
        path = self.work / f"{name}.coulter"
        for suffix, form in ((suites.GRADIENT, "--grad"), (suites.TOGETHER, "--value-and-grad")):
            if name.endswith(suffix) and not path.exists():
                of = name.removesuffix(suffix)
                self.run([str(self.arguments.build / "bin/coulter"), "transform", str(self.work / f"{of}.coulter"), form,
                          suites.layer_of(of + suites.GRADIENT).wrt, "-o", str(path)])
        return path

    def of_training(self, name, text):
        """A kernel's text for training: its weights are other ones in each call."""
        path = self.work / "training" / f"{name}.coulter"
        path.parent.mkdir(exist_ok=True)
        path.write_text(re.sub(r"^(input .*) frozen$", r"\1", text.read_text(), flags=re.M))
        return path

    def sizes(self, name):
        return self.arguments.sizes or suites.sizes_of(name)

    def build(self, kernel, contender, library):
        text = self.text(kernel.name)
        if contender.form == "loops":
            if kernel.name not in native.LOOPS:
                raise table1.Failed("no loops")
            source = BENCH / native.LOOPS[kernel.name][0]
            return self.run(["gcc", *native.FLAGS, "-shared", "-fPIC", str(source), "-o", str(library), "-lm"])
        if contender.form == "coulter":
            return self.build_coulter(kernel, contender, text, library)
        scheduled = []
        if contender.scheduler:
            plugin = self.arguments.halide / f"libautoschedule_{contender.scheduler.lower()}.so"
            if not plugin.exists():
                raise table1.Failed(f"not installed: {plugin.name}")
            scheduled = ["--scheduler", contender.scheduler, "--plugin", str(plugin), "--threads",
                         str(self.arguments.threads), "--schedule", str(library.with_suffix(".txt"))]
        made = library.with_suffix(".o")
        sizes = [word for each in filter(None, self.sizes(kernel.name).split(",")) for word in ("--size", each)]
        self.run([str(self.arguments.build / "bench/bench_autoschedule"), str(text), "-o", str(made), *scheduled, *sizes])
        self.run(["g++", "-shared", str(made), "-o", str(library), "-ldl", "-lpthread"])
        made.unlink()

    def build_coulter(self, kernel, contender, text, library):
        texts = {kernel.name: text}
        if suites.is_training(kernel.name):
            together = suites.together_of(kernel.name)
            both = {together: self.text(together)} if together else {kernel.family: self.text(kernel.family)} | texts
            texts = {name: self.of_training(name, each) for name, each in both.items()}
        folder = library.with_suffix("")
        coulter = str(self.arguments.build / "bin/coulter")
        schedules = [word for name, each in texts.items() for word in ("--schedule", str(self.schedule(kernel, name, contender, each)))]
        self.run([coulter, "build", *map(str, texts.values()), "--name", "peers", "--target", "host", "--shared", "-o",
                  str(folder), *schedules, *self.typical(kernel)])
        (folder / "libpeers.so").rename(library)

    def typical(self, kernel):
        sizes = self.sizes(kernel.name)
        return ["--sizes", sizes] if sizes else []

    def schedule(self, kernel, name, contender, text):
        """The schedule of the kernel `name`, at the sizes at which `kernel` is measured."""
        if contender.folder is None:
            schedule = self.work / f"{name}.{contender.key}.sched"
            if suites.is_training(kernel.name):
                schedule = self.work / "training" / schedule.name
            self.run([str(self.arguments.build / "bin/coulter"), "autoschedule", str(text), "--threads",
                      str(self.arguments.threads), "-o", str(schedule), *self.typical(kernel)])
            return schedule
        schedule = pathlib.Path(contender.folder) / f"{name.replace('.', '_')}.sched"
        if not schedule.exists():
            raise table1.Failed("no schedule")
        if not suites.is_training(kernel.name):
            return schedule
        # What is packed once where weights stay is packed in each call where they do not.
        per_call = self.work / "training" / f"{name}.{contender.key}.sched"
        per_call.write_text(re.sub(r"^(\s*stage .* = pack .*) once$", r"\1", schedule.read_text(), flags=re.M | re.I))
        return per_call

    def run(self, command):
        """Within the limits: memory, and time of the processor, as other work may hold the machine up. What a program said
        first is why it failed."""
        seconds, memory = math.ceil(self.arguments.limit), int(self.arguments.memory * 2 ** 30)

        def limit():
            resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
            resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
        try:
            done = subprocess.run(command, capture_output=True, text=True, errors="replace", preexec_fn=limit,
                                  env=os.environ | {"HL_NUM_THREADS": str(self.arguments.threads)})
        except FileNotFoundError:
            raise table1.Failed(f"not built: {pathlib.Path(command[0]).name}") from None
        if done.returncode == 0:
            return
        if done.returncode in (-signal.SIGXCPU, -signal.SIGKILL):
            raise table1.Failed(f"not done after {self.arguments.limit:g} s")
        said = [line.strip() for line in done.stderr.splitlines() if line.strip() and "warning" not in line.lower()]
        ending = f"ended by signal {-done.returncode}" if done.returncode < 0 else f"ended with {done.returncode}"
        raise table1.Failed(": ".join([ending, *said[:1]]))
