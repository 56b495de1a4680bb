"""Results of studies for figures: the checked lines of a recorded summary, or those of a small study that runs now."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from vvnorm.claims import decide
from vvnorm.studies.recorded import table
from vvnorm.studies.run import Run
from vvnorm.studies.statistics import Ratio, ratio_from_moments
from vvnorm.studies.summary import CLAIMED_RATIO, CLAIMED_TREND, read_rows, summarise

Line = Mapping[str, Any]

_MOST_LEFT_OUT = 0.1  # share of the pairs; if more are left out, the others are not a fair sample
_ROUNDING = 1e-9  # relative difference of two computations from the same moments


def recorded(study: str) -> tuple[Sequence[Line], list[str]]:
    """Read the recorded summary of a study; return its lines and complaints about them.

    Raises
    ------
    ValueError
        If no such summary is recorded.
    """
    lines = read_rows(table(study))
    return lines, [f"{study}: {complaint}" for line in lines for complaint in complaints_about(line)]


def complaints_about(line: Line) -> list[str]:
    """Check that a line's interval follows from its moments, its verdict from the interval, and few pairs are left out."""
    name = f"{line['target']}, m = {line['auxiliary']}, sigma = {line['sigma']}, {line['measure']}"
    if line["ratio"] is None:
        return [f"{name}: there is no ratio"]
    complaints = []
    if not 0 < line["low"] <= line["ratio"] <= line["high"]:
        complaints.append(f"{name}: ratio {line['ratio']} is not inside [{line['low']}, {line['high']}]")
    recomputed = _recomputed(line)
    if not all(math.isclose(line[end], getattr(recomputed, end), rel_tol=_ROUNDING) for end in ("low", "high")):
        interval = f"[{recomputed.low}, {recomputed.high}]"
        complaints.append(f"{name}: its moments give {interval}, not [{line['low']}, {line['high']}]")
    claimed = CLAIMED_TREND if line["kind"] == "trend" else CLAIMED_RATIO
    if line["verdict"] != decide(line["low"], line["high"], claimed, statistical=True):
        complaints.append(f"{name}: verdict {line['verdict']} does not follow from [{line['low']}, {line['high']}]")
    if line["left_out"] > _MOST_LEFT_OUT * (line["n"] + line["left_out"]):
        complaints.append(f"{name}: {line['left_out']} of {line['n'] + line['left_out']} pairs are left out")
    return complaints


def _recomputed(line: Line) -> Ratio:
    """Compute a line's ratio and interval from its recorded moments."""
    n, ratio = line["n"], line["ratio"]
    deviation = line["standard_error"] / ratio * math.sqrt(n)
    return ratio_from_moments(n, math.log(ratio), deviation, line["skewness"], line["confidence"])


def small_study(runs: Iterable[Run]) -> Sequence[Line]:
    """Do the runs one after the other, and summarise them."""
    from vvnorm.studies.experiment import perform

    return summarise(
        [run.configuration() | {"auxiliary": run.auxiliary, "settings": ""} | dict(perform(run)) for run in runs]
    )


def select(lines: Iterable[Line], **wanted: Any) -> Sequence[Line]:
    """Select the lines in which the given columns have the given values."""
    return [line for line in lines if all(line[name] == value for name, value in wanted.items())]
