"""Large matrices in blocks: what LAPACK computes at once, and the same bits on any number of threads."""

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from vvnorm._internal import threads
from vvnorm.solvers.multivariate import dense_blocks

Array = NDArray[np.float64]


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dense_blocks, "SIDE", 5)
    monkeypatch.setattr(dense_blocks, "MANY", 10)


def on_threads(monkeypatch: pytest.MonkeyPatch, task: Callable[[], Any]) -> Any:
    """Result of a task, after a check that it does not depend on the number of threads."""
    results = []
    for count in (1, 2, 3):
        monkeypatch.setattr(threads, "usable_threads", lambda count=count: count)
        results.append(task())
    assert all(np.array_equal(result, results[0]) for result in results)
    return results[0]


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("m", [3, 10, 23])
def test_products_factors_and_solutions_are_right(m: int, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(m)
    A, W, B = rng.standard_normal((40, m)), rng.standard_normal((m, 2)), rng.standard_normal((m, 31))
    plain, weighted = (on_threads(monkeypatch, lambda w=w: dense_blocks.symmetric_product(A, w)) for w in (None, W))
    assert np.allclose(plain, A.T @ A, rtol=1e-13, atol=1e-12)
    assert np.allclose(weighted, (A.T @ A) * (W @ W.T), rtol=1e-13, atol=1e-12)
    assert np.array_equal(plain, plain.T)
    factor = np.tril(on_threads(monkeypatch, lambda: dense_blocks.cholesky(plain.copy(order="F"))))
    assert np.allclose(factor, np.linalg.cholesky(plain), rtol=1e-11, atol=1e-12)
    solution = on_threads(monkeypatch, lambda: dense_blocks.solve_lower(factor, B))
    assert np.allclose(factor @ solution, B, rtol=1e-10, atol=1e-11)


@pytest.mark.usefixtures("small_blocks")
def test_a_product_of_few_long_columns_is_divided_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dense_blocks, "WORK", 100.0)
    A = np.random.default_rng(0).standard_normal((300, 7))
    assert np.allclose(on_threads(monkeypatch, lambda: dense_blocks.symmetric_product(A)), A.T @ A, rtol=1e-13, atol=1e-12)


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("m", [3, 11, 41])
def test_a_product_of_two_matrices_is_divided_by_columns(m: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dense_blocks, "WORK", 100.0)
    rng = np.random.default_rng(0)
    A, B = rng.standard_normal((30, 20)), rng.standard_normal((20, m))
    assert np.allclose(on_threads(monkeypatch, lambda: dense_blocks.product(A, B)), A @ B, rtol=1e-13, atol=1e-12)


@pytest.mark.usefixtures("small_blocks")
def test_solutions_for_few_long_columns_are_divided_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dense_blocks, "WORK", 100.0)
    rng = np.random.default_rng(0)
    factor, B = np.tril(rng.standard_normal((50, 50))) + 8 * np.eye(50), rng.standard_normal((50, 7))
    solution = on_threads(monkeypatch, lambda: dense_blocks.solve_lower(factor, B))
    assert np.allclose(factor @ solution, B, rtol=1e-11, atol=1e-12)


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("m", [3, 23])
def test_matrices_in_single_precision_stay_in_single_precision(m: int, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(m)
    A, B = rng.standard_normal((40, m)).astype(np.float32), rng.standard_normal((m, 31)).astype(np.float32)
    square = on_threads(monkeypatch, lambda: dense_blocks.symmetric_product(A))
    factor = np.tril(on_threads(monkeypatch, lambda: dense_blocks.cholesky(square.copy(order="F"))))
    solution = on_threads(monkeypatch, lambda: dense_blocks.solve_lower(factor, B))
    product = on_threads(monkeypatch, lambda: dense_blocks.product(square, B))
    assert {result.dtype for result in (square, factor, solution, product)} == {np.dtype(np.float32)}
    exact = A.astype(np.float64).T @ A.astype(np.float64)
    assert np.allclose(square, exact, rtol=1e-5, atol=1e-4)
    assert np.allclose(factor, np.linalg.cholesky(exact), rtol=1e-4, atol=1e-4)
    assert np.allclose(factor @ solution, B, rtol=1e-4, atol=1e-4)
    assert np.allclose(product, exact @ B, rtol=1e-4, atol=1e-3)


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("m", [4, 11, 17, 41])
def test_a_matrix_that_is_not_positive_definite_has_no_factor(m: int) -> None:
    M = np.asfortranarray(np.eye(m))
    M[-1, -1] = -1.0
    assert dense_blocks.cholesky(M) is None


def test_an_error_in_a_thread_is_raised_and_ends_the_work(monkeypatch: pytest.MonkeyPatch) -> None:
    done = []

    def work(k: int) -> None:
        done.append(k)
        if k == 0:
            raise ValueError("k is 0")
        time.sleep(0.005)

    for count in (1, 2):
        monkeypatch.setattr(threads, "usable_threads", lambda count=count: count)
        done.clear()
        with pytest.raises(ValueError, match="k is 0"):
            threads.each(work, 500)
        assert len(done) < 500
