"""Type of the callback that solvers call after each round."""

from collections.abc import Callable

RoundCallback = Callable[[int, float, float], object]
"""Called after each round with its number, the objective, and a lower bound on the objective."""
