"""bench/peers.py at sizes that take no time: C loops and the translation to Halide give what Coulter gives, mistakes are
seen, failures are rows, and the figures add up. PyTorch and JAX are not needed.

    python peers_test.py ROOT BUILD
"""
import json
import math
import os
import pathlib
import re
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
import plot_peers  # noqa: E402
from peers import kernels, tables  # noqa: E402

# Odd sizes, small ones.
SIZES = {
    "conv_capsules": "batch=2,iy=7,ix=9,in=3,out=5",
    "matmul": "i=9,j=17,k=5",
    **dict.fromkeys(["conv2d", "conv2d_strided", "conv2d_dilated", "conv2d_valid"], "batch=2,iy=7,ix=9,in=3,out=5"),
    "conv2d_grouped": "batch=2,iy=7,ix=9,group=3,in=2,out=5",
    **dict.fromkeys(["max_pool2d", "max_pool2d_padded", "avg_pool2d", "avg_pool2d_padded"],
                    "batch=2,iy=7,ix=9,channel=5"),
    **dict.fromkeys(["softmax", "layer_norm"], "row=5,col=37"),
    **dict.fromkeys(["gelu", "gelu_tanh"], "n=101"),
    "reductions": "i=7,j=33",
    "em_routing": "batch=2,iy=6,ix=7,in=3,out=5",
    "dynamic_routing": "batch=3,in=11,out=5",
    "capsule_decoder": "batch=5,digit=10,hidden1=9,hidden2=7,pixel=11",
    "digits_cnn": "batch=3",
    "digits_capsules": "batch=2",
    "hinton_capsules": "batch=1",
}
OTHERS = "torch_eager,torch_compile,jax,mullapudi,adams,li"


def run(*options):
    return subprocess.run([sys.executable, str(ROOT / "bench" / "peers.py"), "--build", str(BUILD), "--python",
                           "no-such-python", *options], capture_output=True, text=True)


def rows(kernel, *options):
    with tempfile.TemporaryDirectory() as directory:
        out = pathlib.Path(directory) / "out.json"
        done = run("--kernels", kernel, "--sizes", SIZES[kernel], "--out", str(out), *options)
        if not out.exists():
            raise AssertionError(done.stderr)
        return json.loads(out.read_text())["results"][0]["rows"], done


def example():
    """Two kernels: one that Coulter loses, and one without a time of any autoscheduler."""
    def timed(**times):
        return {key: {"median_ms": ms} for key, ms in times.items()}
    return [{"kernel": "matmul", "rows": timed(hand=2, instant=4, torch_eager=3, jax=8, adams=6, li=5)},
            {"kernel": "gelu", "rows": timed(hand=1, instant=1, c_loops=2) | {"adams": {"failed": "crashed"}}}]


class Results(unittest.TestCase):
    def test_c_loops_and_the_translation_agree_with_coulter(self):
        known = re.findall(r'\{"(\w+)", ', (ROOT / "models/kernels.cpp").read_text() +
                           (ROOT / "models/networks.cpp").read_text())
        self.assertEqual(sorted(SIZES), sorted(known))
        # The networks of capsules are compiled for minutes, and their parts are among the others.
        short = [] if os.environ.get("COULTER_LONG") == "1" else ["digits_capsules", "hinton_capsules"]
        for kernel in sorted(SIZES.keys() - short):
            with self.subTest(kernel):
                # Halide takes longest for the largest network, whose parts the others have as well.
                plain = ["--plain"] * (kernel != "hinton_capsules")
                found, done = rows(kernel, "--check-only", *plain, "--without", f"instant,{OTHERS}")
                self.assertEqual(done.returncode, 0, done.stderr)
                self.assertEqual(list(found), ["hand", "c_loops", *["plain"] * len(plain)])
                for contender, row in found.items():
                    self.assertNotIn("failed", row, contender)
                    self.assertLess(row["difference"], kernels.TOLERANCE, contender)

    def test_differences_are_seen(self):
        arrays = [np.ones((3, 4), np.float32), np.arange(1000, dtype=np.int32)]
        self.assertEqual(kernels.difference(arrays, arrays), 0)
        for output, at, value in [(0, (2, 3), 1.01), (0, (0, 0), math.nan), (1, 999, 998)]:
            wrong = [array.copy() for array in arrays]
            wrong[output][at] = value
            self.assertFalse(kernels.difference(wrong, arrays) <= kernels.TOLERANCE)


class Figures(unittest.TestCase):
    def test_rows_have_times_and_failures_are_rows(self):
        found, done = rows("gelu", "--rounds", "1", "--without", "torch_compile,mullapudi,adams,li")
        self.assertEqual(done.returncode, 0, done.stderr)
        for contender in ["hand", "instant", "c_loops"]:
            row = found[contender]
            self.assertLessEqual(row["q1_ms"], row["median_ms"])
            self.assertGreaterEqual(row["calls"], 1)
        self.assertEqual(found["torch_eager"], {"failed": "not installed: its Python"})
        self.assertIn("PyTorch fails: gelu (not installed: its Python)", done.stdout)
        self.assertNotIn(str(ROOT), done.stdout)

    def test_limits_are_rows(self):
        found, _ = rows("gelu", "--check-only", "--limit", "0.01", "--without", f"instant,{OTHERS}")
        # Whichever of its own clock and the kernel's ends it first.
        self.assertRegex(found["c_loops"]["failed"], r"^not done after 0.01 s$|CPU time limit exceeded")

    def test_unknown_names(self):
        for option in ["--kernels", "--without"]:
            done = run(option, "relu")
            self.assertEqual(done.returncode, 2)
            self.assertRegex(done.stderr, r"unknown \w+ `relu`; known are ")

    def test_merge_keeps_other_kernels(self):
        with tempfile.TemporaryDirectory() as directory:
            out = str(pathlib.Path(directory) / "out.json")
            options = ["--check-only", "--without", f"instant,{OTHERS}", "--out", out, "--merge"]
            for kernel in ["gelu", "matmul", "gelu"]:
                self.assertEqual(run("--kernels", kernel, "--sizes", SIZES[kernel], *options).returncode, 0)
            self.assertEqual([each["kernel"] for each in json.loads(pathlib.Path(out).read_text())["results"]],
                             ["gelu", "matmul"])
            self.assertNotEqual(run("--kernels", "gelu", "--threads", "1", *options).returncode, 0)

    def test_ratios(self):
        results = example()
        self.assertEqual(tables.ratio(results[0], "hand", tables.FOUR), 1.5)
        self.assertEqual(tables.ratio(results[0], "instant", tables.THREE), 1.25)
        self.assertIsNone(tables.ratio(results[1], "hand", tables.THREE))
        lines = tables.summary(results)
        self.assertIn("instant, dense, of the best of four: matmul 0.75", lines)
        self.assertIn("instant, slower than the best of four: matmul 0.75", lines)
        self.assertIn("hand, slower than the best of four: none", lines)
        self.assertIn("hand, all others, of the best of four: geometric mean 2.00 over 1 kernels, least 2.00 (gelu)", lines)
        self.assertIn("Adams2019 fails: gelu (crashed)", lines)

    def test_plot(self):
        text = plot_peers.drawn({"processor": "P & Q", "threads": 2, "results": example()})
        self.assertIn("P &amp; Q", text)
        for word in ["matmul", "gelu", "0.75", "2.00"]:
            self.assertIn(f">{word}<", text)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
