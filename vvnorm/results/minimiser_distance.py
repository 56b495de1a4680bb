"""How far a network is from every minimiser at given points: a bound that rests on certificates alone.

Every minimiser costs at most what a solution costs, so its values lie between the outer ends of a band around the
solution (`vvnorm.results.band`; for one input the closed form of all minimisers). A network's value at a point is known.
The larger distance from this value to the two ends bounds the distance to every minimiser, whether or not the network
meets the labels.

The network's own excess bounds the distance without its values: a network that meets the labels and costs at most
1 + excess times the least cost lies in the band of that excess, as all minimisers do.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from vvnorm._internal.words import count, lines
from vvnorm.network import ReLUNetwork, row_norms
from vvnorm.results.band import Band, null_for_infinite
from vvnorm.results.solution import Solution
from vvnorm.tolerances import CLAIM
from vvnorm.validation import Array
from vvnorm.verifier.check import Certificate, FitCertificate
from vvnorm.verifier.verification import Verification

Judge = Callable[[ReLUNetwork], Certificate | FitCertificate]
"""Certifies a network with a solution's dual array."""

Enclosure = Callable[[Array], Array]
"""Ends (n, T, 2) of all minimisers' values at points: the closed form for one input."""


@dataclass(frozen=True, eq=False, repr=False)
class MinimiserDistance:
    """Bounds on the distance of a network to every minimiser at points; `verify` checks them.

    Attributes
    ----------
    network : ReLUNetwork
    points : (n, d) array
    outputs : tuple of m int
    values : (n, m) array
        The network's values.
    minimisers : (n, m, 2) array
        Ends between which the values of all minimisers lie; infinite where nothing is proved.
    excess : float
        Bound on the network's cost (objective, for fits) relative to the least one, minus 1; infinite if the least one is 0
        and the network's is not. NaN if the network misses the labels by more than the solution's tolerance.
    solution : Solution
        The solution whose proof is used.
    band : Band or None
        The band that proves the ends; None for one input, whose minimisers are known.
    """

    network: ReLUNetwork
    points: Array
    outputs: tuple[int, ...]
    values: Array
    minimisers: Array
    excess: float
    solution: Solution = field(repr=False)
    band: Band | None = field(repr=False)
    judge: Judge = field(repr=False)
    enclose: Enclosure | None = field(default=None, repr=False)

    @property
    def upper(self) -> Array:
        """No minimiser is farther from the network than this, (n, m), in label units."""
        farthest: Array = np.max(np.abs(self.values[..., None] - self.minimisers), axis=2)
        return farthest

    @property
    def lower(self) -> Array:
        """No minimiser is nearer than this, (n, m)."""
        nearest: Array = np.maximum(self.minimisers[..., 0] - self.values, self.values - self.minimisers[..., 1])
        return np.maximum(nearest, 0.0)

    @property
    def norms(self) -> Array:
        """Bounds on the Euclidean distance over the outputs, (n,)."""
        return row_norms(self.upper)

    def of(self, network: ReLUNetwork) -> "MinimiserDistance":
        """Return the distances of another network at the same points; the minimisers are not enclosed again."""
        values = network(self.points)[:, list(self.outputs)]
        return replace(self, network=network, values=values, excess=_excess(self.judge(network), self.solution.tol))

    def verify(self) -> Verification:
        """Check ends, values and excess again; no solver is asked."""
        if self.band is not None:
            problems = list(self.band.verify().problems)
            ends, about = self.band.outer, (self.band.points, self.band.outputs)
            if not (np.array_equal(about[0], self.points) and about[1] == self.outputs):
                problems.append("the band is about other points or outputs")
        else:
            assert self.enclose is not None
            problems, ends = list(self.solution.verify().problems), self.enclose(self.points)[:, list(self.outputs)]
        if not self._agree(ends, self.minimisers):
            problems.append("the ends of the minimisers' values are not those that are proved")
        if not self._agree(self.network(self.points)[:, list(self.outputs)], self.values):
            problems.append("the values are not the network's")
        excess = _excess(self.judge(self.network), self.solution.tol)
        if not (excess == self.excess or abs(excess - self.excess) <= CLAIM * (1 + excess)) and not (
            math.isnan(excess) and math.isnan(self.excess)
        ):
            problems.append(f"the excess is recorded as {self.excess!r}, but is {excess!r}")
        return Verification(tuple(problems))

    def _agree(self, made: Array, recorded: Array) -> bool:
        """Whether values (n, m) or ends (n, m, 2) are the recorded ones, but for last digits of another processor."""
        if made.shape != recorded.shape:
            return False
        labels = np.nanmax(np.abs(self.solution.Y[:, list(self.outputs)]), axis=0)
        size = np.abs(made) + labels.reshape(-1, *[1] * (made.ndim - 2))
        with np.errstate(invalid="ignore"):  # infinite ends
            return bool(np.all((made == recorded) | (np.abs(made - recorded) <= CLAIM * size)))

    def __repr__(self) -> str:
        excess = "the network misses the labels" if math.isnan(self.excess) else f"excess {self.excess:.3g}"
        return lines(
            f"MinimiserDistance: {count(len(self.points), 'point')}, {count(len(self.outputs), 'output')}, {excess}",
            f"every minimiser is at most {np.min(self.upper):.3g} to {np.max(self.upper):.3g} away, "
            f"at least {np.min(self.lower):.3g} to {np.max(self.lower):.3g}",
            "verify() checks it again",
        )

    def record(self) -> dict[str, Any]:
        """Return numbers in types that JSON has; ends and distances that are infinite, and an excess of NaN, are null."""
        arrays = {"values": self.values, "minimisers": self.minimisers, "lower": self.lower, "upper": self.upper}
        return {
            "points": self.points.tolist(),
            "outputs": list(self.outputs),
            "excess": self.excess if math.isfinite(self.excess) else None,
            **{name: null_for_infinite(array) for name, array in arrays.items()},
        }


