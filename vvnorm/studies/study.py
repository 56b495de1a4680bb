"""Specifications of studies: TOML files, checked completely before the first run.

An example::

    name = "smoothness"

    [certified]                     # settings of a solver that differ from the defaults
    tol = 1e-6

    [[grid]]                        # all combinations; several grids share one store
    target = ["noise", "smooth"]
    inputs = 2
    points = 25
    auxiliary = [0, 1, 4, 16, 64, "infinite"]
    sigma = [0.1, 1.0, 10.0]        # in units of the standard deviation of the first output's labels
    labels = ["gaussian", "bernoulli"]
    solver = "certified"            # or "trained", or "both"
    seeds = 50                      # number of seeds: first_seed (0 by default), first_seed + 1, ...
"""

import itertools
import json
import math
import os
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NoReturn, Protocol

from vvnorm.studies.run import INFINITE, Run, fingerprint

LABELS = ("gaussian", "bernoulli")
BOTH = "both"
"""Value of `solver` that stands for all solvers."""
REQUIRED = ("target", "inputs", "points", "auxiliary", "solver", "seeds")
AXES = ("target", "inputs", "points", "auxiliary", "sigma", "labels", "solver")
OPTIONAL: Mapping[str, Any] = {"sigma": 1.0, "labels": "gaussian", "first_seed": 0}
LARGEST = 10**9
"""Upper limit of whole numbers; larger numbers count as typing errors."""
MOST_RUNS = 10**6
"""Limit of runs in a study, since they are listed in memory."""

Place = tuple[str | int, ...]
_KINDS = {bool: "true or false", int: "a whole number", float: "a number", str: "text", type(None): "one value"}


class Experiment(Protocol):
    """Targets and solvers that a specification may name: `vvnorm.studies.experiment`, or a stand-in for it."""

    @property
    def TARGETS(self) -> Mapping[str, Any]:
        """For each target an object with its largest `inputs` and `points`; None for no limit."""

    @property
    def SETTINGS(self) -> Mapping[str, Mapping[str, Any]]:
        """For each solver the default values of its settings."""


