"""Content of the report on a data set, in sentences: its optimum, the proof, other optima, and trained networks."""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from vvnorm._internal.environment import environment
from vvnorm._internal.words import count
from vvnorm.api.fits import fit
from vvnorm.api.interpolation import interpolate
from vvnorm.datasets import Dataset
from vvnorm.plotting import draw, plot_training
from vvnorm.plotting.canvas import file_content
from vvnorm.plotting.extent import positions
from vvnorm.results.interpolant import Interpolant
from vvnorm.results.solution import Solution
from vvnorm.verifier.verification import Verification

if TYPE_CHECKING:
    from vvnorm.training import TrainingResult
    from vvnorm.training.task_trainer import TaskTraining


@dataclass(frozen=True)
class DataReport:
    """Content of the page on a data set.

    Attributes
    ----------
    title : str
    sentences : list of str
        The results, for a reader who does not know the package.
    verification : Verification
        The independent verifier's answer.
    facts : list of (name, words)
        The solution's numbers.
    picture, training_picture : bytes or None
        SVG; None where nothing can be drawn.
    training : list of mapping
        Certified numbers of each trained network; empty if none was trained.
    notes : list of str
        Notes on the data and on training.
    environment : mapping
    """

    title: str
    sentences: list[str]
    verification: Verification
    facts: list[tuple[str, str]]
    picture: bytes | None
    training: list[Mapping[str, Any]]
    training_picture: bytes | None
    notes: list[str]
    environment: Mapping[str, Any]


def data_report(
    data: Dataset, name: str, *, lam: float | None = None, seeds: int = 4, steps: int = 5000, seed: int = 0,
    time_limit: float | None = None,
) -> DataReport:  # fmt: skip
    """Solve, verify and train on a data set, and describe the results in sentences.

    Parameters
    ----------
    data : Dataset
    name : str
        Name of the data in the title.
    lam : float, optional
        Fit with the squared loss plus lam times the VV norm; by default interpolate.
    seeds, steps : int
        Number of trained networks, and of their steps; `seeds` may be 0.
    seed : int
        The first seed of training, and the seed of the solver.
    time_limit : float, optional
        Seconds for the solver, as `interpolate` and `fit` take it.

    Raises
    ------
    ValueError
        If the data cannot be interpolated or fitted.
    """
    options: dict[str, Any] = {"seed": seed, "time_limit": time_limit}
    solution = interpolate(data.X, data.Y, **options) if lam is None else fit(data.X, data.Y, lam, **options)
    verification = solution.verify()
    trained = _trained(data, lam, seeds, steps, seed) if seeds else None
    rows = [] if trained is None else _certified(trained)
    sentences = [_size(data), _optimum(solution, lam, verification), *_others(solution, data), *_ended(rows, steps)]
    drawable = data.X.shape[1] <= 2 or lam is not None
    return DataReport(
        title=f"Networks of least VV norm for {name}",
        sentences=sentences,
        verification=verification,
        facts=[("source", data.source), *solution.summary_lines(data.y_names)],
        picture=file_content(draw(solution, data.x_names, data.y_names), ".svg") if drawable else None,
        training=rows,
        training_picture=_training_picture(trained, data),
        notes=[*data.notes, *(trained.notes if trained else ())],
        environment=environment(),
    )


def _size(data: Dataset) -> str:
    points, inputs, outputs = count(len(data.X), "point"), count(data.X.shape[1], "input"), count(data.Y.shape[1], "output")
    return f"The data are {points} with {inputs} ({_list(data.x_names)}) and {outputs} ({_list(data.y_names)})."


def _optimum(solution: Solution, lam: float | None, verification: Verification) -> str:
    if lam is None:
        what = f"The interpolating network of least VV norm has VV norm {solution.value:.6g}"
        bound = f"No network that interpolates the labels has a VV norm below {solution.lower_bound:.6g}"
    else:
        what = f"The best fit has the objective {solution.value:.6g}, and the VV norm {solution.vv_norm:.6g}"
        bound = f"No network has an objective below {solution.lower_bound:.6g}"
    verdict = (
        "An independent verifier accepted this proof"
        if verification
        else f"The independent verifier did not accept this as optimal: {_list(verification.problems)}"
    )
    return f"{what}. {bound}: the relative gap is {solution.gap:.2g}. {verdict}."


def _others(solution: Solution, data: Dataset) -> list[str]:
    """Say whether there are other optimal networks, and where they lie, if this is known."""
    if not isinstance(solution, Interpolant) or not solution.closed_form:
        return []
    fewest = f"The fewest neurons of a network of this VV norm are {solution.record()['fewest_neurons']}."
    if solution.unique:
        return ["No other function has this VV norm and interpolates the labels.", fewest]
    if solution.unique is None:
        return ["Rounding of the data leaves open whether other functions do so, too.", fewest]
    t = positions(solution.X[:, 0], solution.Y)
    low, high = solution.band(t)
    place, output = np.unravel_index(np.argmax(high - low), high.shape)
    names = [name for name, unique in zip(data.y_names, solution.unique_outputs, strict=True) if not unique]
    where = f"at {data.x_names[0]} = {t[place]:.6g} the values of {data.y_names[output]} range"
    return [
        f"Infinitely many functions have this VV norm and interpolate the labels. They differ in {_list(names)}: {where} "
        f"from {low[place, output]:.6g} to {high[place, output]:.6g}. "
        "With an auxiliary output of random labels only one function remains.",
        fewest,
    ]


def _trained(data: Dataset, lam: float | None, seeds: int, steps: int, seed: int) -> "TrainingResult | TaskTraining":
    from vvnorm.training import train

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # the result holds the warnings as notes
        return train(data.X, data.Y, lam=lam, seeds=range(seed, seed + seeds), steps=steps)


def _certified(trained: "TrainingResult | TaskTraining") -> list[Mapping[str, Any]]:
    pairs = zip(trained.seeds, trained.certificates(), strict=True)
    return [{"seed": seed, **certificate.numbers()} for seed, certificate in pairs]


def _ended(rows: Sequence[Mapping[str, Any]], steps: int) -> list[str]:
    """Say how far trained networks ended from the proved lower bound; negative gaps come from missed labels."""
    if not rows:
        return []
    trained = f"{count(len(rows), 'network')} trained by Adam for {count(steps, 'step')} ended"
    best, worst = (f"{100 * extreme(abs(row['gap']) for row in rows):.2g} %" for extreme in (min, max))
    residuals = [row["relative_residual"] for row in rows if "relative_residual" in row]
    missed = f", and miss the labels by up to {100 * max(residuals):.2g} % of their range" if residuals else ""
    return [f"{trained} between {best} and {worst} from the proved lower bound{missed}."]


def _training_picture(trained: "TrainingResult | TaskTraining | None", data: Dataset) -> bytes | None:
    from vvnorm.training import TrainingResult

    if not isinstance(trained, TrainingResult) or data.X.shape[1] != 1:
        return None
    return file_content(plot_training(trained, data.x_names[0], data.y_names), ".svg")


def _list(names: Sequence[str]) -> str:
    return ", ".join(names)
