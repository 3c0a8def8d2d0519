"""A kernel of models/ as its text says it: shapes, inputs, and when two results are the same."""
import dataclasses
import json
import subprocess

import numpy as np

import schedules

TOLERANCE = 2e-4  # of the largest magnitude of an output: sums in another order stay far below, mistakes are far above


@dataclasses.dataclass(frozen=True)
class Kernel:
    name: str
    inputs: list  # of {"name", "type", "dims", "frozen"}
    outputs: list
    extents: dict
    flops: float

    def inputs_of(self):
        """The same arrays in every process."""
        rng = np.random.default_rng(1)
        return {each["name"]: self.filled(rng, each) for each in self.inputs}

    def outputs_of(self):
        return {each["name"]: schedules.array_of(dataclasses.asdict(self), each) for each in self.outputs}

    def filled(self, rng, tensor):
        array = schedules.array_of(dataclasses.asdict(self), tensor)
        if array.dtype.kind != "f":
            array[...] = rng.integers(0, 10, array.shape)  # digits, and the ink of their images
        elif self.name == "reductions":
            array[...] = rng.uniform(0.9, 1.1, array.shape)  # a product of a row is neither 0 nor infinite
        elif tensor["name"] == "activation":
            array[...] = rng.uniform(0.05, 1, array.shape)  # probabilities
        else:
            array[...] = rng.uniform(-1, 1, array.shape)
        return array

    @property
    def sizes(self):
        """The extents of the arguments' dims, as text."""
        dims = dict.fromkeys(dim for tensor in self.inputs + self.outputs for dim in tensor["dims"])
        return ", ".join(f"{dim} {self.extents[dim]}" for dim in dims)


def described(coulter, text, sizes=""):
    """The kernel of a text, at its estimates or at `sizes` (`dim=n,...`)."""
    command = [coulter, "kernels", str(text), "--json"] + (["--sizes", sizes] if sizes else [])
    said = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)[0]
    return Kernel(*(said[field.name] for field in dataclasses.fields(Kernel)))


def difference(ours, theirs):
    """The largest of any output, of the output's largest magnitude; of integers it must be 0. A NaN makes it one."""
    return max(schedules.difference([a], [b]) if np.isfinite(a).all() else float("nan") for a, b in zip(ours, theirs))
