"""The benchmark of fits runs, at a tiny size; what it measures is not asserted."""

import json

import numpy as np
import pytest

from benchmarks import trend


@pytest.mark.parametrize("grid", [[], ["--regular"]])
def test_a_tiny_run_prints_and_saves_its_numbers(grid, tmp_path, capsys):
    file = tmp_path / "trend.json"
    trend.main(["--quick", "--rows", "40x1", "60x3", "--reliability", "3", "--json", str(file), *grid])
    printed, saved = capsys.readouterr().out, json.loads(file.read_text())
    assert "certified to 1e-08 on irregular grids:" in printed
    assert saved["reliability"]["runs"] == len(saved["reliability"]["all"]) == 3
    assert [(row["N"], row["T"]) for row in saved["rows"]] == [(40, 1), (40, 1), (60, 3), (60, 3)]
    for row in saved["rows"]:
        assert row["status"] == "optimal"
        assert -1e-9 <= row["excess"] <= 1e-4


@pytest.mark.parametrize("posed", ["D", "slopes"])
def test_the_program_of_mixed_losses_agrees(posed):
    x, Y = trend.waves(60, 2, 0.3, np.random.default_rng(0))
    Y[:, 1] = Y[:, 1] > 0
    task = trend.Task("small", x, Y, ("squared", "logistic"))
    fit = task.fit(0.3)
    status, _, U = trend.program(task, 0.3, 1, posed)
    assert status == "optimal"
    assert -1e-9 <= trend.objective(task, 0.3, U) / fit.lower_bound - 1 <= 1e-6


def test_goals_need_a_certified_fit_and_a_peer():
    assert trend.judged({"gap": 1e-9, "faster": 99.0}, "clarabel", 100.0) == {"goal": ">= 100x", "met": False}
    assert trend.judged({"gap": 1e-9, "faster": 101.0}, "clarabel", 100.0)["met"] is True
    assert trend.judged({"gap": 1e-7, "faster": 101.0}, "clarabel", 100.0)["met"] is False
    assert trend.judged({"gap": 1e-9}, "clarabel", 100.0)["met"] is None
    assert trend.judged({"gap": 1e-9, "over_diff": 1.6}, "diff", 1.5)["met"] is False
