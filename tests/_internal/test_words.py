"""The `repr` of objects has at most five lines; numbers have one name everywhere, and nouns their plural."""

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pytest

import vvnorm
from vvnorm._internal.words import count, name_of
from vvnorm.training.comparison import compare

RNG = np.random.default_rng(0)
X1, Y1 = RNG.permutation(np.arange(60.0)), RNG.standard_normal((60, 3))
X2 = RNG.standard_normal((12, 2))
NETWORK = vvnorm.ReLUNetwork(RNG.standard_normal((400, 2)), RNG.standard_normal(400), RNG.standard_normal((30, 400)))


def comparison() -> Any:
    data = vvnorm.builtin_task_data("linnerud")
    return compare(data, seeds=2, width=4, steps=2)


MAKERS: dict[str, Callable[[], Any]] = {
    "Ball": lambda: vvnorm.Ball(np.zeros(50), 1.0),
    "Band": lambda: vvnorm.interpolate(X2[:6], X2[:6, 0] ** 2).band([[0.0, 0.1]], 1e-2),
    "Bounds": lambda: vvnorm.max_gradient_norm(NETWORK, vvnorm.Box([0, 0], [1, 1]), n=64),
    "Box": lambda: vvnorm.Box(np.zeros(50), np.ones(50)),
    "Certificate": lambda: vvnorm.interpolate(X1, Y1).certificate,
    "Contacts": lambda: vvnorm.interpolate(X2[:6], X2[:6, 0] ** 2).contacts,
    "Claim": lambda: vvnorm.claims.load_claim("uniqueness"),
    "TaskComparison": comparison,
    "Dataset": lambda: vvnorm.builtin_dataset("diabetes"),
    "Distance": lambda: vvnorm.function_distance(NETWORK, NETWORK, vvnorm.Box([0, 0], [1, 1]), n=64),
    "Estimate": lambda: vvnorm.mean_gradient_norm(NETWORK, vvnorm.Box([0, 0], [1, 1]), n=64),
    "Falsification": lambda: vvnorm.falsify("uniqueness", drop="no_aligned_neighbours", seconds=5),
    "FeatureKernel": lambda: vvnorm.feature_kernel(NETWORK),
    "Fit": lambda: vvnorm.fit(X1, Y1, 0.1, loss=["squared", "huber:1", "one_class:0.1"]),
    "FitPath": lambda: vvnorm.fit_path(X1, Y1, lams=[0.1, 1.0]),
    "FitCertificate": lambda: vvnorm.fit(X1, Y1, 0.1).certificate,
    "Hull": lambda: vvnorm.Hull(X2),
    "InfiniteAuxiliary": lambda: vvnorm.interpolate(X2, X2[:, 0] ** 2, auxiliary="infinite"),
    "Interpolant": lambda: vvnorm.interpolate(X1, Y1),
    "Loss": lambda: vvnorm.Loss("huber", 0.3),
    "MinimiserDistance": lambda: vvnorm.interpolate(X1, Y1).distance_to_minimisers(X1[:9] + 0.5),
    "MultivariateSolution": lambda: vvnorm.fit(X2, X2[:, 0] ** 2, 0.1),
    "ParetoFront": lambda: vvnorm.pareto_front(X1[:9], Y1[:9], 1.0, mixtures=5),
    "PiecewiseLinear": lambda: vvnorm.PiecewiseLinear(np.arange(900.0), RNG.standard_normal((900, 2))),
    "ReLUNetwork": lambda: NETWORK,
    "Result": lambda: vvnorm.Result(vvnorm.Verdict.HOLDS, 0.0, 1.0, {"x": np.arange(900.0)}),
    "Standardisation": lambda: vvnorm.Standardisation(np.zeros(900), np.ones(900)),
    "Task": lambda: vvnorm.Task("ill", (0,), "logistic"),
    "TaskData": lambda: vvnorm.builtin_task_data("linnerud"),
    "TaskTraining": lambda: vvnorm.train_tasks(X1, Y1, seeds=2, width=8, steps=2, progress=False),
    "TrainingResult": lambda: vvnorm.train(X1, Y1, lam=0.1, seeds=2, width=8, steps=2, progress=False),
    "Verdict": lambda: vvnorm.Verdict.HOLDS,
    "Verification": lambda: vvnorm.Verification(tuple(f"problem {number}" for number in range(900))),
}
MAKERS |= {name: getattr(vvnorm, name) for name in vvnorm.__all__ if name.startswith("VVNorm")}
made = cache(lambda name: MAKERS[name]())


def test_every_public_class_is_here() -> None:
    classes = {name for name in vvnorm.__all__ if isinstance(getattr(vvnorm, name), type)}
    assert classes - {"Solution"} <= set(MAKERS)


@pytest.mark.parametrize("name", MAKERS)
def test_each_object_fits_on_five_lines(name: str) -> None:
    text = repr(made(name))
    assert name in text or name in ("Verdict", "Bounds", "Estimate", "Distance")
    assert len(text.splitlines()) <= 5
    assert max(map(len, text.splitlines())) <= 124


@pytest.mark.parametrize("name", ["Fit", "Interpolant", "InfiniteAuxiliary", "MultivariateSolution"])
def test_solutions_show_value_gap_and_verdict(name: str) -> None:
    solution = made(name)
    if name != "Fit":
        assert name == "Interpolant" or "not certified yet" in repr(solution)
    assert solution.verify()
    shown = repr(solution)
    assert f"{solution.value:.6g}, lower bound {solution.lower_bound:.6g}, relative gap {solution.gap:.2g}" in shown
    assert ": certified to 1e-06" in shown
    assert "not certified" not in shown


def test_what_is_not_proved_is_not_called_certified() -> None:
    fit = vvnorm.fit(X1, Y1, 0.1, tol=1e-15)
    assert f"relative gap {fit.gap:.2g}: not certified to 1e-15" in repr(fit)
    front = made("ParetoFront")
    assert f"relative gap at most {front.gaps.max():.2g}: certified to 1e-06" in repr(front)
    result = made("TrainingResult")
    shown = repr(result)
    assert f"objective {result.objectives[result.best_run]:.6g} at lam 0.1" in shown
    assert "relative gap" in shown
    assert "not certified yet: certificates() judges fits" in shown


def test_names_and_numbers_of_things() -> None:
    assert [name_of(name) for name in ("vv_norm", "gap", "distance_bound")] == ["VV norm", "relative gap", "distance bound"]
    assert [count(n, "output") for n in (0, 1, 2)] == ["0 outputs", "1 output", "2 outputs"]
    assert count(2, "axis", "axes") == "2 axes"
    assert dict(vvnorm.fit([0, 1, 2], [0, 1, 0], 0.1).summary_lines())["data"] == "3 points, 1 output"
    assert vvnorm.interpolate([0, 1], [0, 1]).summary().splitlines()[0].split(maxsplit=1)[1] == "2 points, 1 output"
