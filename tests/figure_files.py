"""Draw figures by the command, and check the files that it writes."""

import re
from collections.abc import Collection
from pathlib import Path

import pytest

from vvnorm import Verdict, plotting
from vvnorm.cli import main
from vvnorm.plotting import FIGURE_FILES, FigureData
from vvnorm.studies.summary import read_rows


def check_files(folder: Path, name: str, verdict: Verdict, left_out: Collection[str] = ()) -> None:
    """One figure: a picture in each format, its numbers as a table, and a caption that tells the verdict."""
    assert {file.name for file in folder.iterdir()} == {
        f"{name}{suffix}" for suffix in FIGURE_FILES if suffix not in left_out
    }
    lines = read_rows(folder / f"{name}.csv")
    assert lines
    assert any(isinstance(entry, float) for line in lines for entry in line.values())
    caption = (folder / f"{name}.tex").read_text()
    assert f" Verdict: {verdict}. Made by vvnorm " in caption.replace("\\_", "_")
    assert caption.count("$") % 2 == 0
    assert not re.search(r"(?<!\\)[%&#]", caption)


def drawn_by_command(name: str, folder: Path, monkeypatch: pytest.MonkeyPatch, *options: str) -> FigureData:
    """Let `vvnorm figures` draw a figure, which has to show what it is known to show; return its data.

    It is drawn as a bitmap only: other formats take a second each, and `test_plotting` draws figures in all of them.
    """
    computed: list[FigureData] = []
    draw = plotting.draw_figure

    def note(*arguments: object, **options: object) -> FigureData:
        computed.append(draw(*arguments, **options))
        return computed[-1]

    with monkeypatch.context() as patch:
        patch.setattr(plotting, "draw_figure", note)
        patch.setattr("vvnorm.plotting.scripts.PICTURES", (".png",))
        with pytest.raises(SystemExit) as stop:
            main(["figures", *options, name, "--out", str(folder)])
    (data,) = computed
    assert data.complaints == []
    assert stop.value.code == 0, data.verdict
    check_files(folder, name, data.verdict, left_out=(".pdf", ".svg"))
    return data
