"""The study of joint and separate networks on built-in data: settings fixed beforehand, lines of results, verdicts.

It asks three questions. Is a task's test result worse in a joint network for the sum of losses than in a network of its
own, at equal total width and at equal cost of inference? Is any weighting better than the plain sum? Does the joint network
need fewer steps to a common target, or a smaller VV norm, than the separate networks together?

A line's verdict is about its gain, the metric's paired difference to separate networks of the same total width: "better" or
"worse" if the simultaneous interval has one sign, else "undecided". With ten seeds and simultaneous intervals for twenty
comparisons, a gain of about 1.5 standard deviations of the paired differences is shown.
"""

import math
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from typing import Any, Final

from vvnorm._internal.threads import one_thread
from vvnorm.multitask.task_data import builtin_task_data
from vvnorm.training.comparison import ALL_WEIGHTINGS, SAME_WIDTH, TaskComparison, compare

Line = Mapping[str, Any]

DATA: Final = ("breast_cancer", "digits_overlaid", "digits_multilabel", "linnerud")
"""The data sets of the study, as `builtin_task_data` names them."""

_FULL: Final = {"seeds": 10, "steps": 1000, "width": 64, "batch_size": 128}
_QUICK: Final = {"seeds": 3, "steps": 150, "width": 32, "batch_size": 128}
_QUICK_WEIGHTINGS: Final = ("equal", "learned", "uncertainty", "mgda_ub")


def study(name: str, quick: bool, seed: int = 0) -> TaskComparison:
    """Run the study on one data set."""
    settings: dict[str, Any] = dict(_QUICK if quick else _FULL)
    data = builtin_task_data(name)
    settings["batch_size"] = settings["batch_size"] if len(data.X) > 2 * settings["batch_size"] else None
    settings["seeds"] = [seed * settings["seeds"] + k for k in range(settings["seeds"])]
    return compare(data, weightings=_QUICK_WEIGHTINGS if quick else ALL_WEIGHTINGS, **settings)


def study_lines(name: str, quick: bool, seed: int = 0) -> list[dict[str, Any]]:
    """Run the study on one data set; return the lines of `TaskComparison.summary` with verdicts and settings."""
    comparison = study(name, quick, seed)
    settings = {key: comparison.settings[key] for key in ("steps", "width", "lam")}
    return [{"data": name, **line, "verdict": verdict(line), **settings} for line in comparison.summary()]


def verdict(line: Line) -> str:
    """Return "better" or "worse" if the interval of a gain has one sign, else "undecided"; "baseline" for the baseline."""
    if line["arrangement"] == SAME_WIDTH:
        return "baseline"
    if line["gain_low"] > 0:
        return "better"
    return "worse" if line["gain_high"] < 0 else "undecided"


def run_study(
    quick: bool, *, seed: int = 0, workers: int = 2, callback: Callable[[str, list[dict[str, Any]]], object]
) -> list[dict[str, Any]]:
    """Run the study on all data sets, each in its own process, at most `workers` at once.

    `callback` gets the name and the lines of each data set when it is done. The lines returned are in the order of `DATA`.
    """
    results = {}
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=one_thread) as executor:
        running = {executor.submit(study_lines, name, quick, seed): name for name in DATA}
        for done in as_completed(running):
            results[running[done]] = done.result()
            callback(running[done], results[running[done]])
    return [line for name in DATA for line in results[name]]


def complaints_about(line: Line) -> list[str]:
    """Return complaints about a recorded line; an empty list if it may be drawn."""
    name = f"{line['data']}, {line['arrangement']}, {line['weighting']}, {line['task']}"
    complaints = []
    if not math.isfinite(line["value"]):
        complaints.append(f"{name}: the {line['metric']} is {line['value']}")
    for key, low, high in (("value", "low", "high"), ("gain", "gain_low", "gain_high")):
        if line[low] > line[key] or line[key] > line[high]:  # without an interval the ends are NaN
            complaints.append(f"{name}: {key} {line[key]} is not inside [{line[low]}, {line[high]}]")
    if line["verdict"] != verdict(line):
        complaints.append(f"{name}: verdict {line['verdict']} does not follow from its interval")
    return complaints
