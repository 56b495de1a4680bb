"""Minimal-VV-norm interpolation of univariate data in closed form: the connect-the-dots interpolant.

Source: Nakhleh, Shenouda and Nowak, "The Effects of Multi-Task Learning on ReLU Neural Network Functions", arXiv
2410.21696. Notation (as in claim `representational_cost`): x_1 < .. < x_N, slopes s_i = (y_{i+1} - y_i) / (x_{i+1} -
x_i), curvatures delta_i = s_i - s_{i-1} at the inner points. The interpolant f_D is linear between neighbours and
continues its end pieces; its cost is R(D) = sum_i ||delta_i||_2, and no network that interpolates the data costs less.

A million points with 32 outputs take a small multiple of `np.diff(Y, 2, axis=0)`: the data are read twice by compiled
passes, and nothing of the size of the labels is kept but the labels and the network.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vvnorm.network import ReLUNetwork, row_norms
from vvnorm.solvers.univariate.interpolation.curvature_scans import exact_jumps, scan, unit_curvatures
from vvnorm.tolerances import ALIGNMENT_CAP, EPS, HALF_ULP, LABEL_ROUNDING, STRAIGHTENING
from vvnorm.validation import Array, has_missing, sorted_univariate

_BLOCK = 1 << 15  # entries per block: a few temporaries of this size fit a core's cache
_LARGEST_SLOPE = 2.0**1000  # beyond it sums of slopes may leave float64


@dataclass(frozen=True, eq=False)
class ConnectTheDots:
    """The connect-the-dots interpolant of sorted data, with its curvatures, which determine the solution set.

    Attributes
    ----------
    x : (N,) array
        Strictly increasing inputs, N >= 2.
    Y : (N, T) array
        Labels.
    straight : mapping from output to (N - 1,) array
        Outputs with collinear stretches, and their slopes with each such stretch made exactly straight.
    norms : (N - 2,) array
        ||delta|| at the inner points x_2 .. x_{N-1}.
    steepest : (T,) array
        Largest |slope| of each output.
    aligned : (N - 3,) array of bool
        Whether the curvatures at inner points j and j + 1 are both non-zero and point the same way.
    """

    x: Array
    Y: Array
    straight: Mapping[int, Array] = field(default_factory=dict)
    norms: Array = field(default_factory=lambda: np.empty(0))
    steepest: Array = field(default_factory=lambda: np.empty(0))
    aligned: NDArray[np.bool_] = field(default_factory=lambda: np.empty(0, dtype=np.bool_))

    @property
    def value(self) -> float:
        """R(D), the least VV norm of a network that interpolates the data."""
        return float(self.norms.sum())

    @property
    def n_outputs(self) -> int:
        """Number of outputs T."""
        return self.Y.shape[1]

    def slopes(self, start: int, stop: int) -> Array:
        """Slopes of the pieces start .. stop - 1; shape (stop - start, T)."""
        slopes = np.diff(self.Y[start : stop + 1], axis=0)
        slopes /= np.diff(self.x[start : stop + 1])[:, None]
        for output, exact in self.straight.items():
            slopes[:, output] = exact[start:stop]
        return slopes

    def curvatures(self, start: int, stop: int) -> Array:
        """Curvatures delta at the inner points start .. stop - 1 (0 is x_2); shape (stop - start, T)."""
        return np.diff(self.slopes(start, stop + 1), axis=0)

    def directions(self, start: int, stop: int) -> Array:
        """Unit vectors u = delta / ||delta|| at the inner points start .. stop - 1, zero where delta is."""
        out = np.empty((stop - start, self.n_outputs))
        unit_curvatures(self.x, self.Y, self.norms, start, out)
        for output, slopes in self.straight.items():
            norms = self.norms[start:stop]
            np.divide(np.diff(slopes[start : stop + 1]), norms, out=out[:, output], where=norms > 0)
        return out

    def directions_at(self, points: NDArray[np.intp]) -> Array:
        """Unit vectors u at the given inner points (0 is x_2), zero where delta is; shape (len(points), T)."""
        slopes = []
        for piece in (points, points + 1):
            slope = (self.Y[piece + 1] - self.Y[piece]) / (self.x[piece + 1] - self.x[piece])[:, None]
            for output, exact in self.straight.items():
                slope[:, output] = exact[piece]
            slopes.append(slope)
        norms = self.norms[points][:, None]
        return np.divide(slopes[1] - slopes[0], norms, out=np.zeros_like(slopes[0]), where=norms > 0)

    @property
    def dual(self) -> "UnitCurvatures":
        """The dual certificate eta at the data points: u inside, 0 at both ends."""
        return UnitCurvatures(self)

    def __call__(self, t: Array) -> Array:
        """Evaluate f_D at t, shape (n,), from knots and values; shape (n, T)."""
        piece = np.clip(np.searchsorted(self.x, t, side="right") - 1, 0, len(self.x) - 2)
        x, Y = self.x, self.Y
        slope = (Y[piece + 1] - Y[piece]) / (x[piece + 1] - x[piece])[:, None]
        values: Array = Y[piece] + slope * (t - x[piece])[:, None]
        last = t == x[-1]
        values[last] = Y[-1]
        return values

    def offset(self, slope: Array) -> Array:
        """Value at 0 of the line with the given slopes (T,) through the first point; shape (T,)."""
        with np.errstate(over="ignore"):
            offset = (self.Y[0].astype(np.longdouble) - slope.astype(np.longdouble) * self.x[0]).astype(np.float64)
        if not np.isfinite(offset).all():
            raise ValueError("X lies too far from 0 for slopes as steep as these: f(0) leaves float64; shift or rescale X")
        return offset

    @cached_property
    def network(self) -> ReLUNetwork:
        """f_D as a ReLU network: one neuron relu(x - x_i) per inner point with a curvature.

        Notes
        -----
        Slopes are first rounded to multiples of 2^-51 times the largest slope of the output. Differences and sums of
        such numbers are exact in float64, so rounding does not accumulate over the neurons: at a million points on a
        regular grid the network interpolates to 1e-11, with differences of unrounded slopes only to 1e-7.
        """
        # (s + magic) - magic rounds s to a multiple of 2^-52 magic, for |s| < 2^e and magic = 1.5 * 2^(e + 1).
        magic = np.ldexp(1.5, np.frexp(self.steepest)[1] + 1)
        jumps = np.empty((len(self.norms), self.n_outputs))
        exact_jumps(self.x, self.Y, magic, jumps)
        first = (self.slopes(0, 1)[0] + magic) - magic
        for output, slopes in self.straight.items():
            rounded = (slopes + magic[output]) - magic[output]
            jumps[:, output] = np.diff(rounded)
            first[output] = rounded[0]
        knots = self.x[1:-1]
        if not self.norms.all():
            bends = self.norms > 0
            knots, jumps = knots[bends], jumps[bends]
        return ReLUNetwork.trusted(np.ones((len(knots), 1)), -knots, jumps.T, first[:, None], self.offset(first))


class UnitCurvatures:
    """The dual certificate of connect-the-dots as an (N, T) array whose rows are computed when they are read.

    Slicing rows returns an array; `np.asarray` returns all of it. Nothing of the size of the labels is stored.
    """

    def __init__(self, dots: ConnectTheDots) -> None:
        self._dots = dots
        self.shape = dots.Y.shape

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: slice) -> Array:
        start, stop, step = rows.indices(len(self))
        inner_start, inner_stop = max(start, 1), min(stop, len(self) - 1)
        out = np.zeros((max(stop - start, 0), self.shape[1]))
        if inner_stop > inner_start:
            out[inner_start - start : inner_stop - start] = self._dots.directions(inner_start - 1, inner_stop - 1)
        return out[::step]

    def __array__(self, dtype: object = None, copy: bool | None = None) -> Array:
        return self[:]


def connect(X: ArrayLike, Y: ArrayLike) -> ConnectTheDots:
    """Analyse one-feature data: slopes, curvatures, cost, and which neighbouring curvatures are aligned.

    Parameters
    ----------
    X : array-like, shape (N,) or (N, 1)
        Inputs in any order. Repeated inputs with equal labels are merged.
    Y : array-like, shape (N,) or (N, T)
        Labels without missing entries.

    Raises
    ------
    TypeError, ValueError
        For data that `vvnorm.validation` refuses, fewer than two distinct inputs, missing labels, or slopes beyond float64.
    """
    x, labels = sorted_univariate(X, Y)
    if has_missing(labels):
        row, output = np.argwhere(np.isnan(labels))[0]
        raise ValueError(f"Y lacks the label of output {output} at x = {float(x[row])!r}; there is no closed form then")
    return connect_sorted(x, labels)


def connect_sorted(x: Array, Y: Array) -> ConnectTheDots:
    """Do the same as `connect` for complete arrays from `sorted_univariate`, without copying them."""
    if len(x) < 2:
        raise ValueError(f"X has 1 distinct value ({float(x[0])!r}); an interpolant is determined by two or more")
    if math.isinf(float(x[-1]) - float(x[0])):
        with np.errstate(over="ignore"):
            wide = np.flatnonzero(np.isinf(np.diff(x)))
        if len(wide):
            raise ValueError(f"X has a gap after x = {float(x[wide[0]])!r} that is wider than float64 can hold; rescale X")
    for values in (x, Y):
        values.setflags(write=False)
    dots, flat = _analyse(x, Y, {})
    straight = {t: s for t in np.flatnonzero(flat).tolist() if (s := _straightened(x, Y[:, t])) is not None}
    return _analyse(x, Y, straight)[0] if straight else dots


def _analyse(x: Array, Y: Array, straight: Mapping[int, Array]) -> tuple[ConnectTheDots, NDArray[np.int64]]:
    """Scan the data, with given slopes of some outputs; also count, per output, curvatures that may be rounding."""
    n, T = Y.shape
    norms, cosines = np.empty(n - 2), np.empty(max(n - 3, 0))
    steepest, flat = np.zeros(T), np.zeros(T, dtype=np.int64)
    scan(x, Y, norms, cosines, steepest, flat)
    _check_range(x, norms, steepest)
    dots = ConnectTheDots(x, Y, straight, norms, steepest)
    if straight:
        for start, stop in blocks(n - 2, T):
            norms[start:stop] = row_norms(dots.curvatures(start, stop))
        for start, stop in blocks(n - 3, T):
            unit = dots.directions(start, stop + 1)
            cosines[start:stop] = np.einsum("ij,ij->i", unit[1:], unit[:-1])
    return replace(dots, aligned=_aligned(dots, cosines > 1 - 1e-12)), flat


def blocks(n: int, width: int) -> Iterator[tuple[int, int]]:
    """Yield ranges of rows of a table of that width that fit a core's cache."""
    step = max(16, _BLOCK // width)
    for start in range(0, n, step):
        yield start, min(start + step, n)


def _check_range(x: Array, norms: Array, steepest: Array) -> None:
    """Refuse data whose slopes or cost leave float64; the message names the place."""
    steep = np.flatnonzero(~(norms <= _LARGEST_SLOPE))
    if len(steep) or not np.all(steepest <= _LARGEST_SLOPE):
        place = x[steep[0] + 1] if len(steep) else x[0]
        raise ValueError(
            f"Y changes too fast near x = {float(place)!r}: a slope leaves the range of float64; rescale X or Y"
        )
    if not np.isfinite(norms.sum()):
        raise ValueError("Y has a cost R(D) beyond the range of float64; rescale X or Y")


def _straightened(x: Array, y: Array) -> Array | None:
    """Slopes of one output with collinear stretches made exactly straight, or None if there are none.

    A stretch is collinear if each of its curvatures may be rounding of labels and inputs, and all its points lie on the
    chord of the stretch to the relative accuracy of labels and inputs. The second condition excludes densely sampled smooth
    data, where every single curvature is small.
    """
    h = np.diff(x)
    slopes = np.diff(y) / h
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):  # inf: rounding explains any curvature
        rounding = (np.abs(y[:-1]) + np.abs(y[1:])) / h
        lever = np.abs(x[1:-1] * (1 / h[:-1] + 1 / h[1:]))
        wobble = rounding[:-1] + rounding[1:] + lever * (np.abs(slopes[:-1]) + np.abs(slopes[1:]))
    flat = np.concatenate(([False], np.abs(np.diff(slopes)) <= LABEL_ROUNDING * wobble, [False]))
    edges = np.flatnonzero(np.diff(flat.astype(np.int8)))
    first, last = edges[::2], edges[1::2] + 1  # points first .. last of each stretch
    size, most = LABEL_ROUNDING * np.abs(y).max(), STRAIGHTENING * (y.max() / 2 - y.min() / 2)
    changed = False
    points = np.repeat(np.arange(len(first)), last - first + 1)
    if not len(points):
        return None
    index = np.concatenate([np.arange(a, b + 1) for a, b in zip(first, last, strict=True)])
    with np.errstate(over="ignore", invalid="ignore"):
        chord = (y[last] - y[first]) / (x[last] - x[first])
        # Not as y_1 + chord (x - x_1), which would round to the labels and hide their distance.
        off = np.abs((y[index] - y[first][points]) - chord[points] * (x[index] - x[first][points]))
        far = LABEL_ROUNDING * np.maximum(np.abs(x[first]), np.abs(x[last]))
        allowed = np.minimum(size + np.abs(chord) * far, most)[points]
    bent = np.bincount(points, weights=~(off <= allowed), minlength=len(first)) > 0  # beyond float64 is not on the chord
    for a, b, slope in zip(first[~bent], last[~bent], chord[~bent], strict=True):
        slopes[a:b] = slope
        changed = True
    return slopes if changed else None


