"""What the figures of peers.py say: ratios to the best of the libraries and loops and of Halide's autoschedulers, as rows
of text and as Markdown."""
import math

from peers import suites

FOUR = {"torch_eager": "PyTorch", "torch_compile": "torch.compile", "jax": "JAX", "c_loops": "C loops"}
THREE = {"mullapudi": "Mullapudi2016", "adams": "Adams2019", "li": "Li2018"}
BACKWARD = {"torch_backward": "PyTorch, backward alone", "jax_backward": "JAX, backward alone"}  # in no ratio
PLAIN = "plain"  # Halide's functions without a schedule: a check of the translation, which is in no ratio
DENSE = ["matmul", "conv2d", "conv2d_strided", "conv2d_dilated", "conv2d_grouped", "conv2d_valid", "conv_capsules",
         "attention", "attention.grad"]


def milliseconds(result, key):
    return result["rows"].get(key, {}).get("median_ms")


def best(result, keys):
    """The fastest of these: its time and its key, or nothing."""
    times = [(milliseconds(result, key), key) for key in keys if milliseconds(result, key)]
    return min(times) if times else None


def ratio(result, key, keys):
    """How many times as fast `key` is as the fastest of `keys`; nothing where either has no time."""
    fastest, ours = best(result, keys), milliseconds(result, key)
    return fastest[0] / ours if fastest and ours else None


def ours(results):
    """Coulter's contenders among the rows."""
    others = {*FOUR, *THREE, *BACKWARD, PLAIN}
    return [key for key in dict.fromkeys(key for each in results for key in each["rows"]) if key not in others]


def geometric_mean(values):
    return math.exp(sum(map(math.log, values)) / len(values)) if values else math.nan


def with_ratios(result):
    """The result with the ratios that the record has."""
    ratios = {key: {"of_best_of_four": ratio(result, key, FOUR), "of_best_of_halide": ratio(result, key, THREE)}
              for key in ours([result]) if milliseconds(result, key)}
    return result | {"best_of_four": (best(result, FOUR) or (0, None))[1],
                     "best_of_halide": (best(result, THREE) or (0, None))[1], "ratios": ratios}


def cell(row):
    if not row:
        return "-"
    return f"{row['median_ms']:.3g}" if "median_ms" in row else "fails" if "failed" in row else "-"


def memory(results):
    """Lines: what a call takes beside its arguments, in MB, where that was measured."""
    lines = []
    for result in results:
        taken = {key: row["extra_bytes"] / 1e6 for key, row in result["rows"].items() if "extra_bytes" in row}
        if taken:
            lines.append(f"{result['kernel']}, MB beside the arguments: " + ", ".join(f"{k} {mb:.3g}" for k, mb in taken.items()))
    return lines


def markdown(results):
    """A column for each contender that any kernel has."""
    own = ours(results)
    there = {key for each in results for key in each["rows"]}
    titles = {key: f"Coulter, {key}" for key in own} | {
        key: title for key, title in (FOUR | THREE | BACKWARD).items() if key in there}
    groups = [(what, group) for what, group in [("four", FOUR), ("Halide's", THREE)] if there & set(group)]
    lines = ["| kernel | " + " | ".join(titles.values()) + " | " + " | ".join(
        f"{key} / best of {what}" for key in own for what, _ in groups) + " |"]
    lines.append("|---" * (lines[0].count("|") - 1) + "|")
    for result in results:
        ratios = [f"{r:.2f}" if (r := ratio(result, key, group)) else "" for key in own for _, group in groups]
        cells = [cell(result["rows"].get(key)) for key in titles] + ratios
        lines.append(f"| {result['kernel']} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def means(results):
    """A line for each of Coulter's contenders: how it stands beside the best of four on what is not dense."""
    lines = []
    for key in ours(results):
        ratios = [(r, each["kernel"]) for each in results
                  if each["kernel"] not in DENSE and (r := ratio(each, key, FOUR))]
        if ratios:
            least = min(ratios)
            lines.append(f"{key}, all but dense, of the best of four: geometric mean "
                         f"{geometric_mean([r for r, _ in ratios]):.2f} over {len(ratios)}, least {least[0]:.2f} ({least[1]})")
    return lines


def summary(results):
    """Lines: kernels and gradients apart where both are there; the dense kernels each, all others together, Halide's
    autoschedulers, and every loss."""
    lines = []
    gradients = [each for each in results if each["kernel"].endswith(suites.GRADIENT)]
    kernels = [each for each in results if each not in gradients]
    if gradients and kernels:
        lines += [f"{what}: {line}" for what, part in (("kernels", kernels), ("gradients", gradients)) for line in means(part)]
    for key in ours(results):
        dense = [(each["kernel"], ratio(each, key, FOUR)) for each in results if each["kernel"] in DENSE]
        others = [(each["kernel"], ratio(each, key, FOUR)) for each in results if each["kernel"] not in DENSE]
        halide = [(each["kernel"], ratio(each, key, THREE)) for each in results]
        dense, others, halide = ([(k, r) for k, r in group if r] for group in (dense, others, halide))
        if dense:
            lines.append(f"{key}, dense, of the best of four: " + ", ".join(f"{k} {r:.2f}" for k, r in dense))
        for what, group in [("all others, of the best of four", others), ("of the best of Halide's", halide)]:
            if group:
                least = min(group, key=lambda pair: pair[1])
                lines.append(f"{key}, {what}: geometric mean {geometric_mean([r for _, r in group]):.2f} over {len(group)} "
                             f"kernels, least {least[1]:.2f} ({least[0]})")
        losses = sorted((r, k) for k, r in dense + others if r < 1)
        lines.append(f"{key}, slower than the best of four: " + (", ".join(f"{k} {r:.2f}" for r, k in losses) or "none"))
        losses = sorted((r, k) for k, r in halide if r < 1)
        if halide:
            lines.append(f"{key}, slower than the best of Halide's: " +
                         (", ".join(f"{k} {r:.2f}" for r, k in losses) or "none"))
    lines += memory(results)
    for key, title in (FOUR | THREE).items():
        failed = [f"{each['kernel']} ({each['rows'][key]['failed']})" for each in results
                  if "failed" in each["rows"].get(key, {})]
        if failed:
            lines.append(f"{title} fails: " + ", ".join(failed))
    return lines
