"""Networks with rational weights: evaluated exactly, with rational bounds on their cost."""

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

        Sums over neurons are made in integers, multiples of one common denominator: quicker than with fractions, whose
        denominators grow with every term.
        """
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

    @property
    def cost_bounds(self) -> tuple[Fraction, Fraction]:
        """Rational bounds on the VV norm sum_k ||w_k|| ||v_k||."""
        roots = [root_bounds(neuron.cost_squared) for neuron in self.neurons]
        return sum((low for low, _ in roots), Fraction(0)), sum((high for _, high in roots), Fraction(0))

    def misfits(self, X: Matrix, Y: Matrix) -> Matrix:
        """Return the labels minus the network's values, row by row."""
        rows = zip(Y, self.values(X), strict=True)
        return tuple(tuple(map(Fraction.__sub__, labels, values)) for labels, values in rows)

    def plus(self, other: "RationalNetwork") -> "RationalNetwork":
        """Return the sum of the two functions."""
        A = tuple(tuple(a + b for a, b in zip(*rows, strict=True)) for rows in zip(self.A, other.A, strict=True))
        return RationalNetwork(self.neurons + other.neurons, A, tuple(map(Fraction.__add__, self.c, other.c)))