def check_sizes(network: ReLUNetwork, inputs: int, outputs: int) -> None:
    """Raise a ValueError if the network has other numbers of inputs or outputs than the solution."""
    if (network.n_inputs, network.n_outputs) != (inputs, outputs):
        sizes = [
            f"{count(d, 'input')} and {count(T, 'output')}"
            for d, T in ((network.n_inputs, network.n_outputs), (inputs, outputs))
        ]
        raise ValueError(f"network has {sizes[0]}; the solution has {sizes[1]}")


def measured(
    network: ReLUNetwork,
    points: Array,
    outputs: tuple[int, ...],
    minimisers: Array,
    solution: Solution,
    judge: Judge,
    *,
    band: Band | None = None,
    enclose: Enclosure | None = None,
) -> MinimiserDistance:
    """Return the distances of a network from minimisers whose values lie between ends (n, m, 2)."""
    excess = _excess(judge(network), solution.tol)
    values = network(points)[:, list(outputs)]
    return MinimiserDistance(network, points, outputs, values, minimisers, excess, solution, band, judge, enclose)


def distance_by_band(network: ReLUNetwork, band: Band, solution: Solution, judge: Judge) -> MinimiserDistance:
    """Return the distances of a network from the minimisers, which lie in a band."""
    return measured(network, band.points, band.outputs, band.outer, solution, judge, band=band)


def _excess(certificate: Certificate | FitCertificate, tol: float) -> float:
    """Bound cost / least cost - 1; NaN where the network does not interpolate."""
    if isinstance(certificate, Certificate):
        if not certificate.relative_residual <= tol:
            return math.nan
        cost = certificate.vv_norm
    else:
        cost = certificate.objective
    if certificate.lower_bound > 0:
        return max(cost / certificate.lower_bound - 1, 0.0)
    return 0.0 if cost == 0 else math.inf
