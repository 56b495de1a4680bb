"""Summaries of a study: ratios to runs without auxiliary outputs, trends in their number, verdicts.

The rules are the same for every study, and were written before any data:

- A run counts if its certificate was accepted. Where nothing can be proved, `estimated` admits runs by the solver's own
  estimate of their gap instead. Every line says whether it rests on certificates or on estimates.
- A ratio compares a run with the run of the same data set without auxiliary outputs; both must count. Ratios over data sets
  are averaged as geometric means (`vvnorm.studies.statistics`).
- A trend is the factor per doubling of the number m of auxiliary outputs. It uses all finite m >= 1 of the study, and the
  data sets for which the runs of all these m count.
- The claim about a measure is a decrease of relevant size: a ratio of at most 0.98, or a trend of at most 0.995 per
  doubling (0.97 from m = 1 to m = 64).
- Intervals are simultaneous at 95 % over all lines of one measure for one target, inputs, points, solver and settings.
"""

import csv
import math
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from vvnorm._internal.files import write_csv
from vvnorm.studies.run import INFINITE
from vvnorm.studies.statistics import Ratio, paired_ratio, trend_ratio

Row = Mapping[str, Any]

MEASURES = (
    "mean_gradient",
    "mean_gradient_domain",
    "centred_gradient",
    "max_gradient",
    "output_distance_mean",
    "output_distance_max",
    "relative_representation_distance_mean",
    "relative_representation_distance_max",
    "test_error_mean",
    "test_error_max",
)
"""Measures that are summarised by default."""

CLAIMED_RATIO = (0.0, 0.98)
CLAIMED_TREND = (0.0, 0.995)
CONFIDENCE = 0.95

_STUDIED = ("target", "inputs", "points", "solver", "settings")  # lines that agree in these are read together
_CELL = ("labels", "sigma", "auxiliary")


def summarise(
    rows: Iterable[Row],
    *,
    measures: Sequence[str] = MEASURES,
    estimated: float | None = None,
) -> list[dict[str, Any]]:
    """Summarise the runs of a study.

    Parameters
    ----------
    rows : iterable of mappings
        Configuration and outcomes of each run, as `vvnorm.studies.experiment.perform` names them.
    measures : sequence of str
        Outcomes to compare. A run in which a measure has no value, or is 0, is left out for that measure.
    estimated : float, optional
        Count runs, accepted or not, whose estimated gap (in absolute value) and residual are at most this.

    Returns
    -------
    list of dict, one per line:
        target, inputs, points, solver, settings, labels, sigma; auxiliary : m, or None for a trend;
        measure; kind : ratio or trend;
        n : data sets; left_out : pairs (for a trend, data sets) that do not count or have no value;
        ratio, low, high, confidence, standard_error, effect, skewness, verdict : None with fewer than two data sets;
        accepted : share of the line's runs that were accepted, those without auxiliary outputs included;
        worst_gap : largest gap of those that count;
        evidence : "certified" or "estimated";
        first_seed, last_seed : of the data sets.

    Raises
    ------
    ValueError
        If a row lacks part of its configuration, or a run occurs twice.
    """
    lines: list[dict[str, Any]] = []
    for studied, runs in _grouped(rows).items():
        for measure in measures:
            if any(_value(row, measure) for row in runs.values()):
                cells = _ratio_cells(runs) + _trend_cells(runs)
                lines_of_measure = [_line(cell, runs, measure, estimated, len(cells)) for cell in cells]
                lines += [dict(zip(_STUDIED, studied, strict=True)) | line for line in lines_of_measure]
    return lines


# --- grouping ---------------------------------------------------------------------------------------------------------

_Key = tuple[str, float, float, int]  # labels, sigma, auxiliary, seed
_Cell = tuple[str, float, tuple[float, ...]]  # labels, sigma, and one m for a ratio or several for a trend


def _grouped(rows: Iterable[Row]) -> dict[tuple[Any, ...], dict[_Key, Row]]:
    groups: dict[tuple[Any, ...], dict[_Key, Row]] = {}
    for row in rows:
        for name in (*_STUDIED[:-1], *_CELL, "seed", "accepted"):
            if row.get(name) is None:
                raise ValueError(f"a run has no {name!r}: {dict(row)!r}")
        runs = groups.setdefault(tuple(row.get(name) for name in _STUDIED), {})
        key = (str(row["labels"]), float(row["sigma"]), float(row["auxiliary"]), int(row["seed"]))
        if key in runs:
            raise ValueError(f"a run occurs twice: {dict(row)!r}")
        runs[key] = row
    return groups


def _ratio_cells(runs: Mapping[_Key, Row]) -> list[_Cell]:
    return [(labels, sigma, (m,)) for labels, sigma, m in sorted({key[:3] for key in runs if key[2] > 0})]


