"""Content of the report on the theory: claims, figures, trained networks and recorded studies.

All numbers come from files of `vvnorm verify --json`, `vvnorm figures --json` and `vvnorm summary --out`. A claim's
statement comes from the claim itself, so that the claims in the files must be installed.
"""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from vvnorm.claims import Claim, claim_names, load_claim
from vvnorm.claims.verdict import Verdict
from vvnorm.plotting import load_figure
from vvnorm.studies import recorded
from vvnorm.studies.summary import read_rows

CONFIRMED = (Verdict.HOLDS, Verdict.SUPPORTED)

_LARGEST_TABLE = 500_000  # bytes; longer tables of numbers would make the page slow to open


@dataclass(frozen=True)
class ClaimRow:
    """A claim with the outcome of a run.

    Attributes
    ----------
    claim : Claim
    record : mapping
        The claim's entry in the file of `vvnorm verify --json`.
    hypotheses : list of (name, expected verdict, why, as expected, of)
        For each hypothesis, how many instances that violate it had the expected verdict.
    real_data : list of (name, verdict, as expected)
        Outcomes on real data.
    """

    claim: Claim
    record: Mapping[str, Any]
    hypotheses: list[tuple[str, str, str, int, int]]
    real_data: list[tuple[str, str, bool]]

    @property
    def evidence(self) -> str:
        """The strongest rung on which the claim stands."""
        return str(self.claim.rungs[0])

    @property
    def confirmed(self) -> bool:
        """Whether the verdict confirms the claim."""
        return bool(self.record["verdict"] == str(self.claim.confirmed))


@dataclass(frozen=True)
class FigureCard:
    """A figure: its entry in the file of `vvnorm figures --json`, its picture (SVG), and its numbers (CSV) unless long."""

    record: Mapping[str, Any]
    picture: bytes | None
    numbers: bytes | None

    @property
    def as_expected(self) -> bool:
        """Whether the verdict is the expected one; where none is stated, whether it confirms."""
        expected = self.record["expected"]
        known = self.record["verdict"] in map(str, CONFIRMED) if expected is None else self.record["verdict"] == expected
        return bool(known and not self.record["complaints"])


@dataclass(frozen=True)
class TheoryReport:
    """Content of the page on the theory.

    Attributes
    ----------
    title : str
    verification, drawing : mapping
        The whole files of `verify` and of `figures`, with seeds, versions and machine.
    claims : list of ClaimRow
    not_run : list of str
        Claims that are installed but not in the file.
    figures : list of FigureCard
    training : list of mapping
        For each way of training, how far the networks of the figure `training_gap` ended from the certified optimum.
    studies : list of mapping
        All lines of the recorded studies.
    """

    title: str
    verification: Mapping[str, Any]
    drawing: Mapping[str, Any]
    claims: list[ClaimRow]
    not_run: list[str]
    figures: list[FigureCard]
    training: list[Mapping[str, Any]]
    studies: list[Mapping[str, Any]]

    @property
    def verdicts(self) -> Mapping[str, int]:
        """How many claims have each verdict."""
        return Counter(row.record["verdict"] for row in self.claims)

    @property
    def unconfirmed(self) -> list[ClaimRow]:
        """Claims that the run did not confirm."""
        return [row for row in self.claims if not row.confirmed]

    @property
    def contradicting(self) -> list[ClaimRow]:
        """Confirmed claims that contradict a reading of a paper, as their source says."""
        return [row for row in self.claims if row.confirmed and "contradicts" in row.claim.source]

    @property
    def negative_figures(self) -> list[FigureCard]:
        """Figures whose statement the data do not support."""
        return [card for card in self.figures if card.record["verdict"] not in map(str, CONFIRMED)]

    @property
    def study_verdicts(self) -> Mapping[str, int]:
        """How many lines of the recorded studies have each verdict."""
        return Counter(str(line["verdict"]) for line in self.studies if line["verdict"])


