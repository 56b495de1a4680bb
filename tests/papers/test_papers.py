"""Rows of papers: what they name exists, verdicts follow from claims and figures, pages and bad input."""

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from vvnorm.claims import Claim, Report, Verdict, claim_names, load_claim
from vvnorm.cli import main
from vvnorm.papers import Paper, Row, RowOutcome, choose, load_paper, paper_names, read_paper, verdict_on
from vvnorm.papers.pages import write_pages
from vvnorm.plotting import figure_names
from vvnorm.plotting.runner import Drawn

HOLDS, VIOLATED, INCONCLUSIVE = Verdict.HOLDS, Verdict.VIOLATED, Verdict.INCONCLUSIVE
SUPPORTED, NOT_SUPPORTED = Verdict.SUPPORTED, Verdict.NOT_SUPPORTED
OURS = ("MT", "VV", "SK", "LP", "AHS", "ZOBWS", "PE", "OWSS", "HX")
ROWS = [(paper.id, row) for paper in map(load_paper, OURS) for row in paper.rows]
HEAD = 'id = "XX"\ntitle = "t"\nauthors = "a"\narxiv = "1"\nsource = "s"\n'


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as stop:
        main(["papers", *arguments])
    assert isinstance(stop.value.code, int)
    return stop.value.code


# --- rows -------------------------------------------------------------------------------------------------------------


def test_the_papers_are_registered_under_their_ids() -> None:
    assert set(OURS) <= set(paper_names())
    assert [load_paper(name).id for name in OURS] == list(OURS)


@pytest.mark.parametrize(("paper", "row"), ROWS, ids=[f"{paper}:{row.id}" for paper, row in ROWS])
def test_a_row_names_claims_and_figures_that_exist_or_has_a_reason(paper: str, row: Row) -> None:
    assert set(row.claims) | set(row.contradicted_by) <= set(claim_names())
    assert set(row.figures) <= set(figure_names())
    assert bool(row.tested_by) != bool(row.reason)
    assert len(row.says) > 20


@pytest.mark.parametrize(("paper", "row"), ROWS, ids=[f"{paper}:{row.id}" for paper, row in ROWS])
def test_the_command_that_a_page_shows_runs_this_row_alone(paper: str, row: Row) -> None:
    if row.tested_by:
        assert [each.id for _, each in choose([f"{paper}:{row.id}"])] == [row.id]


@pytest.mark.parametrize("paper", OURS)
def test_every_claim_from_a_paper_tests_one_of_its_rows(paper: str) -> None:
    number = load_paper(paper).arxiv.partition("v")[0]
    from_it = {name for name in claim_names() if number in load_claim(name).source}
    tested = {name for row in load_paper(paper).rows for name in (*row.claims, *row.contradicted_by)}
    assert from_it <= tested


@pytest.mark.parametrize(("paper", "row"), ROWS, ids=[f"{paper}:{row.id}" for paper, row in ROWS])
def test_no_row_has_a_verdict_written_down(paper: str, row: Row) -> None:
    assert not re.search("|".join(Verdict), " ".join([row.name, row.says, row.differs, row.reason]))


# --- verdicts ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("agreeing", "opposed", "expected"),
    [
        ([], [], None),
        ([HOLDS, HOLDS], [], HOLDS),
        ([HOLDS, SUPPORTED], [], SUPPORTED),
        ([HOLDS, INCONCLUSIVE], [], INCONCLUSIVE),
        ([HOLDS, INCONCLUSIVE, NOT_SUPPORTED], [], NOT_SUPPORTED),
        ([VIOLATED, NOT_SUPPORTED], [], VIOLATED),
        ([], [HOLDS], VIOLATED),
        ([], [SUPPORTED], NOT_SUPPORTED),
        ([SUPPORTED], [SUPPORTED], NOT_SUPPORTED),
        ([HOLDS], [VIOLATED], INCONCLUSIVE),
        ([], [NOT_SUPPORTED], INCONCLUSIVE),
        ([], [INCONCLUSIVE], INCONCLUSIVE),
    ],
)
def test_the_verdict_on_a_row(agreeing: list[Verdict], opposed: list[Verdict], expected: Verdict | None) -> None:
    assert verdict_on(agreeing, opposed) is expected


