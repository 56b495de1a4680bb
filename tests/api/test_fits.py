"""`fit`, `fit_path` and `lambda_max` from the caller's side: against a convex program, and with whatever callers pass."""

import json
import pickle
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

import vvnorm.api.fit_data
import vvnorm.api.fits
import vvnorm.results.univariate_fit
from vvnorm import Fit, Loss, ReLUNetwork, builtin_dataset, fit, fit_path, interpolate, lambda_max
from vvnorm._internal import memory
from vvnorm.solvers.reference import curvature_fit, dictionary_program

Array = NDArray[np.float64]
LOSSES = ("squared", "logistic", "hinge", "huber:0.5", "one_class:0.2")


def sample(n: int, outputs: int, loss: str = "squared", seed: int = 0) -> tuple[Array, Array]:
    """Noisy waves at sorted inputs, or classes that depend on them; no two inputs equal."""
    rng = np.random.default_rng(seed)
    x = np.sort(rng.uniform(0, 3, n))
    Y = np.sin(3 * x[:, None] + np.arange(outputs)) + 0.4 * rng.standard_normal((n, outputs))
    if loss in ("logistic", "hinge"):
        Y = (Y > 0).astype(np.float64)
    return x, Y


def assert_same(first: Fit, second: Fit) -> None:
    """Check that two fits are equal, bit for bit."""
    np.testing.assert_array_equal(first.X, second.X)
    np.testing.assert_array_equal(first.Y, second.Y)
    for name in ("W", "b", "V", "A", "c"):
        np.testing.assert_array_equal(getattr(first.network, name), getattr(second.network, name))
    assert (first.value, first.lower_bound, first.gap) == (second.value, second.lower_bound, second.gap)


# --- the optimum ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("ratio", [2.0, 0.3, 0.01])
@pytest.mark.parametrize("outputs", [1, 3])
def test_the_value_is_that_of_the_convex_program_and_proved(loss: str, ratio: float, outputs: int) -> None:
    x, Y = sample(25, outputs, loss)
    lam = ratio * lambda_max(x, Y, loss=loss)
    solution = fit(x, Y, lam, loss=loss)
    assert solution.verify()
    assert solution.gap <= solution.tol
    assert solution.value == pytest.approx(curvature_fit(x, Y, lam, loss=loss).value, rel=2e-6, abs=1e-9)
    assert solution.value == pytest.approx(solution.loss + lam * solution.vv_norm, rel=1e-12)
    assert (solution.knots.size == 0) == (ratio > 1)
    assert solution.lower_bound <= solution.value


def test_losses_weights_and_missing_labels_go_together() -> None:
    x, Y = sample(30, 3)
    Y[:, 1] = Y[:, 1] > 0
    Y[::4, 0] = np.nan
    weights = np.random.default_rng(1).uniform(0, 2, Y.shape)
    losses = ["huber", Loss("logistic"), "squared"]
    solution = fit(x, Y, 0.05, loss=losses, weights=weights)
    assert solution.verify()
    expected = curvature_fit(x, Y, 0.05, loss=losses, weights=weights)
    assert solution.value == pytest.approx(expected.value, rel=2e-6)
    np.testing.assert_allclose(solution(x), expected.network(x), atol=0.02)


def test_repeated_inputs_keep_all_their_labels() -> None:
    data = builtin_dataset("linnerud")
    assert len(np.unique(data.X)) < len(data.X)
    solution = fit(data.X, data.Y, 20.0)
    assert solution.verify()
    assert len(solution.X) == len(data.X)
    assert solution.value == pytest.approx(curvature_fit(data.X, data.Y, 20.0).value, rel=2e-6)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("seed", range(5))
