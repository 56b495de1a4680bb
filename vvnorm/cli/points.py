"""Points at which `solve --band` and `certify --distance` say where minimisers are: read from a file, shown as a table."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vvnorm.cli.output import TextTable, say
from vvnorm.csv_files import CsvFormat, read_inputs, read_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vvnorm.datasets import Dataset
    from vvnorm.results.band import Band
    from vvnorm.results.minimiser_distance import MinimiserDistance
    from vvnorm.results.solution import Solution
    from vvnorm.validation import Array

_POINTS_EACH = 4  # processes take seconds to start: for fewer points than this they do not pay, unless --jobs asks for them

BandOption = Annotated[
    Path | None,
    typer.Option(
        "--band",
        metavar="POINTS.csv",
        help="Enclose the values that networks of nearly least cost take at these points.",
        show_default=False,
    ),
]
ExcessOption = Annotated[
    float | None,
    typer.Option(
        "--excess",
        metavar="E",
        help="With --band: how much more than the solution networks may cost, relative to it.",
        show_default="1e-6; for one input 0",
    ),
]
DistanceOption = Annotated[
    Path | None,
    typer.Option(
        "--distance",
        metavar="POINTS.csv",
        help="Bound the distance from every minimiser at these points.",
        show_default=False,
    ),
]


def check_band(band: Path | None, excess: float | None, jobs: int | None, inputs: int, fit: bool, bias: bool) -> None:
    """Refuse `--band` and its options where they do not go together, before any work is done."""
    from vvnorm.results.band_search import as_excess

    if band is None and (excess is not None or jobs is not None):
        raise ValueError(f"{'--excess' if excess is not None else '--jobs'} needs --band POINTS.csv")
    if band is None:
        return
    if excess is not None and inputs == 1 and not (fit or bias):
        raise ValueError("--excess is for fits, and for several inputs; here the band is that of all minimisers")
    as_excess(excess or 0.0)


def read_points(path: Path, dataset: "Dataset", csv: CsvFormat) -> "Array":
    """Read the columns of the data's inputs from a file of points."""
    table = read_table(path, csv)
    columns = table.columns(dataset.x_names)
    return read_inputs([columns[name] for name in dataset.x_names], table.decimal(list(columns.values())))


def show_band(
    solution: "Solution", points: "Array", excess: float | None, jobs: int | None, dataset: "Dataset"
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Print the band at points; return its record, and what the verifier does not accept."""
    from vvnorm.results.interpolant import Interpolant
    from vvnorm.results.multivariate import MultivariateSolution
    from vvnorm.results.univariate_fit import Fit

    if isinstance(solution, Interpolant) and solution.closed_form:
        known = solution.distance_to_minimisers(points)
        record = {"excess": 0.0, **{name: known.record()[name] for name in ("points", "outputs", "values")}}
        record |= {name: known.record()["minimisers"] for name in ("inner", "outer")}
        problems = known.verify().problems
    else:
        effort: dict[str, Any] = {"progress": True, "jobs": _processes(jobs, len(points))}
        if isinstance(solution, Interpolant):
            enclosed = solution.distance_to_minimisers(points, **effort).band
            assert enclosed is not None
            made = enclosed
        else:
            assert isinstance(solution, MultivariateSolution | Fit)
            chosen: dict[str, Any] = {} if excess is None else {"excess": excess}
            made = solution.band(points, **chosen, **effort)
        record, problems = made.record(), made.verify().problems
        say_outside(made)
    table = TextTable(*dataset.x_names, "output", "value", "lower", "upper", "attained from", "to")
    for k, x in enumerate(record["points"]):
        for j, name in enumerate(_names(dataset, record)):
            ends = (*record["outer"][k][j], *record["inner"][k][j])
            table.row(*_cells(x), name, *_cells([record["values"][k][j], *ends]))
    table.show()
    return record, problems


def distance_from(solution: "Solution", network: Any, points: "Array", jobs: int | None) -> "MinimiserDistance":
    """Return the distances of a network to every minimiser at points."""
    from vvnorm.results.interpolant import Interpolant
    from vvnorm.results.multivariate import MultivariateSolution
    from vvnorm.results.univariate_fit import Fit

    assert isinstance(solution, Interpolant | MultivariateSolution | Fit)
    return solution.distance_to_minimisers(points, network, progress=True, jobs=_processes(jobs, len(points)))


def show_distance(distance: "MinimiserDistance", dataset: "Dataset") -> tuple[dict[str, Any], tuple[str, ...]]:
    """Print the distances at points; return their record, and what the verifier does not accept."""
    record = distance.record()
    if distance.band is not None:
        say_outside(distance.band)
    table = TextTable(*dataset.x_names, "output", "value", "at least", "at most")
    for k, x in enumerate(record["points"]):
        for j, name in enumerate(_names(dataset, record)):
            table.row(*_cells(x), name, *_cells([record[part][k][j] for part in ("values", "lower", "upper")]))
    table.show()
    return record, distance.verify().problems


def say_outside(band: "Band") -> None:
    """Print how many points lie outside of the data's hull, if any does."""
    from vvnorm.results.band import outside_in_words

    if words := outside_in_words(int(band.outside.sum())):
        say(f"{'note':>18}  {words}")


def _names(dataset: "Dataset", record: dict[str, Any]) -> list[str]:
    """Names of the outputs; auxiliary outputs have numbers."""
    return [dataset.y_names[t] if t < len(dataset.y_names) else str(t) for t in record["outputs"]]


def _cells(numbers: "Sequence[float | None]") -> tuple[str, ...]:
    return tuple("infinite" if number is None else f"{number:.6g}" for number in numbers)


def _processes(jobs: int | None, points: int) -> int:
    from vvnorm._internal.threads import usable_cores

    return jobs or min(usable_cores(), max(points // _POINTS_EACH, 1))
