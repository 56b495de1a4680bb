"""Summaries pair what belongs together, leave out and count what does not count, and survive their files."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

from vvnorm.studies.experiment import perform
from vvnorm.studies.run import INFINITE, Run
from vvnorm.studies.statistics import paired_ratio
from vvnorm.studies.summary import read_rows, summarise, write_lines

M = (0, 1, 4, 16)
LOGS = dict(zip(M, (0.0, -0.02, -0.1, -0.2), strict=True))


def row(m: float, seed: int, value: float | None, **more: Any) -> dict[str, Any]:
    plain = {"target": "noise", "inputs": 2, "points": 25, "solver": "certified", "settings": "{}", "labels": "gaussian"}
    sigma = 0.0 if m in (0, INFINITE) else 1.0
    outcome = {"accepted": 1, "certified_gap": 1e-7, "estimated_gap": 1e-8, "residual": 1e-9, "mean_gradient": value}
    return {**plain, "auxiliary": m, "sigma": sigma, "seed": seed, **outcome, **more}


def study(n: int = 20, deviation: float = 0.05, numbers: tuple[float, ...] = M) -> list[dict[str, Any]]:
    rng = np.random.default_rng(0)
    scale = rng.uniform(1, 10, n)
    return [
        row(
            m, seed, scale[seed] * math.exp(LOGS.get(int(m) if m < INFINITE else 16, 0) + deviation * rng.standard_normal())
        )
        for m in numbers
        for seed in range(n)
    ]


def ratio_lines(rows: Any, **options: Any) -> dict[float, dict[str, Any]]:
    lines = summarise(rows, measures=["mean_gradient"], **options)
    return {line["auxiliary"]: line for line in lines if line["kind"] == "ratio"}


def test_ratios_are_geometric_means_over_pairs_with_simultaneous_intervals() -> None:
    rows = study()
    lines = ratio_lines(rows)
    assert sorted(lines) == [1, 4, 16]
    values = {m: np.array([r["mean_gradient"] for r in rows if r["auxiliary"] == m]) for m in M}
    for m, line in lines.items():
        assert line["ratio"] == pytest.approx(stats.gmean(values[int(m)] / values[0]), rel=1e-12)
        assert (line["n"], line["left_out"], line["accepted"], line["worst_gap"]) == (20, 0, 1.0, 1e-7)
        assert line["confidence"] == pytest.approx(1 - 0.05 / 4)  # three ratios and a trend
        assert line["low"] < line["ratio"] < line["high"]
        alone = paired_ratio(values[int(m)], values[0])
        assert line["high"] - line["low"] > alone.high - alone.low
        assert (line["standard_error"], line["effect"]) == (alone.standard_error, alone.effect)
        assert (line["first_seed"], line["last_seed"]) == (0, 19)
    assert [lines[m]["verdict"] for m in (4, 16)] == ["SUPPORTED", "SUPPORTED"]


def test_the_trend_is_over_finite_numbers_and_the_limit_is_a_ratio() -> None:
    rows = study(numbers=(*M, INFINITE))
    lines = summarise(rows, measures=["mean_gradient"])
    (trend,) = [line for line in lines if line["kind"] == "trend"]
    assert trend["auxiliary"] is None
    slopes = []
    for seed in range(20):
        logs = [math.log2(r["mean_gradient"]) for r in rows if r["seed"] == seed and 0 < r["auxiliary"] < INFINITE]
        slopes.append(stats.linregress([0, 2, 4], logs).slope)
    assert trend["ratio"] == pytest.approx(2 ** np.mean(slopes), rel=1e-9)
    assert trend["verdict"] == "SUPPORTED"
    (limit,) = [line for line in lines if line["auxiliary"] == INFINITE]
    assert (limit["sigma"], limit["n"]) == (0.0, 20)


def test_runs_that_were_not_accepted_are_left_out_and_counted() -> None:
    rows = study()
    for r in rows:
        if r["seed"] == 3 and r["auxiliary"] == 4:
            r.update(accepted=False, certified_gap=0.5, mean_gradient=1e9)
        if r["seed"] == 5 and r["auxiliary"] == 0:
            r.update(accepted=0, mean_gradient=1e9)
    lines = summarise(rows, measures=["mean_gradient"])
    left = {line["auxiliary"]: (line["n"], line["left_out"]) for line in lines}
    assert left == {1: (19, 1), 4: (18, 2), 16: (19, 1), None: (19, 1)}
    assert all(line["ratio"] < 1.1 and line["worst_gap"] <= 1e-7 for line in lines)
    shares = {line["auxiliary"]: line["accepted"] for line in lines}
    assert shares == pytest.approx({1: 39 / 40, 4: 38 / 40, 16: 39 / 40, None: 59 / 60})


def test_runs_without_proof_count_by_their_estimated_gap_only_if_asked() -> None:
    rows = [{**r, "accepted": 0, "certified_gap": None} for r in study()]
    assert all(line["n"] == 0 and line["verdict"] is None for line in ratio_lines(rows).values())
    rows[25]["estimated_gap"] = -0.2  # below its own bound: that is none
    rows[26]["residual"] = 0.3
    lines = ratio_lines(rows, estimated=1e-3)
    assert {m: line["n"] for m, line in lines.items()} == {1: 18, 4: 20, 16: 20}
    assert {line["evidence"] for line in lines.values()} == {"estimated"}
    assert max(line["worst_gap"] for line in lines.values()) == 1e-8


def test_missing_runs_and_values_that_have_no_ratio_are_left_out() -> None:
    rows = [r for r in study() if not (r["auxiliary"] == 0 and r["seed"] < 4)]
    rows[-1]["mean_gradient"] = None
    rows[-2]["mean_gradient"] = 0.0
    lines = ratio_lines(rows)
    assert {m: (line["n"], line["left_out"]) for m, line in lines.items()} == {1: (16, 4), 4: (16, 4), 16: (14, 6)}


def test_targets_solvers_and_settings_are_read_apart_and_labels_share_the_baseline() -> None:
    rows = study()
    rows += [{**r, "target": "smooth"} for r in rows] + [{**r, "settings": '{"tol": 0.1}'} for r in rows]
    rows += [{**r, "labels": "bernoulli"} for r in study() if r["auxiliary"] > 0]
    lines = summarise(rows, measures=["mean_gradient"])
    assert len(lines) == 3 * 4 + 4
    coins = [line for line in lines if line["labels"] == "bernoulli"]
    assert [line["n"] for line in coins] == [20] * 4
    assert [line["confidence"] for line in coins] == pytest.approx([1 - 0.05 / 8] * 4)


def test_a_measure_without_any_value_has_no_lines() -> None:
    assert summarise([{**r, "test_error_mean": None} for r in study()], measures=["test_error_mean"]) == []
    assert summarise([]) == []


def test_the_same_rows_in_any_order_give_the_same_lines() -> None:
    rows = study()
    assert summarise(rows) == summarise(rows[::-1])


def test_rows_that_are_incomplete_or_there_twice_are_refused() -> None:
    rows = study()
    with pytest.raises(ValueError, match="a run occurs twice"):
        summarise([*rows, rows[0]])
    with pytest.raises(ValueError, match="a run has no 'accepted'"):
        summarise([{**rows[0], "accepted": None}])


def test_lines_come_back_from_their_file(tmp_path: Path) -> None:
    lines = summarise(study(numbers=(*M, INFINITE)), measures=["mean_gradient"])
    write_lines(tmp_path / "summary.csv", lines, code="0.1.0+abc")
    again = read_rows(tmp_path / "summary.csv")
    assert [{**line, "code": "0.1.0+abc"} for line in lines] == again


def test_rows_come_back_from_csv_and_give_the_same_summary(tmp_path: Path) -> None:
    rows = study(numbers=(*M, INFINITE))
    write_lines(tmp_path / "runs.csv", rows, code="x")
    assert summarise(read_rows(tmp_path / "runs.csv")) == summarise(rows)


def test_files_that_are_no_tables_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="cannot read"):
        read_rows(tmp_path / "missing.csv")
    (tmp_path / "short.csv").write_text("a,b\n1,2\n3\n")
    with pytest.raises(ValueError, match="row 2 does not have as many fields"):
        read_rows(tmp_path / "short.csv")
    with pytest.raises(ValueError, match="lines is empty"):
        write_lines(tmp_path / "none.csv", [], code="x")


def test_runs_that_were_performed_can_be_summarised() -> None:
    cells = [(0, 0.0), (2, 1.0), (8, 1.0), (INFINITE, 0.0)]
    runs = [Run("teacher", 2, 10, m, sigma, "gaussian", "certified", seed) for m, sigma in cells for seed in range(3)]
    names = ("target", "inputs", "points", "auxiliary", "sigma", "labels", "solver", "seed")
    lines = summarise({name: getattr(run, name) for name in names} | perform(run) for run in runs)
    assert len(lines) == 10 * 4
    assert all(line["n"] == 3 and line["accepted"] == 1 and line["worst_gap"] <= 1e-6 for line in lines)
