"""Figures of fits and of paths, and the project's figure `path`."""

from pathlib import Path

import matplotlib
import numpy as np
import pytest
from matplotlib.figure import Figure

from vvnorm import fit, fit_path, lambda_max, plotting
from vvnorm.plotting import FORMATS, draw_figure, load_figure
from vvnorm.verifier.verification import Verification

MAGIC = {".pdf": b"%PDF", ".svg": b"<?xml", ".png": b"\x89PNG"}


def data(outputs: int, n: int = 25) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(outputs)
    x = np.sort(rng.uniform(0, 3, n))
    return x, np.sin(3 * x[:, None] + np.arange(outputs)) + 0.3 * rng.standard_normal((n, outputs))


def names(count: int) -> list[str]:
    return [f"output {i}" for i in range(count)]


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[Figure]:
    """Figures that would have been saved."""
    figures: list[Figure] = []
    for part in ("solutions", "training"):
        monkeypatch.setattr(f"vvnorm.plotting.{part}.save", lambda figure, path: figures.append(figure))
    return figures


# --- fits -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", FORMATS)
def test_fits_and_paths_are_written_in_every_format_with_the_same_bytes_twice(tmp_path: Path, suffix: str) -> None:
    x, Y = data(2)
    files = [tmp_path / f"{name}{suffix}" for name in "abcd"]
    before = dict(matplotlib.rcParams)
    solution, path = fit(x, Y, 0.1), fit_path(x, Y, [0.1, 1.0, 10.0])
    for file in files[:2]:
        plotting.plot_fit(solution, "x", names(2), file)
    for file in files[2:]:
        plotting.plot_path(path, "x", file)
    assert dict(matplotlib.rcParams) == before
    assert sorted(tmp_path.iterdir()) == files
    contents = [file.read_bytes() for file in files]
    assert all(content.startswith(MAGIC[suffix]) for content in contents)
    assert contents[0] == contents[1] != contents[2] == contents[3]


@pytest.mark.parametrize("outputs", [1, 2, 7])
def test_each_of_up_to_six_outputs_has_data_fit_knots_and_residuals(outputs: int) -> None:
    x, Y = data(outputs)
    solution = fit(x, Y, 0.1)
    figure = plotting.plot_fit(solution, "dose", names(outputs))
    assert len(figure.axes) == 2 * min(outputs, 6)
    assert ("first 6 of 7 outputs" in figure.axes[0].get_title()) == (outputs == 7)
    for output in range(min(outputs, 6)):
        left, right = figure.axes[2 * output : 2 * output + 2]
        lines = {line.get_label(): line for line in left.lines}
        np.testing.assert_array_equal(lines["data"].get_xydata(), np.column_stack([x, Y[:, output]]))
        np.testing.assert_array_equal(lines["knots"].get_xdata(), solution.knots)
        np.testing.assert_array_equal(lines["knots"].get_ydata(), solution(solution.knots)[:, output])
        np.testing.assert_allclose(right.lines[0].get_ydata(), Y[:, output] - solution(x)[:, output])
        assert left.get_ylabel() == names(outputs)[output]
    assert figure.axes[-1].get_xlabel() == "dose"


def test_missing_labels_lines_and_odd_names_can_be_drawn(tmp_path: Path) -> None:
    x, Y = data(2)
    Y[::3, 0] = np.nan
    line = fit(x, Y, 2 * lambda_max(x, Y))
    assert not line.knots.size
    plotting.plot_fit(line, "$", ["\\frac", "a_b^{"], tmp_path / "line.svg")
    plotting.plot_path([line], "$", tmp_path / "path.svg")
    assert len(list(tmp_path.iterdir())) == 2


def test_a_path_shows_every_knot_at_its_lam(drawn: list[Figure]) -> None:
    x, Y = data(1)
    fits = fit_path(x, Y, [0.01, 1.0, 0.1])
    plotting.plot_path(fits, "dose", "unused.pdf")
    top, bottom = drawn[0].axes
    marks = {tuple(mark) for mark in top.lines[0].get_xydata().tolist()}
    assert marks == {(solution.lam, knot) for solution in fits for knot in solution.knots.tolist()}
    assert {line.get_label() for line in bottom.lines} == {"loss", "VV norm"}
    left, right = bottom.get_xlim()
    assert left > 1.0 > 0.01 > right


@pytest.mark.parametrize("path", ["figure", "figure.jpg", ".pdf"])
def test_a_name_that_is_no_figure_is_refused(path: str) -> None:
    solution = fit(*data(1), 0.1)
    with pytest.raises(ValueError, match=r"must end in \.pdf, \.svg, \.png; got"):
        plotting.plot_fit(solution, "x", ["y"], path)
    with pytest.raises(ValueError, match=r"must end in \.pdf, \.svg, \.png; got"):
        plotting.plot_path([solution], "x", path)


# --- the project's figure ---------------------------------------------------------------------------------------------


def test_the_path_figure_begins_with_a_line_and_bends_at_data() -> None:
    values = load_figure("path").compute(0, True).values
    assert values["ratios"][0] == 1
    assert values["ratios"][-1] == 1e-4
    assert np.all(np.diff(values["ratios"]) < 0)
    assert len(values["knots"][0]) == 0 < len(values["knots"][1]) < len(values["knots"][-1])
    assert all(set(knots) <= set(values["x"]) for knots in values["knots"])
    least_squares = np.polynomial.Polynomial.fit(values["x"], values["y"], 1)
    np.testing.assert_allclose(values["curves"][:, 0], least_squares(values["t"]), rtol=1e-9)


def test_a_fit_that_is_not_certified_is_not_drawn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vvnorm.results.univariate_fit.Fit.verify", lambda self: Verification(("it is not optimal",)))
    drawn = draw_figure(load_figure("path"), tmp_path, quick=True)
    assert len(drawn.complaints) == len(drawn.values["ratios"])
    assert not list(tmp_path.iterdir())
