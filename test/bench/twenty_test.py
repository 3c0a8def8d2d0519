"""The C loops of the twenty kernels of bench/peers.py: they give the goldens of NumPy and PyTorch, and their gradients what
differences of them give. PyTorch and JAX are not needed.

    python twenty_test.py ROOT BUILD
"""
import json
import math
import pathlib
import subprocess
import sys
import tempfile
import unittest

ROOT, BUILD = map(pathlib.Path, sys.argv[1:3])
sys.path.insert(0, str(ROOT / "bench"))
try:
    import numpy as np
except ImportError:
    print("skipped: this Python has no numpy; scripts/setup puts one into .venv")
    sys.exit(77)
from peers import kernels, native, pytorch_twenty, suites, tables, xla_twenty  # noqa: E402

GOLDENS = ROOT / "test" / "goldens"
TYPES = {"F32": np.float32, "I32": np.int32, "I8": np.int8}
NAMES = {np.dtype(np.float32): "f32", np.dtype(np.int32): "i32", np.dtype(np.int8): "i8"}
SOURCES = "".join((ROOT / "models" / f"{name}.cpp").read_text() for name in ("kernels", "library"))
# Those of the models that this tree has, but for one whose loops bench_peers checks.
LOOPS = [name for name in suites.TWENTY if f'{{"{name}", ' in SOURCES and native.LOOPS[name][0].startswith("peers/twenty_")]


def read(path):
    """The arrays of a safetensors file."""
    data = path.read_bytes()
    end = 8 + int.from_bytes(data[:8], "little")
    arrays = {}
    for name, entry in json.loads(data[8:end]).items():
        if name != "__metadata__":
            first, last = entry["data_offsets"]
            arrays[name] = np.frombuffer(data[end + first:end + last], TYPES[entry["dtype"]]).reshape(entry["shape"])
    return arrays


