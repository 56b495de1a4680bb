"""Reports: whole pages that load nothing from elsewhere, and say what the files say."""

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from commands import Command, runner

from vvnorm.claims import cases, claim_names, load_claim
from vvnorm.reporting.mathematics import formula, with_formulas
from vvnorm.reporting.page import number, render
from vvnorm.reporting.theory import theory_report

OPEN_ENDED = {"br", "hr", "img", "input", "link", "meta"}


class Page(HTMLParser):
    """Collects the elements of a page, and refuses tags that are not closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in OPEN_ENDED:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


def check_self_contained(text: str) -> Page:
    page = Page(text)
    addresses = [own.get(name) for _, own in page.elements for name in ("src", "href")]
    assert {str(address).partition(":")[0] for address in addresses if address and not address.startswith("#")} <= {"data"}
    targets = {own["id"] for _, own in page.elements if "id" in own}
    assert {address[1:] for address in addresses if address and address.startswith("#")} <= targets
    assert len(targets) == sum("id" in own for _, own in page.elements)
    assert any("default-src 'none'" in (own.get("content") or "") for own in page.all("meta"))
    return page


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    monkeypatch.chdir(tmp_path)
    return runner(capsys)


def test_theory_page_says_what_the_files_say(results: Path, run: Command) -> None:
    done = run("report", "--results", results, "--out", "page.html")
    assert done.code == 1  # a claim is not confirmed
    assert "2 claims, 1 figure, 1 not as expected" in done.out
    text = Path("page.html").read_text()
    page = check_self_contained(text)
    statement = load_claim("width").statement.replace("<", "&lt;").replace("||", "‖")
    unsupported = text[text.index('id="unsupported"') : text.index('id="claims"')]
    assert statement in unsupported
    assert unsupported.count("was not checked in this run") == len(claim_names()) - 2
    assert text.count(load_claim("uniqueness").statement) == 2  # in the table and in detail
    assert "f &lt; g" in text
    assert "<td>machine-checked</td>" in text
    assert text.count("To be trusted: ") >= 3
    assert len(page.all("math")) >= 5
    assert len(page.all("img")) == 1
    rows = re.findall(r'<tr data-study="', text)
    assert len(rows) == len(theory_report(results).studies) > 1000


def test_hypotheses_count_instances_that_were_as_expected(results: Path) -> None:
    (row, _) = theory_report(results).claims
    claim = load_claim("uniqueness")
    expected = [case for case in cases(claim, 2, 0) if case.hypothesis > 0]
    assert [name for name, *_ in row.hypotheses] == list(claim.hypotheses)
    assert sum(of for *_, of in row.hypotheses) == len(expected)
    assert all(right == of > 0 for *_, right, of in row.hypotheses)


def test_training_table_has_the_last_step_of_each_way_of_training(results: Path) -> None:
    constant, polished = theory_report(results).training
    assert (constant["networks"], constant["steps"], constant["median"], constant["worst"]) == (2, 9, 0.5, 0.75)
    assert (polished["networks"], polished["steps"], polished["worst"], polished["residual"]) == (1, None, 0.001, None)


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("verify.json", "{", "is not JSON"),
        ("verify.json", "[]", "not a file that this version of vvnorm verify --json wrote"),
        ("figures.json", '{"figures": 3}', "not a file that this version of vvnorm figures --json wrote"),
        ("verify.json", '{"claims": [{"claim": "nothing"}], "environment": {}}', "nothing"),
    ],
)
def test_damaged_results_are_refused_in_one_line(
    results: Path, run: Command, file: str, content: str, message: str
) -> None:
    (results / file).write_text(content)
    done = run("report", "--results", results, "--out", "page.html")
    assert done.code == 64
    assert message in done.err
    assert done.err.count("\n") == 1
    assert not Path("page.html").exists()


@pytest.mark.parametrize("out", ["page.pdf", "nowhere/page.html"])
def test_unusable_output_is_refused_before_any_work(run: Command, out: str) -> None:
    done = run("report", "--results", "none", "--out", out)
    assert (done.code, done.err.count("\n")) == (64, 1)
    assert not Path("none").exists()


def test_page_on_own_data_explains_them(run: Command) -> None:
    Path("trial.csv").write_text("dose,a<b\n" + "".join(f"{x},{x * x}\n" for x in range(6)))
    done = run("report", "trial.csv", "--x", "dose", "--y", "a<b", "--seeds", 2, "--steps", 30, "--out", "page.html")
    assert done.code == 0
    text = Path("page.html").read_text()
    page = check_self_contained(text)
    assert "VV norm 8" in done.out  # slopes 1, 3, 5, 7, 9
    assert "Infinitely many functions have this VV norm" in text
    assert "The fewest neurons of a network of this VV norm are 2." in text
    assert "2 networks trained by Adam for 30 steps ended between" in text
    assert "a&lt;b" in text
    assert len(page.all("img")) == 2


def test_page_on_own_data_with_several_inputs_or_a_fit(run: Command) -> None:
    Path("plane.csv").write_text("u,v,y\n0,0,0\n1,0,1\n0,1,1\n1,1,0\n2,1,1\n")
    for options in ((), ("--lam", 0.1)):
        done = run("report", "plane.csv", "--x", "u,v", "--y", "y", "--seeds", 0, *options, "--out", "page.html")
        assert done.code == 0
        text = Path("page.html").read_text()
        check_self_contained(text)
        assert ("objective" in done.out) == bool(options)
        assert "Trained networks" not in text


def test_all_formulas_of_claims_are_understood() -> None:
    for name in claim_names():
        claim = load_claim(name)
        words = re.sub("<[^>]*>", "", formula(claim.formula))
        assert "\\" not in words, name
        assert claim.formula, name


def test_text_around_formulas_is_escaped() -> None:
    assert str(with_formulas("a < b")) == "a &lt; b"
    assert str(with_formulas("x & $y$")).startswith("x &amp; <math")


def test_missing_numbers_are_empty() -> None:
    assert (number(None), number("inf"), number(0.12345, 2)) == ("", "inf", "0.12")


def test_missing_packages_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "jinja2", None)
    with pytest.raises(ValueError, match=r"pip install 'vvnorm\[report\]'"):
        render("data.html", None)
