"""Contacts: the neurons that minimisers can have, and whether there is more than one minimiser.

Let Lambda be an optimal dual array. A minimiser's neurons respond to it with norm 1, and their output weights point along
the response u_k. So with the contacts, the neurons (up to sign) at which the norm is 1, every minimiser is

    f = sum_k c_k u_k relu(w_k.x + b_k) + an affine function,     c >= 0,   B c = z,

where column k of B is u_k (x) Q' phi_k, phi_k are the neuron's values at the points, and Q is an orthonormal basis of the
complement of the affine functions. If the columns are linearly independent, there is one minimiser. Otherwise the
minimisers are a polytope in c. B, z and the contacts are known in float64, and the tolerances below decide about
independence. Two different minimisers, where they are returned, are both certified.

Two parallel contacts may have the same response and no data point between their kinks. Then every kink between them is a
contact, too; the kink half-way is listed.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Final

import numpy as np
from scipy.optimize import linprog, nnls

from vvnorm._internal.drawing import Displayed
from vvnorm._internal.words import count, lines
from vvnorm.network import ReLUNetwork, row_norms
from vvnorm.results.band import BandProblem
from vvnorm.results.coordinates import in_space, judged_dual
from vvnorm.validation import Array, as_count, as_generator
from vvnorm.verifier.check import certify_fit, judge
from vvnorm.verifier.flat_inputs import Subspace
from vvnorm.verifier.verification import Verification

TOUCHING: Final = 1e-6
"""A response counts as 1 from 1 minus this on: the dual array is optimal to a relative gap of about 1e-9."""

APART: Final = 1e-5
"""Uniqueness is decided only if all other local maxima of the response are below 1 minus this."""

RANK: Final = 1e-5
"""Columns of B of norm 1 are dependent if their least singular value is below this part of the largest one."""

_SOLVED = 1e-10  # relative gap that the solver is asked for
_SAME = 1e-7  # responses and directions that are closer count as equal
_MISSED = 1e-3  # relative distance of z from B c: a kink through one point only is known up to the root of the gap
_DIFFER = 0.02  # of the labels' range: networks of a gap of 1e-6 may differ by less where the minimiser is unique
_MOVES = 1e-6  # relative to the cost: coefficients with a smaller range count as fixed


@dataclass(frozen=True, eq=False, repr=False)
class Contacts(Displayed):
    """The neurons of all minimisers, and the polytope of their coefficients.

    Attributes
    ----------
    W, b : (K, d) and (K,) arrays
        Contacts: ||w|| = 1. One of (w, b) and (-w, -b) is listed.
    u : (K, T) array
        Responses of norm 1: output weights of minimisers are c_k u_k.
    responses : (K,) array
        Their norms before scaling, about 1.
    margin : float
        All other local maxima of the response are at most 1 - margin.
    coefficients : (K,) array
        c >= 0 of a minimiser.
    singular_values : (min(n, K),) array
        Of B with columns of norm 1.
    """

    W: Array
    b: Array
    u: Array
    responses: Array
    margin: float
    coefficients: Array
    singular_values: Array
    problem: BandProblem = field(repr=False)
    dual: Array = field(repr=False)
    """(N, T): the dual array that responses are about; it proves that members are minimal."""
    solver_network: ReLUNetwork = field(repr=False)
    B: Array = field(repr=False)
    z: Array = field(repr=False)
    subspace: Subspace | None = field(default=None, repr=False)

    def __len__(self) -> int:
        return len(self.b)

    @property
    def rank(self) -> int:
        """Rank of B, with the tolerance `RANK`."""
        return int(np.sum(self.singular_values > RANK * self.singular_values[0])) if len(self) else 0

    @property
    def independent(self) -> bool:
        """Whether the columns of B are linearly independent."""
        return self.rank == len(self)

    @property
    def clear(self) -> bool:
        """Whether contacts are separated from all other maxima, and reproduce the labels."""
        missed = float(np.linalg.norm(self.B @ self.coefficients - self.z))
        return self.margin > APART and missed <= _MISSED * float(np.linalg.norm(self.z))

    @cached_property
    def ranges(self) -> Array:
        """Least and largest value (K, 2) of each coefficient over the polytope, by linear programs."""
        if self.independent:
            return np.column_stack([self.coefficients, self.coefficients])
        ranges = np.empty((len(self), 2))
        for k in range(len(self)):
            for place, sign in enumerate((1.0, -1.0)):
                goal = np.zeros(len(self))
                goal[k] = sign
                ranges[k, place] = self._member(goal)[k]
        return ranges

    def _member(self, goal: Array) -> Array:
        """A vertex (K,) of the polytope at which `goal` is least."""
        scale = float(np.max(np.abs(self.z), initial=0.0)) or 1.0
        solved = linprog(
            goal, A_eq=self._equations[0], b_eq=self._equations[1] / scale, bounds=(0, None), method="highs-ds"
        )
        return self.coefficients if solved.x is None else np.maximum(np.asarray(solved.x) * scale, 0.0)

    @cached_property
    def _equations(self) -> tuple[Array, Array]:
        """B c = z without dependent rows, and as B (c - c0) = 0, so that it has a solution whatever the rounding."""
        _, s, Vt = np.linalg.svd(self.B, full_matrices=False)
        kept = s > RANK * s[0]
        rows: Array = Vt[kept]
        return rows, rows @ self.coefficients

    @cached_property
    def dimension(self) -> int:
        """Dimension of the set of minimisers' coefficients; 0 for one minimiser."""
        if self.independent:
            return 0
        moving = self._moving
        if not moving.any():
            return 0
        used = np.flatnonzero(self.ranges[:, 1] > _MOVES * float(self.coefficients.sum()))
        s = np.linalg.svd(self.B[:, used], compute_uv=False)
        return len(used) - int(np.sum(s > RANK * s[0]))

    @cached_property
    def _moving(self) -> Array:
        return np.ptp(self.ranges, axis=1) > _MOVES * float(self.coefficients.sum())

    @cached_property
    def unique(self) -> bool | None:
        """Whether there is one minimiser: True by independent contacts, False by two certified ones; else None."""
        if not self.clear:
            return None
        if self.dimension == 0:
            return True
        return False if not self.verify().problems else None

    def pair(self) -> tuple[ReLUNetwork, ReLUNetwork]:
        """Return two different minimisers; `verify` certifies them.

        Raises
        ------
        ValueError
            If there is one minimiser.
        """
        if self.dimension == 0:
            raise ValueError("there is one minimiser: no coefficient moves")
        first, second = self._pair
        if self.subspace is None:
            return first, second
        return in_space(first, self.subspace), in_space(second, self.subspace)

    @cached_property
    def _pair(self) -> tuple[ReLUNetwork, ReLUNetwork]:
        """Members between which the coefficient that moves most is least and largest, or networks like these.

        A kink through one point only is known up to the root of the gap, so members may miss the labels. Then the pair are
        the networks at both ends of the band, for half the solution's tolerance, where the members differ most.
        """
        goal = np.zeros(len(self))
        goal[int(np.argmax(np.ptp(self.ranges, axis=1)))] = 1.0
        first, second = self._inside(self._member(goal)), self._inside(self._member(-goal))
        if not any(True for f in (first, second) for _ in self._complaints(f)):
            return first, second
        from vvnorm.results.band_search import make_band

        apart = np.abs(first(self._centres) - second(self._centres))
        k, t = (int(place) for place in np.unravel_index(np.argmax(apart), apart.shape))
        about = replace(self.problem, lam=0.0, weights=None, network=self.solver_network, dual=self.dual)
        about = replace(about, value=about.judged(self.solver_network)[0])
        band = make_band(about, self._centres[k : k + 1], (t,), self.problem.tol / 2, None)
        return band.network(0, t, -1), band.network(0, t, 1)

    @cached_property
    def _centres(self) -> Array:
        """Points half-way between two points."""
        X = self.problem.X
        i, j = np.triu_indices(len(X), 1)
        return (X[i] + X[j]) / 2

    def vertex(self, rng: np.random.Generator | int = 0, draws: int = 16) -> ReLUNetwork:
        """Return the minimiser with the fewest neurons among vertices for random goals: at most `rank` neurons."""
        generator = as_generator(rng)
        members = [self._member(generator.standard_normal(len(self))) for _ in range(as_count(draws, "draws", 1))]
        return self.network(min(members, key=np.count_nonzero))

    def sample(self, n: int, rng: np.random.Generator | int) -> list[ReLUNetwork]:
        """Draw n minimisers: random mixtures of vertices for random goals."""
        generator, each = as_generator(rng), self.dimension + 1
        drawn = []
        for _ in range(as_count(n, "n")):
            members = np.array([self._member(generator.standard_normal(len(self))) for _ in range(each)])
            drawn.append(self.network(generator.dirichlet(np.ones(each)) @ members))
        return drawn

    def network(self, coefficients: Array) -> ReLUNetwork:
        """Return the network with coefficients (K,), and the affine part that fits the data best."""
        f = self._inside(np.asarray(coefficients, dtype=np.float64))
        return f if self.subspace is None else in_space(f, self.subspace)

    def _inside(self, coefficients: Array) -> ReLUNetwork:
        """Build the network in the problem's coordinates; weights change a little so that it meets the labels."""
        problem, used = self.problem, coefficients > 0
        W, b, c_used = self.W[used], self.b[used], coefficients[used]
        features, V = np.maximum(problem.X @ W.T + b, 0.0), (c_used[:, None] * self.u[used]).T
        for t, y in enumerate(problem.Y.T):  # to first order the cost stays what it is
            on = ~np.isnan(y)
            columns = _complement(problem.X[on]).T @ features[on]
            missed = _complement(problem.X[on]).T @ (y[on] - y[on].mean()) - columns @ V[t]
            root = np.sqrt(c_used)
            V[t] += root * np.linalg.lstsq(columns * root, missed, rcond=RANK)[0]
        d, T = problem.X.shape[1], problem.Y.shape[1]
        return _with_affine_part(ReLUNetwork(W, b, V, np.zeros((T, d)), np.zeros(T)), problem)

    def verify(self) -> Verification:
        """Certify the two networks of `pair` as minimisers, up to the solution's tolerance, and as different.

        A unique minimiser has no certificate here: `unique` rests on ranks and margins in float64.
        """
        if self.dimension == 0:
            return Verification()
        first, second = self._pair
        problems = [text for f in (first, second) for text in self._complaints(f)]
        spread = float(np.nanmax(self.problem.Y) - np.nanmin(self.problem.Y))
        if not np.max(np.abs(first(self._centres) - second(self._centres))) > _DIFFER * spread:
            problems.append(
                f"half-way between points the two minimisers differ by less than {_DIFFER} of the labels' range"
            )
        return Verification(tuple(problems))

    def _complaints(self, network: ReLUNetwork) -> Iterator[str]:
        """Say why a network is not a minimiser, by the verifier's own code."""
        problem = self.problem
        if problem.lam > 0:
            made: Any = certify_fit(
                network, problem.X, problem.given, problem.lam, loss=problem.losses, weights=problem.weights,
                dual=self.dual * problem.lam,
            )  # fmt: skip
        else:
            made = judge(network, problem.X, problem.Y, dual=judged_dual(problem.X, self.dual, False))
        yield from made.shortcomings(problem.tol)

    def __repr__(self) -> str:
        state = {True: "one minimiser", False: f"minimisers of dimension {self.dimension}", None: "not decided"}
        return lines(
            f"Contacts: {count(len(self), 'neuron')} of rank {self.rank}, {state[self.unique]}",
            f"other responses are below {1 - self.margin:.6g}",
        )


