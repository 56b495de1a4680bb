"""Figures about several tasks: their statements follow from the numbers that they draw."""

import numpy as np
from figure_files import drawn_by_command

from figures import joint_or_separate, weights
from vvnorm import Verdict
from vvnorm.training.comparison import JOINT, SAME_WIDTH


def test_the_figure_of_weights_is_drawn_from_shares(tmp_path, monkeypatch):
    monkeypatch.setattr(weights, "_WEIGHTINGS", {"learned": "learned", "mgda_ub": "MGDA-UB"})
    data = drawn_by_command("weights", tmp_path, monkeypatch, "--quick")
    for shares in data.values["shares"].values():
        np.testing.assert_allclose(shares.sum(axis=2), 1)
        assert shares.shape == (len(data.values["steps"]), 2, 3)
    assert data.verdict is Verdict.SUPPORTED


def test_the_full_figure_is_drawn_from_the_study_which_leaves_its_statement_open(tmp_path, monkeypatch, capsys):
    data = drawn_by_command("joint_or_separate", tmp_path, monkeypatch)
    assert data.verdict is Verdict.INCONCLUSIVE
    assert capsys.readouterr().out.startswith("joint_or_separate: INCONCLUSIVE, as expected; ")
    lines = data.values["lines"]
    assert {line["data"] for line in lines} == {"breast_cancer", "digits_overlaid", "digits_multilabel", "linnerud"}
    assert all(line["seeds"] == 10 for line in lines)
    sums = [line for line in lines if (line["arrangement"], line["weighting"]) == (JOINT, "equal")]
    assert min(line["gain_low"] for line in sums) < 0 <= min(line["gain_high"] for line in sums)


def test_the_verdict_follows_from_the_intervals_of_the_plain_sum(monkeypatch):
    recorded = joint_or_separate._recorded()
    for gain, name, verdict in ((-2.0, "worse", Verdict.NOT_SUPPORTED), (2.0, "better", Verdict.SUPPORTED)):
        interval = {"gain": gain, "gain_low": gain - 1, "gain_high": gain + 1, "verdict": name}
        decided = [{**line, **interval} if line["arrangement"] == JOINT else line for line in recorded]
        monkeypatch.setattr(joint_or_separate, "_recorded", lambda lines=decided: lines)
        assert joint_or_separate.compute(0, False).verdict is verdict
    forged = [{**line, "verdict": "better"} if line["arrangement"] != SAME_WIDTH else line for line in recorded]
    monkeypatch.setattr(joint_or_separate, "_recorded", lambda: forged)
    assert joint_or_separate.compute(0, False).complaints


def test_collapse_is_judged_by_the_least_loss():
    assert weights._verdict(np.array([0.95, 0.99])) is Verdict.SUPPORTED
    assert weights._verdict(np.array([0.95, 0.7])) is Verdict.INCONCLUSIVE
    assert weights._verdict(np.array([0.95, 0.1])) is Verdict.NOT_SUPPORTED