def _trend_cells(runs: Mapping[_Key, Row]) -> list[_Cell]:
    finite: dict[tuple[str, float], set[float]] = {}
    for labels, sigma, m, _ in runs:
        if 0 < m < INFINITE:
            finite.setdefault((labels, sigma), set()).add(m)
    return [(*cell, tuple(sorted(numbers))) for cell, numbers in sorted(finite.items()) if len(numbers) > 1]


# --- one line ---------------------------------------------------------------------------------------------------------


def _line(cell: _Cell, runs: Mapping[_Key, Row], measure: str, estimated: float | None, comparisons: int) -> dict[str, Any]:
    labels, sigma, numbers = cell
    trend = len(numbers) > 1
    baseline = {seed: row for (_, _, m, seed), row in runs.items() if m == 0}
    sets, left_out, everything = [], 0, []
    for seed in sorted({key[3] for key in runs if key[:2] == (labels, sigma) and key[2] in numbers}):
        runs_of_seed = [runs.get((labels, sigma, m, seed)) for m in numbers] + ([] if trend else [baseline.get(seed)])
        present = [row for row in runs_of_seed if row is not None]
        everything += present
        if len(present) == len(runs_of_seed) and all(_counts(row, estimated) and _value(row, measure) for row in present):
            sets.append((seed, present))
        else:
            left_out += 1
    gaps = [_gap(row, estimated) for _, present in sets for row in present]
    seeds = [seed for seed, _ in sets]
    return {
        "labels": labels,
        "sigma": sigma,
        "auxiliary": None if trend else numbers[0],
        "measure": measure,
        "kind": "trend" if trend else "ratio",
        "n": len(sets),
        "left_out": left_out,
        **_compared(np.array([[_value(row, measure) for row in present] for _, present in sets]), numbers, comparisons),
        "accepted": float(np.mean([bool(row["accepted"]) for row in everything])),
        "worst_gap": max(gaps, default=None),
        "evidence": "certified" if estimated is None else "estimated",
        "first_seed": min(seeds, default=None),
        "last_seed": max(seeds, default=None),
    }


def _compared(values: Any, numbers: tuple[float, ...], comparisons: int) -> dict[str, Any]:
    """Return the ratio or trend with its interval and verdict, from values (data sets, numbers of outputs)."""
    names = ("ratio", "low", "high", "confidence", "standard_error", "effect", "skewness")
    if len(values) < 2:
        return dict.fromkeys((*names, "verdict"))
    options: dict[str, Any] = {"confidence": CONFIDENCE, "comparisons": comparisons}
    ratio: Ratio
    if len(numbers) > 1:
        ratio, claimed = trend_ratio(values, numbers, **options), CLAIMED_TREND
    else:
        ratio, claimed = paired_ratio(values[:, 0], values[:, 1], **options), CLAIMED_RATIO
    return {name: getattr(ratio, name) for name in names} | {"verdict": str(ratio.verdict(claimed))}


def _value(row: Row, measure: str) -> float | None:
    """Return the measure, or None if it is missing or not a positive finite number, which has no ratios."""
    value = row.get(measure)
    return float(value) if value is not None and 0 < float(value) < math.inf else None


def _gap(row: Row, estimated: float | None) -> float:
    gap = row.get("certified_gap" if estimated is None else "estimated_gap")
    return math.nan if gap is None else abs(float(gap))  # an estimate below 0 is as wrong as one above 0


def _counts(row: Row, estimated: float | None) -> bool:
    if estimated is None:
        return bool(row["accepted"])
    return _gap(row, estimated) <= estimated and float(row["residual"]) <= estimated


# --- files ------------------------------------------------------------------------------------------------------------


def write_lines(path: str | os.PathLike[str], lines: Sequence[Row], *, code: str) -> None:
    """Write lines of a summary as CSV, completely or not at all; the column `code` has the code version of the runs.

    Raises
    ------
    ValueError
        If there are no lines, or the file cannot be written.
    """
    if not lines:
        raise ValueError("lines is empty: nothing to write")
    write_csv(path, [{**line, "code": code} for line in lines])


def read_rows(path: str | os.PathLike[str]) -> list[dict[str, Any]]:
    """Read a table of runs, or of a summary, from CSV; empty fields are None, numbers and truth values are read as such.

    Raises
    ------
    ValueError
        If the file cannot be read, or a row does not have as many fields as the header.
    """
    try:
        with Path(path).open(newline="", encoding="utf-8") as stream:
            rows = list(csv.DictReader(stream, strict=True))
    except OSError as error:
        raise ValueError(f"cannot read {os.fspath(path)!r}: {error.strerror}") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f"{os.fspath(path)!r} is not valid CSV: {error}") from None
    for number, row in enumerate(rows, start=1):
        if None in row or None in row.values():
            raise ValueError(f"{os.fspath(path)!r}: row {number} does not have as many fields as the header")
    return [{name: _parsed(text) for name, text in row.items()} for row in rows]


def _parsed(text: str) -> Any:
    if text in ("", "True", "False"):
        return {"": None, "True": True, "False": False}[text]
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text
