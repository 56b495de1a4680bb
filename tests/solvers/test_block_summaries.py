"""Blocks and groups of rows: sweeps that skip most rows find what cumulative sums over all of them find."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from test_univariate_fits import spaced, waves

from vvnorm.losses import as_losses
from vvnorm.solvers.array_kernels import plain
from vvnorm.solvers.univariate.fits import block_summaries, squared_loss
from vvnorm.solvers.univariate.fits.problem import Problem
from vvnorm.validation import Array


@plain(cache=False)
def sweep(
    data: Any,
    of: Any,
    rows: Any,
    f: Any,
    slopes: Any,
    threshold: Any,
    tolerance: Any,
    Z: Any,
    worst: Any,
    sizes: Any,
    bounds: Any,
) -> Any:
    return block_summaries.sweep(data, of, rows, f, slopes, threshold, tolerance, Z, worst, sizes, bounds[0], bounds[1])


@plain(cache=False)
def summarise(data: Any, of: Any, rows: Any, segments: Any, mean: Any, fitted: Any, scratch: Any) -> None:
    block_summaries.segment_summaries(data, of, rows, segments, mean, fitted, scratch)


def compressed(
    kind: str, n: int, outputs: int, weighted: bool, rng: np.random.Generator, labels: str = "noisy"
) -> squared_loss.SquaredRounds:
    x, Y = spaced(kind, n, rng), np.empty((n, outputs))
    Y[:] = waves(x, outputs, rng) if labels == "noisy" else np.sin(np.linspace(0, 9, n)[:, None] + np.arange(outputs))
    if labels == "spiked":  # what one takes up the next one returns: all of it happens inside blocks
        for at in rng.integers(0, max(n - 20, 1), 9):
            Y[at] += n
            Y[min(at + 20, n - 1)] -= n
    weights = 10.0 ** rng.uniform(-2, 1, (n, outputs))[:, :1] * np.ones(outputs) if weighted else None
    return squared_loss.SquaredRounds(Problem(x, Y, weights, as_losses("squared", outputs)))


def some_rows(x: Array, last: int, k: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """First rows of distinct inputs, the ends among them."""
    rows = np.searchsorted(x, x[np.sort(rng.integers(0, last, k))])
    return np.unique(np.concatenate([[0], rows, [last]])).astype(np.int64)


def duals(x: Array, R: Array) -> Array:
    """Z at all rows: sums over earlier ones of (x - x_j) r_j, in extended precision."""
    S = np.cumsum(R.astype(np.longdouble), axis=0)
    steps = np.diff(x.astype(np.longdouble))[:, None] * S[:-1]
    return np.concatenate([np.zeros((1, R.shape[1])), np.cumsum(steps, axis=0)])


KINDS = ("uniform", "regular", "heavy", "grid", "clustered", "far", "decades")


@settings(max_examples=100)
@given(
    kind=st.sampled_from(KINDS),
    labels=st.sampled_from(["noisy", "smooth", "spiked"]),
    n=st.sampled_from([3, 17, 700, 8200, 12_345, 45_000]),
    outputs=st.sampled_from([1, 2, 3, 4, 5, 8, 9, 12]),
    k=st.sampled_from([1, 2, 5, 40]),
    weighted=st.booleans(),
    part=st.sampled_from([0.0, 0.3, 0.9, 0.999, 1.1]),
    slack=st.sampled_from([0.0, 0.1, 1.0]),
    seed=st.integers(0, 999),
)
def test_sweeps_find_what_cumulative_sums_find(
    kind: str, labels: str, n: int, outputs: int, k: int, weighted: bool, part: float, slack: float, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    r = compressed(kind, n, outputs, weighted, rng, labels)
    x, Y, weights = r.data[:3]
    rows = some_rows(x, r.last, k, rng)
    line = r.line[2] + r.line[0] + r.line[1] * (x - r.centre)[:, None]
    values = (Y - line)[rows] + 0.1 * rng.standard_normal((len(rows), outputs))
    slopes = np.diff(values, axis=0) / np.diff(x[rows])[:, None]
    segment = np.clip(np.searchsorted(rows, np.arange(n), side="right") - 1, 0, len(slopes) - 1)
    R = Y - line - (values[segment] + slopes[segment] * (x - x[rows][segment])[:, None])
    R = R * weights[:, None] if len(weights) else R
    square = np.sum(R * (Y - line - (values[segment] + slopes[segment] * (x - x[rows][segment])[:, None])))
    Z = duals(x, R)
    norms = np.sum(Z * Z, axis=1).astype(float)
    threshold = part * part * norms.max()

    k, Z_knots = len(rows), np.empty((len(rows), outputs))
    worst, sizes = np.empty(k - 1, np.int64), np.empty(k - 1)
    bounds = (r.scratch[1], r.scratch[2])
    misfit = sweep(r.data, r.blocks, rows, values, slopes, threshold, slack, Z_knots, worst, sizes, bounds)
    near = 1e-9 * np.sqrt(norms.max())
    np.testing.assert_allclose(Z_knots, Z[rows].astype(float), rtol=0, atol=near)
    assert misfit == pytest.approx(square, rel=1e-9)
    for p in range(k - 1):
        inside = np.arange(rows[p], n if p == k - 2 else rows[p + 1])
        inside = inside[x[inside] > x[rows[p]]]
        most = max(norms[inside].max(initial=0.0), threshold)
        assert most - slack * (most - threshold) <= sizes[p] + 2e-8 * norms.max()
        if worst[p] < 0:
            assert sizes[p] == threshold
        else:
            assert worst[p] in inside
            assert sizes[p] > threshold
            assert sizes[p] == pytest.approx(norms[worst[p]], abs=2e-8 * norms.max())

    # With this slack everything counts as open, and so all bounds are computed.
    bounds[0][:] = np.nan
    sweep(r.data, r.blocks, rows, values, slopes, threshold, -1e9, Z_knots, worst, sizes, bounds)
    size, count = r.data[4], -(-n // r.data[4])
    for b in np.flatnonzero(np.isfinite(bounds[0])):
        first, length = (b, 1) if b < count else ((b - count) * block_summaries.GROUP, block_summaries.GROUP)
        most = norms[first * size : (first + length) * size].max()
        assert np.sqrt(most) <= bounds[0][b] + 10 * near


def test_bounds_are_nearly_reached_by_labels_that_swing_within_blocks() -> None:
    n, size = 64 * 1024, 64
    x = np.arange(n) / n
    swing = np.where((np.arange(n) + size // 4) % size < size // 2, 1.0, -1.0)[:, None]  # -1 in the middle half of blocks
    r = squared_loss.SquaredRounds(Problem(x, swing, None, as_losses("squared", 1)))
    assert r.data[4] == size
    rows, nothing = np.array([0, n - 1]), np.zeros((1, 1))
    Z = np.abs(duals(x, swing)[:, 0].astype(float))
    bounds = (np.full(len(r.blocks[0]), np.nan), r.scratch[2])
    Z_knots, worst, sizes = np.empty((2, 1)), np.empty(1, np.int64), np.empty(1)
    values = -(r.line[2] + r.line[0] + r.line[1] * (x[rows] - r.centre)[:, None])  # the function is zero
    sweep(r.data, r.blocks, rows, values, nothing - r.line[1], 0.0, -1e9, Z_knots, worst, sizes, bounds)
    most = Z.reshape(-1, size).max(axis=1)
    assert (most <= bounds[0][: n // size]).all()
    assert (most >= 0.4 * bounds[0][: n // size]).all()
    groups = most.reshape(-1, block_summaries.GROUP).max(axis=1)
    assert (groups <= bounds[0][n // size :]).all()
    assert (groups >= 0.3 * bounds[0][n // size :]).all()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("weighted", [False, True])
def test_segments_are_summarised_as_row_by_row(kind: str, weighted: bool) -> None:
    rng = np.random.default_rng(5)
    for n, outputs in ((3, 1), (900, 5), (9000, 2), (45_000, 3)):
        r = compressed(kind, n, outputs, weighted, rng)
        x, Y, weights = r.data[:3]
        rows = some_rows(x, r.last, 12, rng)
        k = len(rows)
        segments = (np.empty(k - 1), *np.empty((3, 1, k - 1)))
        mean, fitted = np.empty((2, k - 1, outputs))
        summarise(r.data, r.blocks, rows, segments, mean, fitted, r.scratch[0])
        labels = Y - r.line[2] - (r.line[0] + r.line[1] * (x - r.centre)[:, None])
        for p in range(k - 1):
            these = slice(rows[p], None if p == k - 2 else rows[p + 1])
            w = weights[these] if len(weights) else np.ones(len(x[these]))
            off = x[these] - x[rows[p]]
            place = np.average(off, weights=w)
            spread = np.sum(w * (off - place) ** 2)
            tolerance = 1e-9 * max(np.sum(w * off**2), 1e-300)
            assert segments[0][p] == x[rows[p + 1]] - x[rows[p]]
            assert segments[1][0, p] == pytest.approx(w.sum(), rel=1e-12)
            assert segments[2][0, p] == pytest.approx(place, rel=1e-9, abs=1e-12 * abs(x).max())
            assert segments[3][0, p] == pytest.approx(spread, abs=tolerance)
            np.testing.assert_allclose(mean[p], np.average(labels[these], axis=0, weights=w), rtol=1e-9, atol=1e-9)
            slope = (w * (off - place)) @ labels[these]
            near = 1e-6 * np.sqrt(spread * w.sum())
            np.testing.assert_allclose(fitted[p] * segments[3][0, p], slope, rtol=1e-6, atol=near)


@pytest.mark.parametrize("outputs", [1, 2, 3, 7, 8, 9])
def test_a_missing_label_is_seen_in_any_place(outputs: int) -> None:
    rng = np.random.default_rng(outputs)
    x = spaced("uniform", 70, rng)
    Y = waves(x, outputs, rng)
    assert squared_loss.SquaredRounds(Problem(x, Y, None, as_losses("squared", outputs))).complete
    for _ in range(20):
        broken = Y.copy()
        broken[rng.integers(70), rng.integers(outputs)] = rng.choice([np.nan, np.inf])
        assert not squared_loss.SquaredRounds(Problem(x, broken, None, as_losses("squared", outputs))).complete
