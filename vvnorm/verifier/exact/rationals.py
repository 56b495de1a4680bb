"""Rational numbers: exact reading of floats and text, and square roots enclosed between rationals.

Every float64 is a rational number, and so is every decimal number; neither is rounded here. Square roots are enclosed by
integer square roots, so their bounds hold without any assumption on floating-point arithmetic.
"""

import math
import re
from collections.abc import Iterable, Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Any, Final

import numpy as np

Vector = tuple[Fraction, ...]
Matrix = tuple[Vector, ...]

ROOT_BITS: Final = 128
"""Binary digits of a square root, at least: bounds on costs are then 38 decimal digits apart."""

MOST_DIGITS: Final = 4000
"""Most digits of an integer that is read or written; Python itself refuses more than 4300."""

_LARGEST_EXPONENT: Final = 1100  # float64 ends at 2^1024, and decimal exponents at 308
_DECIMAL = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,6})?")
_RATIO = re.compile(r"[+-]?\d+/\d+")


def as_rational(value: Any, name: str = "value") -> Fraction:
    """Read a number exactly.

    Parameters
    ----------
    value : int, float, NumPy number, Fraction, Decimal, or str
        A float is read as its rational value, text as a decimal number or a ratio p/q.
    name : str
        Name of the number in messages.

    Raises
    ------
    TypeError
        If it is not a real number.
    ValueError
        If it is missing, infinite, too long, or text that is not a number.
    """
    if isinstance(value, Fraction):
        return value
    if isinstance(value, bool | np.bool_):
        return Fraction(int(value))
    if isinstance(value, float | np.floating):
        if not math.isfinite(value):
            raise ValueError(f"{name} must hold finite numbers, got {value!r}; exact proofs need every label")
        return Fraction(*value.as_integer_ratio())
    if isinstance(value, int | np.integer):
        return Fraction(int(value))
    if isinstance(value, str | Decimal):
        return _from_text(str(value), name)
    raise TypeError(f"{name} must hold real numbers, got {value!r}")


def _from_text(text: str, name: str) -> Fraction:
    """Read a decimal number or a ratio; refuse numbers that would fill the memory."""
    text = text.strip()
    shown = text if len(text) <= 40 else f"{text[:20]}... ({len(text)} characters)"
    if len(text) > MOST_DIGITS:
        raise ValueError(f"{name} holds {shown}; numbers have at most {MOST_DIGITS} characters")
    decimal = _DECIMAL.fullmatch(text)
    if not decimal and not _RATIO.fullmatch(text):
        raise ValueError(f"{name} holds {shown!r}, which is not a number")
    if decimal and decimal[2] and abs(int(decimal[2][1:])) > _LARGEST_EXPONENT:
        raise ValueError(f"{name} holds {shown}; exponents lie between {-_LARGEST_EXPONENT} and {_LARGEST_EXPONENT}")
    try:
        return Fraction(text)
    except ZeroDivisionError:
        raise ValueError(f"{name} holds {shown}, which divides by zero") from None


def as_vector(values: Any, name: str) -> Vector:
    """Read a list or array of numbers exactly."""
    entries = values.tolist() if isinstance(values, np.ndarray) else values
    return tuple(as_rational(value, name) for value in entries)


def as_matrix(values: Any, name: str) -> Matrix:
    """Read rows of numbers exactly; a plain list of numbers is one column.

    Raises
    ------
    TypeError, ValueError
        For entries that are not finite real numbers, or rows of different lengths.
    """
    array = np.asarray(values) if not isinstance(values, np.ndarray | list | tuple) else values
    entries = array.tolist() if isinstance(array, np.ndarray) else list(array)
    rows = [row if isinstance(row, list | tuple | np.ndarray) else [row] for row in entries]
    matrix = tuple(as_vector(row, name) for row in rows)
    if not matrix or not matrix[0] or any(len(row) != len(matrix[0]) for row in matrix):
        raise ValueError(f"{name} must be rows of one or more numbers each, all equally many")
    return matrix


def dot(left: Iterable[Fraction], right: Iterable[Fraction]) -> Fraction:
    """Return the inner product of two vectors."""
    return sum((a * b for a, b in zip(left, right, strict=True)), Fraction(0))


def norm_squared(vector: Sequence[Fraction]) -> Fraction:
    """Return the square of the Euclidean norm, which is rational."""
    return sum((a * a for a in vector), Fraction(0))


def integers(rows: Sequence[Sequence[Fraction]]) -> tuple[list[tuple[int, ...]], int]:
    """Multiply all numbers by their least common denominator; return that denominator, too."""
    unit = math.lcm(*(value.denominator for row in rows for value in row))
    return [tuple(value.numerator * (unit // value.denominator) for value in row) for row in rows], unit


def root_bounds(square: Fraction) -> tuple[Fraction, Fraction]:
    """Enclose a square root between two rationals whose denominator is a power of two; they are equal if it is exact.

    Parameters
    ----------
    square : Fraction
        Not negative.
    """
    p, q = square.numerator, square.denominator
    shift = max(0, ROOT_BITS - (p.bit_length() - q.bit_length()) // 2)
    scaled = (p << 2 * shift) // q
    root = math.isqrt(scaled)
    exact = root * root * q == p << 2 * shift
    return Fraction(root, 1 << shift), Fraction(root if exact else root + 1, 1 << shift)


def to_float(value: Fraction) -> float:
    """Return the nearest float64, infinite where none is large enough."""
    try:
        return float(value)
    except OverflowError:
        return math.copysign(math.inf, value)
