"""The benchmark of bounds where no exact search is made runs, at small sizes."""

import json

import numpy as np
import pytest

from benchmarks import bounds
from vvnorm.verifier import branch_and_bound


def test_a_small_run_prints_and_saves_its_table(tmp_path, capsys, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(branch_and_bound, "WORK", 1e6)
    file = tmp_path / "bounds.json"
    bounds.main(["--rows", "4x9", "14x22", "--shares", "0", "--seconds", "5", "--json", str(file)])
    assert "solver's array" in capsys.readouterr().out
    exact, loose = json.loads(file.read_text())["rows"]
    assert (exact["response"], loose["response"], loose["array"]) == ("cells", "graph", "own")
    assert exact["gap"] < loose["gap"]
    assert loose["gap"] < min(loose["solvers"], loose["norms"])
    assert loose["gap"] < 0.5
    assert loose["gap"] < loose["gates"] < 1


def test_gated_neurons_cost_no_more_than_a_network_with_their_gates() -> None:
    X = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    Y = np.array([[0.0], [1.0], [1.0], [0.0]])  # the least VV norm is 2 sqrt 2
    value = bounds.gated_value(X, Y, 40, np.random.default_rng(0))
    assert 0 < value < 2 * np.sqrt(2) * (1 + 1e-3)
    assert bounds.gated_value(X, X[:, :1], 1, np.random.default_rng(0)) < 1e-3  # affine labels
