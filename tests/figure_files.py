"""What `draw_figure` has to leave in a folder."""

import re
from pathlib import Path

from vvnorm import Verdict
from vvnorm.plotting import FIGURE_FILES
from vvnorm.sweep.summary import read_rows


def check_files(folder: Path, name: str, verdict: Verdict) -> None:
    """One figure: a picture in two formats, its numbers as a table, and a caption that tells the verdict."""
    assert {file.name for file in folder.iterdir()} == {f"{name}{suffix}" for suffix in FIGURE_FILES}
    lines = read_rows(folder / f"{name}.csv")
    assert lines
    assert any(isinstance(entry, float) for line in lines for entry in line.values())
    caption = (folder / f"{name}.tex").read_text()
    assert f" Verdict: {verdict}. Made by vvnorm " in caption.replace("\\_", "_")
    assert caption.count("$") % 2 == 0
    assert not re.search(r"(?<!\\)[%&#]", caption)