def theory_report(folder: Path) -> TheoryReport:
    """Gather the content of the report.

    Parameters
    ----------
    folder : path
        With `verify.json`, `figures.json` and `figures/`, as `make verify` leaves them.

    Raises
    ------
    ValueError
        If a file is missing or damaged, or names a claim that is not installed.
    """
    verification = _read(folder / "verify.json", "claims", "vvnorm verify --json")
    drawing = _read(folder / "figures.json", "figures", "vvnorm figures --json")
    claims = [_claim_row(record) for record in verification["claims"]]
    shown = {row.claim.id for row in claims}
    return TheoryReport(
        title="What holds for minimal-norm ReLU networks",
        verification=verification,
        drawing=drawing,
        claims=claims,
        not_run=[name for name in claim_names() if name not in shown],
        figures=[_figure_card(record, folder / "figures") for record in drawing["figures"]],
        training=_training(folder / "figures" / "training_gap.csv"),
        studies=_studies(),
    )


def _read(path: Path, part: str, command: str) -> dict[str, Any]:
    try:
        record = json.loads(path.read_text())
    except OSError as error:
        raise ValueError(f"cannot read {str(path)!r}: {error.strerror}; {command} writes it") from None
    except ValueError:
        raise ValueError(f"{str(path)!r} is not JSON: it is damaged, or no file of {command}") from None
    if not isinstance(record, dict) or not isinstance(record.get(part), list) or "environment" not in record:
        raise ValueError(f"{str(path)!r} is not a file that this version of {command} wrote")
    return record


def _claim_row(record: Mapping[str, Any]) -> ClaimRow:
    claim = load_claim(record["claim"])
    outcomes = record["outcomes"]
    hypotheses = []
    for name in claim.hypotheses:
        verdict, why = claim.on_violation[name]
        own = [outcome for outcome in outcomes if outcome["instance"].startswith(f"without {name} ")]
        hypotheses.append((name, str(verdict), why, sum(map(_as_expected, own)), len(own)))
    drawn = ("draw ", "without ")
    real = [outcome for outcome in outcomes if not outcome["instance"].startswith(drawn)]
    return ClaimRow(claim, record, hypotheses, [(o["instance"], o["verdict"], _as_expected(o)) for o in real])


def _as_expected(outcome: Mapping[str, Any]) -> bool:
    return outcome["verdict"] == outcome["expected"] and not outcome["complaints"]


def _figure_card(record: Mapping[str, Any], folder: Path) -> FigureCard:
    load_figure(record["figure"])  # refuse names that are not those of a figure: they become file names

    def content(suffix: str) -> bytes | None:
        path = folder / f"{record['figure']}{suffix}"
        return path.read_bytes() if path.is_file() else None

    numbers = content(".csv")
    short = numbers is not None and len(numbers) <= _LARGEST_TABLE
    return FigureCard(record, content(".svg"), numbers if short else None)


def _training(path: Path) -> list[Mapping[str, Any]]:
    """Excess over the certified optimum of the networks of figure `training_gap`: at the last step, or once polished."""
    if not path.is_file():
        return []
    lines = read_rows(path)
    table: list[Mapping[str, Any]] = []
    for training in dict.fromkeys(str(line["training"]) for line in lines):
        own = [line for line in lines if line["training"] == training]
        steps = max((line["step"] for line in own if line["step"] is not None), default=None)
        ended = [line for line in own if line["step"] == steps]
        excesses = [line["excess"] for line in ended]
        residuals = [line["residual"] for line in ended if line["residual"] is not None]
        table.append({
            "training": training, "networks": len(ended), "steps": steps, "median": median(excesses),
            "worst": max(excesses), "residual": max(residuals, default=None),
        })  # fmt: skip
    return table


def _studies() -> list[Mapping[str, Any]]:
    return [{"study": name} | line for name in recorded.study_names() for line in read_rows(recorded.table(name))]