def _with_affine_part(f: ReLUNetwork, problem: BandProblem) -> ReLUNetwork:
    """The network with the affine part that fits the labels best."""
    bare = ReLUNetwork(f.W, f.b, f.V, np.zeros_like(f.A), np.zeros_like(f.c))
    rest, centre = problem.Y - bare(problem.X), problem.X.mean(axis=0)
    functions = np.column_stack([np.ones(len(rest)), problem.X - centre])
    A, c = np.zeros_like(f.A), np.zeros_like(f.c)
    for t in range(len(c)):
        on = ~np.isnan(rest[:, t])
        solved = np.linalg.lstsq(functions[on], rest[on, t], rcond=None)[0]
        A[t], c[t] = solved[1:], solved[0] - solved[1:] @ centre
    return ReLUNetwork(f.W, f.b, f.V, A, c)


def make_contacts(problem: BandProblem, subspace: Subspace | None) -> Contacts:
    """Find the contacts of a problem in one or two dimensions with a skip connection.

    Raises
    ------
    ValueError
        For other problems; for losses that leave fitted values open (Huber's).
    """
    from vvnorm.solvers.multivariate import extreme_values as solver
    from vvnorm.solvers.multivariate.affine_elimination import Convention

    d = problem.X.shape[1]
    if d > 2 or not problem.skip or problem.penalise_bias:
        what = count(d, "input") if d > 2 else "another convention"
        raise ValueError(f"contacts are listed for one or two inputs with a skip connection; this solution has {what}")
    if problem.lam > 0 and any(loss.name == "huber" for loss in problem.losses):
        raise ValueError("contacts of fits need losses whose fitted values are unique; this solution has a Huber loss")
    free = Convention()
    if problem.lam > 0:
        data = solver.FitData(problem.X, problem.Y, problem.shares, problem.losses, problem.lam, free)
        base: Any = data.base(_SOLVED)
        fitted = np.where(problem.shares > 0, base.network(problem.X), np.nan)
        problem = problem.fitted(fitted)
        base = base._replace(dual=base.dual / problem.lam)
    else:
        base = solver.base_interpolant(problem.X, problem.Y, free, _SOLVED)
    if base is None or not np.any(base.dual):
        return _none(problem, subspace)
    return _listed(problem, base.dual, base.network, subspace)


