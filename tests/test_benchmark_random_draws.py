"""The random draws: their programs know known values, and they find what is wrong with an answer."""

import math
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

import vvnorm
from benchmarks.random_draws import FAMILIES, Draw, judge, main, program


def test_programs_know_values_found_by_hand() -> None:
    x, y = np.array([0.0, 1.0, 2.0, 3.0]), np.array([[0.0], [1.0], [0.0], [1.0]])
    assert program(Draw(x, y)).value == pytest.approx(4, rel=1e-8)  # jumps of -2 and 2
    assert program(Draw(x, y, {"lam": 10.0, "loss": "squared"})).value == pytest.approx(0.4, rel=1e-8)  # the line
    # One neuron that rises from 1 on, or from 0: biases in the norm make it sqrt(2), or 1.
    two = np.array([[0.0], [1.0]])
    both = {"skip": False, "penalise_bias": True}
    assert program(Draw(x[1:3], two, both)).value == pytest.approx(1, rel=1e-8)
    assert program(Draw(-x[1:3][::-1] - 1, two, both)).value == pytest.approx(1, rel=1e-8)


def test_a_draw_is_its_seed_s() -> None:
    one, other, third = (str(FAMILIES["line_fit_mixed"](np.random.default_rng(seed))) for seed in (1, 1, 2))
    assert one == other != third


def test_what_is_wrong_with_an_answer_is_counted(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def answering(**changed: object) -> list[str]:
        def answer(draw: Draw) -> SimpleNamespace:
            found = vvnorm.interpolate(draw.X, draw.Y)
            told = {"value": found.value, "gap": found.gap, "lower_bound": found.lower_bound, "verify": found.verify}
            scaled = {key: told[key] * by if isinstance(by, float) else by for key, by in changed.items()}
            return SimpleNamespace(**{**told, **scaled})

        monkeypatch.setattr(Draw, "answer", answer)
        return judge("line_interpolate", 0, 0)[0]

    assert answering() == []
    assert answering(value=1.01) == ["worse"]
    assert answering(value=1.01, lower_bound=0.98, gap=math.inf) == ["open"]
    assert answering(lower_bound=1.01) == ["unsound"]
    assert answering(verify=lambda: ["no"]) == ["refused"]
    monkeypatch.setattr(Draw, "answer", lambda draw: replace(draw, no="such field"))
    assert judge("line_interpolate", 0, 0)[0] == ["failed"]
    main(["--family", "line_interpolate_m", "--count", "1"])
    printed = capsys.readouterr().out
    assert "failed line_interpolate_missing 0" in printed


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(FAMILIES))
def test_no_answer_of_a_family_is_wrong(name: str) -> None:
    bad = [words for words in (judge(name, 1, index) for index in range(40)) if words[0]]
    assert bad == []
