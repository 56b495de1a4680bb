"""Random small problems against independent programs: which answers are optimal, and whether gaps show the others.

    python -m benchmarks.random_draws --family line --draws 100              # some draws, counted in a table
    python -m benchmarks.random_draws --resume --minutes 60 --jobs 2         # go on with the recorded run

`benchmarks.random_problems` has the families. Each draw's answer is compared with that of a program that shares no code
with the toolkit (`benchmarks.line_programs`, `benchmarks.cone_programs`). It is counted as

- *worse*: the value is more than 1e-5 above the program's, and the gap does not show it;
- *open*: the relative gap is above 1e-4;
- *unsound*: the lower bound is above the program's value, which is that of a network;
- *refused*: `verify` does not accept it, though its gap is not above 1e-4;
- *failed*: an exception;
- *unknown*: no comparison, since the program has failed in every setting.

Each such draw is listed with the arguments that reproduce it. Values are compared relative to the program's value, or to
1e-8 of the loss of a constant if that is larger: with separated classes objectives fall to 0, and no program knows their
digits.

With `--resume` the draws are those that `benchmarks/recorded/random_draws.csv` lacks, up to `--goal` for each family, those
with the fewest draws first, one input before several. The table has a line for each family and version of the library, with
the numbers of draws of each kind. It is written every few seconds, so that an interruption loses only the last
seconds. The report adds up all versions, and bounds each rate from above at 95 % (C. J. Clopper, E. S. Pearson,
Biometrika 26, 1934). A second table counts the same draws by property: number of inputs, loss, missing labels, weights and
conventions. A draw with several properties is in several of its rows.
"""

import argparse
import os
import time
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from joblib import Parallel, delayed
from rich.console import Console
from rich.table import Table
from scipy.stats import beta

from benchmarks import cone_programs
from benchmarks.line_programs import solve_line
from benchmarks.neuron_programs import FLOOR, Labels, ProgramError
from benchmarks.random_problems import FAMILIES, Draw
from vvnorm._internal.files import write_csv
from vvnorm.studies.store import code_version
from vvnorm.studies.summary import read_rows

ABOVE = 1e-5  # relative excess over the independent optimum that the gap must account for
OPEN = 1e-4  # relative gap above which a draw is counted
PROGRAM = 1e-6  # relative accuracy of the programs
KINDS = ("worse", "open", "unsound", "refused", "failed", "unknown")
LEDGER = Path(__file__).parent / "recorded" / "random_draws.csv"
_BLOCK = 3.0  # seconds of work between two writes of the ledger


@dataclass(frozen=True)
class Reference:
    """A program's solution: the value of a network, and the scale of values (`Labels.scale`)."""

    value: float
    scale: float


def program(draw: Draw) -> Reference:
    """Solve a problem without the toolkit.

    Raises
    ------
    ProgramError
        If that fails.
    """
    options, T = draw.options, draw.Y.shape[1]
    lam = options.get("lam")
    losses = options.get("loss", "squared") if lam is not None else None
    kind = {"skip": options.get("skip", True), "bias": options.get("penalise_bias", False)}
    X, place = np.unique(draw.X, axis=0, return_inverse=True) if draw.X.ndim == 1 else (draw.X, np.arange(len(draw.X)))
    labels = Labels.of(draw.Y, place, losses, options.get("weights"))
    solver = solve_line if draw.X.ndim == 1 else cone_programs.solve
    return Reference(solver(X, labels, T, lam, **kind).value, labels.scale)


# --- counting ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Judged:
    """How one draw counts (names of `KINDS`), its gap (0 where values are too small to compare), and what it was."""

    index: int
    kinds: tuple[str, ...]
    gap: float
    words: str


def problem(name: str, seed: int, index: int) -> Draw:
    """Draw a problem of a family: the same for the same arguments."""
    return FAMILIES[name](np.random.default_rng([seed, zlib.crc32(name.encode()), index]))


