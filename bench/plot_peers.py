#!/usr/bin/env python3
"""Draws a record of bench/peers.py as an SVG: for each kernel how many times as fast Coulter is as the best of the
libraries and loops, and as the best of Halide's autoschedulers.

    python bench/plot_peers.py bench/results/NAME.json docs/peers.svg
"""
import html
import json
import math
import pathlib
import sys

BENCH = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(BENCH))
from peers import tables  # noqa: E402

LEFT, WIDTH, BAR, GAP, TOP = 200, 600, 8, 10, 80  # the longest name takes the left
LOW, HIGH = 1 / 16, 32  # of the axis, which is logarithmic
SHADES = ["#1f77b4", "#ff7f0e", "#2ca02c", "#d62728"]
GROUPS = [("libraries and C loops", tables.FOUR, 1.0), ("Halide's autoschedulers", tables.THREE, 0.45)]


def across(ratio):
    ratio = min(max(ratio, LOW), HIGH)
    return LEFT + WIDTH * math.log(ratio / LOW) / math.log(HIGH / LOW)


def text(x, y, words, anchor="start", size=11, colour="#222"):
    return (f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}" fill="{colour}">'
            f"{html.escape(words)}</text>")


def bar(y, ratio, colour, opacity):
    start, end = sorted((across(1), across(ratio)))
    label = text(end + 3, y + BAR - 1, f"{ratio:.2f}", size=8, colour="#555")
    return (f'<rect x="{start:.1f}" y="{y:.1f}" width="{max(end - start, 0.8):.1f}" height="{BAR - 1}" fill="{colour}" '
            f'fill-opacity="{opacity}"/>{label}')


def axis(bottom):
    parts = []
    tick = LOW
    while tick <= HIGH:
        x, colour = across(tick), "#222" if tick == 1 else "#ddd"
        parts.append(f'<line x1="{x:.1f}" y1="{TOP - 4}" x2="{x:.1f}" y2="{bottom}" stroke="{colour}"/>')
        parts.append(text(x, TOP - 8, f"{tick:g}x", "middle", 9, "#555"))
        tick *= 2
    return parts


def legend(own, groups):
    parts = []
    for number, key in enumerate(own):
        x = LEFT + number * WIDTH / len(own)
        for line, (what, _, opacity) in enumerate(groups):
            y = 32 + 13 * line
            parts.append(f'<rect x="{x:.1f}" y="{y}" width="10" height="8" fill="{SHADES[number % len(SHADES)]}" '
                         f'fill-opacity="{opacity}"/>')
            parts.append(text(x + 14, y + 8, f"{key}: best of {what}", size=9))
    return parts


def drawn(record):
    results, own = record["results"], tables.ours(record["results"])
    groups = [each for each in GROUPS if any(tables.ratio(result, key, each[1]) for result in results for key in own)]
    parts, y = [], TOP
    for result in results:
        began = y
        for number, key in enumerate(own):
            for _, group, opacity in groups:
                if ratio := tables.ratio(result, key, group):
                    parts.append(bar(y, ratio, SHADES[number % len(SHADES)], opacity))
                y += BAR
        parts.append(text(LEFT - 8, (began + y) / 2 + 4, result["kernel"], "end"))
        y += GAP
    title = (f"How many times as fast Coulter is, {record['processor']}, {record['threads']} threads (left of 1x it is "
             "slower)")
    return "\n".join([f'<svg xmlns="http://www.w3.org/2000/svg" width="{LEFT + WIDTH + 60}" height="{y + 10}" '
                      'font-family="sans-serif">', '<rect width="100%" height="100%" fill="white"/>',
                      text(10, 20, title, size=12), *legend(own, groups), *axis(y), *parts, "</svg>"]) + "\n"


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    pathlib.Path(sys.argv[2]).write_text(drawn(json.loads(pathlib.Path(sys.argv[1]).read_text())))


if __name__ == "__main__":
    main()
