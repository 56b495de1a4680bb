"""Neurons at which the response to a dual array has a local maximum, in the plane or on a line. Nothing here is proved.

From each base point the directions across the other points cut the half-circle into arcs. On an arc the same points are
active, and the squared norm of the response is a quadratic form w'C'C w. So a local maximum is at an eigenvector inside an
arc, or at a direction between two arcs, where the kink passes through two points. Where both eigenvalues agree, the
response is constant along the arc, and a few directions represent the arc.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vvnorm.solvers.multivariate.neuron_search import Neurons
from vvnorm.validation import Array

_SAME = 1e-9  # closer directions to points count as equal
_NEAR = 1e-4  # a maximum so near a kink through two points is that kink: angles are known to the root of the dual's gap
_LARGEST = 1e-7  # a maximum so near the largest maximum counts, even if it is a maximum from only one of its points
_ON = 1e-10  # largest distance of points on a kink from it, relative to the points' spread
_LEVEL = 1e-6  # the response is constant along an arc if eigenvalues differ by less
_ALONG = 8  # number of directions that represent such an arc
_FALLING = 1e-12  # slopes at a maximum, relative to the squared norm: rounding


@dataclass(frozen=True, eq=False)
class Peaks:
    """Local maxima of the response: neurons, and the response's norm at each, largest first."""

    neurons: Neurons
    sizes: Array


def peaks(P: Array, dual: Array, least: float) -> Peaks:
    """Find all local maxima above `least` of the response to a dual array.

    Parameters
    ----------
    P : (N, d) array
        Distinct points, d = 1 or 2.
    dual : (N, T) array
        Orthogonal to affine functions, so that w and -w respond alike.
    least : float
    """
    if P.shape[1] == 1:
        sizes = np.linalg.norm(np.maximum(P.T - P, 0.0) @ dual, axis=1)
        anchors = np.flatnonzero(sizes > least)
        order = anchors[np.argsort(-sizes[anchors], kind="stable")]
        return Peaks(Neurons(np.ones((len(order), 1)), order, np.empty((len(order), 0), np.int64)), sizes[order])
    parts = [_seen_from(base, P, dual, least) for base in range(len(P))]
    w, through = np.vstack([part[0] for part in parts]), np.concatenate([part[1] for part in parts])
    sizes = np.concatenate([part[2] for part in parts])
    anchor = np.repeat(np.arange(len(P)), [len(part[0]) for part in parts])
    kept = _once(P, w, anchor, through, sizes)
    order = kept[np.argsort(-sizes[kept], kind="stable")]
    w *= np.where((w[:, 1] < -_SAME) | ((np.abs(w[:, 1]) <= _SAME) & (w[:, 0] < 0)), -1.0, 1.0)[:, None]
    return Peaks(Neurons(w[order], anchor[order], through[order, None]), sizes[order])


def _once(
    P: Array, w: Array, anchor: NDArray[np.intp], through: NDArray[np.int64], sizes: Array
) -> NDArray[np.intp]:  # fmt: skip
    """Return each maximum once: a kink through several points must be a maximum from each point, or the largest maximum."""
    scale = float(np.max(np.ptp(P, axis=0)))
    kept: list[int] = np.flatnonzero(through < 0).tolist()
    seen: dict[bytes, list[int]] = {}
    for k in np.flatnonzero(through >= 0):
        on = np.abs((P - P[anchor[k]]) @ w[k]) <= _ON * scale
        seen.setdefault(on.tobytes(), []).append(int(k))
    for rows in seen.values():
        on = np.abs((P - P[anchor[rows[0]]]) @ w[rows[0]]) <= _ON * scale
        if len(rows) == int(on.sum()) or sizes[rows[0]] >= (1 - _LARGEST) * sizes.max():
            kept.append(rows[0])
    return np.array(kept, dtype=np.intp)


def _seen_from(base: int, P: Array, dual: Array, least: float) -> tuple[Array, NDArray[np.int64], Array]:
    """Directions, further points on the kink (-1 = none) and responses of the maxima from one base point."""
    away = P - P[base]
    others = np.flatnonzero(np.any(away != 0, axis=1))
    across = np.mod(np.arctan2(away[others, 1], away[others, 0]) + math.pi / 2 + _SAME, math.pi) - _SAME
    order = np.argsort(across, kind="stable")
    across, others = across[order], others[order]
    new = np.append(True, np.diff(across) > _SAME)
    across, others = across[new], others[new]
    ahead = np.append(across[1:], across[0] + math.pi)
    middle = _direction((across + ahead) / 2)
    active = middle @ away.T > 0
    C = np.einsum("kn,nt,nd->ktd", active, dual, away)  # of the arc after each direction
    w = _direction(across)
    squares, slopes = _along(C, w, across)
    _, before = _along(np.roll(C, 1, axis=0), w, across)
    values, axes = np.linalg.eigh(np.einsum("ktd,kte->kde", C, C))
    flat = 2 * _NEAR * np.ptp(values, axis=1)  # the derivative at that angle from the maximum
    falling, rising = slopes <= flat + _FALLING * squares, before >= -np.roll(flat, 1) - _FALLING * squares
    at_kink = falling & rising & (squares > least * least)
    turn = np.mod(np.arctan2(axes[:, 1, 1], axes[:, 0, 1]) - across, math.pi)
    left = ahead - across - turn
    taken = (at_kink & (turn <= _NEAR)) | (np.roll(at_kink, -1) & (left <= _NEAR))
    high = values[:, 1] > least * least
    level = high & (np.ptp(values, axis=1) < _LEVEL * values[:, 1])
    inside = (turn > _SAME) & (left > _SAME) & ~taken & high & ~level
    parts = np.arange(1, _ALONG + 1) / (_ALONG + 1)
    on_level = (across[level, None] + parts * (ahead - across)[level, None]).ravel()
    sizes = np.sqrt(np.concatenate([squares[at_kink], values[inside, 1], np.repeat(values[level, 0], _ALONG)]))
    directions = np.vstack([w[at_kink], _direction(across[inside] + turn[inside]), _direction(on_level)])
    return directions, np.concatenate([others[at_kink], np.full(len(directions) - int(at_kink.sum()), -1)]), sizes


def _direction(angle: Array) -> Array:
    return np.column_stack([np.cos(angle), np.sin(angle)])


def _along(C: Array, w: Array, angle: Array) -> tuple[Array, Array]:
    """Squared norms of C w and their derivatives by the angle; a turn by half a circle changes neither."""
    response = np.einsum("ktd,kd->kt", C, w)
    turned = np.einsum("ktd,kd->kt", C, _direction(angle + math.pi / 2))
    return np.einsum("kt,kt->k", response, response), 2 * np.einsum("kt,kt->k", response, turned)
