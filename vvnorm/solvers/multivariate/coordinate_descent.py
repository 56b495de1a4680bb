"""Coordinate descent for v'Hv / 2 - b'v over v >= 0: few sweeps find most of the variables that are 0."""

from typing import Any

from vvnorm._internal.jit import part, plain


@plain()
def sweep(H: Any, b: Any, v: Any, times: int) -> None:
    """Minimise over one entry of v (m,) after the other, so many times; H (m, m) is positive definite."""
    for _ in range(times):
        for i in range(len(b)):
            v[i] = max(v[i] + (b[i] - _dot(H[i], v)) / H[i, i], 0.0)


@part(fastmath={"reassoc", "contract"})
def _dot(a: Any, b: Any) -> float:
    product = 0.0
    for j in range(len(a)):
        product += a[j] * b[j]
    return product
