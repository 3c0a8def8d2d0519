"""bench/table1.py at sizes that take no time: rows, what rows say instead of times, and that wrong results are seen.

    python table1_test.py ROOT BUILD
"""
import json
import pathlib
import subprocess
import sys
import tempfile
import unittest

ROOT, BUILD = map(pathlib.Path, sys.argv[1:3])
sys.path.insert(0, str(ROOT / "bench"))
try:
    import numpy  # noqa: F401
except ImportError:
    print("skipped: this Python has no numpy; scripts/setup puts one into .venv")
    sys.exit(77)
import table1  # noqa: E402
from contenders import problems  # noqa: E402


def run(*options):
    return subprocess.run([sys.executable, str(ROOT / "bench" / "table1.py"), "--small", "--rounds", "1", "--build",
                           str(BUILD), *options], capture_output=True, text=True)


def figures(*options):
    """The rows of each kernel by contender, and the printed tables."""
    with tempfile.TemporaryDirectory() as directory:
        out = pathlib.Path(directory) / "out.json"
        done = run("--out", str(out), *options)
        if not out.exists():
            raise AssertionError(done.stderr)
        tables = json.loads(out.read_text())["tables"]
    return {t["kernel"]: {row["contender"]: row for row in t["rows"]} for t in tables}, done.stdout


class Table(unittest.TestCase):
    def test_votes_of_gcc_and_coulter(self):
        tables, text = figures("--kernels", "votes", "--without", "jax,plaidml,halide,torch_compile,coulter_60s,coulter_600s",
                               "--python", f"torch={ROOT}/no/such/python")
        rows = tables["conv_capsules"]
        self.assertEqual(list(rows), ["gcc", "gcc -fopenmp", "PyTorch, eager", "Coulter, default schedule",
                                      "Coulter, 10 s of search", "Coulter, hand-written schedule"])
        self.assertEqual(rows.pop("PyTorch, eager")["failed"], "not installed: its Python")
        for name, row in rows.items():
            self.assertNotIn("failed", row, name)
            self.assertGreater(row["compile_seconds"], 0, name)
            self.assertLessEqual(row["q1_ms"], row["median_ms"], name)
            self.assertLess(row["max_error"], 1e-5, name)
        self.assertEqual([row["threads"] for row in rows.values()], [1, 2, 2, 2, 2])
        self.assertRegex(text, r"\| PyTorch, eager \| 2 \| not installed: its Python \|")
        self.assertRegex(text, r"\| Coulter, hand-written schedule \| 2 \| [0-9.]+ s \| .* \| 1\.00 \|")

    def test_em_routing_after_a_search(self):
        tables, _ = figures("--kernels", "em", "--without", "gcc,torch,jax,plaidml,halide,coulter_60s,coulter_600s,"
                            "coulter_schedule", "--strict")
        rows = tables["em_routing"]
        self.assertEqual(list(rows), ["Coulter, default schedule", "Coulter, 10 s of search"])
        for name, row in rows.items():
            self.assertLess(row["max_error"], 1e-4, name)

    def test_em_routing_of_gcc(self):
        tables, _ = figures("--kernels", "em", "--without", "torch,jax,plaidml,halide,coulter", "--strict")
        for name, row in tables["em_routing"].items():
            self.assertLess(row["max_error"], 1e-4, name)

    def test_limits_are_rows(self):
        options = ["--kernels", "votes", "--without", "gcc_serial,torch,jax,plaidml,halide,coulter"]
        tables, _ = figures(*options, "--limit", "0.05")
        self.assertEqual(tables["conv_capsules"]["gcc -fopenmp"]["failed"], "not done after 0.05 s")
        tables, text = figures(*options, "--memory", "0.05")
        self.assertIn("failed", tables["conv_capsules"]["gcc -fopenmp"])
        self.assertNotIn(str(ROOT), text)
        self.assertNotEqual(run(*options, "--limit", "0.05", "--strict").returncode, 0)

    def test_unknown_names(self):
        for option, given in [("--kernels", "softmax"), ("--without", "tvm"), ("--python", "tvm=python3")]:
            done = run(option, given)
            self.assertEqual(done.returncode, 2)
            self.assertRegex(done.stderr, rf"unknown \w+ `{given.split('=')[0]}`; known are ")

    def test_wrong_results_are_seen(self):
        for problem in problems.SMALL.values():
            outputs = {name: want.copy() for name, want in problems.reference(problem).items()}
            self.assertEqual(problem.error(outputs), 0)
            next(iter(outputs.values()))[-1, ..., -1] += 1
            self.assertGreater(problem.error(outputs), problem.tolerance)
            next(iter(outputs.values()))[-1, ..., -1] = float("nan")
            self.assertFalse(problem.error(outputs) < problem.tolerance)

    def test_messages_have_no_folders(self):
        self.assertEqual(table1.without_paths("error in /some/folder/file.c:3: no"), "error in file.c:3: no")


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
