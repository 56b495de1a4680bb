"""Build vvnorm, and try the built package with several versions of Python and of its dependencies.

    python tests/versions.py [NAME ...] [--write FILE.md]

Source distribution and wheel are built from the committed files alone, in an environment of their own. For each environment
pip installs the wheel, without extras, and `tests/installed_copy.py` runs from an empty folder: with the newest versions
that pip chooses, for each Python from 3.11 to 3.13 that is on this machine, and with the lower bounds of `pyproject.toml`.
Commands are `python3.12` and so on, or pyenv's.

NAME limits this to environments such as `3.12` or `lowest`. Results are kept in `out/versions`; `--write` writes the page
about all of them. One environment takes some minutes, most of it for downloading torch and for compiling.

Exit code: 0 if all environments work, 1 if not.
"""

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import time
import tomllib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
OUT = ROOT / "out" / "versions"
PYTHONS = ("3.11", "3.12", "3.13")
LIMIT = 1800  # seconds for each step


@dataclass(frozen=True)
class Environment:
    """A Python, and requirements beside vvnorm."""

    name: str
    python: str
    pins: tuple[str, ...] = ()


@dataclass(frozen=True)
class Outcome:
    """What became of one environment; `trouble` is empty if all went well."""

    name: str
    wheel: str
    when: str
    seconds: float
    versions: dict[str, str]
    trouble: str


def interpreter(version: str) -> str | None:
    """Return the program of a version of Python: on the path, or the newest of pyenv; None if there is none."""
    program = shutil.which(f"python{version}")
    if program and subprocess.run([program, "--version"], capture_output=True).returncode == 0:  # not pyenv's stand-in
        return program
    root = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    own = sorted(root.glob(f"versions/{version}.*/bin/python"), key=lambda path: int(path.parts[-3].split(".")[2]))
    return str(own[-1]) if own else None


