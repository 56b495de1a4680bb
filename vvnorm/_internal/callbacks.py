"""What callers are told while a solver works."""

from collections.abc import Callable

RoundCallback = Callable[[int, float, float], object]
"""Called after each round with its number, the objective, and a lower bound on the objective."""
