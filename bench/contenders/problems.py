"""The two problems of bench/table1.py: sizes, inputs, and references in f64.

Both share the primitive of the paper's Table 1, a 3x3 window with stride 2 over 4x4 poses. Arrays are row-major in the
order that their shapes have here, for every contender.
"""
import dataclasses
import functools

import numpy as np

import compare
from compare_em import ITERATIONS, STRIDE, TAPS, em_reference, positions


@dataclasses.dataclass(frozen=True)
class Problem:
    kernel: str  # the name that the kernel has in models/
    batch: int
    size: int
    channels: int  # capsule types, of children and of parents

    @property
    def out(self):
        return positions(self.size)

    @property
    def text(self):
        iterations = f", {ITERATIONS} iterations" if self.kernel == "em_routing" else ""
        return (f"batch {self.batch}, {self.size}x{self.size} -> {self.out}x{self.out}, 3x3 stride {STRIDE}, "
                f"{self.channels} -> {self.channels} types, 4x4 poses{iterations}")

    @property
    def input_shapes(self):
        pose = (self.batch, self.size, self.size, self.channels, 4, 4)
        weight = (TAPS, TAPS, self.channels, self.channels, 4, 4)
        if self.kernel == "conv_capsules":
            return {"pose": pose, "weight": weight}
        return {"pose": pose, "activation": pose[:4], "weight": weight, "beta_u": (self.channels,), "beta_a": (self.channels,)}

    @property
    def output_shapes(self):
        votes = (self.batch, self.out, self.out, self.channels, 4, 4)
        return {"votes": votes} if self.kernel == "conv_capsules" else {"pose": votes, "activation": votes[:4]}

    @property
    def tolerance(self):
        """Of the largest magnitude."""
        return 1e-5 if self.kernel == "conv_capsules" else 1e-4

    def inputs(self):
        rng = np.random.default_rng(1)
        arrays = {name: compare.uniform(rng, *shape) for name, shape in self.input_shapes.items()}
        if "activation" in arrays:
            np.abs(arrays["activation"], out=arrays["activation"])
        return arrays

    def outputs(self):
        return {name: compare.aligned(shape) for name, shape in self.output_shapes.items()}

    @property
    def checked(self):
        """The images that results are held to: nothing crosses images, and the reference of EM routing takes long."""
        return slice(None) if self.kernel == "conv_capsules" else slice(0, None, max(1, self.batch - 1))

    def error(self, outputs):
        """The largest difference from the reference, by the largest magnitude."""
        return max(float(np.abs(outputs[name][self.checked] - want).max() / np.abs(want).max())
                   for name, want in reference(self).items())


FULL = {"votes": Problem("conv_capsules", 64, 15, 32), "em": Problem("em_routing", 8, 14, 16)}
SMALL = {"votes": Problem("conv_capsules", 2, 7, 4), "em": Problem("em_routing", 2, 6, 3)}


@functools.cache
def reference(problem):
    inputs = problem.inputs()
    if problem.kernel == "conv_capsules":
        pose, weight = (inputs[name].astype(np.float64) for name in ("pose", "weight"))
        windows = np.lib.stride_tricks.sliding_window_view(pose, (TAPS, TAPS), axis=(1, 2))[:, ::STRIDE, ::STRIDE]
        results = [np.einsum("nyxirkab,abiokc->nyxorc", windows, weight, optimize=True)]
    else:
        images = [inputs[name][problem.checked] for name in ("pose", "activation")]
        results = em_reference.conv_em_routing(*images, inputs["weight"], inputs["beta_u"], inputs["beta_a"], STRIDE)
    return dict(zip(problem.output_shapes, results))