def lower_bounds() -> tuple[str, ...]:
    """Return the dependencies of `pyproject.toml`, each at its lower bound."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return tuple(line.replace(">=", "==") for line in project["dependencies"])


def environments() -> list[Environment]:
    """Return the environments that this machine can make."""
    there = {version: program for version in PYTHONS if (program := interpreter(version))}
    newest = [Environment(version, program) for version, program in there.items()]
    return newest + [Environment("lowest", program, lower_bounds()) for program in list(there.values())[:1]]


def run(*command: str | Path, folder: Path) -> str:
    """Run a command in a folder; return its output.

    Raises
    ------
    RuntimeError
        With the end of the output, if the command fails.
    """
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV"))}
    ended = subprocess.run(
        command, cwd=folder, env=clean, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=LIMIT
    )
    if ended.returncode:
        raise RuntimeError(f"{' '.join(map(str, command[:4]))} ... failed:\n{ended.stdout[-3000:]}")
    return ended.stdout


def build(folder: Path) -> Path:
    """Build source distribution and wheel of the committed files in an environment of its own; return the wheel."""
    sources = folder / "sources"
    sources.mkdir()
    run("git", "archive", "--output", folder / "sources.tar", "HEAD", folder=ROOT)
    run("tar", "-xf", folder / "sources.tar", folder=sources)
    python = make(sys.executable, folder / "building")
    run(python, "-m", "pip", "install", "--quiet", "build", folder=folder)
    run(python, "-m", "build", "--outdir", folder / "dist", folder=sources)  # the wheel is built from the sdist
    [wheel] = (folder / "dist").glob("*.whl")
    return wheel


def make(python: str, folder: Path) -> Path:
    """Make a new virtual environment; return its Python."""
    shutil.rmtree(folder, ignore_errors=True)
    run(python, "-m", "venv", folder, folder=folder.parent)
    return folder / "bin" / "python"


def attempt(environment: Environment, wheel: Path, folder: Path) -> Outcome:
    """Install the wheel in an environment, run the tour, and remove the environment."""
    began, versions, trouble = time.monotonic(), {}, ""
    place, empty = folder / environment.name, folder / f"{environment.name}-empty"
    shutil.rmtree(empty, ignore_errors=True)
    empty.mkdir(parents=True)
    shutil.copy(ROOT / "tests" / "installed_copy.py", empty)
    try:
        python = make(environment.python, place)
        run(python, "-m", "pip", "install", "--quiet", "--no-compile", wheel, *environment.pins, folder=empty)
        versions = json.loads(run(python, "installed_copy.py", folder=empty).splitlines()[-1])
    except (RuntimeError, subprocess.TimeoutExpired) as error:
        trouble = str(error)
    finally:
        shutil.rmtree(place, ignore_errors=True)
    return Outcome(environment.name, wheel.name, str(date.today()), time.monotonic() - began, versions, trouble)


INTRODUCTION = (
    "# Tested versions",
    "",
    "`make test-versions` builds the source distribution and, from it, the wheel. It installs the wheel without extras in",
    "new environments and runs a short tour of the installed copy there (`tests/installed_copy.py`): solutions,",
    "certificates, training, estimators, pictures and the command line. `3.11` and so on have the newest versions that pip",
    "chooses, `lowest` has the lower bounds of `pyproject.toml`. A warning that vvnorm's own code causes is a failure.",
    "",
)


def page(outcomes: Sequence[Outcome]) -> str:
    """Return the page about the outcomes in Markdown."""
    packages = list(dict.fromkeys(name for outcome in outcomes for name in outcome.versions))
    heads = [f"{outcome.name} ({outcome.when})" for outcome in outcomes]
    missing = [name for name in (*PYTHONS, "lowest") if name not in {outcome.name for outcome in outcomes}]
    lines = [
        *INTRODUCTION,
        f"Measured on {platform.system()}, {platform.machine()}.",
        "",
        "| | " + " | ".join(heads) + " |",
        "|---|" + "---|" * len(outcomes),
        "| result | " + " | ".join("fails" if outcome.trouble else "works" for outcome in outcomes) + " |",
    ]
    for package in packages:
        lines.append(f"| {package} | " + " | ".join(outcome.versions.get(package, "") for outcome in outcomes) + " |")
    if missing:
        lines += ["", f"Not run to the end so far, or without an interpreter here: {', '.join(missing)}."]
    return "\n".join(lines) + "\n"


def stored(names: Sequence[str]) -> list[Outcome]:
    """Read the outcomes of the environments with these names, as far as there are any."""
    files = [OUT / f"{name}.json" for name in names]
    return [Outcome(**json.loads(file.read_text(encoding="utf-8"))) for file in files if file.exists()]


def main() -> int:
    """Try the environments; return the exit code."""
    known = {environment.name: environment for environment in environments()}
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"some of {', '.join(known)}; by default all")
    parser.add_argument("--write", type=Path, help="write the page about all outcomes to this file")
    arguments: Any = parser.parse_args()
    if unknown := [name for name in arguments.names if name not in known]:
        parser.error(f"there is no environment {unknown[0]!r} here; there are {', '.join(known)}")
    work = OUT / "work"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    wheel = build(work)
    print(f"built {', '.join(sorted(path.name for path in wheel.parent.iterdir()))}", flush=True)
    for name in arguments.names or known:
        outcome = attempt(known[name], wheel, work)
        (OUT / f"{name}.json").write_text(json.dumps(asdict(outcome), indent=1) + "\n", encoding="utf-8")
        print(f"{name}: {outcome.trouble or 'works'} ({outcome.seconds:.0f} s)", flush=True)
    outcomes = stored(list(known))
    if arguments.write:
        arguments.write.write_text(page(outcomes), encoding="utf-8")
    return int(any(outcome.trouble for outcome in outcomes))


if __name__ == "__main__":
    sys.exit(main())
