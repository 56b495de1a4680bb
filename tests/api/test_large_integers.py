"""Numbers that float64 cannot hold: functions without an origin refuse them by name, and never merge or round them."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from vvnorm import ReLUNetwork, VVNormClassifier, VVNormInterpolator, certify, pareto_front, train
from vvnorm.estimators import VVNormRegressor, VVNormRegressorCV
from vvnorm.training import train_tasks

X = 1_700_000_000_000_000_001 + 100 * np.arange(6)  # nanoseconds
Y = np.array([0.0, 1.0, 0.0, 1.0, 0.0, 1.0])
NETWORK = ReLUNetwork(W=[[1.0]], b=[0.0], V=[[1.0]], A=[[0.0]], c=[0.0])
CALLS: dict[str, Callable[[Any], object]] = {
    "train": lambda x: train(x, Y, steps=1, progress=False),
    "train_tasks": lambda x: train_tasks(x, Y, steps=1, progress=False),
    "pareto_front": lambda x: pareto_front(x, np.column_stack([Y, 1 - Y]), 0.1),
    "certify": lambda x: certify(NETWORK, x, Y),
    "certify of a fit": lambda x: certify(NETWORK, x, Y, lam=0.1),
    "VVNormRegressor": lambda x: VVNormRegressor(lam=1.0).fit(x, Y),
    "VVNormRegressorCV": lambda x: VVNormRegressorCV(cv=2).fit(x, Y),
    "VVNormClassifier": lambda x: VVNormClassifier().fit(x, Y > 0),
    "VVNormInterpolator": lambda x: VVNormInterpolator().fit(x, Y),
    "predict": lambda x: VVNormRegressor(lam=1.0).fit(np.arange(6.0)[:, None], Y).predict(x),
}


@pytest.mark.parametrize("given", [X, X.astype(np.uint64), X.astype(object), X.astype(np.longdouble)])
@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_they_are_refused_by_name(call: Callable[[Any], object], given: Any) -> None:
    if given.dtype.kind == "f" and np.finfo(np.longdouble).nmant < 60:
        pytest.skip("long doubles have no more digits than float64 here")
    with pytest.raises(ValueError, match=r"X holds 1\.?7000.* at row 0, column 0, which float64 cannot hold"):
        call(given[:, None])


@pytest.mark.parametrize("values", [{"y": X}, {"y": Y, "sample_weight": X}], ids=["labels", "weights"])
def test_labels_and_weights_of_estimators_are_refused_by_name(values: dict[str, Any]) -> None:
    name = list(values)[-1]
    with pytest.raises(ValueError, match=f"^{name} holds 1700000000000000001 at row 0"):
        VVNormRegressor(lam=1.0).fit(np.arange(6.0)[:, None], **values)


def test_large_class_numbers_stay_apart() -> None:
    classes = 2**53 + np.array([0, 1, 0, 1, 1, 0])
    model = VVNormClassifier(lam=0.01).fit(np.arange(6.0)[:, None], classes)
    assert model.classes_.tolist() == [2**53, 2**53 + 1]
    assert model.predict(np.arange(6.0)[:, None]).tolist() == classes.tolist()
