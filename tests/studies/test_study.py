"""Specifications of studies: which runs they mean, and where exactly a bad one is wrong."""

import hashlib
import math
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import stand_in

from vvnorm.studies.run import INFINITE, Run
from vvnorm.studies.study import Study, line_of, load_study

GOOD = """\
# A study.
name = "example"

[certified]
tol = 1e-5

[[grid]]
target = ["noise", "smooth"]
inputs = [2,
    3]
points = 25
auxiliary = [
    0,  # the baseline
    1,
    4,
    "infinite",
]
sigma = [0.1, 1]
labels = ["gaussian", "bernoulli"]
solver = "certified"
seeds = 3

[[grid]]
target = "noise"
inputs = 10
points = 40
auxiliary = [0, 8]
sigma = 0.5
solver = ["trained"]
seeds = 2
first_seed = 7
"""


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    return tmp_path / "study.toml"


def load(spec: Path, text: str) -> Study:
    spec.write_text(text)
    return load_study(spec, stand_in)


def test_runs_are_the_product_with_idle_axes_collapsed(spec: Path) -> None:
    study = load(spec, GOOD)
    assert study.name == "example"
    assert study.notes == ()
    kinds = Counter((run.solver, run.auxiliary) for run in study.runs)
    cells = 2 * 2 * 3  # targets, inputs, seeds
    assert kinds == {
        ("certified", 0): cells,
        ("certified", INFINITE): cells,
        ("certified", 1): cells * 4,
        ("certified", 4): cells * 4,
        ("trained", 0): 2,
        ("trained", 8): 2,
    }
    assert len(set(study.runs)) == len(study.runs) == sum(kinds.values())
    for run in study.runs:
        if run.auxiliary in (0, INFINITE):
            assert (run.sigma, run.labels) == (0, "gaussian")
    assert {run.seed for run in study.runs if run.solver == "trained"} == {7, 8}
    assert [run.seed for run in study.runs] == sorted(run.seed for run in study.runs)


def test_settings_are_complete(spec: Path) -> None:
    study = load(spec, GOOD)
    for run in study.runs:
        own = {"tol": 1e-5} if run.solver == "certified" else {}
        assert run.settings == stand_in.SETTINGS[run.solver] | own


def test_a_default_that_is_spelt_out_is_the_same_study(spec: Path) -> None:
    study = load(spec, GOOD)
    reordered = GOOD.replace('["noise", "smooth"]', '["smooth", "noise"]').replace("first_seed = 7", "first_seed=7")
    assert load(spec, reordered + "\n[trained]\nsteps = 1000\n").fingerprint == study.fingerprint
    assert load(spec, GOOD.replace("tol = 1e-5", "tol = 1e-4")).fingerprint != study.fingerprint
    assert load(spec, GOOD.replace('"example"', '"other"')).fingerprint != study.fingerprint
    assert load(spec, GOOD.replace("seeds = 3", "seeds = 4")).fingerprint != study.fingerprint


def test_whole_tolerance_is_the_number_it_is(spec: Path) -> None:
    assert load(spec, GOOD.replace("1e-5", "1")).fingerprint == load(spec, GOOD.replace("1e-5", "1.0")).fingerprint


def test_trained_limit_is_left_out_and_said(spec: Path) -> None:
    study = load(spec, GOOD.replace('solver = "certified"', 'solver = ["certified", "trained"]'))
    assert not [run for run in study.runs if run.solver == "trained" and run.auxiliary == INFINITE]
    assert [run for run in study.runs if run.solver == "certified" and run.auxiliary == INFINITE]
    assert load(spec, GOOD.replace('solver = "certified"', 'solver = "both"')).fingerprint == study.fingerprint
    assert study.notes == (f"{spec}, line 7: the limit of infinitely many outputs is not trained",)


def test_single_grid(spec: Path) -> None:
    study = load(spec, GOOD[: GOOD.rindex("[[grid]]")].replace("[[grid]]", "[grid]"))
    assert {run.inputs for run in study.runs} == {2, 3}


def test_grids_share_their_baseline(spec: Path) -> None:
    second = GOOD[GOOD.rindex("[[grid]]") :]
    study = load(spec, GOOD + second.replace("sigma = 0.5", "sigma = 2"))
    trained = [run for run in study.runs if run.solver == "trained"]
    assert Counter(run.sigma for run in trained) == {0: 2, 0.5: 2, 2: 2}


