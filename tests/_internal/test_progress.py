"""Progress bars: on standard error, if asked for and on a terminal; callbacks get the same values either way."""

from typing import Any

import numpy as np
import pytest
from rich.console import Console

import vvnorm

X = np.random.default_rng(3).normal(size=(8, 2))
Y = np.sin(2 * X)
NETWORK = vvnorm.ReLUNetwork([[1.0, 0.0]], [0.0], [[1.0], [1.0]])

CALLS = {
    "interpolating": lambda **options: vvnorm.interpolate(X, Y, **options),
    "fitting": lambda **options: vvnorm.fit(X, Y, 0.1, **options),
    "fitting a path": lambda **options: vvnorm.fit_path(X[:, 0], Y, [1.0, 0.1], **options),
    "solving for the optimum": lambda **options: vvnorm.certify(NETWORK, X, Y, **options),
    "tracing the front": lambda **options: vvnorm.pareto_front(X[:, 0], Y, 1.0, mixtures=3, **options),
    "counterexamples to unique_for_one_output": lambda **options: vvnorm.falsify(
        "uniqueness", variant="unique_for_one_output", seconds=0.2, **options
    ),
}


@pytest.mark.parametrize("name", CALLS)
def test_a_bar_is_shown_if_wanted_and_watched_and_callbacks_are_told_the_same(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    told: dict[Any, list[int]] = {}
    for watched, progress in ((True, True), (True, False), (False, True)):
        monkeypatch.setattr(Console, "is_terminal", watched)
        monkeypatch.setattr(Console, "is_jupyter", False, raising=False)
        seen = told[watched, progress] = []
        CALLS[name](progress=progress, callback=lambda *what: seen.append(len(what)))  # noqa: B023
        shown = capsys.readouterr()
        assert (name.removesuffix(" a path") in shown.err) == (watched and progress)
        assert shown.out == ""
    assert told[True, True] == told[True, False] == told[False, True]
    assert told[True, True] or name.startswith("counterexamples")
