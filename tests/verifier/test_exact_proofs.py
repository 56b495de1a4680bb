"""`prove`: what it takes, what it returns, and what it refuses."""

import subprocess
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vvnorm import ReLUNetwork, connect_the_dots, fit, interpolate
from vvnorm.verifier.exact import ExactLine, prove

RNG = np.random.default_rng(0)
X, Y = np.sort(RNG.normal(size=7)), RNG.normal(size=(7, 2))


def test_a_solution_of_one_input_is_proved() -> None:
    proof = prove(interpolate(X, Y), band_at=[0.1])
    assert proof.proved
    assert str(proof).startswith("PROVED: ")
    assert proof.lower <= proof.upper
    assert proof.gap < Fraction(1, 10**35)
    assert proof.misfit == 0
    assert proof.certificate.unique is True
    assert proof.certificate.unique_outputs == (True, True)
    assert proof.certificate.fewest_neurons == 5
    assert [point.at for point in proof.certificate.band] == [Fraction(0.1)]


def test_data_come_in_any_order_and_repeated() -> None:
    order = RNG.permutation(np.append(np.arange(7), [2, 5]))
    assert prove(None, X[order], Y[order]).certificate == prove(None, X, Y).certificate


def test_a_network_of_one_input_is_corrected_and_proved() -> None:
    network = connect_the_dots(X, Y + 1e-10 * RNG.normal(size=Y.shape))
    proof = prove(network, X, Y)
    assert proof.proved
    assert 0 < proof.misfit < 1e-9
    assert proof.lower == prove(None, X, Y).lower


def test_a_network_of_one_input_that_costs_more_is_not_proved() -> None:
    x = [0.0, 1.0, 2.0, 3.0]
    sparse = ReLUNetwork([[1.0]], [-1.5], [[1.0]])
    bump = ReLUNetwork([[1.0], [1.0], [1.0]], [-1.25, -1.5, -1.75], [[1.0, -1.0, 1.0]])
    assert prove(sparse, x, sparse(x)).proved
    assert prove(sparse, x, sparse(x)).upper == 1
    proof = prove(bump, x, bump(x))
    assert not proof.proved
    assert (proof.lower, proof.upper) == (1, 3)
    assert "gap" in proof.problems[0]


def test_a_network_that_misses_labels_is_not_proved() -> None:
    proof = prove(connect_the_dots(X, Y), X, Y + 1e-3)
    assert not proof.proved
    assert "misfit" in proof.problems[0]
    assert proof.certificate.problems() == []


def test_only_proofs_are_saved(tmp_path: Path) -> None:
    x = [0.0, 1.0, 2.0]
    proof = prove(ReLUNetwork([[1.0], [1.0]], [-0.4, -0.9], [[1.0, -1.0]]), x, [0.0, 0.1, 0.5])
    assert not proof.proved
    with pytest.raises(ValueError, match="no proof to save"):
        proof.save(tmp_path / "none.json")
    assert list(tmp_path.iterdir()) == []


def test_numbers_too_long_for_a_certificate_are_refused_whole(tmp_path: Path) -> None:
    proof = prove(None, [0, Fraction(1, 3**4000), 1], [0, Fraction(1, 7**5000), 1])
    with pytest.raises(ValueError, match="digits"):
        proof.save(tmp_path / "long.json")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "options", "problem"),
    [
        ((None, [0, 1, 2]), {}, "X and Y are needed"),
        ((None, [0, 1, 2], [0, 1]), {}, "X has 3 rows and Y has 2"),
        ((None, [0, 1, 1], [0, 1, 2]), {}, "different labels"),
        ((None, [1, 1], [2, 2]), {}, "1 distinct point"),
        ((None, [0, 1, 2], [0, 1, float("nan")]), {}, "finite"),
        ((None, [0, 1, 2], ["0", "1", "x"]), {}, "not a number"),
        ((None, [[0, 1], [1, 0]], [0, 1]), {}, "two inputs need"),
        ((None, [[0, 1, 2], [1, 0, 2]], [0, 1]), {}, "one or two inputs"),
        ((None, [[0, 1], [1]], [0, 1]), {}, "equally many"),
        ((None, [], []), {}, "one or more"),
        ((connect_the_dots(X, Y), X, Y[:, :1]), {}, "2 outputs"),
        ((ReLUNetwork([[1.0, 0.0]], [0.0], [[1.0]]), [[0, 1], [1, 0]], [0, 1]), {"dual": [[1.0]]}, "dual must be"),
        ((ReLUNetwork([[1.0, 0.0]], [0.0], [[1.0]]), [[0, 1], [1, 0]], [0, 1]), {"dual": [[1], [np.inf]]}, "finite"),
    ],
)
def test_bad_arguments_are_refused(arguments: Any, options: Any, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        prove(*arguments, **options)


def test_other_problems_are_refused() -> None:
    with pytest.raises(ValueError, match="squared loss"):
        prove(fit(X, Y, 0.1, loss="huber:1"))
    with pytest.raises(ValueError, match="skip connection"):
        prove(interpolate([0.0, 1.0, 2.0], [0.0, 1.0, 0.0], skip=False))
    with pytest.raises(TypeError, match="ReLU networks"):
        prove("network", X, Y)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="one input"):
        ExactLine.of([[0, 1], [1, 0]], [0, 1])


def test_extreme_float64_are_decided() -> None:
    tiny, huge = 5e-324, 1.7e308
    proof = prove(None, [-huge, 0, tiny, huge], [[0, huge], [huge, 0], [huge, tiny], [0, 1]])
    assert proof.proved
    assert proof.gap < Fraction(1, 10**30)


def test_no_solver_and_nothing_heavy_is_loaded() -> None:
    code = "import sys, vvnorm.verifier.exact; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True)
    loaded = done.stdout.split()
    assert not {"torch", "cvxpy", "numba", "scipy"} & set(loaded)
    assert not [name for name in loaded if name.startswith("vvnorm.solvers")]


@pytest.mark.parametrize("d", [1, 2])
def test_each_output_of_a_given_network_is_judged_by_its_own_range(d: int) -> None:
    """A network that is 0 on an output of range 1 was proved beside one of range 3e7."""
    X = [[0.0], [1.0], [2.0], [3.0]] if d == 1 else [[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]
    Y = np.array([[0, 0], [3e7, 1], [3e7, 0], [0, 1.0]])
    solution = interpolate(X, Y)
    f, first = solution.network, np.array([[1.0], [0.0]])
    half = ReLUNetwork(f.W, f.b, f.V * first, f.A * first, f.c * first[:, 0])
    dual = solution.certificate.dual if d == 2 else None
    assert prove(f, X, Y, dual=dual).proved
    problems = prove(half, X, Y, dual=dual).problems
    assert [words for words in problems if "misses a label of output 1 by 1" in words] == list(problems)
