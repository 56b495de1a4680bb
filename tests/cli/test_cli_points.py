"""The command line with several input columns: `solve`, `path` and `certify`."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from commands import Command, assert_refused, runner, strict

from vvnorm import Certificate, FitCertificate, ReLUNetwork, fit, interpolate, lambda_max, load_dataset

COLUMNS = ("--x", "a,b", "--y", "y")
TWO = ("--x", "a,b", "--y", "y,z")


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    """Run a command in a folder that holds data.csv."""
    monkeypatch.chdir(tmp_path)
    table = np.round(np.random.default_rng(0).standard_normal((10, 5)), 3)
    table[:, 4] = table[:, 3] > 0
    np.savetxt("data.csv", table, delimiter=",", header="a,b,c,y,z", comments="")
    return runner(capsys)


def data(x: str = "a,b", y: str = "y") -> tuple[np.ndarray, np.ndarray]:
    dataset = load_dataset("data.csv", x.split(","), y.split(","))
    return dataset.X, dataset.Y


# --- solve ------------------------------------------------------------------------------------------------------------

FILES = ("--out", "net.npz", "--plot", "plot.png", "--json", "all.json", "--save-certificate", "proof.npz")


@pytest.mark.parametrize("convention", [(), ("--no-skip",), ("--penalise-bias",)], ids=["free", "no skip", "bias"])
@pytest.mark.parametrize("lam", [None, 0.1])
def test_solve_writes_what_certify_accepts(run: Command, convention: tuple[str, ...], lam: float | None) -> None:
    strength = () if lam is None else ("--lam", lam)
    done = run("solve", "data.csv", *COLUMNS, *strength, *convention, *FILES)
    assert (done.code, done.err) == (0, "")
    assert done.out.endswith("certified: an independent verifier accepts the proof\n")
    assert done.facts["data"] == "10 points, 2 inputs, 1 output"
    options: dict[str, Any] = {"skip": "--no-skip" not in convention, "penalise_bias": "--penalise-bias" in convention}
    expected = interpolate(*data(), **options) if lam is None else fit(*data(), lam, **options)
    record = strict("all.json")
    assert record["value"] == expected.value
    assert (record["complaints"], record["inputs"]) == ([], 2)
    assert Path("plot.png").read_bytes().startswith(b"\x89PNG")
    assert ReLUNetwork.load("net.npz").n_inputs == 2
    (Certificate if lam is None else FitCertificate).load("proof.npz")
    assert run("certify", "net.npz", "data.csv", *COLUMNS, "--certificate", "proof.npz").code == 0
    again = run("certify", "net.npz", "data.csv", *COLUMNS, *strength, *convention, "--save-certificate", "proof.npz")
    assert again.code == 0
    assert run("certify", "net.npz", "data.csv", *COLUMNS, "--certificate", "proof.npz").code == 0


def test_certify_of_a_fit_finds_the_optimum_for_comparison(run: Command) -> None:
    run("solve", "data.csv", *COLUMNS, "--lam", 0.2, "--out", "net.npz")
    done = run("certify", "net.npz", "data.csv", *COLUMNS, "--lam", 0.1)
    assert done.code == 1
    optimum = fit(*data(), 0.1)
    assert float(done.facts["lower bound"]) == pytest.approx(optimum.value, rel=1e-5)


def test_losses_outputs_and_relative_lam(run: Command) -> None:
    done = run(
        "solve",
        "data.csv",
        *TWO,
        "--loss",
        "z=logistic",
        "--lam",
        0.2,
        "--relative",
        "--json",
        "all.json",
        "--plot",
        "plot.svg",
    )
    assert done.code == 0
    record = strict("all.json")
    assert record["losses"] == ["squared", "logistic"]
    assert record["lam"] == pytest.approx(0.2 * lambda_max(*data(y="y,z"), loss=["squared", "logistic"]))
    assert "y: squared, z: logistic" in done.facts["loss"]
    assert run("solve", "data.csv", *COLUMNS, "--lam", 1.001, "--relative").facts["neurons"] == "0"


def test_auxiliary_outputs_few_and_infinitely_many(run: Command) -> None:
    assert run("solve", "data.csv", *COLUMNS, "--aux", 2, "--sigma", 0.5, "--seed", 3, "--out", "few.npz").code == 0
    assert ReLUNetwork.load("few.npz").n_outputs == 3
    done = run("solve", "data.csv", *COLUMNS, "--auxiliary", "infinite", "--out", "net.npz", "--plot", "plot.pdf")
    assert (done.code, done.err) == (0, "")
    assert "infinitely many auxiliary" in done.facts["labels"]
    np.testing.assert_allclose(ReLUNetwork.load("net.npz")(data()[0]), data()[1], atol=1e-9)


@pytest.mark.parametrize("x", ["a", "a,b"])
def test_sparse_networks_are_as_good(run: Command, x: str) -> None:
    columns = ("--x", x, "--y", "y")
    many, few = (run("solve", "data.csv", *columns, *extra, *FILES[:2]) for extra in ((), ("--sparse",)))
    assert many.code == few.code == 0
    assert int(few.facts["neurons"]) <= min(int(many.facts["neurons"]), 10 - 2)
    assert float(few.facts["VV norm"]) == pytest.approx(float(many.facts["VV norm"]), rel=1e-5)
    assert ReLUNetwork.load("net.npz").n_neurons == int(few.facts["neurons"])


def test_a_time_limit_is_not_certified_and_still_writes_everything(run: Command) -> None:
    done = run("solve", "data.csv", *COLUMNS, "--time-limit", 1e-9, *FILES)
    assert (done.code, done.err) == (1, "")
    assert "not certified: relative gap" in done.out
    assert 0 < strict("all.json")["gap"] < 1
    assert all(Path(name).exists() for name in FILES[1::2])


def test_labels_of_an_affine_function_cost_nothing(run: Command) -> None:
    Path("plane.csv").write_text("a,b,y\n0,0,1\n1,0,3\n0,1,0\n1,1,2\n2,5,0\n")
    done = run("solve", "plane.csv", "--x", "a,b", "--y", "y")
    assert (done.code, done.facts["VV norm"], done.facts["neurons"]) == (0, "0", "0")
    assert "affine function" in done.facts["method"]


def test_fits_of_three_inputs_are_drawn_and_interpolants_refused_before_any_work(run: Command) -> None:
    columns = ("--x", "a,b,c", "--y", "y", "--plot", "plot.pdf", "--tol", 1e-3)
    assert_refused(run("solve", "data.csv", *columns), "an interpolant of 3 inputs cannot be drawn", silent=True)
    assert not Path("plot.pdf").exists()
    assert run("solve", "data.csv", *columns, "--lam", 0.5).code == 0
    assert Path("plot.pdf").read_bytes().startswith(b"%PDF")


# --- bands and distances ----------------------------------------------------------------------------------------------


def points(text: str = "b,a\n0.3,0.1\n-0.2,2\n") -> str:
    """Write a file of points, its columns in another order than the data's."""
    Path("points.csv").write_text(text)
    return "points.csv"


