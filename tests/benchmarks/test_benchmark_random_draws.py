"""The random draws: their programs know known values, and they find what is wrong with an answer."""

import math
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import cvxpy as cp
import numpy as np
import pytest

import vvnorm
from benchmarks import neuron_programs, random_draws
from benchmarks.cone_programs import cells
from benchmarks.neuron_programs import Labels, ProgramError, solve_over_neurons
from benchmarks.random_draws import KINDS, DrawLedger, Judged, highest_rate, judge, main, program
from benchmarks.random_problems import FAMILIES, LOSSES, Draw
from vvnorm.validation import Array
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
    assert set(map(tuple, cells(grid).tolist())) == seen


def test_a_draw_is_its_seed_s() -> None:
    first, again, third = (str(FAMILIES["line_fit_mixed"](np.random.default_rng(seed))) for seed in (1, 1, 2))
    assert first == again != third


def test_what_is_wrong_with_an_answer_is_counted(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def answering(**changed: object) -> tuple[str, ...]:
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
        return judge("line_interpolate", 0, 0).kinds

    assert answering() == ()
    assert answering(value=1.01) == ("worse",)
    assert answering(value=1.01, lower_bound=0.98, gap=math.inf) == ("open",)
    assert answering(lower_bound=1.01) == ("unsound",)
    assert answering(verify=lambda: Verification(("no",))) == ("refused",)
    monkeypatch.setattr(Draw, "answer", lambda draw: replace(draw, no="such field"))
    assert judge("line_interpolate", 0, 0).kinds == ("failed",)
    main(["--family", "line_interpolate_m", "--draws", "1"])
    printed = capsys.readouterr().out
    assert "failed line_interpolate_missing 0 0" in printed


def by_cvxpy(H: Array, P: Array, labels: Labels, outputs: int, lam: float | None) -> float:
    """The program of `solve_over_neurons` in CVXPY's words."""
    V, C = cp.Variable((H.shape[1], outputs)), cp.Variable((P.shape[1], outputs))
    u, y, cost = (H @ V + P @ C)[labels.rows, labels.outputs], labels.values, cp.sum(cp.norm(V, 2, axis=1))
    if lam is None:
        return float(cp.Problem(cp.Minimize(cost), [u == y]).solve(solver=cp.CLARABEL))
    sign = 2 * y - 1
    words = {
        "squared": lambda own, _: cp.square(u[own] - y[own]) / 2,
        "logistic": lambda own, _: cp.logistic(-cp.multiply(sign[own], u[own])),
        "hinge": lambda own, _: cp.pos(1 - cp.multiply(sign[own], u[own])),
        "huber": lambda own, delta: cp.huber(u[own] - y[own], delta) / 2,
        "one_class": lambda own, nu: cp.maximum(nu * (y[own] - u[own]), (1 - nu) * (u[own] - y[own])),
    }
    total = lam * cost
    for t, loss in enumerate(labels.losses or ()):
        name, _, parameter = loss.partition(":")
        own = np.flatnonzero(labels.outputs == t)
        total = total + labels.shares[own] @ words[name](own, float(parameter or 0))
    return float(cp.Problem(cp.Minimize(total)).solve(solver=cp.CLARABEL))


@pytest.mark.parametrize("losses", [None, *((loss, loss) for loss in LOSSES), ("huber:0.5", "logistic"), ("hinge",)])
@pytest.mark.parametrize("seed", [1, 2])
def test_programs_agree_with_a_modelling_language(losses: tuple[str, ...] | None, seed: int) -> None:
    rng = np.random.default_rng(seed)
    T = len(losses or (0, 0))
    x = rng.standard_normal(9)
    H, P = np.maximum(x[:, None] - x, 0), np.column_stack([np.ones(9), x])
    binary = np.array([loss in ("logistic", "hinge") for loss in losses or ("", "")])
    Y = np.where(binary, rng.integers(0, 2, (9, T)), rng.standard_normal((9, T)))
    Y[0, 0] = np.nan
    weights = 10 ** rng.uniform(-1, 1, (9, 1))
    labels = Labels.of(Y, np.arange(9), losses, weights if losses else None)
    lam = 0.05 if losses else None
    solved = solve_over_neurons(H, P, labels, T, lam)
    assert solved.value == pytest.approx(by_cvxpy(H, P, labels, T, lam), rel=1e-6, abs=1e-7)
    response = np.linalg.norm(H.T @ solved.L, axis=1)  # the multipliers prove it
    active = np.linalg.norm(solved.V, axis=1) > 1e-2 * np.abs(solved.V).max()
    assert response.max() <= (lam or 1) * (1 + 1e-6)
    np.testing.assert_allclose(response[active], lam or 1, rtol=1e-4)
    np.testing.assert_allclose(P.T @ solved.L, 0, atol=1e-6 * np.abs(solved.L).max())


def test_a_program_that_fails_is_tried_again_and_said_to_have_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first attempts stop after one iteration: the others still find the value; without them there is none."""
    draw = Draw(np.arange(4.0), np.array([[0.0], [1.0], [0.0], [1.0]]))
    short = (1.0, {"max_iter": 1})
    monkeypatch.setattr(neuron_programs, "_ATTEMPTS", (short, *neuron_programs._ATTEMPTS))
    assert program(draw).value == pytest.approx(4, rel=1e-8)
    monkeypatch.setattr(neuron_programs, "_ATTEMPTS", (short, short))
    with pytest.raises(ProgramError, match="best attempt"):
        program(draw)
    monkeypatch.setitem(FAMILIES, "line_interpolate", lambda rng: draw)
    assert judge("line_interpolate", 0, 0).kinds == ("unknown",)


def test_a_recorded_run_goes_on_where_it_was_interrupted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path, seen = tmp_path / "ledger.csv", []

    def judged(name: str, seed: int, index: int) -> Judged:
        seen.append((name, index))
        if len(seen) == 95:
            raise KeyboardInterrupt
        return Judged(index, ("open",) if index == 7 else (), 2e-4 if index == 7 else 1e-9, "")

    monkeypatch.setattr(random_draws, "judge", judged)
    run = ["--resume", "--ledger", str(path), "--family", "line_interpolate", "--goal", "40", "--minutes", "1"]
    main(run)
    assert "interrupted" in capsys.readouterr().out
    kept = DrawLedger(path, "").totals("line_interpolate")["draws"]
    assert 0 < kept < 40 * len([name for name in FAMILIES if name.startswith("line_interpolate")])
    main(run)
    names = [name for name in FAMILIES if name.startswith("line_interpolate")]
    ledger = DrawLedger(path, "")
    for name in names:
        line = ledger.totals(name)
        assert (line["draws"], line["open"], line["worse"], line["largest_gap"]) == (40, 1, 0, 2e-4)
        assert sum((name, index) in seen for index in range(40)) == 40
    assert {row["noted"] for row in ledger.rows} == {"open:7"}
    with pytest.raises(ValueError, match="must begin with 40"):
        ledger.add(names[0], [Judged(0, (), 0.0, "")])


def test_versions_are_counted_apart_and_added_up(tmp_path: Path) -> None:
    first, other = (DrawLedger(tmp_path / "ledger.csv", "v1"), "v2")
    first.add("line_fit_hinge", [Judged(0, (), 1e-6, "")])
    later = DrawLedger(first.path, other)
    later.add("line_fit_hinge", [Judged(1, ("worse",), 1e-5, ""), Judged(2, (), 0.0, "")])
    assert [(row["version"], row["first"], row["draws"], row["worse"]) for row in later.rows] == [
        ("v1", 0, 1, 0),
        ("v2", 1, 2, 1),
    ]
    assert later.totals("line_fit_hinge") == {"draws": 3, **dict.fromkeys(KINDS, 0), "worse": 1, "largest_gap": 1e-5}


def test_draws_are_counted_by_property_too(tmp_path: Path) -> None:
    ledger = DrawLedger(tmp_path / "ledger.csv", "v1")
    ledger.add("plane_fit_huber", [Judged(0, (), 1e-6, ""), Judged(1, ("open", "refused"), 1e-3, "")])
    ledger.add("line_interpolate_no_skip", [Judged(0, ("unknown",), 0.0, "")])
    nothing = dict.fromkeys(KINDS, 0)
    assert ledger.by_property(list(FAMILIES)) == {
        "huber": {"draws": 2, **nothing, "open": 1, "refused": 1},
        "interpolation": {"draws": 1, **nothing, "unknown": 1},
        "no skip connection": {"draws": 1, **nothing, "unknown": 1},
        "one input": {"draws": 1, **nothing, "unknown": 1},
        "two inputs": {"draws": 2, **nothing, "open": 1, "refused": 1},
    }
    assert set(ledger.by_property(["plane_fit_huber"])) == {"huber", "two inputs"}


def test_no_event_in_n_draws_bounds_the_rate_by_three_over_n() -> None:
    assert highest_rate(0, 20_000) == pytest.approx(3 / 20_000, rel=2e-3)
    assert highest_rate(1, 20_000) == pytest.approx(4.74 / 20_000, rel=1e-2)
    assert highest_rate(5, 5) == 1


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(FAMILIES))
def test_no_answer_of_a_family_is_wrong(name: str) -> None:
    """Every program is solved, too, if need be in other units or with other settings."""
    judged = [judge(name, 1, index) for index in range(40)]
    assert [draw.words for draw in judged if draw.kinds] == []


def test_the_recorded_run_has_no_wrong_answer_and_can_go_on() -> None:
    """Gaps above the tolerance are honest answers, and rare."""
    ledger = DrawLedger(random_draws.LEDGER, "")
    lines = [ledger.totals(name) for name in FAMILIES]
    for line in lines:
        assert [line[kind] for kind in ("worse", "unsound", "failed")] == [0, 0, 0]
    for kind in ("open", "refused"):
        assert sum(line[kind] for line in lines) <= 1e-4 * sum(line["draws"] for line in lines)
    assert {row["family"] for row in ledger.rows} <= set(FAMILIES)
    assert ledger.next_family(list(FAMILIES), 10**9) in FAMILIES
