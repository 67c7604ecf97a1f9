"""Weights learnt from pairs: a log-linear model over levels, fitted to counts of patterns."""

from __future__ import annotations

import math

from yigong.platform.empi.engine.kernels import F64, I64, F64s, I32s, kernel


@kernel
def step(
    active: I32s, width: I64, n: I64, good: F64s, all_: F64s, weights: F64s, size: I64, gradient: F64s, hessian: F64s
) -> F64:
    """The log likelihood at *weights*, with gradient and curvature; ``active`` lists the weights at work in each pattern."""
    likely = 0.0
    for t in range(n):
        at = t * width
        z = 0.0
        for u in range(width):
            z += weights[active[at + u]]
        z = min(35.0, max(-35.0, z))
        p = 1.0 / (1.0 + math.exp(-z))
        likely += good[t] * math.log(p) + (all_[t] - good[t]) * math.log(1.0 - p)
        g = good[t] - all_[t] * p
        w = all_[t] * p * (1.0 - p)
        for u in range(width):
            a = active[at + u]
            gradient[a] += g
            if w > 1e-9:
                for v in range(u + 1):
                    b = active[at + v]
                    hessian[(a if a > b else b) * size + (b if a > b else a)] += w
    return likely
