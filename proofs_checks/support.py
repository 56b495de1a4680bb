"""Shared by several claims: real data, exact arithmetic, networks in certificates, kernel solutions, statistics."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from fractions import Fraction
from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vvnorm._internal.words import count
from vvnorm.analysis.regions import Hull
from vvnorm.api.certification import certify
from vvnorm.api.interpolation import interpolate
from vvnorm.claims import Instance
from vvnorm.datasets import Dataset, Spacing, builtin_dataset, gaussian_auxiliary, random_dataset
from vvnorm.network import ReLUNetwork
from vvnorm.results.interpolant import Interpolant
from vvnorm.results.multivariate import MultivariateSolution
from vvnorm.studies import statistics
from vvnorm.tolerances import CLAIM as TOLERANCE
from vvnorm.tolerances import EPS, GAP
from vvnorm.validation import Array, sorted_univariate

CONFIDENCE = 0.99
"""Confidence level of the intervals of statistical claims."""

ABOUT_AVERAGES = "it is about averages or medians over random instances; there is nothing to decide on one of them"
"""Why a statistical claim is not decided exactly."""

_SPACINGS: tuple[Spacing, ...] = ("uniform", "normal", "regular")


# --- instances --------------------------------------------------------------------------------------------------------


def generic_data(rng: np.random.Generator, *, outputs: int | None = None) -> dict[str, Any]:
    """Draw data with one input whose labels have a density, at any scale: x and Y, sorted.

    With two outputs or more the probability that neighbouring curvatures are aligned is 0.
    """
    n = int(rng.integers(4, 31))
    T = int(rng.integers(2, 6)) if outputs is None else outputs
    spacing = _SPACINGS[int(rng.integers(len(_SPACINGS)))]
    x_scale, y_scale = 10.0 ** rng.uniform(-10, 10, 2)
    return as_instance(random_dataset(n, T, rng, spacing=spacing, x_scale=x_scale, y_scale=y_scale))


def nearly_aligned_data(rng: np.random.Generator) -> dict[str, Any]:
    """Draw two outputs whose neighbouring curvatures have angles of 1e-8 to 1e-4: nearly aligned, but not aligned."""
    n = int(rng.integers(5, 12))
    x = np.cumsum(rng.integers(1, 5, n)).astype(np.float64)
    angles = np.cumsum(10.0 ** rng.uniform(-8, -4, n - 2)) + rng.uniform(0, 2 * np.pi)
    jumps = rng.uniform(1, 3, (n - 2, 1)) * np.column_stack([np.cos(angles), np.sin(angles)])
    slopes = np.cumsum(np.vstack([rng.standard_normal(2), jumps]), axis=0)
    return {"x": x, "Y": np.cumsum(np.vstack([np.zeros(2), slopes * np.diff(x)[:, None]]), axis=0)}


def as_instance(data: Dataset) -> dict[str, Any]:
    """Sorted inputs x (N,) and labels Y (N, T) of a data set without conflicting repeats."""
    x, Y = sorted_univariate(data.X, data.Y)
    return {"x": x, "Y": Y}


@cache
def _real() -> Mapping[str, Dataset]:
    diabetes = builtin_dataset("diabetes").merged("average")
    by_age = builtin_dataset("diabetes_age").merged("average")
    linnerud = builtin_dataset("linnerud").merged("average")
    spread = float(np.std(diabetes.Y))
    return {
        "diabetes (bmi to progression)": diabetes,
        "diabetes with one Gaussian output": diabetes.with_auxiliary(gaussian_auxiliary(diabetes.Y, 1, spread, rng=0)),
        "diabetes by age": by_age,
        "linnerud (sit-ups to 3 outputs)": linnerud,
    }


def real_instances(outputs: Callable[[int], bool] = lambda T: True) -> dict[str, Instance]:
    """Real data with repeated inputs averaged, if `outputs` accepts their number of outputs."""
    return {name: as_instance(data) for name, data in _real().items() if outputs(data.Y.shape[1])}


def planar_instances() -> dict[str, Instance]:
    """Real data of two inputs, standardised: weight and waist of 20 people to their three exercises."""
    from sklearn.datasets import load_linnerud

    bunch = load_linnerud()
    X, Y = ((Z - Z.mean(axis=0)) / Z.std(axis=0) for Z in (bunch.target[:, :2], bunch.data))
    _, first = np.unique(X, axis=0, return_index=True)
    keep = np.sort(first)
    return {"linnerud (weight and waist to three exercises)": {"X": X[keep], "Y": Y[keep]}}


def interpolant_of(x: Array, Y: Array) -> Interpolant:
    """Return the minimal-VV-norm interpolant of complete labels (N, T) at inputs x (N,), from the closed form."""
    solution = interpolate(x, Y)
    assert isinstance(solution, Interpolant)
    return solution


# --- exact arithmetic -------------------------------------------------------------------------------------------------


def fractions(values: Array) -> list[list[Fraction]]:
    """Read the rows of a matrix of floating-point numbers exactly."""
    return [[Fraction(value) for value in row] for row in values.tolist()]


def exact_dot(u: Iterable[Fraction], v: Iterable[Fraction]) -> Fraction:
    """Return the inner product of two rational vectors."""
    return sum((p * q for p, q in zip(u, v, strict=True)), Fraction(0))


def exact_curvatures(x: Array, Y: Array) -> list[list[Fraction]]:
    """Curvatures delta_2 .. delta_{N-1} of the floating-point data, in rational arithmetic."""
    points, labels = [Fraction(float(value)) for value in x], fractions(Y)
    slopes = [
        [(b - a) / (points[i + 1] - points[i]) for a, b in zip(labels[i], labels[i + 1], strict=True)]
        for i in range(len(points) - 1)
    ]
    return [[b - a for a, b in zip(slopes[i], slopes[i + 1], strict=True)] for i in range(len(slopes) - 1)]


def same_direction(u: list[Fraction], v: list[Fraction]) -> bool:
    """Whether two vectors are non-zero and point exactly the same way."""
    pivot = next((t for t, value in enumerate(u) if value), None)
    if pivot is None or not any(v):
        return False
    return u[pivot] * v[pivot] > 0 and all(u[pivot] * v[t] == v[pivot] * u[t] for t in range(len(u)))


def aligned_neighbours(x: Array, Y: Array) -> list[bool]:
    """Whether the curvatures of each two neighbouring inner points have exactly the same direction."""
    delta = exact_curvatures(x, Y)
    return [same_direction(u, v) for u, v in pairwise(delta)]


def run_lengths(x: Array, Y: Array) -> list[int]:
    """Lengths of the maximal runs of neighbouring curvatures that point the same way; zero curvatures are in no run."""
    lengths: list[int] = []
    curvatures = exact_curvatures(x, Y)
    aligned = [False, *aligned_neighbours(x, Y)][: len(curvatures)]  # two points have no curvature
    for delta, continues in zip(curvatures, aligned, strict=True):
        if continues:
            lengths[-1] += 1
        elif any(delta):
            lengths.append(1)
    return lengths


def independent_points(x: Array, Y: Array) -> NDArray[np.int64]:
    """Every second point of each aligned run: inner points of which no two can share a kink of a minimiser."""
    aligned = [False, *aligned_neighbours(x, Y)]
    chosen: list[int] = []
    for i, delta in enumerate(exact_curvatures(x, Y)):
        if any(delta) and not (aligned[i] and chosen and chosen[-1] == i - 1):
            chosen.append(i)
    return np.array(chosen, dtype=np.int64)


def independence_complaints(x: Array, Y: Array, points: NDArray[np.int64]) -> list[str]:
    """Check that inner points have curvatures, and that no two of them can share a kink of a minimiser."""
    delta, aligned = exact_curvatures(x, Y), aligned_neighbours(x, Y)
    if not all(any(delta[i]) for i in points.tolist()):
        return ["a witness has no curvature"]
    if any(j - i < 1 or (j - i == 1 and aligned[i]) for i, j in pairwise(points.tolist())):
        return ["one kink could serve two witnesses"]
    return []


def total_curvature(x: Array, Y: Array) -> float:
    """R(D) = sum_i ||delta_i||, with exact curvatures; norms and sum are in float64."""
    delta = np.array(exact_curvatures(x, Y), dtype=float).reshape(-1, Y.shape[1])
    return float(np.sum(np.linalg.norm(delta, axis=1)))


def exact_rank(columns: Array) -> int:
    """Rank of a matrix of floating-point numbers, in rational arithmetic."""
    rows = fractions(columns)
    rank = 0
    for column in range(columns.shape[1]):
        pivot = next((row for row in rows[rank:] if row[column]), None)
        if pivot is None:
            continue
        rows.remove(pivot)
        for row in rows[rank:]:
            factor = row[column] / pivot[column]
            row[:] = [a - factor * b for a, b in zip(row, pivot, strict=True)]
        rows.insert(rank, pivot)
        rank += 1
    return rank


# --- networks of one input --------------------------------------------------------------------------------------------


def interpolates(network: ReLUNetwork, x: Array, Y: Array) -> bool:
    """Whether a network passes through the labels, up to the tolerance of claims, relative to their range."""
    return bool(np.max(np.abs(network(x) - Y)) <= TOLERANCE * np.ptp(Y, axis=0).max())


def costs_least(network: ReLUNetwork, x: Array, Y: Array) -> bool:
    """Whether the VV norm of a network is at most R(D), up to the tolerance of claims."""
    return bool(network.vv_norm <= total_curvature(x, Y) * (1 + TOLERANCE))


def with_hinges(network: ReLUNetwork, knots: Array, jumps: Array) -> ReLUNetwork:
    """Add jumps[m] relu(x - knots[m]) for each m; knots (M,), jumps (M, T)."""
    W = np.vstack([network.W, np.ones((len(knots), 1))])
    return ReLUNetwork(W, np.append(network.b, -knots), np.hstack([network.V, jumps.T]), network.A, network.c)


def with_tent(network: ReLUNetwork, left: float, right: float, slope: float) -> ReLUNetwork:
    """Add to every output a function that rises with this slope from `left` to the middle, and falls to 0 at `right`."""
    knots = np.array([left, (left + right) / 2, right])
    return with_hinges(network, knots, np.outer([slope, -2 * slope, slope], np.ones(network.n_outputs)))


# --- networks in certificates -----------------------------------------------------------------------------------------


def pack(name: str, network: ReLUNetwork) -> dict[str, NDArray[Any]]:
    """Arrays of a network, named for a certificate."""
    return {f"{name}.{part}": np.asarray(getattr(network, part)) for part in ("W", "b", "V", "A", "c")}


def unpack(name: str, arrays: Mapping[str, Any]) -> ReLUNetwork:
    """Network from the arrays that `pack` named."""
    return ReLUNetwork(*(arrays[f"{name}.{part}"] for part in ("W", "b", "V", "A", "c")))


def pack_all(name: str, networks: Sequence[ReLUNetwork]) -> dict[str, NDArray[Any]]:
    """Arrays of several networks with equal numbers of inputs and outputs, joined, with numbers of neurons and checksums.

    A checksum is the sum of the magnitudes in an array. Without it, changes of neurons that hardly contribute would go
    unnoticed.
    """
    axes = {"W": 0, "b": 0, "V": 1, "A": 0, "c": 0}
    joined = {f"{name}.{part}": np.concatenate([getattr(f, part) for f in networks], axis) for part, axis in axes.items()}
    sums = np.array([_magnitude(array) for array in joined.values()])
    return joined | {f"{name}.neurons": np.array([f.n_neurons for f in networks]), f"{name}.checksums": sums}


def _magnitude(array: Array) -> float:
    return math.fsum(np.abs(array).ravel().tolist())


def unpack_all(name: str, arrays: Mapping[str, Any]) -> list[ReLUNetwork]:
    """Networks from the arrays that `pack_all` joined."""
    W, b, V, A, c, neurons = (arrays[f"{name}.{part}"] for part in ("W", "b", "V", "A", "c", "neurons"))
    if not (neurons.sum() == len(W) == len(b) == V.shape[1] and np.all(neurons >= 0)):
        raise ValueError(f"{name} has {count(neurons.sum(), 'neuron')}, and weights of {len(W)}, {len(b)} and {V.shape[1]}")
    if not len(A) == len(c) == len(neurons) * len(V):
        raise ValueError(f"{name} has {len(A)} and {count(len(c), 'row')} of affine parts, not {len(neurons) * len(V)}")
    sums = np.array([_magnitude(array) for array in (W, b, V, A, c)])
    if not np.allclose(arrays[f"{name}.checksums"], sums, rtol=1e3 * EPS, atol=0):
        raise ValueError(f"{name} does not match its checksums")
    ends, T = np.cumsum(neurons)[:-1], len(V)
    parts = zip(np.split(W, ends), np.split(b, ends), np.split(V, ends, axis=1), strict=True)
    return [ReLUNetwork(*part, A[i * T : (i + 1) * T], c[i * T : (i + 1) * T]) for i, part in enumerate(parts)]


def minimal(solution: Interpolant | MultivariateSolution) -> bool:
    """Whether the certificate that a solution came with shows that its VV norm is minimal; `recheck` certifies it again."""
    return not solution.certificate.shortcomings(GAP)


def optimal(network: ReLUNetwork, X: Array, Y: Array, dual: Array | None, *, skip: bool = True) -> bool:
    """Whether the verifier certifies the network as a minimal-VV-norm interpolant."""
    return not certify(network, X, Y, dual=dual, skip=skip).shortcomings(GAP) and (skip or not network.A.any())


def solve_all(
    name: str, X: Sequence[Array], Y: Sequence[Array], tol: float
) -> tuple[dict[str, NDArray[Any]], bool, Mapping[str, Any]]:
    """Solve for the minimal-VV-norm interpolant of each data set.

    Parameters
    ----------
    name : str
        Name of the networks in the certificate.
    X, Y : sequences of (N, d) and (N, T) arrays
        The data sets.
    tol : float
        Relative gap that the solver is asked for.

    Returns
    -------
    arrays : dict
        The networks, from `pack_all`, and the dual arrays as `<name>.dual`, for `all_optimal`.
    certified : bool
        Whether each certificate shows that the VV norm is minimal.
    provenance : mapping
        That of the first solution.
    """
    solutions = [interpolate(points, labels, tol=tol) for points, labels in zip(X, Y, strict=True)]
    arrays = pack_all(name, [solution.network for solution in solutions])
    arrays[f"{name}.dual"] = np.stack([solution.dual for solution in solutions])
    return arrays, all(map(minimal, solutions)), solutions[0].provenance


def all_optimal(name: str, arrays: Mapping[str, Any], X: Sequence[Array], Y: Sequence[Array]) -> bool:
    """Whether the verifier certifies every network that `solve_all` returned."""
    cases = zip(unpack_all(name, arrays), X, Y, arrays[f"{name}.dual"], strict=True)
    return all(optimal(*case) for case in cases)


def pack_evaluated(network: ReLUNetwork, X: Array) -> dict[str, NDArray[Any]]:
    """Arrays of a network, of its pre-activations at the points X, (N, K), and of its values there, (N, T)."""
    return pack("network", network) | {"inputs_of_neurons": X @ network.W.T + network.b, "values": network(X)}


def evaluation_complaints(arrays: Mapping[str, Any], X: Array) -> list[str]:
    """Evaluate a network from `pack_evaluated` again, with exact sums, and name the arrays that do not agree."""
    network = unpack("network", arrays)
    z = [
        [math.fsum([*(p * q for p, q in zip(w, x, strict=True)), b]) for w, b in zip(network.W, network.b, strict=True)]
        for x in X.tolist()
    ]
    values = [
        [
            math.fsum(
                [*(v * max(s, 0.0) for v, s in zip(row, at, strict=True)), *(a * p for a, p in zip(A, x, strict=True)), c]
            )
            for row, A, c in zip(network.V, network.A, network.c, strict=True)
        ]
        for at, x in zip(z, X.tolist(), strict=True)
    ]
    size = np.abs(np.maximum(z, 0)) @ np.abs(network.V).T + np.abs(X) @ np.abs(network.A).T + np.abs(network.c)
    expected = (
        ("inputs_of_neurons", np.array(z), np.abs(X) @ np.abs(network.W).T + np.abs(network.b)),
        ("values", np.array(values), size),
    )
    return [
        f"{name} does not match the network"
        for name, complaints, scale in expected
        if arrays[name].shape != complaints.shape or not np.all(np.abs(arrays[name] - complaints) <= 1e3 * EPS * scale)
    ]


# --- kernel solutions -------------------------------------------------------------------------------------------------


def kernel_interpolant(f: ReLUNetwork, X: Array, y: Array, weights: Array) -> ReLUNetwork:
    """Interpolate y (N,) with the kernel of the neurons of f, w_k scaled to length 1, and a free affine part.

    This shares no code with `analysis.feature_kernels`: it takes the least-norm solution of the equations, projected to the
    complement of affine functions.

    Raises
    ------
    ValueError
        If the kernel cannot interpolate y.
    """
    size = np.linalg.norm(f.W, axis=1)
    W, b, root = f.W / size[:, None], f.b / size, np.sqrt(weights)
    features, free = np.maximum(X @ W.T + b, 0.0) * root, np.column_stack([X, np.ones(len(X))])
    rest = np.linalg.qr(free, mode="complete")[0][:, free.shape[1] :].T
    u = np.linalg.lstsq(rest @ features, rest @ y, rcond=None)[0]
    affine = np.linalg.lstsq(free, y - features @ u, rcond=None)[0]
    g = ReLUNetwork(W, b, (root * u)[None], affine[None, :-1], affine[-1:])
    if not np.max(np.abs(g(X)[:, 0] - y)) <= GAP * np.ptp(y) / 2:
        raise ValueError("the kernel does not interpolate")
    return g


def weights_of_others(f: ReLUNetwork) -> Array:
    """Weights ||w_k|| ||v_{k,-1}|| of the neurons in the kernel for the first output; v_{k,-1} has the other outputs."""
    weights: Array = np.linalg.norm(f.W, axis=1) * np.linalg.norm(f.V[1:], axis=0)
    return weights


def hull_points(X: Array) -> Array:
    """256 points spread evenly over the convex hull of the rows of X (N, d), the same for the same X."""
    hull = Hull(X)
    from scipy.stats.qmc import Sobol  # takes longer to import than most claims take to check

    uniforms = Sobol(hull.n_uniforms, scramble=True, seed=0).random_base2(8)
    return hull.points(np.clip(uniforms, EPS, 1 - EPS))


# --- statistics -------------------------------------------------------------------------------------------------------


def mean_interval(values: Array, sample: int) -> tuple[float, float]:
    """Confidence interval of the mean; infinite if there are fewer values than the stated sample."""
    if len(values) < max(sample, 2) or not np.all(np.isfinite(values)):
        return -math.inf, math.inf
    low, high = statistics.mean_interval(values, CONFIDENCE)
    return float(low), float(high)
