"""Results for reports."""

import json
from pathlib import Path
from typing import Any

import pytest

from vvnorm._internal.environment import environment
from vvnorm.claims import load_claim, run_claim

PICTURE = b'<svg xmlns="http://www.w3.org/2000/svg" width="10" height="10"><circle r="4"/></svg>'


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """Results as the commands leave them: two claims, one of them refuted by a changed record, and one figure."""
    claims = [load_claim(name) for name in ("uniqueness", "width")]
    records = [run_claim(claim, draws=2, seed=0).to_json() for claim in claims]
    records[1]["verdict"] = "VIOLATED"
    made: dict[str, Any] = {"seed": 0, "quick": True, "environment": environment()}
    figure = {"figure": "neuron", "statement": "a kink at $-b / w$", "caption": "Line: f < g.", "verdict": "HOLDS"}
    figure |= {"expected": None, "complaints": [], "seconds": 1.0}
    folder = tmp_path / "out"
    (folder / "figures").mkdir(parents=True)
    (folder / "figures" / "neuron.svg").write_bytes(PICTURE)
    (folder / "figures" / "training_gap.csv").write_text(
        "training,seed,step,excess,residual\nconstant,0,0,3.0,0.5\nconstant,0,9,0.25,0.1\nconstant,1,9,0.75,0.2\n"
        "polished,0,,0.001,\n"
    )
    (folder / "verify.json").write_text(json.dumps(made | {"claims": records}))
    (folder / "figures.json").write_text(json.dumps(made | {"figures": [figure]}))
    return folder
