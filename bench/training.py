#!/usr/bin/env python3
"""A step of training beside PyTorch's, and what both reach: the networks of demo/train.

Times: the median of a whole step (loss, gradient, clipping, Adam; the batch is made before) of `coulter-train --time` and of
PyTorch, eager and compiled, each also with an allocator that gives no memory back to the system (`kept`), which saves
PyTorch the pages that it has anew in every step. All run in processes of their own, in turns, and are the same network with
the same weights on the same batches; losses are compared.

Accuracy: with --train both are trained from the same first weights on the same batches to the end.

    cmake --build --preset default --target coulter_train
    python bench/training.py [--network digits|solids --data solids.safetensors] [--threads 2] [--rounds 3] [--steps 20]
                             [--train] [--epochs 30] [--without compiled,compiled_kept] [--out bench/results/NAME.json]
"""
import argparse
import json
import os
import pathlib
import re
import statistics
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
FORMS = ("eager", "eager_kept", "compiled", "compiled_kept")
KEPT = {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": "8000000000"}
sys.path.insert(0, str(ROOT / "models" / "train"))


def processor():
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return "unknown"


def torch_network(network, data, wrap):
    """(the training, the tensors of the data)."""
    import torch
    from safetensors.numpy import load_file

    import digits_training
    if network == "digits":
        return digits_training, digits_training.digits(torch.float32, wrap), load_file(data)
    import solids_training
    return solids_training, solids_training.solids(torch.float32, wrap), load_file(data)


def worker(args):
    """In a process of its own: times steps, or trains; prints JSON."""
    import torch

    torch.set_num_threads(args.threads)
    compiled = args.worker.startswith("compiled")
    module, run, data = torch_network(args.network, args.data, torch.compile if compiled else lambda f: f)
    images, labels = data["train_images"], data["train_labels"]
    per_epoch = len(images) // module.BATCH
    steps = args.steps + 3 if not args.train else round(args.epochs * per_epoch)
    times, losses, right = [], [], []
    for step in range(steps):
        pixels, chosen = module.batch_of(images, labels, step, module.BATCH, module.SEED, module.SHIFT)
        plan = module.margin_at(step, steps), module.rate_at(step, steps)
        start = time.perf_counter()
        losses.append(run.step(pixels, chosen, *plan))
        times.append(time.perf_counter() - start)
        if args.train and (step + 1) % per_epoch == 0:
            right.append(run.right(data["held_out_images"], data["held_out_labels"]))
            print(f"epoch {len(right)}: {right[-1]}, {sum(times):.0f} s", file=sys.stderr, flush=True)
    print(json.dumps({"median_ms": 1e3 * statistics.median(times[3:]), "losses": losses, "right": right,
                      "seconds": sum(times)}))


def run_torch(args, form, train):
    command = [sys.executable, __file__, "--worker", form, "--network", args.network, "--data", str(args.data),
               "--threads", str(args.threads), "--steps", str(args.steps), "--epochs", str(args.epochs)]
    environment = {**os.environ, **(KEPT if form.endswith("kept") else {}), "OMP_NUM_THREADS": str(args.threads)}
    limit = None if train else args.limit
    try:
        ran = subprocess.run(command + (["--train"] if train else []), env=environment, check=True,
                             stdout=subprocess.PIPE, text=True, timeout=limit)
    except subprocess.TimeoutExpired:
        print(f"{form}: not done within {limit:.0f} s, left out", flush=True)
        return None
    return json.loads(ran.stdout.splitlines()[-1])


def coulter(args, *more):
    command = [args.program, "--data", str(args.data), "--threads", str(args.threads), *more]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def measure(args):
    rows, late = {"coulter": []}, set()
    for _ in range(args.rounds):
        rows["coulter"].append(float(coulter(args, "--time", str(args.steps))))
        for form in FORMS:
            if form in args.without or form in late:
                continue
            ran = run_torch(args, form, False)
            if ran is None:
                late.add(form)
            else:
                rows.setdefault(form, []).append(ran["median_ms"])
    best = min(statistics.median(times) for form, times in rows.items() if form != "coulter")
    own = statistics.median(rows["coulter"])
    for form, times in rows.items():
        print(f"{form:14} {statistics.median(times):8.2f} ms a step, {statistics.median(times) / own:5.2f} times Coulter's")
    return {"steps": {form: {"median_ms": statistics.median(times), "rounds_ms": times} for form, times in rows.items()},
            "not_done": {form: f"{args.limit:.0f} s" for form in sorted(late)}, "best_of_torch_over_coulter": best / own}


def train(args):
    started = time.perf_counter()
    text = coulter(args, "--epochs", str(args.epochs))
    seconds = time.perf_counter() - started
    right, count = map(int, re.search(r"held out: (\d+) of (\d+) right", text).groups())
    print(f"coulter: {right} of {count} held-out images right in {seconds:.0f} s", flush=True)
    reached = run_torch(args, "eager_kept", True)
    print(f"torch:   {reached['right'][-1]} of {count} in {reached['seconds']:.0f} s")
    return {"epochs": args.epochs, "held_out": count, "coulter": {"right": right, "seconds": seconds},
            "torch": {"right": reached["right"][-1], "seconds": reached["seconds"], "right_by_epoch": reached["right"]}}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--network", choices=["digits", "solids"], default="digits")
    parser.add_argument("--data", type=pathlib.Path, default=ROOT / "models" / "data" / "digits.safetensors")
    parser.add_argument("--program", type=pathlib.Path, help="default: build/bin/coulter-train, or coulter-train-solids")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--epochs", type=float, default=30)
    parser.add_argument("--limit", type=float, default=600, help="seconds for a form of PyTorch, compiling included (600)")
    parser.add_argument("--train", action="store_true")
    parser.add_argument("--without", type=lambda text: text.split(","), default=[])
    parser.add_argument("--out", type=pathlib.Path)
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.worker:
        worker(args)
        return
    import torch

    args.program = args.program or ROOT / "build" / "bin" / ("coulter-train" + ("" if args.network == "digits" else "-solids"))
    result = {"processor": processor(), "threads": args.threads, "network": args.network,
              "torch_version": torch.__version__, **measure(args)}
    if args.train:
        result["training"] = train(args)
    if args.out:
        args.out.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