@pytest.mark.parametrize("lam", [None, 0.1])
def test_solve_writes_the_band(run: Command, lam: float | None) -> None:
    strength = () if lam is None else ("--lam", lam)
    done = run("solve", "data.csv", *TWO, *strength, "--band", points(), "--excess", 1e-3, "--json", "all.json")
    assert (done.code, done.err) == (0, "")
    assert "note  1 point lies outside of the data's hull" in done.out
    X, Y = data(y="y,z")
    solution = interpolate(X, Y) if lam is None else fit(X, Y, lam)
    expected = solution.band([[0.1, 0.3], [2, -0.2]], 1e-3).record()
    assert strict("all.json")["band"] == expected
    rows = csv_rows(done.out, "a\tb\toutput\tvalue\tlower\tupper\tattained from\tto")
    assert [row[:3] for row in rows] == [["0.1", "0.3", "y"], ["0.1", "0.3", "z"], ["2", "-0.2", "y"], ["2", "-0.2", "z"]]
    assert [float(row[5]) for row in rows] == pytest.approx(np.ravel(expected["outer"])[1::2], rel=1e-5)


def csv_rows(text: str, header: str) -> list[list[str]]:
    """Return the cells of the rows below a header."""
    lines = text.splitlines()
    below = lines[lines.index(header) + 1 :]
    return [line.split("\t") for line in below if "\t" in line]


