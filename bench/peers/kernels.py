"""A kernel as its text says it: shapes, inputs, and when two results are the same."""
import dataclasses
import json
import subprocess

import numpy as np

import schedules
from peers import inputs, suites

TOLERANCE = 2e-4  # of the largest magnitude of an output: sums in another order stay far below, mistakes are far above


@dataclasses.dataclass(frozen=True)
class Kernel:
    name: str
    inputs: list  # of {"name", "type", "dims", "frozen"}
    outputs: list
    extents: dict
    flops: float
    forward: dict | None = None  # of a gradient: {"name", "inputs", "outputs"} of the kernel whose gradient it is

    @property
    def family(self):
        """The kernel that it is, or whose gradient."""
        return suites.forward_of(self.name)

    @property
    def symbol(self):
        return self.name.replace(".", "_")

    @property
    def primal(self):
        """The inputs of the kernel itself, of which a gradient may need fewer."""
        return self.forward["inputs"] if self.forward else self.inputs

    @property
    def cotangents(self):
        own = {each["name"] for each in self.primal}
        return [each for each in self.inputs if each["name"] not in own]

    def inputs_of(self):
        """The same arrays in every process: the kernel's own, then the cotangents."""
        rng, drawn = np.random.default_rng(1), {}
        for each in self.primal + self.cotangents:
            drawn[each["name"]] = self.filled(rng, each, drawn)
        return drawn

    def outputs_of(self):
        return {each["name"]: schedules.array_of(dataclasses.asdict(self), each) for each in self.outputs}

    def filled(self, rng, tensor, before):
        array = schedules.array_of(dataclasses.asdict(self), tensor)
        special = inputs.SPECIAL.get((self.family, tensor["name"]))
        if special:
            array[...] = special(rng, array.shape, self.extents, before)
        elif tensor["name"] == "activation":
            array[...] = rng.uniform(0.05, 1, array.shape)  # probabilities
        elif array.dtype.kind != "f":
            array[...] = rng.integers(0, 10, array.shape)  # digits, and the ink of their images
        else:
            array[...] = rng.uniform(-1, 1, array.shape)
        return array

    @property
    def sizes(self):
        """The extents of the arguments' dims, as text."""
        dims = dict.fromkeys(dim for tensor in self.inputs + self.outputs for dim in tensor["dims"])
        return ", ".join(f"{dim} {self.extents[dim]}" for dim in dims)


def said_of(coulter, text, sizes):
    command = [coulter, "kernels", str(text), "--json"] + (["--sizes", sizes] if sizes else [])
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)[0]


def described(coulter, text, sizes="", forward=None):
    """The kernel of a text, at its estimates or at `sizes` (`dim=n,...`); `forward`: the text whose gradient it is."""
    said = said_of(coulter, text, sizes)
    fields = [said[field.name] for field in dataclasses.fields(Kernel) if field.name != "forward"]
    if forward:
        of = said_of(coulter, forward, sizes)
        said["extents"] |= of["extents"]
        return Kernel(*fields, {key: of[key] for key in ("name", "inputs", "outputs")})
    return Kernel(*fields)


def difference(ours, theirs):
    """The largest of any output, of the output's largest magnitude; of integers it must be 0. A NaN makes it one."""
    return max(schedules.difference([a], [b]) if np.isfinite(a).all() else float("nan") for a, b in zip(ours, theirs))
