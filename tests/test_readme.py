"""README and the guides of docs/ tell the truth: their Python and shell blocks run, their commands and links exist.

Blocks fenced as `python` and `sh` are run, those of one page in one namespace and one folder. Indented blocks are not.
"""

import contextlib
import io
import re
import shlex
from importlib.util import find_spec
from pathlib import Path
from pkgutil import resolve_name

import pytest

from proofs_checks.catalogue import catalogue
from vvnorm.cli import main

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
PAGES = [README, ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
LONG_COMMANDS = {"train": README, "report": ROOT / "docs" / "report.md"}
"""Commands that take long are run on one page only, if others have the same."""


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)


def name(page: Path) -> str:
    return str(page.relative_to(ROOT))


def run_python(page: Path) -> list[str]:
    """Run the Python blocks of a page in one namespace; return the lines that they print."""
    output, namespace = io.StringIO(), {}
    with contextlib.redirect_stdout(output):
        for code in blocks(page, "python"):
            exec(compile(code, name(page), "exec"), namespace)
    return output.getvalue().strip().splitlines()


def run_shell(page: Path) -> list[str]:
    """Run the commands of a page's shell blocks in the current folder; return them."""
    commands = [line for block in blocks(page, "sh") for line in block.splitlines()]
    for command in commands:
        if table := re.fullmatch(r"printf '(.*)' > (\S+)", command):
            Path(table[2]).write_text(table[1].replace("\\n", "\n"))
            continue
        short = command.replace("--draws 200", "--draws 3 --jobs 1")  # processes would each load the libraries for 3 draws
        short = re.sub(r"^(vvnorm papers .*--quick)", r"\1 --jobs 1", short)
        short = re.sub(r"^(vvnorm train .*)", r"\1 --steps 1500", short)
        program, *arguments = shlex.split(short, comments=True)
        assert program == "vvnorm"
        elsewhere = LONG_COMMANDS.get(arguments[0], page)
        if page != elsewhere and command in elsewhere.read_text(encoding="utf-8"):
            continue
        with pytest.raises(SystemExit) as exit_:
            main(arguments)
        assert exit_.value.code == 0, command
    return commands


def test_the_python_example_runs_and_prints_what_it_says() -> None:
    first, second, gaps = run_python(README)
    assert first.endswith(" False")
    assert second == "True"
    assert all(abs(float(gap)) < 0.01 for gap in gaps.strip("[]").split(","))


def test_the_commands_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert len(run_shell(README)) == 5
    assert all(Path(file).stat().st_size for file in ("net.npz", "fit.pdf", "fit.json", "out.json"))


@pytest.mark.parametrize("page", [page for page in PAGES[1:] if blocks(page, "python")], ids=name)
def test_python_of_the_guides_runs(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    lines = run_python(page)
    if page.stem == "fits":
        _, knots, score = lines
        assert knots.startswith("[0, ")
        assert 0.2 < float(score) < 0.5


@pytest.mark.parametrize("page", [page for page in PAGES[1:] if blocks(page, "sh")], ids=name)
def test_commands_of_the_guides_run(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    commands = run_shell(page)
    if page.stem == "fits":
        assert {command.split()[1] for command in commands if command.startswith("vvnorm")} == {"solve", "path"}
        robust = capsys.readouterr().out
        ratio, neurons = (float(re.search(rf"{word} +(\S+)", robust).group(1)) for word in ("lam / lam_max", "neurons"))
        assert 0 < ratio < 1 <= neurons
        assert all(Path(file).stat().st_size for file in ("fit.pdf", "fit.json", "path.pdf"))


def test_the_commands_on_tasks_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    rows = ["age,marker,radius,diagnosis", *(f"{k % 7},{k % 5},{k % 11},{'MB'[k % 3 > 0]}" for k in range(40))]
    Path("patients.csv").write_text("\n".join(rows))
    guide = (ROOT / "docs" / "multitask.md").read_text(encoding="utf-8")
    commands = re.findall(r"^    vvnorm (tasks .*)$", guide, flags=re.MULTILINE)
    assert len(commands) == 4
    for command in commands:
        with pytest.raises(SystemExit) as exit_:
            main([*shlex.split(command), "--steps", "2", "--width", "4", "--seeds", "2"])
        assert exit_.value.code == 0, command
    assert all(Path(file).stat().st_size for file in ("networks/equal.npz", "tasks.pdf", "tasks.json"))


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_files_it_points_to_exist(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text(encoding="utf-8")):
        assert target.startswith("http") or (page.parent / target).exists(), target


@pytest.mark.parametrize("page", [page for page in PAGES if page.stem != "CHANGELOG"], ids=name)
def test_modules_and_folders_it_names_exist(page: Path) -> None:
    """The changelog is left out: it names modules that have moved."""
    text = page.read_text(encoding="utf-8")
    for path in re.findall(r"(?:vvnorm|tests|figures|benchmarks|proofs_checks)/[\w/]+(?:\.\w+)?", text):
        assert (ROOT / path).exists(), path
    for dotted in set(re.findall(r"\bvvnorm(?:\.[A-Za-z_]\w*)+", text)) - {
        "vvnorm.figures",
        "vvnorm.variants",
    }:  # entry-point groups
        resolve_name(dotted)
    for module in re.findall(r"python -m ((?:benchmarks|tests|proofs_checks)[\w.]*)", text):
        assert find_spec(module), module


def test_the_catalogue_of_claims_is_up_to_date() -> None:
    """`python -m proofs_checks.catalogue > docs/claims.md` writes it anew."""
    assert (ROOT / "docs" / "claims.md").read_text(encoding="utf-8") == catalogue() + "\n"
