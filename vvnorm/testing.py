"""Hypothesis strategies for data sets and networks: for this project's tests and for property tests of your own.

Needs the extra `testing`. Three concepts:

`univariate_datasets`
    Data with a chosen geometry of labels and spacing of inputs, at scales over 24 orders of magnitude.
`networks`
    Any network, degenerate ones included: dead, repeated, opposite and constant neurons.
`interpolating_networks`
    Networks that interpolate given data at more than the least cost.

Examples are made by the generators of `vvnorm.datasets` from a size and a seed, and scaled by powers of two. So they shrink
to few points, few outputs and scale 1, and collinear or aligned labels stay so exactly.

>>> from hypothesis import given
>>> from vvnorm import interpolate
>>> from vvnorm.testing import univariate_datasets
>>> @given(univariate_datasets(outputs=2))
... def test_every_solution_is_proved(data):
...     assert interpolate(data.X, data.Y).verify()
"""

from typing import Literal

import numpy as np

from vvnorm.datasets import Dataset, Spacing, aligned_dataset, collinear_dataset, random_dataset
from vvnorm.network import ReLUNetwork
from vvnorm.solvers.univariate.interpolation import connect
from vvnorm.validation import Array, as_count

try:
    from hypothesis import strategies as st
except ImportError as error:
    raise ImportError("vvnorm.testing needs Hypothesis: pip install 'vvnorm[testing]'") from error

__all__ = ["interpolating_networks", "networks", "scales", "univariate_datasets"]

Geometry = Literal["generic", "collinear", "aligned"]

_GEOMETRIES: tuple[Geometry, ...] = ("generic", "collinear", "aligned")
_SPACINGS: tuple[Spacing, ...] = ("regular", "uniform", "normal", "clustered")
_SEEDS = st.integers(0, 2**16)
_EIGHTHS = st.integers(-16, 16).map(lambda k: k / 8)


def scales(orders: float = 24) -> st.SearchStrategy[float]:
    """Draw powers of two that span the given number of orders of magnitude, centred at 1; they shrink to 1.

    Parameters
    ----------
    orders : float
        Decimal orders of magnitude between the least and the largest scale.

    Returns
    -------
    SearchStrategy[float]
    """
    reach = int(orders / 2 / np.log10(2))
    return st.integers(-reach, reach).map(lambda exponent: float(2.0**exponent))


@st.composite
def univariate_datasets(
    draw: st.DrawFn,
    *,
    min_points: int = 2,
    max_points: int = 12,
    outputs: int | None = None,
    geometry: Geometry | None = None,
    spacing: Spacing | None = None,
    orders: float = 24,
    ulp_close: bool = False,
) -> Dataset:
    """Draw data sets with one input feature, sorted, without repeated inputs or missing labels.

    Parameters
    ----------
    min_points, max_points : int
        Range of the number of points N; at least 2.
    outputs : int, optional
        Number of outputs T; from 1 to 3 if not given.
    geometry : {"generic", "collinear", "aligned"}, optional
        "generic": Gaussian labels. "collinear": one line per output, exactly. "aligned": runs of exactly aligned
        curvatures; the minimiser is not unique if a run has two members or more. Any of them if
        not given.
    spacing : {"regular", "uniform", "normal", "clustered"}, optional
        Distribution of the inputs of generic data; "clustered" draws gaps over six orders of magnitude. Any if not given.
        The other geometries have inputs of their own.
    orders : float
        Inputs and labels are each scaled by a power of two from a range of so many orders of magnitude; 0 for none.
    ulp_close : bool
        Whether generic inputs are neighbouring floats instead, one to three ulps apart near 1. Networks cannot
        interpolate such data to full accuracy, so ask for it on purpose.

    Returns
    -------
    SearchStrategy[Dataset]
    """
    n = draw(st.integers(as_count(min_points, "min_points", 2), as_count(max_points, "max_points", min_points)))
    T = draw(st.integers(1, 3)) if outputs is None else as_count(outputs, "outputs", 1)
    kind = draw(st.sampled_from(_GEOMETRIES)) if geometry is None else geometry
    rng = np.random.default_rng(draw(_SEEDS))
    if kind == "collinear":
        data = collinear_dataset(n, T, rng)
    elif kind == "aligned":
        data = aligned_dataset(n, T, rng, runs=draw(_run_lengths(n - 2)))
    elif kind == "generic":
        data = random_dataset(n, T, rng, spacing=draw(st.sampled_from(_SPACINGS)) if spacing is None else spacing)
        if ulp_close:
            steps = np.cumsum(rng.integers(1, 4, n))
            x = np.asarray(1 + steps * 2.0**-52, dtype=np.float64)
            data = Dataset(x[:, None], data.Y, source="random, ulps apart")
    else:
        raise ValueError(f"geometry must be one of {', '.join(_GEOMETRIES)}, got {geometry!r}")
    x_scale, y_scale = draw(scales(orders)), draw(scales(orders))
    return Dataset(data.X * x_scale, data.Y * y_scale, source=data.source)


