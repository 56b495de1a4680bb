"""Arguments of neurons at points, accurate near their kinks."""

from typing import Any

import numpy as np

from vvnorm._internal.jit import kernel


@kernel()
def arguments(P: Any, rows: Any, w: Any, on: Any, first: int, last: int, values: Any) -> None:
    """Set values[first:last] to w.p for the points P[rows] and K neurons; `values` is (len(rows), K).

    Where points on (K, m) the kink are known (-1 = none), w.p is w.(p - q) for the nearest such q: near a kink the
    difference has all digits, while w.p has lost them.
    """
    for r in range(first, last):
        i = rows[r]
        for k in range(len(w)):
            value, nearest = 0.0, np.inf
            for d in range(P.shape[1]):
                value += P[i, d] * w[k, d]
            for c in range(on.shape[1]):
                j = on[k, c]
                if j >= 0:
                    along, distance = 0.0, 0.0
                    for d in range(P.shape[1]):
                        step = P[i, d] - P[j, d]
                        along += step * w[k, d]
                        distance += step * step
                    if distance < nearest:
                        value, nearest = along, distance
            values[r, k] = value