def golden_cases():
    """Each kernel's cases as (kernel, arrays), with finite numbers and the parameters that the loops are written for."""
    found = {}
    for folder in (GOLDENS, GOLDENS / "library"):
        manifest = json.loads((folder / "manifest.json").read_text())
        for case in manifest["cases"]:
            if case["kernel"] not in LOOPS or "parameters" in case:
                continue
            arrays = read(folder / case["file"])
            if not all(np.isfinite(array).all() for array in arrays.values()):
                continue
            declared = manifest["kernels"][case["kernel"]]
            tensors = [[{"name": name, "type": NAMES[arrays[name].dtype], "dims": dims, "frozen": False}
                        for name, dims in declared[side].items()] for side in ("inputs", "outputs")]
            at = case["extents"]
            implied = {"tap": 513, "ty": 7, "within": 33, "gy": at.get("y", 0) // 16 + 2, "gx": at.get("x", 0) // 16 + 2}
            found.setdefault(case["kernel"], []).append((kernels.Kernel(case["kernel"], *tensors, implied | at, 0), arrays))
    return found


def gradient_of(kernel):
    by = suites.TWENTY[kernel.name].wrt.split(",")
    floats = [each for each in kernel.outputs if each["type"] == "f32"]

    def called(each):
        return each | {"name": "d." + each["name"]}
    return kernels.Kernel(kernel.name + suites.GRADIENT, [*kernel.inputs, *map(called, floats)],
                          [called(each) for each in kernel.inputs if each["name"] in by], kernel.extents, 0,
                          {"name": kernel.name, "inputs": kernel.inputs, "outputs": kernel.outputs})


class Loops(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.libraries = {}
        for name in LOOPS:
            source = native.LOOPS[name][0]
            if source not in cls.libraries:
                cls.libraries[source] = pathlib.Path(cls.folder.name) / (pathlib.Path(source).stem + ".so")
                subprocess.run(["gcc", *native.FLAGS, "-Wall", "-Werror", "-shared", "-fPIC", str(ROOT / "bench" / source),
                                "-o", str(cls.libraries[source]), "-lm"], check=True)
        cls.cases = golden_cases()

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def results(self, kernel, inputs):
        outputs = kernel.outputs_of()
        arrays = [np.ascontiguousarray(inputs[each["name"]]).reshape(inputs[each["name"]].shape)
                  for each in kernel.primal + kernel.cotangents]
        native.loops(kernel, [*arrays, *outputs.values()], {"library": str(self.libraries[native.LOOPS[kernel.name][0]])})()
        return outputs

    def test_loops_give_the_goldens(self):
        for name in LOOPS:
            self.assertGreaterEqual(len(self.cases.get(name, [])), 2, name)
            for kernel, arrays in self.cases[name]:
                with self.subTest(name, at=kernel.extents):
                    ours = self.results(kernel, arrays)
                    self.assertLess(kernels.difference(list(ours.values()), [arrays[key] for key in ours]), 3e-5)

    def test_gradients_are_differences(self):
        """Along a random direction of each input."""
        for name in LOOPS:
            if not suites.TWENTY[name].wrt:
                continue
            close = name in ("pairwise_l1", "topk")  # elements that lie near one another change places
            step = np.float32(2.0 ** (-12 if close else -8))
            kernel = max((each for each, _ in self.cases[name]), key=lambda each: math.prod(each.extents.values()))
            gradient = gradient_of(kernel)
            inputs = gradient.inputs_of()
            found = self.results(gradient, inputs)
            rng = np.random.default_rng(2)
            for each, array in found.items():
                with self.subTest(name, by=each, at=kernel.extents):
                    way = rng.choice(np.float32([-1, 1]), array.shape)
                    values = []
                    for sign in (1, -1):
                        moved = inputs | {each[2:]: inputs[each[2:]] + sign * step * way}
                        results = self.results(kernel, moved)
                        values.append(sum(float(np.vdot(results[key[2:]].astype(np.float64), inputs[key]))
                                          for key in inputs if key.startswith("d.")))
                    expected = (values[0] - values[1]) / (2 * float(step))
                    size = float(np.linalg.norm(array))
                    self.assertGreater(size, 0)
                    self.assertLess(abs(expected - float(np.vdot(array, way))), 0.02 * size)


class Figures(unittest.TestCase):
    def test_gradients_stand_apart(self):
        def timed(**times):
            return {key: {"median_ms": ms} for key, ms in times.items()}
        results = [{"kernel": "topk", "rows": timed(instant=2, c_loops=1)},
                   {"kernel": "topk.grad", "rows": timed(instant=1, c_loops=2, jax_backward=0.1)},
                   {"kernel": "attention", "rows": timed(instant=1, c_loops=9)}]
        lines = tables.summary(results)
        self.assertIn("kernels: instant, all but dense, of the best of four: geometric mean 0.50 over 1, least 0.50 (topk)", lines)
        self.assertIn("gradients: instant, all but dense, of the best of four: geometric mean 2.00 over 1, least 2.00 (topk.grad)",
                      lines)
        self.assertIn("instant, dense, of the best of four: attention 9.00", lines)
        self.assertFalse([line for line in lines if "Halide" in line])
        self.assertEqual(tables.markdown(results).splitlines()[0],
                         "| kernel | Coulter, instant | C loops | JAX, backward alone | instant / best of four |")


class Suites(unittest.TestCase):
    def test_every_kernel_has_its_forms(self):
        for forms in (pytorch_twenty.FORMS, xla_twenty.FORMS):
            self.assertEqual(sorted(forms), sorted(suites.TWENTY))
        self.assertLessEqual(set(suites.TWENTY), set(native.LOOPS))

    def checked(self, *options):
        """The rows of each kernel, compared and not measured."""
        with tempfile.TemporaryDirectory() as directory:
            out = pathlib.Path(directory) / "out.json"
            done = subprocess.run(
                [sys.executable, str(ROOT / "bench" / "peers.py"), "--build", str(BUILD), "--python", "no-such-python",
                 "--check-only", "--out", str(out), *options], capture_output=True, text=True)
            self.assertEqual(done.returncode, 0, done.stderr)
            return [each["rows"] for each in json.loads(out.read_text())["results"]]

    def test_a_kernel_and_its_gradient_are_compared(self):
        kernel, gradient = self.checked("--suite", "twenty_grad", "--kernels", "topk,topk.grad", "--sizes", "row=5,col=37",
                                        "--without", "torch_compile,jax")
        self.assertEqual(kernel["hand"], {"failed": "no schedule"})
        self.assertEqual(list(kernel), ["hand", "instant", "torch_eager", "c_loops"])
        self.assertEqual(list(gradient), ["hand", "instant", "torch_eager", "c_loops", "torch_backward", "jax_backward"])
        for rows in (kernel, gradient):
            self.assertEqual(rows["torch_eager"], {"failed": "not installed: its Python"})
            for contender in ("instant", "c_loops"):
                self.assertNotIn("failed", rows[contender])

    def test_numbers_are_passed_by_value(self):
        rows, = self.checked("--suite", "twenty", "--kernels", "soft_dtw", "--sizes", "batch=2,i=5,j=7",
                             "--without", "hand,torch_eager,torch_compile,jax")
        for contender in ("instant", "c_loops"):
            self.assertNotIn("failed", rows[contender])


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