def test_inputs_repeated_at_random_are_fitted(loss: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    x = np.repeat(rng.uniform(0, 3, 8), rng.integers(1, 4, 8))
    y = np.sin(3 * x) + rng.standard_normal(len(x))
    y = (y > 0).astype(float) if loss in ("logistic", "hinge") else y
    solution = fit(x, y, 0.05, loss=loss)
    assert solution.verify()
    assert solution.value == pytest.approx(curvature_fit(x, y, 0.05, loss=loss).value, rel=2e-6, abs=1e-9)
    assert np.all(np.diff(solution.knots) > 0)


def test_a_dictionary_of_neurons_does_no_better() -> None:
    x, Y = sample(12, 2)
    solution = fit(x, Y, 0.1)
    program = dictionary_program(x, Y, np.ones((len(x) - 1, 1)), -x[:-1], lam=0.1)
    assert solution.value == pytest.approx(program.value, rel=2e-6)


def test_small_lam_comes_near_the_interpolant_and_large_lam_is_least_squares() -> None:
    x, Y = sample(10, 2)
    dots = interpolate(x, Y)
    near = fit(x, Y, 1e-6)
    assert near.vv_norm == pytest.approx(dots.value, rel=1e-3)
    np.testing.assert_allclose(near(x), Y, atol=1e-3)
    line = fit(x, Y, 1.001 * lambda_max(x, Y))
    design = np.column_stack([x, np.ones(10)])
    np.testing.assert_allclose(line(x), design @ np.linalg.lstsq(design, Y, rcond=None)[0], atol=1e-9)
    assert fit(x, Y, 0.99 * lambda_max(x, Y)).knots.size > 0


@pytest.mark.parametrize("loss", LOSSES)
def test_without_skip_connection_nothing_is_cheaper(loss: str) -> None:
    x, Y = sample(15, 2, loss)
    solution = fit(x, Y, 0.1, loss=loss, skip=False)
    assert solution.verify()
    assert not solution.network.A.any()
    assert not solution.certificate.skip
    assert solution.value >= fit(x, Y, 0.1, loss=loss).lower_bound
    assert solution.lam_max is None
    np.testing.assert_allclose(solution([-1.0, 1.5, 9.0]), solution.network([-1.0, 1.5, 9.0]), atol=1e-9)


# --- what a fit is ----------------------------------------------------------------------------------------------------


def test_network_knots_and_call_agree() -> None:
    x, Y = sample(40, 2)
    solution = fit(x, Y, 0.05)
    t = np.linspace(-1, 4, 101)
    np.testing.assert_allclose(solution(t), solution.network(t), atol=1e-12)
    np.testing.assert_array_equal(solution(t[:, None]), solution(t))
    assert solution.network.n_neurons == len(solution.knots) > 0
    assert set(solution.knots) <= set(x)
    assert solution([]).shape == (0, 2)
    assert isinstance(solution.function, ReLUNetwork)
    assert solution.objective == solution.value
    with pytest.raises(ValueError, match="X has 2 columns"):
        solution([[0.0, 1.0]])


def test_the_certificate_is_made_when_it_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    judge = vvnorm.results.univariate_fit.certify_fit
    monkeypatch.setattr(vvnorm.results.univariate_fit, "certify_fit", lambda *a, **k: calls.append(1) or judge(*a, **k))
    solution = fit(*sample(20, 1), 0.1)
    solution(0.5 * np.arange(3))
    assert not calls
    assert solution.certificate is solution.certificate
    assert solution.gap <= 1e-6
    assert len(calls) == 1


def test_a_fit_that_float64_weights_cannot_hold_is_certified_by_its_knots_and_says_so() -> None:
    x, Y = sample(30, 1)
    far = fit(x + 2.0**40, Y, 0.01)
    assert not isinstance(far.function, ReLUNetwork)
    assert far.verify()
    assert "float64 weights cannot represent the fit" in far.provenance["certified"]
    assert "float64 weights cannot represent the fit" in far.summary()
    near = fit((x + 2.0**40) - 2.0**40, Y, 0.01)
    assert near.value == pytest.approx(far.value, rel=1e-6)


def test_a_tolerance_out_of_reach_is_no_error_but_is_said() -> None:
    solution = fit(*sample(30, 2), 0.01, tol=1e-300)
    assert 0 <= solution.gap < 1e-6
    assert any("gap" in complaint for complaint in solution.verify().problems)
    assert "only" in solution.provenance["certified"]
    assert "only" in solution.summary()


def test_record_and_summary_say_what_was_found() -> None:
    x, Y = sample(20, 2)
    solution = fit(x, Y, 0.1, loss=["squared", "huber:2"])
    record = solution.record()
    assert json.loads(json.dumps(record, allow_nan=False)) == record
    assert (record["points"], record["outputs"], record["lam"]) == (20, 2, 0.1)
    assert record["losses"] == ["squared", "huber:2"]
    assert record["value"] == pytest.approx(record["loss"] + 0.1 * record["vv_norm"])
    assert record["lam_max"] == lambda_max(x, Y, loss=["squared", "huber:2"])
    assert len(record["knots"]) == record["neurons"]
    assert {"method", "rounds", "steps", "seconds", "numpy", "python", "certified"} <= set(record["provenance"])
    names = [line[:18].strip() for line in solution.summary().splitlines()]
    assert names[:4] == ["data", "method", "lam", "lam / lam_max"]
    assert names[4:] == ["objective", "loss", "VV norm", "lower bound", "relative gap", "neurons"]


def test_separated_classes_are_noted_once_their_values_run_away() -> None:
    x, y = np.arange(6.0), np.array([0, 0, 1, 0, 1, 1.0])
    assert fit(x, y, 0.1, loss="logistic").notes == []
    assert any("output 0 separates its classes" in note for note in fit(x, y, 1e-10, loss="logistic").notes)


def test_a_fit_can_be_pickled() -> None:
    solution = fit(*sample(20, 2), 0.1)
    assert_same(pickle.loads(pickle.dumps(solution)), solution)


# --- data as they come ------------------------------------------------------------------------------------------------


def test_order_shape_type_and_repetition_change_nothing() -> None:
    x, Y = sample(40, 2)
    order = np.random.default_rng(3).permutation(40)
    solution = fit(x, Y, 0.1)
    for X, labels in (
        (x, Y),
        (x[:, None], np.asfortranarray(Y)),
        (x[order], Y[order]),
        (x.tolist(), Y.tolist()),
    ):
        assert_same(fit(X, labels, 0.1), solution)
    np.testing.assert_array_equal(solution(x[order]), solution(x)[order])
    assert_same(fit(x, Y[:, 0], 0.1), fit(x, Y[:, :1], 0.1))


def test_weights_follow_their_labels_when_these_are_sorted() -> None:
    x, Y = sample(30, 2)
    weights = np.random.default_rng(0).uniform(0.1, 2, 30)
    order = np.random.default_rng(1).permutation(30)
    expected = fit(x, Y, 0.1, weights=weights)
    assert_same(fit(x[order], Y[order], 0.1, weights=weights[order]), expected)
    assert_same(fit(x, Y, 0.1, weights=weights[:, None]), expected)
    assert fit(x, Y, 0.1, weights=np.repeat(weights[:, None], 2, axis=1)).value == pytest.approx(expected.value, rel=2e-6)
    assert expected.value != fit(x, Y, 0.1).value


@pytest.mark.parametrize("loss", ["logistic", "hinge"])
def test_both_codes_of_classes_are_one(loss: str) -> None:
    x, Y = sample(30, 2, loss)
    before = Y.copy()
    assert_same(fit(x, Y, 0.1, loss=loss), fit(x, 2 * Y - 1, 0.1, loss=loss))
    np.testing.assert_array_equal(Y, before)


def test_files_and_memory_maps_equal_arrays(tmp_path: Path) -> None:
    x, Y = sample(40, 3)
    np.save(tmp_path / "x.npy", x)
    np.save(tmp_path / "y.npy", Y)
    expected = fit(x, Y, 0.1)
    assert_same(fit(tmp_path / "x.npy", str(tmp_path / "y.npy"), 0.1), expected)
    assert_same(fit(x, np.load(tmp_path / "y.npy", mmap_mode="r"), 0.1), expected)
    assert lambda_max(tmp_path / "x.npy", tmp_path / "y.npy") == lambda_max(x, Y)
    order = np.random.default_rng(0).permutation(40)
    np.save(tmp_path / "x.npy", x[order])
    np.save(tmp_path / "y.npy", Y[order].astype(np.float32))
    assert_same(fit(tmp_path / "x.npy", tmp_path / "y.npy", 0.1), fit(x, Y.astype(np.float32), 0.1))


def test_sorted_float64_labels_are_neither_copied_nor_scanned(monkeypatch: pytest.MonkeyPatch) -> None:
    x, Y = sample(50, 2)
    assert np.shares_memory(fit(x, Y, 0.1).Y, Y)
    monkeypatch.setattr(vvnorm.api.fit_data, "_LARGE", 100)
    monkeypatch.setattr(vvnorm.api.fit_data, "as_labels", lambda *a, **k: pytest.fail("scanned"))
    assert np.shares_memory(fit(x, Y, 0.1).Y, Y)


@pytest.mark.parametrize("bad", [np.inf, -np.inf])
@pytest.mark.parametrize("row", [0, 20])
def test_large_labels_that_are_not_finite_are_still_refused(monkeypatch: pytest.MonkeyPatch, bad: float, row: int) -> None:
    monkeypatch.setattr(vvnorm.api.fit_data, "_LARGE", 100)
    x, Y = sample(50, 2)
    Y[row, 1] = bad
    with pytest.raises(ValueError, match="Y holds"):
        fit(x, Y, 0.1)


def test_large_labels_may_be_missing_but_not_all_of_an_output(monkeypatch: pytest.MonkeyPatch) -> None:
    x, Y = sample(50, 2)
    Y[[3, 10], [0, 1]] = np.nan
    expected = fit(x, Y, 0.1)
    monkeypatch.setattr(vvnorm.api.fit_data, "_LARGE", 100)
    assert_same(fit(x, Y, 0.1), expected)
    Y[:, 1] = np.nan
    with pytest.raises(ValueError, match="output 1 has no label at all"):
        fit(x, Y, 0.1)


def test_files_too_large_to_be_copied_are_refused_with_their_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    x, Y = sample(5000, 25, "logistic")
    np.save(tmp_path / "y.npy", Y)
    monkeypatch.setattr(memory, "available", lambda: 2e6)
    with pytest.raises(ValueError, match=r"X is not sorted, and Y is a file of 0\.001 GB.*sort the file"):
        fit(x[::-1], tmp_path / "y.npy", 0.1)
    monkeypatch.setattr(memory, "available", lambda: 5e5)
    for labels, loss, why in (
        (Y.astype(np.float32), "squared", "converted to C-contiguous float64"),
        (np.asfortranarray(Y), "squared", "converted to C-contiguous float64"),
        (Y[::-1], "squared", "converted"),
        (2 * Y - 1, "logistic", "recoded for loss 'logistic'"),
        (Y, "hinge", "recoded for loss 'hinge'"),
    ):
        with pytest.raises(MemoryError, match=rf"Y would take 0\.001 GB when {why}.*mapped into memory and read in place"):
            fit(x, labels, 0.1, loss=loss)
    with pytest.raises(MemoryError, match="when sorted"):
        fit(x[::-1], Y, 0.1)


# --- paths ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("loss", LOSSES)
def test_a_path_is_in_the_callers_order_and_each_fit_is_optimal(loss: str) -> None:
    x, Y = sample(30, 2, loss)
    ratios = np.array([0.1, 2.0, 0.01, 0.5, 0.1])
    lams = ratios * lambda_max(x, Y, loss=loss)
    seen: list[float] = []
    fits = fit_path(x, Y, lams, loss=loss, callback=lambda solution: seen.append(solution.lam))
    assert [solution.lam for solution in fits] == lams.tolist()
    assert seen == sorted(lams, reverse=True)
    for solution in fits:
        assert solution.verify()
        assert solution.value == pytest.approx(fit(x, Y, solution.lam, loss=loss).value, rel=2e-6)
    norms = np.array([solution.vv_norm for solution in fits])[np.argsort(-lams)]
    assert np.all(np.diff(norms) >= -1e-3 * norms.max())


def test_a_path_without_skip_connection_and_one_of_no_length() -> None:
    x, Y = sample(10, 1)
    assert [solution.skip for solution in fit_path(x, Y, [0.1, 1.0], skip=False)] == [False, False]
    with pytest.raises(ValueError, match="lams must hold at least one lam"):
        fit_path(x, Y, [])


def test_the_same_call_gives_the_same_bits() -> None:
    x, Y = sample(30, 2)
    assert_same(fit(x, Y, 0.05), fit(x, Y, 0.05))
    for first, second in zip(*(fit_path(x, Y, [1.0, 0.1]) for _ in range(2)), strict=True):
        assert_same(first, second)
    assert lambda_max(x, Y) == lambda_max(x, Y)


# --- one distinct input -----------------------------------------------------------------------------------------------


def constant_by_ternary_search(loss: Loss, y: Array, w: Array) -> float:
    """Least weighted sum of losses of one number."""

    def total(c: float) -> float:
        return float(w @ loss.value(np.full(len(y), c), y))

    low, high = min(y.min(), 0.0) - 30, max(y.max(), 0.0) + 30
    for _ in range(200):
        left, right = (2 * low + high) / 3, (low + 2 * high) / 3
        low, high = (low, right) if total(left) <= total(right) else (left, high)
    return total((low + high) / 2)


@pytest.mark.parametrize("skip", [True, False])
@pytest.mark.parametrize("name", LOSSES)
def test_one_distinct_input_is_fitted_by_a_constant(name: str, skip: bool) -> None:
    for seed in range(10):
        rng = np.random.default_rng(seed)
        n = int(rng.integers(2, 12))
        Y = np.round(rng.standard_normal((n, 2)), int(rng.integers(3)))
        if name in ("logistic", "hinge"):
            Y = rng.choice([-1.0, 1.0], (n, 2))
            Y[:2] = [[1, 1], [-1, -1]]
        if n > 3:
            Y[-1, 0] = np.nan
        weights = rng.integers(1, 4, (n, 1 + seed % 2)) / 3
        f = fit(np.full(n, -2.5), Y, 0.7, loss=name, weights=weights, skip=skip)
        expected = 0.0
        for t, loss in enumerate(f.losses):
            present = ~np.isnan(f.Y[:, t])
            w = weights[present, min(t, weights.shape[1] - 1)]
            expected += constant_by_ternary_search(loss, f.Y[present, t], w)
        assert f.value == pytest.approx(expected, rel=1e-7, abs=1e-12)
        assert (f.verify().problems, f.notes) == ((), [])
        assert (f.vv_norm, len(f.knots), f.network.n_neurons) == (0.0, 0, 0)
        np.testing.assert_array_equal(f([-9.0, 0.0, 1e9]), np.repeat(f([-2.5]), 3, axis=0))


def test_one_distinct_input_may_mix_losses_and_has_no_critical_lam() -> None:
    Y = [[1.0, 1, 0], [3.0, 0, 1], [3.0, 0, 4]]
    losses = ["squared", "logistic", "one_class:0.5"]
    path = fit_path([4, 4, 4], Y, [0.1, 10.0], loss=losses)
    assert lambda_max([4, 4, 4], Y, loss=losses) == 0.0
    for f in path:
        np.testing.assert_allclose(f([0.0]), [[7 / 3, -np.log(2), 1]], rtol=1e-14)
        assert (bool(f.verify()), f.lam_max, f.solver["method"]) == (True, 0.0, "constant (one distinct input)")
    assert "constant" in path[0].summary()
    assert json.loads(json.dumps(path[0].record()))["neurons"] == 0
    alone = fit([1.0], [5.0], 1.0)
    assert (alone.value, alone.gap, bool(alone.verify()), alone([7.0]).tolist()) == (0.0, 0.0, True, [[5.0]])


def test_one_class_at_one_input_has_no_logistic_minimiser() -> None:
    f = fit([1, 1], [1, 1], 1.0, loss="logistic")
    assert 0 < f.value < 1e-9
    assert (f.lower_bound, f.gap) == (0.0, 1.0)
    assert any("separates its classes" in note for note in f.notes)
    assert len(f.verify().problems) == 1
    hinge = fit([1, 1], [-1, -1], 1.0, loss="hinge")
    assert (hinge.value, bool(hinge.verify()), hinge([1.0]).tolist()) == (0.0, True, [[-1.0]])


# --- what is refused --------------------------------------------------------------------------------------------------

X, Y = [0.0, 1.0, 2.0], [0.0, 1.0, 0.0]


@pytest.mark.parametrize(
    ("X", "Y", "options", "error", "words"),
    [
        (X, Y, {"lam": 0}, ValueError, "lam must be"),
        (X, Y, {"lam": -1.0}, ValueError, "lam must be"),
        (X, Y, {"lam": np.nan}, ValueError, "lam must be"),
        (X, Y, {"lam": np.inf}, ValueError, "lam must be"),
        (X, Y, {"lam": "1"}, (TypeError, ValueError), "lam must be"),
        (X, Y, {"tol": 0}, ValueError, "tol must lie between 0 and 1"),
        (X, Y, {"loss": "cubic"}, ValueError, "loss 'cubic' is unknown; there are squared"),
        (X, Y, {"loss": 3}, TypeError, "loss must be"),
        (X, Y, {"loss": ["squared"] * 2}, ValueError, "loss has 2 entries, but Y has 1 output"),
        (X, Y, {"loss": "huber:-1"}, ValueError, "delta"),
        (X, [0, 2, 1], {"loss": "logistic"}, ValueError, "output 0 has the label 2.0"),
        (X, [0, -1, 1], {"loss": "hinge"}, ValueError, "labels -1 and 0"),
        (X, [np.nan] * 3, {}, ValueError, "output 0 has no label at all"),
        (X, [0, np.inf, 1], {}, ValueError, "Y holds inf at row 1"),
        (X, Y[:2], {}, ValueError, "Y has 2 rows but there are 3 inputs"),
        (X, ["a", "b", "c"], {}, TypeError, "Y must hold real numbers"),
        ([0, np.nan, 1], Y, {}, ValueError, "X holds nan at row 1"),
        ([], [], {}, ValueError, "X is empty"),
        ([1.0, 1.0, 1.0], [0, np.inf, 1], {}, ValueError, "Y holds inf at row 1"),
        ([[0, 1], [2]], Y, {}, (TypeError, ValueError), "X"),
        (X, Y, {"seed": -1}, ValueError, "seed must be at least 0"),
        (X, Y, {"seed": "a"}, TypeError, "seed must be a whole number"),
        (X, Y, {"time_limit": 0}, ValueError, "time_limit must be positive, got 0"),
        (X, Y, {"time_limit": -1}, ValueError, "time_limit must be positive, got -1"),
        (X, Y, {"time_limit": np.nan}, ValueError, "time_limit must be positive"),
        (X, Y, {"time_limit": "a"}, TypeError, "time_limit must be a number of seconds"),
        (X, Y, {"weights": [1, -1, 1]}, ValueError, "weights"),
        (X, Y, {"weights": [1, np.nan, 1]}, ValueError, "weights"),
        (X, Y, {"weights": [1, 1]}, ValueError, "weights"),
        (X, Y, {"weights": [0, 0, 0]}, ValueError, "weights are all 0"),
        ("nowhere.npy", Y, {}, ValueError, "X: cannot read 'nowhere.npy': No such file"),
    ],
)
def test_bad_input_is_named(X, Y, options: dict, error, words: str) -> None:
    with pytest.raises(error, match=words):
        fit(X, Y, **({"lam": 1.0} | options))
    others = {name: value for name, value in options.items() if name != "lam"}
    with pytest.raises(error, match=words):
        fit_path(X, Y, [options.get("lam", 1.0)], **others)


def test_a_file_that_is_no_array_is_named(tmp_path: Path) -> None:
    (tmp_path / "text.npy").write_text("0,1,2")
    np.save(tmp_path / "objects.npy", np.array([None, "a"]), allow_pickle=True)
    for name in ("text.npy", "objects.npy"):
        with pytest.raises(ValueError, match=rf"Y: '.*{name}' is not a \.npy file of numbers"):
            fit(X, tmp_path / name, 1.0)


@pytest.mark.parametrize("nu", [0.05, 0.3])
@pytest.mark.parametrize("ratio", [1.5, 0.05])
def test_one_class_leaves_a_share_nu_below_the_level(nu: float, ratio: float) -> None:
    x, Y = sample(200, 1)
    loss = f"one_class:{nu}"
    level = fit(x, Y[:, 0], ratio * lambda_max(x, Y[:, 0], loss=loss), loss=loss)(x)[:, 0]
    margin = 1e-4 * np.ptp(Y[:, 0])  # labels on the level are there up to the gap
    assert np.mean(Y[:, 0] < level - margin) <= nu
    assert np.mean(Y[:, 0] > level + margin) <= 1 - nu


@pytest.mark.parametrize("apart", [1e-12, 1e-10])
def test_without_a_skip_connection_inputs_may_nearly_coincide(apart: float) -> None:
    """They are as good as one input twice: no program's own advice reaches the caller, and the fit is certified."""
    near = fit([0, 1, 1 + apart, 2, 3], [0, 1, 1.5, 0, 1], 0.1, skip=False)
    merged = fit([0, 1, 1, 2, 3], [0, 1, 1.5, 0, 1], 0.1, skip=False)
    assert near.verify()
    assert near.value == pytest.approx(merged.value, rel=1e-6)


@pytest.mark.parametrize("x", [[0.0, 1.0, 2.0, 3.0], [[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]])
def test_classes_that_an_affine_function_separates_have_no_optimum_and_that_is_said(x: list) -> None:
    f = fit(x, [0, 0, 1, 1], 0.1, loss="logistic")
    assert f.status == "the infimum is 0 and not attained"
    assert any("no network is optimal: an affine function separates all classes" in note for note in f.notes)
    assert f.value < 1e-8
    assert f.lower_bound == 0
    assert not f.verify()  # nothing is optimal
    for other in (fit(x, [0, 1, 1, 0], 0.1, loss="logistic"), fit(x, [0, 0, 1, 1], 0.1)):
        assert "not attained" not in other.status
        assert other.verify()