BAD = {
    "unknown key": ("seeds = 3", "seed = 3", 21, "grid.seed = 3: unknown; there are: target, inputs"),
    "unknown key of the second grid": ("first_seed = 7", "last = 7", 31, "grid.last = 7: unknown"),
    "unknown table": ("[certified]", "[certificate]", 4, "certificate = {"),
    "unknown setting": ("tol = 1e-5", "tolerance = 1e-5", 5, "certified.tolerance = 1e-05: unknown; there are: tol"),
    "text for a number": ("tol = 1e-5", 'tol = "small"', 5, 'certified.tol = "small": must be a number'),
    "truth for a number": ("tol = 1e-5", "tol = true", 5, "certified.tol = true: must be a number"),
    "list for a setting": ("tol = 1e-5", "tol = [1e-5]", 5, "certified.tol = [1e-05]: must be a number"),
    "negative setting": ("tol = 1e-5", "tol = -1e-5", 5, "certified.tol = -1e-05: must lie between 0 and"),
    "infinite setting": ("tol = 1e-5", "tol = inf", 5, "certified.tol = Infinity: must lie"),
    "settings that are no table": ("[certified]\ntol = 1e-5", "certified = 3", 4, "certified = 3: must be a table"),
    "unknown target": ('"smooth"]', '"rough"]', 8, 'grid.target has "rough": there are: noise, smooth'),
    "number for a target": ('["noise", "smooth"]', "7", 8, "grid.target = 7: there are"),
    "repeated target": ('"smooth"]', '"noise"]', 8, 'grid.target has "noise": occurs twice'),
    "fractional inputs": ("    3]", "    2.5]", 10, "grid.inputs has 2.5: must be a whole number from 1"),
    "no inputs": ("[2,\n    3]", "0", 9, "grid.inputs = 0: must be a whole number from 1"),
    "truth for inputs": ("[2,\n    3]", "true", 9, "grid.inputs = true: must be a whole number"),
    "few points": ("points = 25", "points = [\n25, # enough\n4]", 13, "grid.points has 4: 3 inputs need at least 2"),
    "just too few points": ("points = 40", "points = 11", 26, "grid.points = 11: 10 inputs need at least 2 points"),
    "negative auxiliary": ("    4,", "    -4,", 15, "grid.auxiliary has -4: must be a whole number from 0"),
    "fractional auxiliary": ("    4,", "    4.5,", 15, 'grid.auxiliary has 4.5: must be a whole number from 0 to'),
    "infinity spelt otherwise": ("    4,", "    inf,", 15, "grid.auxiliary has Infinity: must be"),
    "text for auxiliary": ("    4,", '    "many",', 15, 'grid.auxiliary has "many": must be'),
    "auxiliary twice": ("    4,", "    4,\n    1,", 16, "grid.auxiliary has 1: occurs twice"),
    "no baseline": ("    0,  # the baseline\n", "", 12, "0 is missing: paired comparisons need the baseline"),
    "no baseline in the second": ("[0, 8]", "[8]", 27, "grid.auxiliary = [8]: 0 is missing"),
    "empty list": ("[0, 8]", "[]", 27, "grid.auxiliary = []: at least one value"),
    "negative sigma": ("sigma = [0.1, 1]", "sigma = [0.1,\n\n  -1]", 20, "grid.sigma has -1: must be a positive number"),
    "zero sigma": ("sigma = 0.5", "sigma = 0.0", 28, "grid.sigma = 0.0: must be a positive number"),
    "sigma that is no number": ("sigma = 0.5", "sigma = nan", 28, "grid.sigma = NaN: must be a positive number"),
    "sigma twice": ("sigma = [0.1, 1]", "sigma = [0.1, 1, 1.0]", 18, "grid.sigma has 1.0: occurs twice"),
    "nested list": ("sigma = [0.1, 1]", "sigma = [[0.1], 1]", 18, "grid.sigma has [0.1]: must be a positive number"),
    "unknown labels": ('"bernoulli"]', '"uniform"]', 19, 'grid.labels has "uniform": there are: gaussian, bernoulli'),
    "unknown solver": ('["trained"]', '["adam"]', 29, 'grid.solver has "adam": there are: certified, trained'),
    "no seeds": ("seeds = 3", "seeds = 0", 21, "grid.seeds = 0: must be a whole number from 1"),
    "list of seeds": ("seeds = 3", "seeds = [1, 2]", 21, "grid.seeds = [1, 2]: must be a whole number"),
    "negative first seed": ("first_seed = 7", "first_seed = -1", 31, "grid.first_seed = -1: must be a whole number from 0"),
    "endless": ("seeds = 3", "seeds = 999999999", 21, "grid.seeds = 999999999: "),
    "missing key": ("seeds = 3\n", "", 7, "grid.seeds is missing"),
    "missing key of the second": ("points = 40\n", "", 23, "grid.points is missing"),
    "missing name": ('name = "example"\n', "", 1, "name is missing"),
    "name that is no file name": ('"example"', '"../example"', 2, 'name = "../example": must be letters'),
    "name that is no text": ('"example"', "5", 2, "name = 5: must be letters"),
    "grid that is no table": (GOOD[GOOD.index("[certified]") :], "grid = 5\n", 4, "grid = 5: must be a table"),
    "grid that is empty": (GOOD[GOOD.index("[certified]") :], "grid = []\n", 4, "grid = []: must be a table"),
    "syntax": ("points = 25", "points = = 25", 11, "Invalid value (column 10)"),
    "key twice": ("points = 25", "points = 25\npoints = 26", 12, "Cannot overwrite a value"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_bad_specification_names_file_line_key_and_value(spec: Path, case: str) -> None:
    old, new, line, said = BAD[case]
    assert GOOD.count(old) == 1
    with pytest.raises(ValueError, match="line") as error:
        load(spec, GOOD.replace(old, new))
    assert str(error.value).startswith(f"{spec}, line {line}: ")
    assert said in str(error.value)
    assert "\n" not in str(error.value)


def test_real_data_have_as_many_samples_and_features_as_they_have(spec: Path) -> None:
    real = GOOD.replace('["noise", "smooth"]', '["noise", "diabetes"]')
    assert load(spec, real).runs
    with pytest.raises(ValueError, match=r"line 11: grid.points = 443: target 'diabetes' has 442 samples"):
        load(spec, real.replace("points = 25", "points = 443"))
    with pytest.raises(ValueError, match=r"line 10: grid.inputs has 11: target 'diabetes' has 10 features"):
        load(spec, real.replace("    3]", "    11]"))


def test_run_that_two_grids_ask_for_is_refused(spec: Path) -> None:
    second = '[[grid]]\ntarget = "noise"\ninputs = 2\npoints = 25\nauxiliary = [0, 4]\nsigma = 1\n'
    second += 'solver = "certified"\nseeds = 9\n'
    with pytest.raises(
        ValueError, match=r"line 23: this grid repeats runs of the grid on line 7, such as Run\(target='noise'"
    ):
        load(spec, GOOD[: GOOD.rindex("[[grid]]")] + second)


def test_windows_line_ends_count_as_one(spec: Path) -> None:
    spec.write_bytes(GOOD.replace("seeds = 3", "seeds = 0").replace("\n", "\r\n").encode())
    with pytest.raises(ValueError, match="line 21: "):
        load_study(spec, stand_in)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda path: None, "No such file"),
        (lambda path: path.mkdir(), "Is a directory"),
        (lambda path: path.write_bytes(b"name = '\xff'"), "not UTF-8"),
        (lambda path: path.write_text(""), "line 1: name is missing"),
        (lambda path: path.write_text("name = 'x"), "line 1|end of document"),
    ],
    ids=["missing", "folder", "binary", "empty", "cut"],
)
def test_unreadable_file(spec: Path, make: Callable[[Path], object], said: str) -> None:
    make(spec)
    with pytest.raises(ValueError, match=said) as error:
        load_study(spec, stand_in)
    assert str(spec) in str(error.value)


