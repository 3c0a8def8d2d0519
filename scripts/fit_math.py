#!/usr/bin/env python3
"""Fits the polynomials of schedules/lower/math.cpp and prints them as C++ arrays, with their errors.

Each is a least-squares fit on Chebyshev nodes, weighted by the reciprocal of the function (relative error) and refined
by reweighting towards equal ripples (Lawson's algorithm). Quotients of polynomials are fitted the same way, after
multiplying with the denominator of the step before. References are mpmath's functions at 60 digits.

Usage: python scripts/fit_math.py        (needs numpy and mpmath; the printed figures are committed in the C++ file)
"""
import mpmath
import numpy as np

mpmath.mp.dps = 60


def fit(function, low, high, degree, weight=None, nodes=600, rounds=60):
    """Coefficients, lowest power first, of the polynomial of `degree` closest to `function` on [low, high]."""
    x = np.cos(np.pi * (np.arange(nodes) + 0.5) / nodes) * (high - low) / 2 + (high + low) / 2
    y = np.array([float(function(mpmath.mpf(float(v)))) for v in x])
    w0 = np.ones(nodes) if weight is None else np.array([weight(v) for v in x])
    lawson = np.ones(nodes)
    powers = np.vander(x, degree + 1, increasing=True)
    best, best_error = None, np.inf
    for _ in range(rounds):
        w = w0 * np.sqrt(lawson)
        c = np.linalg.lstsq(powers * w[:, None], y * w, rcond=None)[0]
        error = np.abs((powers @ c - y) * w0)
        if error.max() < best_error:
            best, best_error = c, error.max()
        lawson = lawson * (error + 1e-30)
        lawson /= lawson.sum()
    return best, best_error


def fit_quotient(function, low, high, top, bottom, weight, nodes=800, rounds=200):
    """Coefficients, lowest power first, of p and q, of degrees `top` and `bottom`, with p / q closest to `function`."""
    x = np.cos(np.pi * (np.arange(nodes) + 0.5) / nodes) * (high - low) / 2 + (high + low) / 2
    y = np.array([float(function(mpmath.mpf(float(v)))) for v in x])
    w0 = np.array([weight(v) for v in x])
    over = np.vander(x / high, top + 1, increasing=True)
    under = np.vander(x / high, bottom + 1, increasing=True)
    lawson, denominator = np.ones(nodes), np.ones(nodes)
    best, best_error = None, np.inf
    for _ in range(rounds):
        w = w0 * np.sqrt(lawson) / denominator
        system = np.hstack([over, -under[:, 1:] * y[:, None]]) * w[:, None]
        norms = np.linalg.norm(system, axis=0)
        c = np.linalg.lstsq(system / norms, y * w, rcond=None)[0] / norms
        p, q = c[:top + 1], np.concatenate([[1], c[top + 1:]])
        denominator = np.abs(under @ q)
        error = np.abs((over @ p / (under @ q) - y) * w0)
        if error.max() < best_error and (under @ q).min() > 0:
            best = (p / high ** np.arange(top + 1), q / high ** np.arange(bottom + 1))
            best_error = error.max()
        lawson = lawson * (error / error.max() + 1e-3)
        lawson /= lawson.mean()
    return best, best_error


def show_quotient(name, function, limit, degree):
    """x p(x^2) / q(x^2) is the odd `function` up to `limit`."""
    ratio = lambda s: function(mpmath.sqrt(s)) / mpmath.sqrt(s)
    (p, q), error = fit_quotient(ratio, 1e-9, limit**2, degree, degree, lambda s: 1 / float(ratio(mpmath.mpf(float(s)))))
    show(name + "_top", (p, error))
    show(name + "_bottom", (q, error))


def show(name, result):
    coefficients, error = result
    body = ", ".join(f"{np.float32(c):#.9g}f" for c in coefficients)
    print(f"constexpr float {name}[] = {{{body}}}; // error {error:.1e}")


half_ln2 = float(mpmath.log(2) / 2)
show("exp_tail", fit(lambda r: 2 * (mpmath.exp(r) - 1 - r) / r**2 if r != 0 else mpmath.mpf(1), -half_ln2 * 1.01,
                     half_ln2 * 1.01, 4, weight=lambda r: r * r / np.exp(r) / 2))
low, high = float(mpmath.sqrt(0.5)) - 1, float(mpmath.sqrt(2)) - 1
show("log_tail", fit(lambda f: (mpmath.log1p(f) - f + f * f / 2) / f**3 if f != 0 else mpmath.mpf(1) / 3, low, high, 8,
                     weight=lambda f: abs(f**3 / np.log1p(f)) if f != 0 else 0.0))
show_quotient("tanh", mpmath.tanh, 8.5, 4)
show_quotient("erf", mpmath.erf, 3.92, 5)
show("expm1_small", fit(lambda r: (mpmath.expm1(r) - r) / r**2 if r != 0 else mpmath.mpf(0.5), -0.5, 0.5, 6,
                        weight=lambda r: abs(r * r / np.expm1(r)) if r != 0 else 0.0))
# Sine and cosine of |r| <= pi / 4 as polynomials of r^2: r + r^3 p and 1 - r^2 / 2 + r^4 p.
squares = 1e-6, float(mpmath.pi / 4 * 1.01) ** 2
root = lambda s: mpmath.sqrt(s)
show("sin_tail", fit(lambda s: (mpmath.sin(root(s)) - root(s)) / root(s) ** 3, *squares, 2,
                     weight=lambda s: s**1.5 / np.sin(np.sqrt(s))))
show("cos_tail", fit(lambda s: (mpmath.cos(root(s)) - 1 + s / 2) / s**2, *squares, 2,
                     weight=lambda s: s**2 / np.cos(np.sqrt(s))))