def _none(problem: BandProblem, subspace: Subspace | None) -> Contacts:
    """The contacts of affine labels: there are none."""
    d, T = problem.X.shape[1], problem.Y.shape[1]
    nothing = np.empty(0)
    return Contacts(
        np.empty((0, d)), nothing, np.empty((0, T)), nothing, 1.0, nothing, nothing, problem,
        np.zeros(problem.Y.shape), problem.network, np.empty((0, 0)), nothing, subspace,
    )  # fmt: skip


def _listed(problem: BandProblem, dual: Array, network: ReLUNetwork, subspace: Subspace | None) -> Contacts:
    from vvnorm.solvers.multivariate.contacts import peaks

    X, group = np.unique(problem.X, axis=0, return_inverse=True)
    merged = np.zeros((len(X), dual.shape[1]))
    np.add.at(merged, group.ravel(), dual)
    highest = peaks(X, merged, 0.0)
    top = float(highest.sizes[0])
    dual, merged, sizes = dual / top, merged / top, highest.sizes / top
    on = sizes > 1 - TOUCHING
    W = highest.neurons.w[on]
    b = -np.einsum("kd,kd->k", W, X[highest.neurons.anchor[on]])
    W, b = _with_middles(W, b, X, merged)
    response = np.maximum(X @ W.T + b, 0.0).T @ merged
    norms = row_norms(response)
    u = response / norms[:, None]
    B, z = _equations(problem, W, b, u)
    lengths = np.linalg.norm(B, axis=0)
    coefficients = nnls(B / lengths, z, maxiter=30 * max(B.shape[1], 10))[0] / lengths
    rest = sizes[~on]
    return Contacts(
        W, b, u, norms, float(1 - rest.max()) if len(rest) else 1.0, coefficients,
        np.linalg.svd(B / lengths, compute_uv=False), problem, dual, network, B, z, subspace,
    )  # fmt: skip