@dataclass(frozen=True)
class Study:
    """A checked specification.

    Attributes
    ----------
    name : str
        The study's name.
    runs : tuple of Run
        Every run once, sorted by seed, so that an interrupted study has complete pairs.
    notes : tuple of str
        Runs that were left out, with the reason.
    """

    name: str
    runs: tuple[Run, ...]
    notes: tuple[str, ...] = ()

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 hash of name and runs; specifications of the same runs in any order are the same study."""
        return fingerprint({"name": self.name, "runs": sorted(run.key("") for run in self.runs)})


def load_study(path: str | os.PathLike[str], experiment: Experiment | None = None) -> Study:
    """Read and check a specification.

    Parameters
    ----------
    path : path-like
        A TOML file; the module's docstring shows one.
    experiment : module or object with TARGETS and SETTINGS, optional
        `vvnorm.studies.experiment` by default.

    Raises
    ------
    ValueError
        If a part of it is unknown, impossible or missing; the message names file, line, key and value.
    """
    if experiment is None:
        from vvnorm.studies import experiment as standard

        return load_study(path, standard)
    try:
        text = Path(path).read_text(encoding="utf-8")
    except OSError as error:
        raise ValueError(f"cannot read {os.fspath(path)!r}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ValueError(f"cannot read {os.fspath(path)!r}: it is not UTF-8 text") from None
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        parts = re.fullmatch(r"(.*) \(at line (\d+), column (\d+)\)", str(error))
        said = f", line {parts[2]}: {parts[1]} (column {parts[3]})" if parts else f": {error}"
        raise ValueError(f"{os.fspath(path)}{said}") from None
    return _Specification(os.fspath(path), text, document, experiment).study()


def line_of(text: str, place: tuple[str | int, ...]) -> int:
    """Return the number, from 1, of the line on which a part of a TOML text begins.

    tomllib does not report the lines of keys. This is the last line of the shortest prefix of lines that is valid TOML
    (after closing an unfinished array) and has the part.
    """
    lines = text.split("\n")
    for count in range(1, len(lines) + 1):
        for closing in ("", "\n]"):
            try:
                _entry(tomllib.loads("\n".join(lines[:count]) + closing), place)
            except (tomllib.TOMLDecodeError, LookupError, TypeError):
                continue
            return count
    return len(lines)


class _Specification:
    """A parsed specification; a part is addressed by the keys and indices that lead to it."""

    def __init__(self, path: str, text: str, document: dict[str, Any], experiment: Experiment) -> None:
        self.path, self.text, self.document, self.experiment = path, text, document, experiment

    def study(self) -> Study:
        solvers = tuple(self.experiment.SETTINGS)
        self.check_keys((), ("name", "grid", *solvers), required=("name", "grid"))
        name = self.document["name"]
        if not isinstance(name, str) or not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]*", name):
            self.refuse(("name",), "must be letters, digits and . _ -, since it names the store")
        settings = {solver: self.settings(solver) for solver in solvers}
        grid_of: dict[Run, Place] = {}
        notes: list[str] = []
        for place in self.grids():
            axes, seeds = self.axes(place), self.seeds(place)
            self.check_cells(place, axes)
            self.check_count(place, axes, seeds)
            for run in _product(axes, seeds, settings):
                # Grids may share baselines and limits; other runs must not occur in two grids.
                if grid_of.setdefault(run, place) != place and run.auxiliary not in (0, INFINITE):
                    self.fail(place, f"this grid repeats runs of the grid on line {self.line(grid_of[run])}, such as {run}")
            if "trained" in axes["solver"] and INFINITE in axes["auxiliary"]:
                notes.append(f"{self.path}, line {self.line(place)}: the limit of infinitely many outputs is not trained")
        return Study(name, tuple(sorted(grid_of, key=lambda run: run.seed)), tuple(notes))

    def grids(self) -> list[Place]:
        """Return the places of the grids: one table, or an array of tables."""
        grids = self.document["grid"]
        if isinstance(grids, dict):
            return [("grid",)]
        if not isinstance(grids, list) or not grids or not all(isinstance(grid, dict) for grid in grids):
            self.refuse(("grid",), "must be a table [grid], or several [[grid]]")
        return [("grid", index) for index in range(len(grids))]

    def settings(self, solver: str) -> dict[str, Any]:
        """Return all settings of a solver: the given ones, and defaults for the others."""
        default = self.experiment.SETTINGS[solver]
        if solver not in self.document:
            return dict(default)
        given = self.document[solver]
        if not isinstance(given, dict):
            self.refuse((solver,), f"must be a table [{solver}]")
        self.check_keys((solver,), tuple(default))
        return {**default, **{key: self.setting((solver, key), default[key]) for key in given}}

    def setting(self, place: Place, default: Any) -> Any:
        value = _entry(self.document, place)
        if isinstance(default, float) and type(value) is int:
            value = float(value)
        if not isinstance(value, bool | int | float | str) or (default is not None and type(value) is not type(default)):
            self.refuse(place, f"must be {_KINDS[type(default)]}, like the default value {_toml(default)}")
        if not isinstance(value, str) and not 0 <= value <= LARGEST:
            self.refuse(place, f"must lie between 0 and {LARGEST}")
        return value

    def axes(self, place: Place) -> dict[str, list[Any]]:
        """Read the values of each axis of a grid: a list, or a single value."""
        self.check_keys(place, (*AXES, "seeds", "first_seed"), required=REQUIRED)
        grid = _entry(self.document, place)
        return {axis: self.axis((*place, axis)) if axis in grid else [OPTIONAL[axis]] for axis in AXES}

    def axis(self, place: Place) -> list[Any]:
        given = _entry(self.document, place)
        if place[-1] == "solver" and given == BOTH:
            return list(self.experiment.SETTINGS)
        places = [(*place, index) for index in range(len(given))] if isinstance(given, list) else [place]
        if not places:
            self.refuse(place, "at least one value is needed")
        values: list[Any] = []
        for at in places:
            value = self.value(at, str(place[-1]))
            if value in values:
                self.refuse(at, "occurs twice")
            values.append(value)
        return values

    def value(self, place: Place, axis: str) -> Any:
        value = _entry(self.document, place)
        known = {"target": self.experiment.TARGETS, "labels": LABELS, "solver": self.experiment.SETTINGS}
        if axis in known:
            if not isinstance(value, str) or value not in known[axis]:
                also = f", {BOTH}" if place[-1] == "solver" else ""
                self.refuse(place, f"there are: {', '.join(known[axis])}{also}")
            return value
        if axis == "sigma":
            if type(value) not in (int, float) or not 0 < value <= LARGEST:
                self.refuse(place, f"must be a positive number up to {LARGEST}")
            return float(value)
        if axis == "auxiliary":
            return INFINITE if value == "infinite" else self.whole(place, 0, ' or "infinite"')
        return self.whole(place, 1)

    def seeds(self, place: Place) -> range:
        grid = _entry(self.document, place)
        first = self.whole((*place, "first_seed"), 0) if "first_seed" in grid else OPTIONAL["first_seed"]
        return range(first, first + self.whole((*place, "seeds"), 1))

    def whole(self, place: Place, least: int, other: str = "") -> int:
        value = _entry(self.document, place)
        if type(value) is not int or not least <= value <= LARGEST:
            self.refuse(place, f"must be a whole number from {least} to {LARGEST}{other}")
        return value

    def check_cells(self, place: Place, axes: dict[str, list[Any]]) -> None:
        """Refuse cells that cannot be run, or that have no baseline."""
        if 0 not in axes["auxiliary"]:
            self.refuse((*place, "auxiliary"), "0 is missing: paired comparisons need the baseline")
        for name in axes["target"]:
            target = self.experiment.TARGETS[name]
            for axis, most, what in (("inputs", target.inputs, "features"), ("points", target.points, "samples")):
                for index, value in enumerate(axes[axis]):
                    if most is not None and value > most:
                        self.refuse_entry((*place, axis), index, f"target {name!r} has {most} {what}")
        for index, points in enumerate(axes["points"]):
            if points < max(axes["inputs"]) + 2:
                self.refuse_entry((*place, "points"), index, f"{max(axes['inputs'])} inputs need at least 2 points more")

    def check_count(self, place: Place, axes: dict[str, list[Any]], seeds: range) -> None:
        count = len(seeds) * math.prod(map(len, axes.values()))
        if count > MOST_RUNS:
            self.refuse((*place, "seeds"), f"{count} runs are more than a study may have, {MOST_RUNS}")

    def check_keys(self, place: Place, known: Iterable[str], required: Iterable[str] = ()) -> None:
        table = _entry(self.document, place)
        for key in table:
            if key not in known:
                self.refuse((*place, key), f"unknown; there are: {', '.join(known)}")
        for key in required:
            if key not in table:
                self.fail(place, f"{_dotted((*place, key))} is missing")

    def refuse_entry(self, place: Place, index: int, why: str) -> NoReturn:
        self.refuse((*place, index) if isinstance(_entry(self.document, place), list) else place, why)

    def refuse(self, place: Place, why: str) -> NoReturn:
        """Raise an error about a key and its value, or about an entry of a list."""
        verb = "has" if isinstance(place[-1], int) else "="
        self.fail(place, f"{_dotted(place)} {verb} {_toml(_entry(self.document, place))}: {why}")

    def fail(self, place: Place, why: str) -> NoReturn:
        raise ValueError(f"{self.path}, line {self.line(place)}: {why}")

    def line(self, place: Place) -> int:
        return line_of(self.text, place)


def _product(axes: dict[str, list[Any]], seeds: range, settings: dict[str, dict[str, Any]]) -> Iterator[Run]:
    """Yield the runs of a grid; runs with no or infinitely many auxiliary outputs recur for each sigma and label kind."""
    for seed, target, inputs, points, auxiliary, sigma, labels, solver in itertools.product(seeds, *axes.values()):
        if auxiliary in (0, INFINITE):
            sigma, labels = 0.0, "gaussian"
        if not (solver == "trained" and auxiliary == INFINITE):
            yield Run(target, inputs, points, auxiliary, sigma, labels, solver, seed, settings[solver])


def _entry(document: Any, place: Place) -> Any:
    for step in place:
        document = document[step]
    return document


def _dotted(place: Place) -> str:
    return ".".join(step for step in place if isinstance(step, str))


def _toml(value: Any) -> str:
    """Return a value as a specification would write it, shortened if it is long."""
    text = json.dumps(value, default=str, ensure_ascii=False)
    return text if len(text) <= 60 else f"{text[:56]} ..."
