"""Numbers of twice the digits of float64, in compiled code: each is the sum high + low of two float64 numbers.

Sums and products of two float64 numbers are returned with their exact rounding errors (D. E. Knuth, "The Art of Computer
Programming", volume 2, 3rd edition, 1997, Section 4.2.2; T. J. Dekker, "A floating-point technique for extending the
available precision", Numerische Mathematik 18, 1971). Arrays of such numbers have a first axis of length 2.
"""

from typing import Any

from numba import types
from numba.extending import intrinsic

from vvnorm._internal.jit import inner


@inner()
def two_sum(a: float, b: float) -> tuple[float, float]:
    """Return a + b, rounded, and the exact rounding error."""
    s = a + b
    z = s - a
    return s, (a - (s - z)) + (b - z)


@intrinsic
def fma(typing_context: Any, a: Any, b: Any, c: Any) -> Any:
    """a * b + c with one rounding (one instruction, or the C library's fma where the processor has none)."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.fma(*arguments)

    return types.float64(types.float64, types.float64, types.float64), generate


@inner()
def two_product(a: float, b: float) -> tuple[float, float]:
    """Return a b, rounded, and the exact rounding error."""
    p = a * b
    return p, fma(a, b, -p)


@inner()
def add(a: float, a_low: float, b: float, b_low: float) -> tuple[float, float]:
    """Add two double-doubles."""
    s, e = two_sum(a, b)
    e += a_low + b_low
    high = s + e
    return high, e - (high - s)


@inner()
def affine(w: float, b: float, x: float) -> tuple[float, float]:
    """Evaluate w x + b as a double-double."""
    p, e = two_product(w, x)
    s, f = two_sum(p, b)
    f += e
    high = s + f
    return high, f - (high - s)


@inner()
def times(a: float, a_low: float, b: float, b_low: float) -> tuple[float, float]:
    """Multiply two double-doubles."""
    p, e = two_product(a, b)
    return two_sum(p, e + (a * b_low + a_low * b))


@inner()
def add_product(a: float, a_low: float, v: Any, total: Any) -> None:
    """Add (a + a_low) v to a double-double array."""
    for t in range(len(v)):
        p = a * v[t]
        e = fma(a, v[t], -p) + a_low * v[t]
        total[0, t], total[1, t] = add(total[0, t], total[1, t], p, e)
