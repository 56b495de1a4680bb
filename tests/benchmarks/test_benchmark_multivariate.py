"""The benchmark of certified optima runs, at a tiny size; what it measures is not asserted."""

import json

import numpy as np
import pytest

from benchmarks import multivariate


def test_a_tiny_run_prints_and_saves_its_numbers(tmp_path, capsys):
    file = tmp_path / "multivariate.json"
    multivariate.main(["--quick", "--rows", "2x8x1", "3x8x2", "2x9x2x2", "random", "--instances", "4", "--json", str(file)])
    printed, saved = capsys.readouterr().out, json.loads(file.read_text())
    assert "accepted at 1e-06 by the verifier: 4 of 4 random instances" in printed
    assert [(row["d"], row["N"], row["T"]) for row in saved["rows"]] == [(2, 8, 1), (3, 8, 2), (2, 9, 2)]
    for row in saved["rows"]:
        assert row["complaints"] == []
        assert row["gap"] <= multivariate.TOL
        assert row["status"] == "optimal"
        assert row["excess"] >= -1e-6


def test_labels_of_a_row_with_a_number_of_neurons_are_those_of_a_network() -> None:
    task = multivariate.make("2x30x3x2")
    assert (task.X.shape, task.Y.shape) == ((30, 2), (30, 3))
    assert np.linalg.matrix_rank(task.Y) == 2
    with pytest.raises(ValueError, match="2x30x3x0"):
        multivariate.row("2x30x3x0")


def test_peers_that_minimise_with_lam_are_not_better_than_the_bound():
    effort = multivariate.MultivariateEffort(0.01, 0, 1, (1, 3), 1, 0)
    record = multivariate.adam("2x8x2", effort)
    assert all(run["excess"] >= -1e-9 for run in record["adam"].values())
    assert "Adam's excess" in multivariate.say_adam(record)


def test_a_path_is_certified():
    record = multivariate.path("2x8x2", lams=4)
    assert record["gap"] <= multivariate.TOL
    assert "path of 4 lam" in multivariate.say_path(record)


@pytest.mark.parametrize("n", [4, 7, 10])
def test_gates_make_every_pattern_once(n):
    X = np.random.default_rng(n).uniform(-1, 1, (n, 2))
    gates = multivariate.all_gates(X)
    patterns = np.column_stack([X, np.ones(n)]) @ gates > 0
    assert patterns.shape[1] == np.unique(patterns, axis=1).shape[1] == n * n - n + 2


def test_instances_are_made_again_from_their_seeds_and_half_lie_on_grids():
    for seed in range(20):
        first, second = (multivariate.instance(seed) for _ in range(2))
        np.testing.assert_array_equal(first.X, second.X)
        np.testing.assert_array_equal(first.Y, second.Y)
        repeated = len(np.unique(first.X[:, 0])) < len(np.unique(first.X, axis=0))
        assert repeated == first.kind.startswith("grid") == bool(seed % 2)
        assert len(first.X) <= 43
        assert first.Y.shape[1] <= 30


def test_a_crash_counts_as_a_failure_with_its_seed(monkeypatch):
    def fail(given):
        raise np.linalg.LinAlgError("singular")

    monkeypatch.setattr(multivariate, "judged", fail)
    record = multivariate.reliability(2, lambda: None)
    assert (record["accepted"], [missed["seed"] for missed in record["missed"]]) == (0, [0, 1])
    assert "LinAlgError: singular" in multivariate.say_reliability(record)


def test_scnn_that_is_not_installed_is_said(monkeypatch, capsys):
    monkeypatch.setattr(multivariate, "find_spec", lambda name: None)
    multivariate.main(["--quick", "--rows", "scnn"])
    assert "scnn is not installed (pip install pyscnn)" in capsys.readouterr().out
