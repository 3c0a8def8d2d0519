"""What the figures of peers.py say: ratios to the best of the libraries and loops and of Halide's autoschedulers, as rows
of text and as Markdown."""
import math

FOUR = {"torch_eager": "PyTorch", "torch_compile": "torch.compile", "jax": "JAX", "c_loops": "C loops"}
THREE = {"mullapudi": "Mullapudi2016", "adams": "Adams2019", "li": "Li2018"}
PLAIN = "plain"  # Halide's functions without a schedule: a check of the translation, which is in no ratio
DENSE = ["matmul", "conv2d", "conv2d_strided", "conv2d_dilated", "conv2d_grouped", "conv2d_valid", "conv_capsules"]


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
    return [key for key in dict.fromkeys(key for each in results for key in each["rows"]) if key not in {*FOUR, *THREE, PLAIN}]


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


def markdown(results):
    own = ours(results)
    keys = [*own, *FOUR, *THREE]
    titles = [f"Coulter, {key}" for key in own] + list(FOUR.values()) + list(THREE.values())
    lines = ["| kernel | " + " | ".join(titles) + " | " + " | ".join(
        f"{key} / best of four | {key} / best of Halide's" for key in own) + " |"]
    lines.append("|---" * (lines[0].count("|") - 1) + "|")
    for result in results:
        ratios = [f"{r:.2f}" if (r := ratio(result, key, group)) else "" for key in own for group in (FOUR, THREE)]
        cells = [cell(result["rows"].get(key)) for key in keys] + ratios
        lines.append(f"| {result['kernel']} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def summary(results):
    """Lines: the dense kernels each, all others together, Halide's autoschedulers, and every loss."""
    lines = []
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
        lines.append(f"{key}, slower than the best of Halide's: " +
                     (", ".join(f"{k} {r:.2f}" for r, k in losses) or "none"))
    for key, title in (FOUR | THREE).items():
        failed = [f"{each['kernel']} ({each['rows'][key]['failed']})" for each in results
                  if "failed" in each["rows"].get(key, {})]
        if failed:
            lines.append(f"{title} fails: " + ", ".join(failed))
    return lines
