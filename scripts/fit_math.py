#!/usr/bin/env python3
"""Fits the polynomials of schedules/lower/math.cpp and prints them as C++ arrays, with their errors.

Each is a least-squares fit on Chebyshev nodes, weighted by the reciprocal of the function (relative error) and refined
by reweighting towards equal ripples (Lawson's algorithm). References are mpmath's functions at 60 digits.

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


def show(name, result):
    coefficients, error = result
    body = ", ".join(f"{np.float32(c):.9g}f" for c in coefficients)
    print(f"constexpr float {name}[] = {{{body}}}; // error {error:.1e}")


half_ln2 = float(mpmath.log(2) / 2)
show("exp_tail", fit(lambda r: (mpmath.exp(r) - 1 - r) / r**2 if r != 0 else mpmath.mpf(0.5), -half_ln2 * 1.01,
                     half_ln2 * 1.01, 4, weight=lambda r: r * r / np.exp(r)))
low, high = float(mpmath.sqrt(0.5)) - 1, float(mpmath.sqrt(2)) - 1
show("log_tail", fit(lambda f: (mpmath.log1p(f) - f + f * f / 2) / f**3 if f != 0 else mpmath.mpf(1) / 3, low, high, 8,
                     weight=lambda f: abs(f**3 / np.log1p(f)) if f != 0 else 0.0))
show("tanh_small", fit(lambda s: (mpmath.tanh(mpmath.sqrt(s)) / mpmath.sqrt(s) - 1) / s if s > 0 else mpmath.mpf(-1) / 3,
                       1e-9, 0.625**2, 4, weight=lambda s: s))
show("erf_small", fit(lambda s: mpmath.erf(mpmath.sqrt(s)) / mpmath.sqrt(s), 1e-9, 0.9375**2, 6))
# erf(x) = 1 - exp(p(x)) beyond: the error of erf is erfc(x) times that of p.
show("erf_large", fit(lambda x: mpmath.log(mpmath.erfc(x)), 0.93, 3.95, 7, weight=lambda x: float(mpmath.erfc(x))))
show("expm1_small", fit(lambda r: (mpmath.expm1(r) - r) / r**2 if r != 0 else mpmath.mpf(0.5), -0.5, 0.5, 6,
                        weight=lambda r: abs(r * r / np.expm1(r)) if r != 0 else 0.0))