def _with_middles(W: Array, b: Array, X: Array, dual: Array) -> tuple[Array, Array]:
    """Add the kink half-way between neighbouring parallel kinks whose responses agree."""
    response = np.maximum(X @ W.T + b, 0.0).T @ dual
    more_w, more_b = [], []
    for i in range(len(b)):
        alike = (
            (np.abs(W @ W[i] - 1) < _SAME) & (row_norms(response - response[i]) < math.sqrt(TOUCHING)) & (b > b[i] + _SAME)
        )
        for k in np.flatnonzero(alike):
            at = X @ W[i]
            if not np.any((at > -b[k] + _SAME) & (at < -b[i] - _SAME)):
                more_w.append(W[i])
                more_b.append((b[i] + b[k]) / 2)
    return (np.vstack([W, *more_w]), np.append(b, more_b)) if more_b else (W, b)


def _equations(problem: BandProblem, W: Array, b: Array, u: Array) -> tuple[Array, Array]:
    """B (n, K) and z (n,): labels and neurons without affine functions, output by output, in units of the labels."""
    features = np.maximum(problem.X @ W.T + b, 0.0)
    columns, targets = [], []
    for t, y in enumerate(problem.Y.T):
        on = ~np.isnan(y)
        complement = _complement(problem.X[on])
        columns.append(complement.T @ features[on] * u[:, t])
        targets.append(complement.T @ (y[on] - y[on].mean()))
    return np.vstack(columns), np.concatenate(targets)


def _complement(X: Array) -> Array:
    """Return an orthonormal basis of the complement of affine functions at points (n, d)."""
    U, s, _ = np.linalg.svd(np.column_stack([np.ones(len(X)), X - X.mean(axis=0)]))
    basis: Array = U[:, int(np.sum(s > 1e-12 * s[0])) :]
    return basis