def judge(name: str, seed: int, index: int) -> Judged:
    """Draw a problem of a family, solve it twice, and compare."""
    draw = problem(name, seed, index)
    try:
        reference = program(draw)
    except ProgramError as error:
        return Judged(index, ("unknown",), 0.0, f"{name} {seed} {index}: {error}; {draw}")
    try:
        solution = draw.answer()
        value, gap, lower, accepted = solution.value, solution.gap, solution.lower_bound, bool(solution.verify())
    except Exception as error:  # any exception is counted
        return Judged(index, ("failed",), 0.0, f"{name} {seed} {index}: {type(error).__name__}: {error}; {draw}")
    size = max(reference.value, FLOOR * reference.scale)
    noise = PROGRAM * size
    known = value > FLOOR * reference.scale
    counts = {
        "worse": value - reference.value > ABOVE * size and value * (1 - gap) > reference.value + noise,
        "open": known and gap > OPEN,
        "unsound": lower > reference.value + noise,
        "refused": known and not accepted and gap <= OPEN,
    }
    words = f"{name} {seed} {index}: {value!r} gap {gap:.2g}, program {reference.value!r}; {draw}"
    return Judged(index, tuple(kind for kind in counts if counts[kind]), gap if known else 0.0, words)


def tell(judged: Iterable[Judged]) -> None:
    """Print the draws of a kind other than optimal."""
    for draw in judged:
        if draw.kinds:
            print(", ".join(draw.kinds), draw.words, flush=True)


# --- the recorded run -------------------------------------------------------------------------------------------------


class DrawLedger:
    """Counts of draws by family and version, in a CSV file; draws of a family have the indices 0, 1, .. and one seed.

    Parameters
    ----------
    path : path
        Read if it exists.
    version : str
        Of the library, to which new draws belong.
    seed : int
    """

    def __init__(self, path: Path, version: str, seed: int = 0) -> None:
        self.path, self.version, self.seed = path, version, seed
        rows: list[dict[str, Any]] = read_rows(path) if path.exists() else []
        self.rows = [{**row, "noted": "" if row["noted"] is None else str(row["noted"])} for row in rows]

    def draws(self, name: str) -> int:
        """Draws of a family so far, which is the index of the next."""
        return sum(row["draws"] for row in self.rows if row["family"] == name and row["seed"] == self.seed)

    def add(self, name: str, judged: Sequence[Judged]) -> None:
        """Count consecutive draws, the first of which is the family's next one, and write the file."""
        first = self.draws(name)
        if [draw.index for draw in judged] != list(range(first, first + len(judged))):
            raise ValueError(f"draws of {name} must begin with {first} and leave none out")
        key = {"family": name, "seed": self.seed, "version": self.version}
        row = next((row for row in self.rows if key.items() <= row.items()), None)
        if row is None:
            row = {**key, "first": first, "draws": 0, **dict.fromkeys(KINDS, 0), "largest_gap": 0.0, "noted": ""}
            self.rows.append(row)
        row["draws"] += len(judged)
        for kind in KINDS:
            row[kind] += sum(kind in draw.kinds for draw in judged)
        row["largest_gap"] = max(row["largest_gap"], *(draw.gap for draw in judged))
        noted = [f"{'+'.join(draw.kinds)}:{draw.index}" for draw in judged if draw.kinds]
        row["noted"] = " ".join([*row["noted"].split(), *noted])
        self.path.parent.mkdir(exist_ok=True)
        write_csv(self.path, sorted(self.rows, key=lambda row: (row["family"], row["seed"], row["first"])))

    def next_family(self, names: Sequence[str], goal: int) -> str | None:
        """Return the family with the fewest draws, one input before several; None if each has as many as the goal."""
        lacking = [name for name in names if self.draws(name) < goal]
        return min(lacking, key=lambda name: (not name.startswith("line"), self.draws(name)), default=None)

    def by_property(self, names: Sequence[str]) -> dict[str, dict[str, Any]]:
        """Counts of the draws of some families by property, over all versions and seeds; each problem is drawn again."""
        counts: dict[str, dict[str, Any]] = {}
        for row in self.rows:
            if row["family"] not in names:
                continue
            events = dict(reversed(noted.split(":")) for noted in row["noted"].split())
            for index in range(row["first"], row["first"] + row["draws"]):
                kinds = events.get(str(index), "").split("+")
                for name in problem(row["family"], row["seed"], index).properties:
                    line = counts.setdefault(name, dict.fromkeys(("draws", *KINDS), 0))
                    line["draws"] += 1
                    for kind in kinds:
                        if kind:
                            line[kind] += 1
        return dict(sorted(counts.items()))

    def totals(self, name: str) -> dict[str, Any]:
        """Counts of a family over all versions and seeds."""
        own = [row for row in self.rows if row["family"] == name]
        counts = {key: sum(row[key] for row in own) for key in ("draws", *KINDS)}
        return {**counts, "largest_gap": max((row["largest_gap"] for row in own), default=0.0)}