def test_one_input_has_the_band_of_all_minimisers(run: Command) -> None:
    one = ("--x", "a", "--y", "y")
    at = points("a\n0.1\n0.5\n")
    assert run("solve", "data.csv", *one, "--band", at, "--json", "all.json", "--out", "net.npz").code == 0
    band = strict("all.json")["band"]
    low, high = interpolate(*data("a")).band([0.1, 0.5])
    assert band["outer"] == band["inner"] == np.stack([low, high], axis=2).tolist()
    assert run("certify", "net.npz", "data.csv", *one, "--distance", at).code == 0


def test_certify_bounds_the_distance_to_minimisers(run: Command) -> None:
    X, Y = data()
    solution = interpolate(X, Y)
    solution.band([[0.1, 0.3]], 1e-2).network(0, 0, 1).save("near.npz")
    done = run("certify", "near.npz", "data.csv", *COLUMNS, "--distance", points(), "--json", "all.json")
    assert done.code == 1  # not optimal
    record = strict("all.json")["distance_to_minimisers"]
    expected = solution.distance_to_minimisers([[0.1, 0.3], [2, -0.2]], ReLUNetwork.load("near.npz"))
    assert record == expected.record()
    rows = csv_rows(done.out, "a\tb\toutput\tvalue\tat least\tat most")
    assert [float(row[5]) for row in rows] == pytest.approx(expected.upper.ravel(), rel=1e-5)


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (("solve", "--band", "none.csv"), ("cannot read 'none.csv'",)),
        (("solve", "--band", "other.csv"), ("other.csv: no column named 'b'; there are: a, c",)),
        (("solve", "--band", "gap.csv"), ("gap.csv: line 2, column 'b': an input is missing",)),
        (("solve", "--band", "points.csv", "--excess", -1), ("excess must be a non-negative finite number, got -1",)),
        (("solve", "--excess", 1e-3), ("--excess needs --band POINTS.csv",)),
        (("solve", "--jobs", 2), ("--jobs needs --band POINTS.csv",)),
        (("solve", "--band", "points.csv", "--auxiliary", "infinite"), ("--band does not go with --auxiliary",)),
        (("certify", "--jobs", 2), ("--jobs needs --distance POINTS.csv",)),
        (("certify", "--distance", "other.csv"), ("other.csv: no column named 'b'",)),
    ],
)
def test_bad_points_are_one_line(run: Command, command: tuple[object, ...], words: tuple[str, ...]) -> None:
    points()
    Path("other.csv").write_text("a,c\n0,0\n")
    Path("gap.csv").write_text("a,b\n0,\n")
    f = interpolate(*data()).network
    f.save("net.npz")
    files = ("net.npz", "data.csv") if command[0] == "certify" else ("data.csv",)
    before = sorted(Path().iterdir())
    done = run(command[0], *files, *COLUMNS, *command[1:], "--json", "all.json")
    assert_refused(done, *words, silent=True)
    assert sorted(Path().iterdir()) == before


