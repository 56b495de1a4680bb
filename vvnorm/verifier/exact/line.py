"""Minimal-VV-norm interpolation of one input, decided in rational numbers.

With x_1 < .. < x_N, slopes s_i = (y_{i+1} - y_i) / (x_{i+1} - x_i) and curvatures delta_i = s_i - s_{i-1} at the inner
points, the least VV norm of an interpolant is R(D) = sum_i ||delta_i||, and connect-the-dots attains it. No other
interpolant attains it unless two neighbouring curvatures point the same way (Nakhleh, Shenouda, Nowak, arXiv 2410.21696,
Theorem 3.1). Slopes and curvatures are rational, so equality of directions is decided exactly. Norms are enclosed between
rationals.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Any, NamedTuple

from vvnorm.verifier.exact.rational_network import Neuron, RationalNetwork
from vvnorm.verifier.exact.rationals import Matrix, Vector, as_matrix, as_rational, dot, norm_squared, root_bounds


class BandPoint(NamedTuple):
    """The range of the values of minimal-VV-norm interpolants at a point, for each output; both ends are attained."""

    at: Fraction
    lower: Vector
    upper: Vector


@dataclass(frozen=True)
class ExactLine:
    """Data of one input, and facts that follow from them.

    Attributes
    ----------
    inputs : tuple of N Fraction
        Strictly increasing, N >= 2.
    labels : tuple of N rows of T Fraction
    """

    inputs: Vector
    labels: Matrix

    @classmethod
    def of(cls, X: Any, Y: Any) -> "ExactLine":
        """Read data in any order; repeated inputs with equal labels are merged.

        Parameters
        ----------
        X : list or array, shape (N,) or (N, 1)
        Y : list or array, shape (N,) or (N, T)
            Numbers, or text that shows decimal numbers; see `as_rational`.

        Raises
        ------
        TypeError, ValueError
            For entries that are not finite numbers, labels that differ at one input, or fewer than two distinct inputs.
        """
        points, labels = distinct_points(as_matrix(X, "X"), as_matrix(Y, "Y"))
        if len(points[0]) != 1:
            raise ValueError(f"X has {len(points[0])} columns; a line has one input")
        return cls(tuple(point[0] for point in points), labels)

    @property
    def n_outputs(self) -> int:
        """Number of outputs T."""
        return len(self.labels[0])

    @cached_property
    def gaps(self) -> Vector:
        """Distances h_i between neighbouring inputs, N - 1 of them."""
        return tuple(b - a for a, b in zip(self.inputs, self.inputs[1:], strict=False))

    @cached_property
    def slopes(self) -> Matrix:
        """Slopes s_i between neighbours, N - 1 rows of T."""
        pairs = zip(self.labels, self.labels[1:], self.gaps, strict=False)
        return tuple(tuple((b - a) / h for a, b in zip(low, high, strict=True)) for low, high, h in pairs)

    @cached_property
    def curvatures(self) -> Matrix:
        """Curvatures delta_i at the inner points, N - 2 rows of T."""
        pairs = zip(self.slopes, self.slopes[1:], strict=False)
        return tuple(tuple(b - a for a, b in zip(low, high, strict=True)) for low, high in pairs)

    @cached_property
    def ratios(self) -> tuple[Fraction | None, ...]:
        """For inner points i and i + 1, the c > 0 with delta_{i+1} = c delta_i, if there is one; N - 3 of them.

        None where the two point different ways, or one is zero.
        """
        return tuple(positive_ratio(a, b) for a, b in zip(self.curvatures, self.curvatures[1:], strict=False))

    @cached_property
    def bounds(self) -> tuple[Fraction, Fraction]:
        """Rational bounds on R(D), the least VV norm of an interpolant."""
        roots = [root_bounds(norm_squared(delta)) for delta in self.curvatures]
        return sum((low for low, _ in roots), Fraction(0)), sum((high for _, high in roots), Fraction(0))

    # --- all minimisers ---

    @property
    def unique(self) -> bool:
        """Whether there is no other minimal-VV-norm interpolant."""
        return all(ratio is None for ratio in self.ratios)

    @cached_property
    def unique_outputs(self) -> tuple[bool, ...]:
        """For each output, whether all minimal-VV-norm interpolants agree in it."""
        moving = [delta for delta, ratio in zip(self.curvatures, self.ratios, strict=False) if ratio is not None]
        return tuple(all(delta[t] == 0 for delta in moving) for t in range(self.n_outputs))

    @cached_property
    def runs(self) -> tuple[int, ...]:
        """Lengths of the maximal runs of neighbouring curvatures that point the same way; zero curvatures are in no run."""
        lengths: list[int] = []
        for delta, ratio in zip(self.curvatures, (None, *self.ratios), strict=False):
            if ratio is not None:
                lengths[-1] += 1
            elif any(delta):
                lengths.append(1)
        return tuple(lengths)

    @property
    def fewest_neurons(self) -> int:
        """The fewest neurons of a minimal-VV-norm interpolant: half of each run, rounded up."""
        return sum((length + 1) // 2 for length in self.runs)

    def band(self, points: Iterable[Any]) -> tuple[BandPoint, ...]:
        """Return the range of the values of minimal-VV-norm interpolants at each of the points, which may lie anywhere."""
        return tuple(self._band_at(as_rational(point, "band points")) for point in points)

    def _band_at(self, t: Fraction) -> BandPoint:
        piece = self._piece(t)
        offset = t - self.inputs[piece]
        chord = tuple(y + s * offset for y, s in zip(self.labels[piece], self.slopes[piece], strict=True))
        ratio = self.ratios[piece - 1] if 1 <= piece <= len(self.inputs) - 3 else None
        if ratio is None:
            return BandPoint(t, chord, chord)
        # Down, along the common direction, to the larger of the two neighbouring chords extended.
        depth = min(offset, ratio * (self.inputs[piece + 1] - t))
        end = tuple(y - depth * delta for y, delta in zip(chord, self.curvatures[piece - 1], strict=True))
        return BandPoint(t, tuple(map(min, chord, end)), tuple(map(max, chord, end)))

    def _piece(self, t: Fraction) -> int:
        """The last piece that begins at or before t, or the first."""
        return max((i for i in range(len(self.gaps)) if self.inputs[i] <= t), default=0)

    # --- networks ---

    @property
    def network(self) -> RationalNetwork:
        """Connect-the-dots as a network: one neuron relu(x - x_i) per inner point with a curvature."""
        weight = (Fraction(1),)
        pairs = zip(self.inputs[1:], self.curvatures, strict=False)
        neurons = tuple(Neuron(weight, -x, delta) for x, delta in pairs if any(delta))
        offset = tuple(y - s * self.inputs[0] for y, s in zip(self.labels[0], self.slopes[0], strict=True))
        return RationalNetwork(neurons, tuple((s,) for s in self.slopes[0]), offset)

    @property
    def sparsest(self) -> RationalNetwork:
        """A minimal-VV-norm interpolant of `fewest_neurons` neurons.

        Two neighbouring inner points of a run, with curvatures delta and c delta, share one neuron at the kink where the
        extended chords beside them cross. It has the weight (1 + c) delta, so the cost does not change.
        """
        weight = (Fraction(1),)
        neurons: list[Neuron] = []
        ratios, joined = (*self.ratios, None), False
        for x, after, delta, ratio in zip(self.inputs[1:], self.inputs[2:], self.curvatures, ratios, strict=False):
            if joined or not any(delta):
                joined = False  # the neuron before serves this point, or it has no kink
            elif ratio is None:
                neurons.append(Neuron(weight, -x, delta))
            else:
                kink = (x + ratio * after) / (1 + ratio)
                neurons.append(Neuron(weight, -kink, tuple((1 + ratio) * entry for entry in delta)))
                joined = True
        dots = self.network
        return RationalNetwork(tuple(neurons), dots.A, dots.c)

    def lowest(self, t: Fraction) -> RationalNetwork:
        """Return a minimal-VV-norm interpolant that attains at t the end of the band that differs from connect-the-dots.

        Curvature moves from the ends of the piece into a kink at t, until one end has no curvature left.
        """
        dots, piece = self.network, self._piece(t)
        ratio = self.ratios[piece - 1] if 1 <= piece <= len(self.inputs) - 3 else None
        if ratio is None:
            return dots
        offset, rest, h = t - self.inputs[piece], self.inputs[piece + 1] - t, self.gaps[piece]
        if not offset:
            return dots
        mass = min(h / rest, ratio * h / offset)  # in units of the curvature before t
        shares = {piece: -mass * rest / h, piece + 1: -mass * offset / h}
        delta, weight = self.curvatures[piece - 1], (Fraction(1),)
        neurons = [Neuron(weight, -t, tuple(mass * entry for entry in delta))]
        for i, curvature in enumerate(self.curvatures, 1):
            share = shares.get(i, Fraction(0))
            v = tuple(a + share * b for a, b in zip(curvature, delta, strict=True))
            if any(v):
                neurons.append(Neuron(weight, -self.inputs[i], v))
        return RationalNetwork(tuple(neurons), dots.A, dots.c)

    @property
    def dual(self) -> Matrix:
        """A dual array that proves nearly R(D) by weak duality, without a theorem about curvatures: N rows of T.

        A neuron with its kink at inner point i responds by delta_i / ||delta_i||, shortened by the bound on the root.
        """
        rows = [[Fraction(0)] * self.n_outputs for _ in self.inputs]
        for i, delta in enumerate(self.curvatures, 1):
            size = root_bounds(norm_squared(delta))[1]
            before, after = (1 / self.gaps[k] for k in (i - 1, i))
            for t, entry in enumerate(delta):
                unit = entry / size if size else size
                for k, weight in ((i - 1, before), (i, -before - after), (i + 1, after)):
                    rows[k][t] += weight * unit
        return tuple(map(tuple, rows))

    def stability(self, excess: Fraction) -> tuple[Fraction | None, ...]:
        """Bound the distance to connect-the-dots of every interpolant whose VV norm is at most R(D) + excess.

        Returns
        -------
        tuple of N - 1 Fraction or None
            For each piece, a bound on ||f(t) - f_D(t)|| there; None where minimisers differ.

        Notes
        -----
        The bound is h excess / (1 - cos theta), with theta the angle between the curvatures at the ends of the piece, and
        h excess where one of them is zero or the piece is the first or last. With a, b the two curvatures,
        1 - cos theta = (|a|^2 |b|^2 - (a.b)^2) / (|a| |b| (|a| |b| + a.b)), where the numerator is rational.
        """
        none = (Fraction(0),) * self.n_outputs
        ends = [none, *self.curvatures, none]
        return tuple(_stretched(h * excess, a, b) for h, a, b in zip(self.gaps, ends, ends[1:], strict=False))


def _stretched(length: Fraction, a: Vector, b: Vector) -> Fraction | None:
    """Bound length / (1 - cos theta) from above; None if a and b point the same way, and length if one is zero."""
    squares, product = norm_squared(a) * norm_squared(b), dot(a, b)
    if not squares:
        return length
    gram = squares - product * product
    if product < 0 and gram == 0:
        return length / 2
    if gram == 0:
        return None
    size = root_bounds(squares)[1]
    return length * size * (size + product) / gram


def positive_ratio(a: Vector, b: Vector) -> Fraction | None:
    """Return the c > 0 with b = c a, or None if there is none or a is zero."""
    pivot = next((t for t, entry in enumerate(a) if entry), None)
    if pivot is None:
        return None
    ratio = b[pivot] / a[pivot]
    return ratio if ratio > 0 and all(y == ratio * x for x, y in zip(a, b, strict=True)) else None


def distinct_points(points: Matrix, labels: Matrix) -> tuple[Matrix, Matrix]:
    """Sort points, and merge those that are equal.

    Raises
    ------
    ValueError
        If there are not as many labels as points, labels differ at one point, or there is one distinct point only.
    """
    if len(points) != len(labels):
        raise ValueError(f"X has {len(points)} rows and Y has {len(labels)}")
    labels_at: dict[Vector, Vector] = {}
    for point, label in zip(points, labels, strict=True):
        if labels_at.setdefault(point, label) != label:
            raise ValueError(f"Y has different labels at x = ({', '.join(map(str, point))}); no network interpolates both")
    if len(labels_at) < 2:
        raise ValueError("X has 1 distinct point; an interpolant is determined by two or more")
    order = sorted(labels_at)
    return tuple(order), tuple(labels_at[point] for point in order)
