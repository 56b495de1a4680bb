"""The gallery: ten short scripts, each with an idea, checks and a figure; the tests run what the site shows."""

import ast
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "docs" / "site"))
import gallery  # noqa: E402  # the site makes its pages with it


def test_the_site_shows_every_script() -> None:
    assert sorted(gallery.ORDER) == sorted(path.stem for path in gallery.SCRIPTS.glob("*.py"))
    index = gallery.index()
    assert [index.count(f"({name}.md)") for name in gallery.ORDER] == [1] * 10


@pytest.mark.parametrize("name", gallery.ORDER)
def test_a_script_runs_checks_itself_and_draws(name: str) -> None:
    source = (gallery.SCRIPTS / f"{name}.py").read_text(encoding="utf-8")
    assert len(source.splitlines()) <= 40
    assert any(isinstance(node, ast.Assert) for node in ast.walk(ast.parse(source)))
    text, figures = gallery.page(name)
    assert len(figures) == 1
    assert all(b"<svg" in figure for figure in figures.values())
    assert text.startswith(f"# {gallery.title(name)}\n")
    for words, code in gallery.cells(name):
        assert code in source
        assert words in text
        assert f"```py\n{code}\n```" in text
