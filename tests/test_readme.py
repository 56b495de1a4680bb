"""README says what is so: its table is the claims', its example runs, its commands exist."""

import contextlib
import io
import re
import shlex
from pathlib import Path

import pytest

from vvnorm.claims import claim_names, load_claim
from vvnorm.cli import main

README = Path(__file__).parent.parent / "README.md"
TEXT = README.read_text(encoding="utf-8")


def test_the_table_is_made_from_the_claims() -> None:
    rows = re.findall(r"^\| (\w+) \| (.*) \| (.*) \|$", TEXT, flags=re.MULTILINE)[1:]
    claims = [load_claim(name) for name in sorted(claim_names())]
    assert rows == [(claim.id, claim.statement.replace("||", "‖"), claim.source) for claim in claims]


def test_the_python_example_runs_and_prints_what_it_says() -> None:
    (code,) = re.findall(r"```python\n(.*?)```", TEXT, flags=re.DOTALL)
    output = io.StringIO()
    with contextlib.redirect_stdout(output):
        exec(compile(code, "README", "exec"), {})
    first, second, gaps = output.getvalue().strip().splitlines()
    assert first.endswith("False True")
    assert second == "True"
    assert all(abs(float(gap)) < 0.01 for gap in gaps.strip("[]").split(","))


def test_the_commands_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (text,) = re.findall(r"printf '(.*?)' > trial.csv", TEXT)
    Path("trial.csv").write_text(text.replace("\\n", "\n"))
    commands = re.findall(r"^    vvnorm ((?:solve|certify|train|verify) .*)$", TEXT, flags=re.MULTILINE)
    assert len(commands) == 5
    for command in commands:
        with pytest.raises(SystemExit) as exit_:
            main(shlex.split(command.replace("--draws 200", "--draws 3")))
        assert exit_.value.code == 0, command
    assert all(Path(name).stat().st_size for name in ("net.npz", "fit.pdf", "fit.json", "out.json"))


def test_the_commands_on_fits_run_and_the_robust_fit_bends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (text,) = re.findall(r"printf '(.*?)' > trial.csv", TEXT)
    Path("trial.csv").write_text(text.replace("\\n", "\n"))
    (block,) = re.findall(r"```sh\n(vvnorm solve .*?)```", TEXT, flags=re.DOTALL)
    shown = {}
    for command in block.strip().splitlines():
        with pytest.raises(SystemExit) as exit_:
            main(shlex.split(command)[1:])
        assert exit_.value.code == 0, command
        shown[command] = capsys.readouterr().out
    (robust,) = (out for command, out in shown.items() if "huber" in command)
    ratio, neurons = (float(re.search(rf"{name} +(\S+)", robust).group(1)) for name in ("lam / lam_max", "neurons"))
    assert 0 < ratio < 1 <= neurons
    assert all(Path(name).stat().st_size for name in ("fit.pdf", "fit.json", "path.pdf"))


def test_the_commands_on_tasks_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    rows = ["age,marker,radius,diagnosis", *(f"{k % 7},{k % 5},{k % 11},{'MB'[k % 3 > 0]}" for k in range(40))]
    Path("patients.csv").write_text("\n".join(rows))
    guide = (README.parent / "docs" / "multitask.md").read_text(encoding="utf-8")
    commands = [c for text in (TEXT, guide) for c in re.findall(r"^    vvnorm (tasks .*)$", text, flags=re.MULTILINE)]
    assert len(commands) == 4
    for command in commands:
        with pytest.raises(SystemExit) as exit_:
            main([*shlex.split(command), "--steps", "2", "--width", "4", "--seeds", "2"])
        assert exit_.value.code == 0, command
    assert all(Path(name).stat().st_size for name in ("networks/equal.npz", "tasks.pdf", "tasks.json"))


def test_files_it_points_to_exist() -> None:
    for target in re.findall(r"\]\(([^)]+)\)", TEXT):
        assert (README.parent / target).exists(), target
