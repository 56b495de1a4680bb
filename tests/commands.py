"""What tests of the command line share."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from vvnorm.cli import main

XY = ("--x", "x", "--y", "y")


class Run(NamedTuple):
    """What a command did."""

    code: int
    out: str
    err: str

    @property
    def facts(self) -> dict[str, str]:
        """Lines of the form `name  text`."""
        pairs = (re.fullmatch(r" *(\S.*?)  +(\S.*)", line) for line in self.out.splitlines())
        return {pair[1]: pair[2] for pair in pairs if pair}

    @property
    def rows(self) -> list[dict[str, str]]:
        """Tab-separated table."""
        header, *rows = [line.split("\t") for line in self.out.splitlines() if "\t" in line]
        return [dict(zip(header, row, strict=True)) for row in rows]


Command = Callable[..., Run]


def assert_refused(run: Run, *words: str, silent: bool = False) -> None:
    """Check that the run ended as bad input: code 64 and one line that holds the words; `silent`: no other output."""
    assert run.code == 64
    assert re.fullmatch(r"vvnorm: [^\n]+\n", run.err), run.err
    for word in words:
        assert word in run.err
    assert not (silent and run.out), run.out


def runner(capsys: pytest.CaptureFixture[str]) -> Command:
    """Return a function that runs a command in this process."""

    def command(*arguments: object) -> Run:
        with pytest.raises(SystemExit) as stop:
            main([str(argument) for argument in arguments])
        assert isinstance(stop.value.code, int)
        out, err = capsys.readouterr()
        return Run(stop.value.code, out, but_for_compiling(err))

    return command


def but_for_compiling(err: str) -> str:
    """Return standard error without the message about compiling, which only the first test on a new machine sees."""
    return re.sub(r"vvnorm: compiling, once: [^\n]*\n", "", err)


def strict(path: str | Path) -> Any:
    """Read strict JSON, without NaN and infinities."""

    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    return json.loads(Path(path).read_text(), parse_constant=refuse)
