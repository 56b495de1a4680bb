"""The benchmark of fits runs, at a tiny size; what it measures is not asserted."""

import json
import re

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


def test_a_row_at_another_lam_has_no_goal_and_mixtures_are_counted_by_lam(capsys):
    trend.main(["--quick", "--rows", "60x2@1e-3", "corners", "--reliability", "12"])
    printed = capsys.readouterr().out
    assert "goals met" not in printed
    assert [line.split()[1] for line in printed.splitlines() if line.split()[0] == "60x2"] == ["0.001"]
    counts = [int(total) for total in re.findall(r"of (\d+) at", printed)]
    assert sum(counts) == 12


def test_small_lam_is_counted_by_kinds_of_grids(capsys):
    trend.main(["--quick", "--rows", "small", "--reliability", "8"])
    counted = dict(re.findall(r"[:,] ([a-z ]+) \d of (\d) \(", capsys.readouterr().out))
    assert counted == {kind: "2" if kind == "uniform" else "1" for kind in trend.GRIDS}
    for kind in trend.GRIDS:
        x = trend.grid(kind, 50, np.random.default_rng(0))
        assert x.shape == (50,)
        assert np.all(np.diff(x) >= 0)


def test_mixtures_have_a_corner_and_a_label_of_each_class():
    for seed in range(30):
        x, Y, weights, losses, _ = trend.mixture(np.random.default_rng(seed))
        assert set(losses) & set(trend.CORNERS)
        assert np.all(np.diff(x) >= 0)
        assert weights.shape == Y.shape == (len(x), len(losses))
        assert np.isfinite(Y[:2]).all()


@pytest.mark.parametrize("posed", ["D", "slopes"])
def test_the_program_of_mixed_losses_agrees(posed):
    x, Y = trend.waves(60, 2, 0.3, np.random.default_rng(0))
    Y[:, 1] = Y[:, 1] > 0
    task = trend.FitTask("small", x, Y, ("squared", "logistic"))
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
