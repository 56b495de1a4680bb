"""What several claims share: real data, exact arithmetic, and networks inside certificates."""

import math
from collections.abc import Callable, Mapping
from fractions import Fraction
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vvnorm.claims import Instance, Result
from vvnorm.data import (
    Array,
    Dataset,
    Spacing,
    builtin_dataset,
    gaussian_auxiliary,
    random_dataset,
    sorted_univariate,
)
from vvnorm.network import ReLUNetwork
from vvnorm.tolerances import EPS

_SPACINGS: tuple[Spacing, ...] = ("uniform", "normal", "regular")


# --- instances --------------------------------------------------------------------------------------------------------


def generic_data(rng: np.random.Generator, *, outputs: int | None = None, most: int = 30) -> dict[str, Any]:
    """Draw univariate data whose labels have a density, at any scale: x and Y, sorted.

    Curvatures then point in one direction with probability 0 when there are two outputs or more.
    """
    n = int(rng.integers(4, most + 1))
    T = int(rng.integers(2, 6)) if outputs is None else outputs
    spacing = _SPACINGS[int(rng.integers(len(_SPACINGS)))]
    x_scale, y_scale = 10.0 ** rng.uniform(-10, 10, 2)
    return as_instance(random_dataset(n, T, rng, spacing=spacing, x_scale=x_scale, y_scale=y_scale))


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
    """Real data, repeated inputs averaged, whose number of outputs is accepted."""
    return {name: as_instance(data) for name, data in _real().items() if outputs(data.Y.shape[1])}


# --- exact arithmetic -------------------------------------------------------------------------------------------------


def exact_curvatures(x: Array, Y: Array) -> list[list[Fraction]]:
    """Curvatures delta_2 .. delta_{N-1} of the floating-point data, in rational arithmetic."""
    points = [Fraction(float(value)) for value in x]
    labels = [[Fraction(float(value)) for value in row] for row in Y]
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
    """For each two neighbouring inner points, whether their curvatures point exactly the same way."""
    delta = exact_curvatures(x, Y)
    return [same_direction(delta[i], delta[i + 1]) for i in range(len(delta) - 1)]


def total_curvature(x: Array, Y: Array) -> float:
    """R(D) = sum_i ||delta_i||, each curvature exact, the norms and the sum in float64."""
    delta = np.array([[float(value) for value in row] for row in exact_curvatures(x, Y)]).reshape(-1, Y.shape[1])
    return float(np.sum(np.linalg.norm(delta, axis=1)))


# --- networks in certificates -----------------------------------------------------------------------------------------


def pack(name: str, network: ReLUNetwork) -> dict[str, NDArray[Any]]:
    """Arrays of a network, named for a certificate."""
    return {f"{name}.{part}": np.asarray(getattr(network, part)) for part in ("W", "b", "V", "A", "c")}


def unpack(name: str, arrays: Mapping[str, Any]) -> ReLUNetwork:
    """Network from the arrays that `pack` named."""
    return ReLUNetwork(*(arrays[f"{name}.{part}"] for part in ("W", "b", "V", "A", "c")))


def pack_evaluated(network: ReLUNetwork, X: Array) -> dict[str, NDArray[Any]]:
    """Arrays of a network, of what its neurons get at the points X, (N, K), and of its values there, (N, T)."""
    return pack("network", network) | {"inputs_of_neurons": X @ network.W.T + network.b, "values": network(X)}


def evaluation_complaints(arrays: Mapping[str, Any], X: Array) -> list[str]:
    """Evaluate a network that `pack_evaluated` packed again, with exact sums; say what does not agree."""
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
        for name, found, scale in expected
        if arrays[name].shape != found.shape or not np.all(np.abs(arrays[name] - found) <= 1e3 * EPS * scale)
    ]


def rechecked(recheck: Callable[[Instance, Result], list[str]]) -> Callable[[Instance, Result], list[str]]:
    """Turn what a damaged certificate makes a verifier raise into a complaint."""

    def guarded(instance: Instance, result: Result) -> list[str]:
        try:
            return recheck(instance, result)
        except (KeyError, ValueError, TypeError, IndexError) as error:
            return [f"the certificate is damaged: {error}"]

    return guarded
