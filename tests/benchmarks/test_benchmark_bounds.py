"""The benchmark of bounds where no exact search is made runs, at small sizes."""

import json

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
