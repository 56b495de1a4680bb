"""The random draws: their programs know known values, and they find what is wrong with an answer."""

import math
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

import vvnorm
from benchmarks.cone_programs import cells
from benchmarks.random_draws import FAMILIES, Draw, judge, main, program
from vvnorm.verifier.verification import Verification


def test_programs_know_values_found_by_hand() -> None:
    x, y = np.array([0.0, 1.0, 2.0, 3.0]), np.array([[0.0], [1.0], [0.0], [1.0]])
    assert program(Draw(x, y)).value == pytest.approx(4, rel=1e-8)  # jumps of -2 and 2
    assert program(Draw(x, y, {"lam": 10.0, "loss": "squared"})).value == pytest.approx(0.4, rel=1e-8)  # the line
    # One neuron that rises from 1 on, or from 0: biases in the norm make it sqrt(2), or 1.
    two = np.array([[0.0], [1.0]])
    both = {"skip": False, "penalise_bias": True}
    assert program(Draw(x[1:3], two, both)).value == pytest.approx(1, rel=1e-8)
    assert program(Draw(-x[1:3][::-1] - 1, two, both)).value == pytest.approx(1, rel=1e-8)


def test_programs_of_several_inputs_know_values_found_by_hand() -> None:
    # Multipliers are (1, -1, -1, 1) times a number: no neuron responds by more than 1 / sqrt(2) of it, at a diagonal.
    square, y = np.array([[0.0, 0], [1, 0], [0, 1], [1, 1]]), np.array([[0.0], [1], [1], [0]])
    assert program(Draw(square, y)).value == pytest.approx(math.sqrt(8), rel=1e-6)
    # The same in a plane in space, with a point off it that an affine function fits.
    space = np.vstack([np.column_stack([square, square[:, 0]]), [0, 0, 3]])
    tilted = np.column_stack([square[:, 0] * math.sqrt(2), square[:, 1]])  # lengths in that plane
    assert program(Draw(space, np.vstack([y, [[2]]]))).value == pytest.approx(program(Draw(tilted, y)).value, rel=1e-6)
    # A neuron that rises as fast as it can from 0 to 1; inside the norm its bias is 0.
    corner, labels = np.array([[0.0, 0], [0, 1], [-2, 0]]), np.array([[0.0], [1], [0]])
    assert program(Draw(corner, labels, {"skip": False, "penalise_bias": True})).value == pytest.approx(1, rel=1e-6)


def test_cells_are_all_there_and_no_more() -> None:
    """In general position n lines through 0 cut the plane into 2 n cones, n planes cut space into n (n - 1) + 2."""
    rng = np.random.default_rng(0)
    assert [len(cells(rng.standard_normal((n, 2)))) for n in (1, 2, 5)] == [2, 4, 10]
    assert [len(cells(rng.standard_normal((n, 3)))) for n in (1, 2, 3, 6)] == [2, 4, 8, 32]
    grid = np.array([[1.0, 0], [2, 0], [-1, 0], [0, 1], [0, 0]])  # two lines, one of them three times, and nothing
    seen = {tuple((grid @ w > 0).tolist()) for w in rng.standard_normal((100, 2))}
    assert cells(grid) == seen


def test_a_draw_is_its_seed_s() -> None:
    first, again, third = (str(FAMILIES["line_fit_mixed"](np.random.default_rng(seed))) for seed in (1, 1, 2))
    assert first == again != third


def test_what_is_wrong_with_an_answer_is_counted(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def answering(**changed: object) -> list[str]:
        def answer(draw: Draw) -> SimpleNamespace:
            solution = vvnorm.interpolate(draw.X, draw.Y)
            told = {
                "value": solution.value,
                "gap": solution.gap,
                "lower_bound": solution.lower_bound,
                "verify": solution.verify,
            }
            scaled = {key: told[key] * by if isinstance(by, float) else by for key, by in changed.items()}
            return SimpleNamespace(**{**told, **scaled})

        monkeypatch.setattr(Draw, "answer", answer)
        return judge("line_interpolate", 0, 0)[0]

    assert answering() == []
    assert answering(value=1.01) == ["worse"]
    assert answering(value=1.01, lower_bound=0.98, gap=math.inf) == ["open"]
    assert answering(lower_bound=1.01) == ["unsound"]
    assert answering(verify=lambda: Verification(("no",))) == ["refused"]
    monkeypatch.setattr(Draw, "answer", lambda draw: replace(draw, no="such field"))
    assert judge("line_interpolate", 0, 0)[0] == ["failed"]
    main(["--family", "line_interpolate_m", "--count", "1"])
    printed = capsys.readouterr().out
    assert "failed line_interpolate_missing 0" in printed


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(FAMILIES))
def test_no_answer_of_a_family_is_wrong(name: str) -> None:
    judged = [judge(name, 1, index) for index in range(40)]
    assert [words for kinds, words in judged if kinds and kinds != ["unknown"]] == []
    assert sum(kinds == ["unknown"] for kinds, _ in judged) <= 4  # where classes are separated, programs may fail
