"""Points that lie in an affine subspace up to rounding, and their coordinates in it.

In exact arithmetic such points X seldom lie in the subspace: their rounding errors span the rest of the space, and networks
may have kinks along it. But nearby points do lie in the subspace,

    X' = origin + P axes',        P = (X - centre) axes,

and a bound can refer to X'. A network f of the space, restricted to the subspace, is g(p) = f(origin + axes p), with the
weights axes' w_k. It has the same values, and VV(g) <= s VV(f) with s = ||axes|| (spectral norm, about 1). So a bound
B(lam) on the networks of the coordinates P implies

    VV(f) >= B / s                                                        for interpolants, and
    loss(f) + lam VV(f) >= loss(g) + (lam / s) VV(g) >= B(lam) / s        for fits if s >= 1.

The last step holds since the least objective is concave in lam and not negative at 0. Residuals, losses and costs are
always computed for the network itself at X.
"""

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from vvnorm._internal.words import count
from vvnorm.network import row_norms
from vvnorm.tolerances import EPS, FLAT
from vvnorm.validation import Array

_SKEW = 1e-9  # axes further than this from orthonormal are refused


@dataclass(frozen=True, eq=False)
class Subspace:
    """An affine subspace of d dimensions or fewer, with coordinates.

    Attributes
    ----------
    centre : (d,) array
        The point whose coordinates are 0, or whose projection's are.
    axes : (d, r) array
        Orthonormal up to rounding, 1 <= r <= d.
    """

    centre: Array = field(repr=False)
    axes: Array = field(repr=False)

    def __post_init__(self) -> None:
        d = len(self.centre)
        if self.centre.shape != (d,) or self.axes.ndim != 2 or len(self.axes) != d or not 1 <= self.axes.shape[1] <= d:
            raise ValueError(f"a subspace has a centre (d,) and axes (d, r), got {self.centre.shape} and {self.axes.shape}")
        if not (np.isfinite(self.centre).all() and np.isfinite(self.axes).all()):
            raise ValueError("centre and axes of a subspace must be finite")
        if not self.stretch <= 1 + _SKEW:
            raise ValueError("the axes of a subspace must be orthonormal")

    @property
    def stretch(self) -> float:
        """Return a bound from above on the spectral norm of the axes, at least 1.

        ||axes||^2 = ||axes' axes|| <= 1 + ||axes' axes - I||_F; a computed product of d terms is off by d EPS at most here.
        """
        d, r = self.axes.shape
        skew = float(np.linalg.norm(self.axes.T @ self.axes - np.eye(r))) + (d + 4) * r * EPS
        return (1 + skew) * (1 + 4 * EPS)

    def _distances_from_central_point(self, x: Array) -> tuple[Array, Array]:
        """Distances (n,) of points from the parallel subspace through a central point, and distances to compare them with.

        The latter are the distances from the central point itself, or their median if that is larger.
        """
        central = x[np.argmin(row_norms(x - np.median(x, axis=0)))]
        away = x - central
        rest = away - np.sum(np.sum(away[:, :, None] * self.axes, axis=1)[:, None, :] * self.axes, axis=2)
        reach = row_norms(away)
        return row_norms(rest), np.maximum(reach, np.median(reach[reach > 0]) if np.any(reach > 0) else 0.0)

    def coordinates(self, x: Array, present: NDArray[np.bool_]) -> Array:
        """Return coordinates P (N, r) of points x (N, d); points with labels, `present` (N, T), must lie in the subspace.

        Points without labels do not affect the bound: their rows of the dual array are 0.

        Raises
        ------
        ValueError
            If a point with labels does not lie in the subspace up to rounding.
        """
        if x.shape[1] != len(self.centre):
            raise ValueError(f"X has {count(x.shape[1], 'column')}; the subspace is of {count(len(self.centre), 'input')}")
        size = float(np.max(np.abs(x - self.centre), initial=0.0)) or 1.0
        away = (x - self.centre) / size
        # Sums by column: equal points have equal coordinates, whatever the library for matrices does.
        P = np.sum(away[:, :, None] * self.axes, axis=1)
        rest = away - np.sum(P[:, None, :] * self.axes, axis=2)
        labelled = np.flatnonzero(present.any(axis=1))
        rest, part = rest[labelled], FLAT * len(x) * math.sqrt(x.shape[1])
        spread, off = away - away.mean(axis=0), rest - rest.mean(axis=0)
        far = float(np.max(row_norms(off))) * size
        if not np.linalg.norm(off) <= part * np.linalg.norm(spread):
            raise ValueError(f"X does not lie in the subspace: a point is {far:.3g} away from it")
        # One distant point makes the distances between the others small relative to the spread, but not to rounding.
        off, reach = self._distances_from_central_point(x[labelled])
        if not np.all(off <= part * reach):
            far = float(np.max(off[off > part * reach]))
            raise ValueError(f"X does not lie in the subspace: a point is {far:.3g} away from it, seen from its neighbours")
        coordinates: Array = P * size
        return coordinates