# --- files ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rows", "complaint"),
    [
        ('[[row]]\nid = "a"\nname = "A"\nsays = "s"\n', "either claims or figures, or a reason"),
        ('[[row]]\nid = "a"\nname = "A"\nsays = "s"\nclaims = ["width"]\nreason = "r"\n', "either claims or figures"),
        ('[[row]]\nid = "A b"\nname = "A"\nsays = "s"\nreason = "r"\n', "id must be small letters"),
        ('[[row]]\nid = "a"\nname = "A"\nreason = "r"\n', "says is missing"),
        ('[[row]]\nid = "a"\nname = "A"\nsays = 3\nreason = "r"\n', "says is 3"),
        ('[[row]]\nid = "a"\nname = "A"\nsays = "s"\nclaims = "width"\n', "claims is 'width'"),
        ('[[row]]\nid = "a"\nname = "A"\nsays = "s"\nreason = "r"\nverdict = "HOLDS"\n', "verdict is not a field"),
        (2 * '[[row]]\nid = "a"\nname = "A"\nsays = "s"\nreason = "r"\n', "row 'a' occurs twice"),
        ("[[row", "not a TOML file"),
    ],
)
def test_a_bad_file_is_refused(rows: str, complaint: str, tmp_path: Path) -> None:
    file = tmp_path / "xx.toml"
    file.write_text(HEAD + rows)
    with pytest.raises(ValueError, match=complaint):
        read_paper(file)


# --- pages ------------------------------------------------------------------------------------------------------------


def outcome(make: Callable[[Row], Row]) -> RowOutcome:
    """The outcome of a row that the claim `width` tests, without running it."""
    claim: Claim = load_claim("width")
    row = make(Row("a", "Figure <1> | x", "A & B < C | D", claims=("width",), figures=("neuron",)))
    paper = Paper("XX", "A title", "Somebody", "1234.5678v1", "Read.", (row,))
    drawn = Drawn("neuron", "a statement", "a caption", HOLDS, None, [])
    return RowOutcome(paper, row, {"width": Report(claim, [], 0, 0.0)}, {"neuron": drawn})


def test_pages_escape_text_and_link_to_the_claim_and_the_figure(tmp_path: Path) -> None:
    write_pages([outcome(lambda row: row)], tmp_path, tmp_path / "figures", seed=3, quick=True)
    html, markdown = ((tmp_path / f"XX.{form}").read_text() for form in ("html", "md"))
    assert "A &amp; B &lt; C | D" in html
    assert "A & B \\< C \\| D" in markdown
    for page in (html, markdown):
        link = re.search(r'["(]([^"()]*proofs_checks/width\.py)', page)
        assert link is not None
        assert (tmp_path / link[1]).is_file()
        assert "figures/neuron.png" in page
        assert "seed 3, quick" in page
        assert "vvnorm papers XX:a" in page
    assert len({line.count("|") - line.count("\\|") for line in markdown.splitlines() if line.startswith("|")}) == 1


def test_the_page_of_an_untested_row_says_why(tmp_path: Path) -> None:
    untested = outcome(lambda row: replace(row, claims=(), figures=(), reason="No data at hand."))
    write_pages([untested], tmp_path, tmp_path, seed=0, quick=False)
    for form in ("html", "md"):
        page = (tmp_path / f"XX.{form}").read_text()
        assert "No data at hand." in page
        assert "not tested" in page
        assert "vvnorm papers XX:a" not in page


# --- the command ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "near"),
    [("MX", "the nearest is 'MT'"), ("mt", "the nearest is 'MT'"), ("MT:lemma-3.3", "the nearest is 'lemma-3.2'")],
)
def test_an_unknown_name_is_refused_with_the_nearest(name: str, near: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(name) == 64
    error = capsys.readouterr().err
    assert near in error
    assert error.count("\n") == 1


@pytest.mark.parametrize("arguments", [["--resume"], ["--out", "/dev/null/x"], ["--json", "/nowhere/x.json"]])
def test_bad_options_are_refused_before_anything_runs(arguments: Sequence[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run("SK:celeba", *arguments) == 64
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1


def test_part_of_a_name_stands_for_all_its_rows() -> None:
    names = [row.id for _, row in choose(["MT:theorem-3.1", "MT:theorem-3.1-unique"])]
    assert names == ["theorem-3.1-optimal", "theorem-3.1-unique", "theorem-3.1-almost-surely"]
    assert [row.id for _, row in choose(["MT:figure-1"])] == ["figure-1"]
    assert len(choose()) >= len(ROWS)


def test_rows_run_alone_twice_with_the_same_numbers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out, file = tmp_path / "out", tmp_path / "rows.json"
    records = []
    for resume in ([], ["--resume"]):
        arguments = ["SK:celeba", "LP:section-3-sparsest", "--quick", "--jobs", "1", "--out", str(out), "--json", str(file)]
        assert run(*arguments, *resume) == 0
        records.append(json.loads(file.read_text()))
    assert records[0] == records[1]  # seconds included: the second run takes results from the first
    untested, sparsest = records[0]["rows"]
    assert untested["verdict"] is None
    assert sparsest["verdict"] == "HOLDS"
    [claim] = sparsest["claims"]
    assert claim["claimed"][0] <= claim["lower"] <= claim["upper"] <= claim["claimed"][1]
    assert (out / "LP.html").is_file()
    assert not (out / "MT.html").exists()
    assert "LP:section-3-sparsest\tsparsest\tHOLDS" in capsys.readouterr().out


def test_the_list_runs_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--list") == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == len(choose()) + 1
    assert any("not tested: " in line for line in lines)