def extend(ledger: DrawLedger, names: Sequence[str], goal: int, minutes: float, jobs: int) -> None:
    """Draw until the goal is reached or time is over; write the ledger every few seconds."""
    end, pace = time.monotonic() + 60 * minutes, dict.fromkeys(names, 0.1)
    with Parallel(jobs) as parallel:
        while time.monotonic() < end and (name := ledger.next_family(names, goal)):
            first, began = ledger.draws(name), time.monotonic()
            count = min(goal - first, max(jobs, int(_BLOCK / pace[name])))
            judged = list(parallel(delayed(judge)(name, ledger.seed, i) for i in range(first, first + count)))
            pace[name] = max((time.monotonic() - began) / count, 1e-4)
            ledger.add(name, judged)
            tell(judged)


def highest_rate(events: int, draws: int, confidence: float = 0.95) -> float:
    """Upper confidence bound for the rate of events, from a number of independent draws (Clopper and Pearson, 1934)."""
    return float(beta.ppf(confidence, events + 1, draws - events)) if events < draws else 1.0


def report(lines: dict[str, dict[str, Any]], first: str = "family") -> Table:
    """Return the table of counts, with upper bounds of the rates of draws that are worse, and open."""
    table = Table(first, "draws", *KINDS, "largest gap", "worse, at most", "open, at most")
    for name, line in lines.items():
        judged = line["draws"] - line["unknown"] - line["failed"]
        bounds = [f"{highest_rate(line[kind], judged):.2g}" if judged else "" for kind in ("worse", "open")]
        gap = f"{line['largest_gap']:.1e}" if "largest_gap" in line else "-"
        table.add_row(name, str(line["draws"]), *(str(line[k]) for k in KINDS), gap, *bounds)
    return table


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--family", nargs="*", default=[""], metavar="NAME", help="first letters of the families' names")
    parser.add_argument("--draws", type=int, default=100, help="draws of each family, unless --resume is given")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    parser.add_argument("--resume", action="store_true", help="go on with the recorded run")
    parser.add_argument("--minutes", type=float, default=0.0, help="how long to go on; 0 prints the record only")
    parser.add_argument("--goal", type=int, default=20_000, help="draws of each family in the recorded run")
    parser.add_argument("--ledger", type=Path, default=LEDGER, help="the record")
    options = parser.parse_args(arguments)
    names = [name for name in FAMILIES if name.startswith(tuple(options.family))]
    if not options.resume:
        lines = {}
        for name in names:
            judged = Parallel(options.jobs)(delayed(judge)(name, options.seed, i) for i in range(options.draws))
            tell(judged)
            counts = {kind: sum(kind in draw.kinds for draw in judged) for kind in KINDS}
            lines[name] = {"draws": options.draws, **counts, "largest_gap": max(draw.gap for draw in judged)}
        Console().print(report(lines))
        return
    ledger = DrawLedger(options.ledger, code_version(), options.seed)
    try:
        extend(ledger, names, options.goal, options.minutes, options.jobs)
    except KeyboardInterrupt:
        print("interrupted; what was counted is recorded")
    console = Console(width=max(160, os.get_terminal_size().columns) if os.isatty(1) else 160)
    console.print(report({name: ledger.totals(name) for name in names}))
    console.print(report(ledger.by_property(names), "property"))


if __name__ == "__main__":
    main()
