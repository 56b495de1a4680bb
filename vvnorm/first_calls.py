"""Calls that together compile all compiled functions, for `vvnorm compile`."""

from collections.abc import Callable, Iterator
from time import perf_counter

import numpy as np

from vvnorm._internal.jit import compiled_here
from vvnorm.validation import Array

__all__ = ["compile_all"]


def compile_all() -> Iterator[tuple[str, int, float]]:
    """Compile the functions that are not cached on disk, part by part.

    Yields
    ------
    (str, int, float)
        Purpose of the part, number of functions compiled (0 if all were on disk), and seconds.
    """
    for name, calls in PARTS.items():
        before, began = compiled_here(), perf_counter()
        calls()
        yield name, compiled_here() - before, perf_counter() - began


def _waves(n: int, inputs: int = 1) -> tuple[Array, Array]:
    rng = np.random.default_rng(0)
    X = np.arange(float(n)) if inputs == 1 else rng.standard_normal((n, inputs))
    return X, rng.standard_normal((n, 2))


def _interpolants() -> None:
    from vvnorm.api.certification import certify
    from vvnorm.api.interpolation import interpolate

    x, Y = _waves(9)
    solution = interpolate(x, Y)
    solution.verify()
    certify(solution.network, x, Y)


def _fits() -> None:
    from vvnorm.api.certification import certify
    from vvnorm.api.fits import fit, lambda_max
    from vvnorm.piecewise import PiecewiseLinear

    x, Y = _waves(40)
    fit(x, Y, 0.3).verify()
    x, Y = _waves(1000)
    fit(x, Y[:, :1], 1e-6, tol=1e-3)  # many knots
    x, Y = _waves(9000)
    fit(x, Y, 0.5 * lambda_max(x, Y)).verify()  # many blocks
    x, Y = _waves(5)
    certify(PiecewiseLinear(x, Y), x, Y, lam=0.3)


def _losses() -> None:
    from vvnorm.api.fits import fit

    x, Y = _waves(40)
    classes = (Y > 0).astype(np.float64)
    fit(x, classes, 0.3, loss="logistic").verify()
    fit(x, classes, 0.3, loss=["hinge", "huber:0.5"]).verify()


def _several(inputs: int) -> Callable[[], None]:
    def calls() -> None:
        from vvnorm.api.fits import fit
        from vvnorm.api.interpolation import interpolate
        from vvnorm.solvers.multivariate.coordinate_descent import sweep
        from vvnorm.verifier.neuron_bound import neuron_bound

        X, Y = _waves(7, inputs)
        fit(X, Y, 0.3, tol=1e-3).verify()
        if inputs == 2:
            fit(X[:, 0], Y, 0.3, penalise_bias=True, tol=1e-3).verify()
            close = np.vstack([X, X[:1] + 1e-9])
            interpolate(close, np.vstack([Y, Y[:1]]), tol=1e-3).verify()
            for kind in (np.float32, np.float64):  # large problems
                sweep(np.eye(2, dtype=kind), np.ones(2, kind), np.ones(2, kind), 1)
        if inputs == 4:
            neuron_bound(X, Y, budget=10)  # too many cells for an exact bound
            interpolate(*_waves(25, 10), max_iter=1)

    return calls


def _weights_of_tasks() -> None:
    from vvnorm.multitask.least_norm import minimum_norm

    minimum_norm(np.array([[1.0, 0.0], [0.0, 4.0]]))


PARTS: dict[str, Callable[[], None]] = {
    "interpolants of one input, and their verifier": _interpolants,
    "fits of one input, and their verifier": _fits,
    "fits of one input, other losses": _losses,
    "two inputs, and their verifier": _several(2),
    "three inputs, and their verifier": _several(3),
    "more inputs, and their verifier": _several(4),
    "weights of tasks": _weights_of_tasks,
}