def test_fits_of_one_input_have_a_band_and_distances(run: Command) -> None:
    one, at = ("--x", "a", "--y", "y"), points("a\n0.1\n")
    options = (*one, "--lam", 0.1)
    done = run("solve", "data.csv", *options, "--band", at, "--excess", 1e-3, "--json", "all.json", "--out", "net.npz")
    assert done.code == 0
    solution = fit(*data("a"), 0.1)
    assert strict("all.json")["band"] == solution.band([0.1], 1e-3).record()
    assert run("certify", "net.npz", "data.csv", *options, "--distance", at, "--json", "all.json").code == 0
    (((most,),),) = (strict("all.json")["distance_to_minimisers"]["upper"],)
    assert most == pytest.approx(float(solution.distance_to_minimisers([0.1]).upper[0, 0]))
    done = run("solve", "data.csv", *one, "--band", at, "--excess", 1e-3)
    assert_refused(done, "--excess is for fits, and for several inputs", silent=True)
    assert run("solve", "data.csv", *one, "--no-skip", "--band", at).code == 0


# --- path -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("convention", [(), ("--no-skip",), ("--penalise-bias",)], ids=["free", "no skip", "bias"])
@pytest.mark.parametrize("x", ["a", "a,b"])
def test_path_tabulates_certified_fits(run: Command, x: str, convention: tuple[str, ...]) -> None:
    options = ("--x", x, "--y", "y", "--lams", 4, "--from", 1.01, "--to", 0.01, *convention)
    done = run("path", "data.csv", *options, "--json", "path.json", "--plot", "path.svg")
    assert (done.code, done.err) == (0, "")
    ratios = [float(row["lam / lam_max"]) for row in done.rows]
    np.testing.assert_allclose(ratios, np.geomspace(1.01, 0.01, 4), rtol=1e-5)
    norms = [float(row["VV norm"]) for row in done.rows]
    assert norms == sorted(norms)
    assert norms[0] == pytest.approx(0, abs=1e-6 * norms[-1])
    assert ("neurons" in done.rows[0]) == (x == "a,b" or convention == ("--penalise-bias",))
    assert [fit["complaints"] for fit in strict("path.json")["fits"]] == [[]] * 4
    assert Path("path.svg").read_bytes().startswith(b"<?xml")


# --- progress and what is refused -------------------------------------------------------------------------------------


def test_rounds_are_shown_on_a_terminal_only(run: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run("solve", "data.csv", *COLUMNS).err == ""
    monkeypatch.setattr("rich.console.Console.is_terminal", True)
    assert "interpolating, gap" in run("solve", "data.csv", *COLUMNS).err


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--auxiliary", "infinite", "--lam", 1), ("--auxiliary", "--lam")),
        (("--auxiliary", "infinite", "--sparse"), ("--sparse does not go with --auxiliary",)),
        (("--auxiliary", "infinite", "--save-certificate", "p.npz"), ("--save-certificate does not go with",)),
        (("--lam", 0), ("lam must be a positive finite number",)),
        (("--lam", 1, "--loss", "hinge"), ("hinge",)),
        (("--time-limit", -1), ("--time-limit must be positive",)),
        (("--save-certificate", "nowhere/p.npz"), ("the folder does not exist",)),
    ],
)
def test_bad_input_is_one_line(run: Command, options: tuple[object, ...], words: tuple[str, ...]) -> None:
    before = sorted(Path().iterdir())
    assert_refused(run("solve", "data.csv", "--x", "a,b", "--y", "z", *options), *words, silent=True)
    assert sorted(Path().iterdir()) == before


def test_labels_that_differ_at_one_point_are_refused_and_fitted(run: Command) -> None:
    Path("twice.csv").write_text("a,b,y\n0,0,1\n1,0,2\n0,1,3\n1,1,0\n1,1,1\n2,3,1\n")
    assert_refused(run("solve", "twice.csv", *COLUMNS), "X repeats the point (1.0, 1.0)", "0.0 and 1.0", silent=True)
    assert run("solve", "twice.csv", *COLUMNS, "--lam", 0.1).code == 0
