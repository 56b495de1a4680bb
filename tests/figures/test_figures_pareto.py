"""The figure of a Pareto front: its data are checked again, and networks laid over it land where they should."""

from dataclasses import replace

import numpy as np
import pytest
from figure_files import drawn_by_command
from matplotlib.colors import to_hex

from figures import pareto
from vvnorm import ReLUNetwork, Verdict, fit, pareto_front
from vvnorm.datasets import builtin_dataset
from vvnorm.plotting import COLOURS


@pytest.fixture(scope="module")
def front():
    data = builtin_dataset("linnerud")
    x, Y = (
        (values - values.mean(axis=0)) / values.std(axis=0)
        for values in (data.X, data.Y[:, [data.y_names.index(name) for name in ("waist", "pulse")]])
    )
    return pareto_front(x, Y, 6.0, mixtures=9)


def networks(front, factor=1.0):
    """Points of the front, or what lies between these and the best line, or beyond."""
    first, last = front.networks[0], front.networks[-1]  # where a task has no weight it has its line
    A, c = np.vstack([last.A[:1], first.A[1:]]), np.append(last.c[:1], first.c[1:])
    mixed = [(factor * f.A + (1 - factor) * A, factor * f.c + (1 - factor) * c) for f in front.networks[2:7]]
    return [ReLUNetwork(f.W, f.b, factor * f.V, *line) for f, line in zip(front.networks[2:7], mixed, strict=True)]


def synthetic(monkeypatch, **weightings):
    monkeypatch.setattr(pareto, "WEIGHTINGS", {name: name for name in weightings})
    monkeypatch.setattr(pareto, "trained_networks", lambda front, name, seed, quick: weightings[name](front))


def test_the_figure_holds_without_complaints_and_is_drawn(tmp_path, monkeypatch):
    few = {name: pareto.WEIGHTINGS[name] for name in ("equal", "mgda_ub")}
    monkeypatch.setattr(pareto, "WEIGHTINGS", few)
    data = drawn_by_command("pareto", tmp_path, monkeypatch, "--quick")
    assert data.verdict is Verdict.HOLDS
    trained = data.values["trained"]["sum of losses"]
    assert np.all(trained["excess"][:, 0] <= trained["excess"][:, 1])
    assert np.all(trained["excess"] < 0.05)
    np.testing.assert_allclose(trained["vv_norms"], 6.0, rtol=0.05)


def test_the_front_in_the_figure_is_that_of_the_data(front, monkeypatch):
    synthetic(monkeypatch)
    values = pareto.compute(0, True).values
    np.testing.assert_array_equal(values["losses"], front.losses)
    np.testing.assert_array_equal(values["bounds"], front.bounds)
    assert values["trained"] == {}


def test_networks_land_where_they_should(front):
    best, worse = pareto.judge_networks(front, networks(front)), pareto.judge_networks(front, networks(front, 0.5))
    np.testing.assert_array_equal(best["points"], front.losses[2:7])
    np.testing.assert_allclose(best["excess"], 0, atol=1e-5)
    assert np.all(worse["excess"][:, 0] > 0.01)
    np.testing.assert_allclose(worse["vv_norms"], 3.0)
    richer = pareto.judge_networks(front, [fit(front.data.X, front.data.Y, 0.05).network])
    assert richer["vv_norms"][0] > 6.0
    assert richer["excess"][0, 0] == 0


def test_no_point_is_below_the_envelope_and_it_touches_them(front):
    first = front.losses[:, 0]
    proved = pareto.envelope(front.mixtures, front.bounds, first * (1 + 1e-9))
    np.testing.assert_allclose(proved[1:], front.losses[1:, 1], rtol=1e-4)
    assert np.all(proved[1:] <= front.losses[1:, 1])
    assert np.isinf(pareto.envelope(front.mixtures, front.bounds, np.array([0.99 * first[0]]))).all()
    for weight, bound in zip(front.mixtures, front.bounds, strict=True):
        inside = np.linspace(first[1], 2 * first[-1], 50)
        corner = np.column_stack([inside, pareto.envelope(front.mixtures, front.bounds, inside)])
        assert np.all(corner @ weight >= bound * (1 - 1e-12))


def test_networks_beyond_the_budget_are_open_and_labels_say_the_excess(front, monkeypatch):
    synthetic(monkeypatch, best=networks, half=lambda front: networks(front, 0.5), rich=lambda front: networks(front, 1.2))
    figure = pareto.plot(pareto.compute(0, True).values)
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert labels[2] == "best (VV norm 6.0): 0.0% to 0.0% above the front"
    assert labels[3].startswith("half (VV norm 3.0): ")
    lines = {
        (to_hex(line.get_color()).upper(), line.get_markerfacecolor()): len(line.get_xdata())
        for line in figure.axes[0].lines
    }
    assert lines[COLOURS["purple"], "none"] == 5  # the third is above the budget
    assert lines[COLOURS["green"], "none"] == 0
    assert all(0.5 < side < 1.1 for side in (*figure.axes[0].get_xlim(), *figure.axes[0].get_ylim()))


def test_a_front_that_is_not_proved_is_not_said_to_hold(front, monkeypatch):
    synthetic(monkeypatch)
    monkeypatch.setattr(pareto, "pareto_front", lambda *args, **options: _bent(front))
    data = pareto.compute(0, True)
    assert data.verdict is Verdict.VIOLATED
    assert data.complaints


def _bent(front):
    losses = front.losses.copy()
    losses[4] *= 1.1
    return replace(front, losses=losses)