def test_line_of_dotted_and_inline_parts() -> None:
    text = 'name = "x"\ngrid.seeds = 3\ngrid.sigma = [\n  # none\n  1, 2,\n  3\n]\ncertified = {tol = 1}\n'
    places = [
        ("grid",),
        ("grid", "seeds"),
        ("grid", "sigma"),
        ("grid", "sigma", 1),
        ("grid", "sigma", 2),
        ("certified", "tol"),
    ]
    assert [line_of(text, place) for place in places] == [2, 2, 3, 5, 6, 8]


RUN = Run("noise", 2, 25, 4, 0.1, "gaussian", "certified", 3, {"tol": 1e-6, "polish": True})


def test_key_of_a_run_is_stable() -> None:
    # Written down once: a change of this text orphans every store there is.
    text = (
        '{"code":"0.1.0+code","run":{"auxiliary":4,"inputs":2,"labels":"gaussian","points":25,"seed":3,'
        '"settings":{"polish":true,"tol":1e-06},"sigma":0.1,"solver":"certified","target":"noise"}}'
    )
    assert RUN.key("0.1.0+code") == hashlib.sha256(text.encode()).hexdigest()
    same = Run("noise", 2, 25, 4.0, 0.1, "gaussian", "certified", 3, {"polish": True, "tol": 1e-6})
    assert same.key("0.1.0+code") == RUN.key("0.1.0+code")


def test_key_is_the_same_in_another_process() -> None:
    code = (
        "from vvnorm.studies.run import Run; import math\n"
        "print(Run('noise', 2, 25, math.inf, 0, 'gaussian', 'certified', 3, {'b': 1, 'a': 0.1}).key('v'))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == Run("noise", 2, 25, math.inf, 0.0, "gaussian", "certified", 3, {"a": 0.1, "b": 1}).key(
        "v"
    )


@pytest.mark.parametrize(
    "change",
    [
        {"target": "smooth"},
        {"inputs": 3},
        {"points": 26},
        {"auxiliary": INFINITE},
        {"sigma": 0.2},
        {"labels": "bernoulli"},
        {"solver": "trained"},
        {"seed": 4},
        {"settings": {"tol": 1e-7, "polish": True}},
    ],
    ids=lambda change: next(iter(change)),
)
def test_every_part_of_the_configuration_is_in_the_key(change: dict[str, object]) -> None:
    assert replace(RUN, **change).key("v") != RUN.key("v")  # type: ignore[arg-type]
    assert RUN.key("v") != RUN.key("w")
