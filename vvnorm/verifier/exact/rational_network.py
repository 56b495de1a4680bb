"""Networks with rational weights: evaluated exactly, with rational bounds on their cost."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from operator import mul
from typing import NamedTuple

from vvnorm.network import ReLUNetwork
from vvnorm.verifier.exact.rationals import Matrix, Vector, as_matrix, as_vector, dot, integers, norm_squared, root_bounds


class Neuron(NamedTuple):
    """One neuron v relu(w.x + b)."""

    w: Vector
    b: Fraction
    v: Vector

    @property
    def cost_squared(self) -> Fraction:
        """The square of its cost ||w|| ||v||."""
        return norm_squared(self.w) * norm_squared(self.v)


@dataclass(frozen=True)
class RationalNetwork:
    """The function f(x) = sum_k v_k relu(w_k.x + b_k) + A x + c, in rational numbers.

    Attributes
    ----------
    neurons : tuple of Neuron
    A : T rows of d Fraction
    c : tuple of T Fraction
    """

    neurons: tuple[Neuron, ...]
    A: Matrix
    c: Vector

    @classmethod
    def of(cls, network: ReLUNetwork) -> "RationalNetwork":
        """Read a network of float64 weights exactly; neurons with a zero weight, which cost nothing, join the bias."""
        neurons = []
        offset = list(as_vector(network.c, "c"))
        W, V = as_matrix(network.W, "W") if network.n_neurons else (), network.V.T
        for w, b, output in zip(W, as_vector(network.b, "b"), V, strict=True):
            v = as_vector(output, "V")
            if any(w) and any(v):
                neurons.append(Neuron(w, b, v))
            elif b > 0:
                offset = [entry + b * weight for entry, weight in zip(offset, v, strict=True)]
        return cls(tuple(neurons), as_matrix(network.A, "A"), tuple(offset))

    def __call__(self, x: Vector) -> Vector:
        """Evaluate the network at one point."""
        return self.values((x,))[0]

    def values(self, X: Matrix) -> Matrix:
        """Evaluate the network at points, (N, d): (N, T).

        Sums over neurons are computed in integers, with one common denominator. This is quicker than with fractions, whose
        denominators grow with every term. For one input the evaluation passes over points and kinks in order instead.
        """
        if len(X[0]) == 1:
            return self._along_line([x for (x,) in X])
        points, unit_x = integers(X)
        heights, unit_w = integers([(*neuron.w, neuron.b) for neuron in self.neurons])
        outputs, unit_v = integers([neuron.v for neuron in self.neurons])
        unit = unit_x * unit_w * unit_v
        rows = []
        for x, point in zip(X, points, strict=True):
            totals = [0] * len(self.c)
            for (*w, b), v in zip(heights, outputs, strict=True):
                height = sum(map(mul, w, point)) + b * unit_x
                if height > 0:
                    totals = [total + height * weight for total, weight in zip(totals, v, strict=True)]
            affine = [dot(row, x) + offset for row, offset in zip(self.A, self.c, strict=True)]
            rows.append(tuple(value + Fraction(total, unit) for value, total in zip(affine, totals, strict=True)))
        return tuple(rows)

    def _along_line(self, points: Sequence[Fraction]) -> Matrix:
        """Evaluate a network of one input from left to right, with the slope between kinks.

        A neuron with w < 0 is its mirror image at the kink, plus an affine function: relu(z) = relu(-z) + z. A neuron with
        w = 0 is a constant.
        """
        slope, value = [entry for (entry,) in self.A], list(self.c)
        kinks = []
        for (w,), b, v in self.neurons:
            if w:
                kinks.append((-b / w, [abs(w) * entry for entry in v]))
            if w < 0 or (w == 0 and b > 0):
                slope = [a + w * entry for a, entry in zip(slope, v, strict=True)]
                value = [c + b * entry for c, entry in zip(value, v, strict=True)]
        events: list[tuple[Fraction, int, list[Fraction]]] = [(t, -1, jump) for t, jump in kinks]
        events += [(x, i, []) for i, x in enumerate(points)]
        events.sort(key=lambda event: event[:2])
        at = min(events)[0]
        value = [c + a * at for c, a in zip(value, slope, strict=True)]
        values: list[Vector] = [()] * len(points)
        for t, i, jump in events:
            value, at = [entry + a * (t - at) for entry, a in zip(value, slope, strict=True)], t
            if i < 0:
                slope = list(map(Fraction.__add__, slope, jump))
            else:
                values[i] = tuple(value)
        return tuple(values)

    @property
    def cost_bounds(self) -> tuple[Fraction, Fraction]:
        """Rational bounds on the VV norm sum_k ||w_k|| ||v_k||."""
        roots = [root_bounds(neuron.cost_squared) for neuron in self.neurons]
        return sum((low for low, _ in roots), Fraction(0)), sum((high for _, high in roots), Fraction(0))

    def fit_objective(self, X: Matrix, Y: Matrix, lam: Fraction) -> Fraction:
        """Bound sum_i ||f(x_i) - y_i||^2 / 2 + lam VV(f) from above."""
        return sum(map(norm_squared, self.misfits(X, Y)), Fraction(0)) / 2 + lam * self.cost_bounds[1]

    def misfits(self, X: Matrix, Y: Matrix) -> Matrix:
        """Return the labels minus the network's values, row by row."""
        rows = zip(Y, self.values(X), strict=True)
        return tuple(tuple(map(Fraction.__sub__, labels, values)) for labels, values in rows)

    def plus(self, other: "RationalNetwork") -> "RationalNetwork":
        """Return the sum of the two functions."""
        A = tuple(tuple(a + b for a, b in zip(*rows, strict=True)) for rows in zip(self.A, other.A, strict=True))
        return RationalNetwork(self.neurons + other.neurons, A, tuple(map(Fraction.__add__, self.c, other.c)))
