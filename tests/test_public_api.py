"""The public interface changes only on purpose, and the documentation has all of it."""

import re
from pathlib import Path

import public_api

import vvnorm

ROOT = Path(__file__).parent.parent


def test_public_names_and_parameters_are_those_recorded() -> None:
    """`python -m tests.public_api > tests/public_api.txt` records a change that is meant."""
    recorded = (ROOT / "tests" / "public_api.txt").read_text(encoding="utf-8").splitlines()
    assert list(public_api.lines()) == recorded


def test_the_reference_has_every_public_name() -> None:
    shown = re.findall(r"^::: (\S+)$", (ROOT / "docs" / "reference.md").read_text(encoding="utf-8"), flags=re.MULTILINE)
    names = sorted(set(vvnorm.__all__) - {"__version__"})
    assert sorted(path.rpartition(".")[2] for path in shown) == names
    for path in shown:
        module, _, name = path.rpartition(".")
        assert getattr(vvnorm, name).__module__ == module


def test_the_site_has_every_page() -> None:
    pages = re.findall(r"(\S+\.md)$", (ROOT / "mkdocs.yml").read_text(encoding="utf-8"), flags=re.MULTILINE)
    docs = ROOT / "docs"
    assert sorted(pages) == sorted(str(page.relative_to(docs)) for page in docs.rglob("*.md"))


def test_the_citation_has_the_current_version() -> None:
    assert f"\nversion: {vvnorm.__version__}\n" in (ROOT / "CITATION.cff").read_text(encoding="utf-8")
