"""`%load_ext vvnorm`: vvnorm's own errors are shown as their message, all others as before."""

import re
from collections.abc import Iterator
from typing import Any

import pytest

import vvnorm

interactive = pytest.importorskip("IPython.core.interactiveshell", reason="needs IPython")
CALLBACK = "def refuse(fit):\n    raise ValueError('mine')\nvvnorm.fit_path([0, 1], [0, 1], [1.0], callback=refuse)"
BAD = "vvnorm.interpolate([0, 1, 2], [0, 1])"


@pytest.fixture
def shell(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    made = interactive.InteractiveShell()
    made.history_manager.enabled = False
    made.run_cell("import vvnorm")
    yield made
    made.history_manager.end_session()
    interactive.InteractiveShell.clear_instance()


def shown(shell: Any, capsys: Any, cell: str) -> str:
    """Run a cell that fails; return what is printed, without colours."""
    capsys.readouterr()
    assert shell.run_cell(cell).error_in_exec is not None
    printed = capsys.readouterr()
    return re.sub(r"\x1b\[[0-9;]*m", "", printed.out + printed.err)


def test_errors_are_their_message_once_the_extension_is_loaded(shell: Any, capsys: Any) -> None:
    assert "as_labels" in shown(shell, capsys, BAD)
    shell.run_line_magic("load_ext", "vvnorm")
    text = shown(shell, capsys, BAD)
    with pytest.raises(ValueError, match="Y") as error:
        vvnorm.interpolate([0, 1, 2], [0, 1])
    assert text.strip().splitlines()[-1] == f"ValueError: {error.value}"
    assert "vvnorm/" not in text
    assert len(text.split()) < 15 + len(str(error.value).split())
    shell.run_line_magic("unload_ext", "vvnorm")
    assert "as_labels" in shown(shell, capsys, BAD)


def test_the_traceback_is_still_there(shell: Any, capsys: Any) -> None:
    shell.run_line_magic("load_ext", "vvnorm")
    shown(shell, capsys, BAD)
    shell.run_line_magic("tb", "")
    assert "as_labels" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("cell", "part"),
    [
        ("def own():\n    raise ValueError('mine')\nown()", "own()"),
        (CALLBACK, "refuse"),
        ("1 / 0", "1 / 0"),
    ],
)
def test_other_errors_keep_their_traceback(shell: Any, capsys: Any, cell: str, part: str) -> None:
    shell.run_line_magic("load_ext", "vvnorm")
    text = shown(shell, capsys, cell)
    assert "Traceback (most recent call last)" in text
    assert part in text