def _aligned(dots: ConnectTheDots, candidates: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Whether candidate pairs of curvatures are aligned up to rounding of inputs and labels.

    Curvatures that half an ulp of the data may have caused count as zero, since the freedom that they leave is rounding.
    """
    aligned = np.zeros_like(candidates)
    for start, stop in blocks(len(candidates), dots.n_outputs):
        rows = np.flatnonzero(candidates[start:stop])
        if not len(rows):
            continue
        unit = dots.directions(start, stop + 1)
        apart, slack = unit[rows + 1] - unit[rows], direction_errors(dots, unit, start, LABEL_ROUNDING)
        known = np.all(np.isfinite(slack), axis=1)
        if not known.all():
            known = np.all(np.isfinite(direction_errors(dots, unit, start, HALF_ULP)), axis=1)
        explained = np.all(np.abs(apart) <= slack[rows] + slack[rows + 1], axis=1) & known[rows] & known[rows + 1]
        aligned[start + rows] = explained & (row_norms(apart) <= ALIGNMENT_CAP)
    return aligned


def curvature_errors(dots: ConnectTheDots, start: int, stop: int, rounding: float) -> Array:
    """Bound the errors of the curvatures at the inner points start .. stop - 1; shape (stop - start, T).

    Inputs and labels may be off by `rounding` of their size. With the errors e of a gap h and d of a difference of labels,
    its slope s becomes (s h + d) / (h + e), which is no further from s than (|d| + |s| |e|) / (h - |e|). The arithmetic of
    slopes and their difference adds at most 4 EPS of both slopes; the change by straightening is added, too.
    """
    x, size = dots.x[start : stop + 2, None], np.abs(dots.Y[start : stop + 2])
    given = np.diff(dots.Y[start : stop + 2], axis=0) / np.diff(x, axis=0)
    slopes = np.abs(given)
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        wobble = rounding * (np.abs(x[1:]) + np.abs(x[:-1]))
        gaps = np.diff(x, axis=0) - wobble
        off = (rounding * (size[1:] + size[:-1]) + slopes * wobble) / gaps
        off = np.where(gaps > 0, off, np.inf) + 4 * EPS * slopes
        for output, exact in dots.straight.items():
            off[:, output] += np.abs(exact[start : stop + 1] - given[:, output])
        return np.asarray(off[1:] + off[:-1])


def direction_errors(dots: ConnectTheDots, unit: Array, start: int, rounding: float) -> Array:
    """Bound the errors of unit curvatures (n, T), at the inner points from `start` on, entry by entry.

    With u = delta / ||delta|| and an error e, that of u is (e - (||delta + e|| - ||delta||) u) / ||delta + e||, in entries
    at most (|e| + ||e|| |u|) / (||delta|| - ||e||); infinite if the error may be as large as the curvature.
    """
    off = curvature_errors(dots, start, start + len(unit), rounding)
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        size = row_norms(off)[:, None]
        length = dots.norms[start : start + len(unit), None] - size
        return np.where(length > 0, (off + size * np.abs(unit)) / length, np.inf)


def doubtful(dots: ConnectTheDots) -> NDArray[np.bool_]:
    """Whether neighbouring curvatures are not `aligned`, but may be for data within half an ulp.

    Curvatures that such errors may have caused count as zero here, too.

    Returns
    -------
    (N - 3,) array of bool
    """
    in_doubt = np.zeros(len(dots.aligned), dtype=np.bool_)
    for start, stop in blocks(len(in_doubt), dots.n_outputs):
        unit = dots.directions(start, stop + 1)
        slack = direction_errors(dots, unit, start, HALF_ULP)
        explained = np.all(np.abs(np.diff(unit, axis=0)) <= slack[1:] + slack[:-1], axis=1)
        known = np.all(np.isfinite(slack), axis=1)
        in_doubt[start:stop] = explained & known[1:] & known[:-1]
    return in_doubt & ~dots.aligned


def connect_the_dots(x: ArrayLike, Y: ArrayLike) -> ReLUNetwork:
    """Return the connect-the-dots interpolant of one-feature data as a ReLU network.

    Parameters
    ----------
    x : array-like, shape (N,) or (N, 1)
        At least two distinct inputs, in any order.
    Y : array-like, shape (N,) or (N, T)
        Labels, none missing.

    Returns
    -------
    ReLUNetwork
        With at most N - 2 neurons and VV norm R(D), the least of all interpolating networks (Nakhleh, Shenouda
        and Nowak, arXiv 2410.21696, Theorem 3.1).

    Raises
    ------
    TypeError, ValueError
        As `connect`.

    Examples
    --------
    >>> import vvnorm
    >>> network = vvnorm.connect_the_dots([0, 1, 2, 3], [0, 1, 0, 1])
    >>> network.n_neurons, network.vv_norm
    (2, 4.0)
    """
    return connect(x, Y).network
