"""What tests of studies share."""

import os
import time
from pathlib import Path
from typing import Any

import stand_in

from vvnorm.studies.execute import Tally, run_study
from vvnorm.studies.store import Store, load_rows
from vvnorm.studies.study import Study, load_study

VARYING = ("seconds", "worker", "finished")
COMMAND = (
    "import stand_in, vvnorm.studies; vvnorm.studies.experiment = stand_in\n"
    "from vvnorm.cli import main; main()"
)  # fmt: skip
ENVIRONMENT = os.environ | {"PYTHONPATH": str(Path(__file__).parent)}


def specify(folder: Path, seeds: int = 8, target: str = '"noise"', seconds: float = 0.0, marks: Path | str = "") -> Path:
    spec = folder / "study.toml"
    spec.write_text(
        f'name = "example"\n[certified]\nseconds = {seconds}\nmarks = "{marks}"\n[grid]\ntarget = [{target}]\ninputs = 2\n'
        f"points = 25\nauxiliary = [0, 1]\nsigma = 1\nsolver = ['certified']\nseeds = {seeds}\n"
    )
    return spec


def study(folder: Path, **options: Any) -> Study:
    return load_study(specify(folder, **options), stand_in)


def bare(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{name: value for name, value in row.items() if name not in VARYING} for row in rows]


def go(folder: Path, what: Study, name: str = "store", **options: Any) -> tuple[Tally, list[dict[str, Any]]]:
    with Store(folder / f"{name}.sqlite", what, resume=True) as store:
        tally = run_study(what, store, **({"perform": stand_in.perform, "workers": 2} | options))
        return tally, store.rows()


def wait_for_rows(folder: Path, count: int) -> None:
    end = time.monotonic() + 60
    while time.monotonic() < end:
        if (folder / "example.sqlite").exists():
            try:
                if len(load_rows(folder / "example.sqlite")) >= count:
                    return
            except ValueError:  # it is being made
                pass
        time.sleep(0.02)
    raise AssertionError(f"no {count} rows after a minute")