@st.composite
def _run_lengths(draw: st.DrawFn, inner: int) -> list[int]:
    """Draw lengths of consecutive runs that fit the inner points; the first is 2 or more where that fits."""
    lengths: list[int] = []
    while sum(lengths) < inner and draw(st.booleans() if lengths else st.just(True)):
        left = inner - sum(lengths)
        lengths.append(draw(st.integers(min(1 if lengths else 2, left), min(5, left))))
    return lengths


@st.composite
def networks(
    draw: st.DrawFn, inputs: int = 1, outputs: int | None = None, *, max_neurons: int = 6, orders: float = 0
) -> ReLUNetwork:
    """Draw networks of every kind.

    Weights are multiples of 1/8 up to 2, so dead, constant, repeated and opposite neurons occur often and sums of few of
    them are exact.

    Parameters
    ----------
    inputs : int
        Number of input features d.
    outputs : int, optional
        Number of outputs T; from 1 to 3 if not given.
    max_neurons : int
        Largest number of neurons; there may be none.
    orders : float
        Each neuron's input and output weights are scaled by powers of two that span so many orders of magnitude.

    Returns
    -------
    SearchStrategy[ReLUNetwork]
    """
    d = as_count(inputs, "inputs", 1)
    T = draw(st.integers(1, 3)) if outputs is None else as_count(outputs, "outputs", 1)
    K = draw(st.integers(0, as_count(max_neurons, "max_neurons")))

    def weights(*shape: int) -> Array:
        size = int(np.prod(shape))
        return np.array(draw(st.lists(_EIGHTHS, min_size=size, max_size=size)), dtype=np.float64).reshape(shape)

    into, out = (np.array([draw(scales(orders)) for _ in range(K)]) for _ in range(2))
    W, b, V, A, c = weights(K, d), weights(K), weights(T, K), weights(T, d), weights(T)
    return ReLUNetwork(W * into[:, None], b * into, V * out, A, c)


@st.composite
def interpolating_networks(draw: st.DrawFn, data: Dataset, *, max_additions: int = 4) -> ReLUNetwork:
    """Draw networks that interpolate univariate data at a cost of R(D) or more.

    Connect-the-dots plus functions that vanish at the data up to rounding: hats inside gaps, pairs of neurons that cancel,
    neurons that are off on all the data, and neurons that are on there and that the skip connection cancels.

    Parameters
    ----------
    data : Dataset
        One input feature, distinct inputs, no missing labels.
    max_additions : int
        Largest number of such functions.

    Returns
    -------
    SearchStrategy[ReLUNetwork]

    Notes
    -----
    Additions have slopes of the size of the data's, so that rounding leaves the residual at a few ulps of the labels
    (times |x| over the range of x, if the data lie far from 0).
    """
    dots = connect(data.X, data.Y)
    base, x = dots.network, dots.x
    unit = float(dots.steepest.max()) or 1.0
    neurons: list[tuple[float, float, Array]] = []  # (w, b, v)
    A, c = base.A[:, 0].copy(), base.c.copy()
    for _ in range(draw(st.integers(0, as_count(max_additions, "max_additions")))):
        v = unit * np.array([draw(_EIGHTHS) for _ in range(data.Y.shape[1])])
        kind = draw(st.sampled_from(("hat", "cancelling", "off", "on")))
        gap = draw(st.integers(0, len(x) - 2))
        left, right = x[gap], x[gap + 1]
        middle = left / 2 + right / 2
        beyond = (x[-1] - x[0]) * draw(st.integers(0, 8)) / 8
        if kind == "hat" and left < middle < right:
            neurons += [(1.0, -left, v), (1.0, -middle, -2 * v), (1.0, -right, v)]
        elif kind == "cancelling":
            factor = draw(scales(6))
            sign = draw(st.sampled_from((1.0, -1.0)))
            neurons += [(sign, -sign * middle, v), (sign * factor, -sign * factor * middle, -v / factor)]
        elif kind == "off":
            neurons.append((1.0, -(x[-1] + beyond), v) if draw(st.booleans()) else (-1.0, x[0] - beyond, v))
        elif kind == "on":
            knot = x[0] - beyond
            neurons.append((1.0, -knot, v))
            A, c = A - v, c + v * knot
    if not neurons:
        return base
    w, b, V = (np.array(column, dtype=np.float64) for column in zip(*neurons, strict=True))
    order = draw(st.permutations(range(base.n_neurons + len(w)))) if base.n_neurons + len(w) <= 20 else slice(None)
    return ReLUNetwork(
        np.vstack([base.W, w[:, None]])[order],
        np.concatenate([base.b, b])[order],
        np.hstack([base.V, V.T])[:, order],
        A[:, None],
        c,
    )
