"""Figures about studies are drawn from consistent lines only."""

import math
from pathlib import Path
from typing import Any

import pytest

from figures import distances, gradient_norm, gradient_parts, smooth_example
from figures.recorded import complaints_about, recorded
from vvnorm import Verdict
from vvnorm.plotting import draw_figure
from vvnorm.studies.recorded import specification, study_names
from vvnorm.studies.statistics import ratio_from_moments
from vvnorm.studies.study import load_study

LINE = {
    "target": "noise", "auxiliary": 16, "sigma": 1.0, "measure": "mean_gradient", "kind": "ratio", "left_out": 1,
    "verdict": "SUPPORTED", **vars(ratio_from_moments(60, math.log(0.85), 0.15, 0.4, 0.99)),
}  # fmt: skip


def test_the_example_is_certified_and_says_how_steep_it_is() -> None:
    data = smooth_example.compute(1, True)
    assert data.complaints == []
    assert data.values["gaps"].max() <= 1e-6
    smoother = data.values["slopes"][0] > data.values["slopes"][1:].max()
    assert data.verdict is (Verdict.HOLDS if smoother else Verdict.VIOLATED)


@pytest.mark.parametrize("study", study_names())
def test_every_study_is_valid_and_its_summary_is_of_its_runs(study: str) -> None:
    runs = load_study(specification(study)).runs
    cells = {(run.target, run.inputs, run.points, run.solver, run.labels, run.sigma, run.auxiliary) for run in runs}
    lines, complaints = recorded(study)
    assert complaints == []
    names = ("target", "inputs", "points", "solver", "labels", "sigma", "auxiliary")
    compared = {tuple(line[name] for name in names) for line in lines if line["kind"] == "ratio"}
    assert compared == {cell for cell in cells if cell[-1]}
    for line in lines:
        assert line["n"] + line["left_out"] == len({run.seed for run in runs if run.target == line["target"]})


@pytest.mark.parametrize("figure", [gradient_norm, distances])
def test_the_full_figure_is_drawn_from_the_summaries(
    figure: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    monkeypatch.setattr("vvnorm.plotting.scripts.PICTURES", (".pdf",))
    data = draw_figure(figure.FIGURE, tmp_path)
    assert data.complaints == []
    assert data.verdict is Verdict.SUPPORTED
    assert (tmp_path / f"{figure.FIGURE.id}.pdf").stat().st_size > 10_000


def test_a_sound_line_is_not_complained_about() -> None:
    assert complaints_about(LINE) == []


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"verdict": "NOT_SUPPORTED"}, "does not follow"),
        ({"low": 0.97, "high": 0.99, "ratio": 0.98}, "does not follow"),
        ({"ratio": 0.95}, "is not inside"),
        ({"low": 0.85, "high": 0.85}, "its moments give"),
        ({"standard_error": 0.02}, "its moments give"),
        ({"skewness": 3.0}, "its moments give"),
        ({"low": math.nan}, "is not inside"),
        ({"ratio": None}, "there is no ratio"),
        ({"left_out": 30}, "pairs are left out"),
    ],
)
def test_a_line_that_contradicts_itself_is_complained_about(changed: dict[str, Any], words: str) -> None:
    assert any(words in complaint for complaint in complaints_about({**LINE, **changed}))


def test_without_the_affine_part_the_verdict_is_that_of_the_recorded_line() -> None:
    data = gradient_parts.MINIMISERS.compute(0, False)
    lines = data.values["lines"]
    (stated,) = [line for line in lines if line["target"] == "noise" and line["measure"] == "centred_gradient"]
    assert (data.verdict, data.complaints) == (Verdict(stated["verdict"]), [])
    both = {(line["target"], line["inputs"]): set() for line in lines}
    for line in lines:
        both[line["target"], line["inputs"]].add(line["measure"])
    assert all(measures == {"mean_gradient", "centred_gradient"} for measures in both.values())
