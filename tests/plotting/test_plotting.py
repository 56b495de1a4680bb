"""Figures: files are whole and reproducible, no global state changes, and only verified results are drawn."""

import re
import subprocess
import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from figure_files import check_files
from matplotlib.figure import Figure
from scipy.spatial import Delaunay

import vvnorm
from vvnorm import Verdict, interpolate, plotting, random_dataset, train
from vvnorm.plotting import FORMATS, FigureData, FigureScript, draw_figure, figure_names, load_figure, rows

MAGIC = {".pdf": b"%PDF", ".svg": b"<?xml", ".png": b"\x89PNG"}
AMBIGUOUS = ([0.0, 1.0, 2.0, 3.0, 4.0], [0.0, 0.0, 1.0, 3.0, 6.0])  # one output, neighbouring curvatures of one sign


def solution_with(outputs: int):
    data = random_dataset(7, outputs, outputs)
    return interpolate(data.X, data.Y)


def names(count: int) -> list[str]:
    return [f"output {i}" for i in range(count)]


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[Figure]:
    """Figures that would have been saved."""
    figures: list[Figure] = []
    for part in ("solutions", "training"):
        monkeypatch.setattr(f"vvnorm.plotting.{part}.save", lambda figure, path: figures.append(figure))
    return figures


def line_plot(values) -> Figure:
    figure = plotting.new_figure(2, 2)
    figure.subplots().plot(values["t"], values["t"])
    return figure


def toy(verdict: Verdict = Verdict.HOLDS, complaints: tuple[str, ...] = (), plot=line_plot) -> FigureScript:
    def compute(seed: int, quick: bool) -> FigureData:
        return FigureData({"t": np.arange(3.0) * (seed + 1), "quick": quick}, verdict, list(complaints))

    def table(values) -> list[dict[str, float]]:
        return rows(t=values["t"], step=values["t"][1])

    return FigureScript("toy", "a line is straight, $y = x_1$", compute, plot, table, "100 % of a_b.")


# --- solutions --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("outputs", "suffix"), list(zip((1, 2, 7), FORMATS, strict=True)))
def test_a_solution_is_drawn_in_every_format_with_the_same_bytes_twice(tmp_path: Path, outputs: int, suffix: str) -> None:
    solution = solution_with(outputs)
    files = [tmp_path / f"{k}{suffix}" for k in range(2)]
    for file in files:
        plotting.plot_solution(solution, "x", names(outputs), file)
    first, second = (file.read_bytes() for file in files)
    assert first.startswith(MAGIC[suffix])
    assert first == second
    assert sorted(tmp_path.iterdir()) == files


@pytest.mark.parametrize("outputs", range(1, 8))
def test_each_of_up_to_six_outputs_has_its_panel_and_its_data(drawn: list[Figure], outputs: int) -> None:
    solution = solution_with(outputs)
    plotting.plot_solution(solution, "dose", names(outputs), "unused.pdf")
    axes = drawn[0].axes
    assert [axis.get_ylabel() for axis in axes] == names(outputs)[:6]
    assert axes[-1].get_xlabel() == "dose"
    assert axes[0].get_title() == ("first 6 of 7 outputs" if outputs == 7 else "")
    for output, axis in enumerate(axes):
        points = next(line for line in axis.lines if line.get_label() == "data")
        np.testing.assert_array_equal(points.get_xydata(), np.column_stack([solution.X, solution.Y[:, output]]))
        curve = next(line for line in axis.lines if line.get_label() == "interpolant of least VV norm")
        at_data = np.searchsorted(curve.get_xdata(), solution.X[:, 0])
        np.testing.assert_array_equal(curve.get_xdata()[at_data], solution.X[:, 0])
        np.testing.assert_allclose(curve.get_ydata()[at_data], solution.Y[:, output], rtol=1e-12)


def test_the_band_of_all_solutions_is_drawn_exactly_where_there_are_several(drawn: list[Figure]) -> None:
    x, y = AMBIGUOUS
    several, unique = (
        interpolate(x, y),
        interpolate(x, np.column_stack([y, np.square(np.arange(5) - 2.0)[::-1] * [1, 2, 1, 0, 3]])),
    )
    assert not several.unique
    assert unique.unique
    for solution in (several, unique):
        plotting.plot_solution(solution, "x", names(solution.Y.shape[1]), "unused.pdf")
    assert [sum(len(axis.collections) for axis in figure.axes) for figure in drawn] == [1, 0]
    assert "all solutions" in [text.get_text() for text in drawn[0].axes[0].get_legend().get_texts()]


def test_a_solution_of_a_convex_program_is_drawn_without_a_band(tmp_path: Path) -> None:
    solution = interpolate([0, 1, 2, 3, 4], [[0.0, 1], [0, np.nan], [1, 2], [3, np.nan], [6, 0]])
    plotting.plot_solution(solution, "x", names(2), tmp_path / "missing.png")
    assert (tmp_path / "missing.png").read_bytes().startswith(MAGIC[".png"])


@pytest.mark.parametrize("scale", [1e-300, 1e-100, 1e100, 1e300])
@pytest.mark.parametrize("which", ["x", "y"])
def test_any_scale_can_be_drawn(tmp_path: Path, which: str, scale: float) -> None:
    x, y = (np.array(values) for values in AMBIGUOUS)
    solution = interpolate(x * scale, y) if which == "x" else interpolate(x, y * scale)
    plotting.plot_solution(solution, "x", ["y"], tmp_path / "scaled.png")
    assert (tmp_path / "scaled.png").exists()


def test_numbers_at_the_end_of_float64_are_refused_and_nothing_is_written(tmp_path: Path) -> None:
    solution = interpolate([1e308, 1.1e308, 1.2e308, 1.7e308], [0, 1, 2, 5])
    with pytest.raises(ValueError, match=r"cannot show 1\.7e\+308"):
        plotting.plot_solution(solution, "x", ["y"], tmp_path / "huge.png")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["$", "$\\bad$", "cost_$_per_$", "a_b^{", "", "100 %", "\\frac"])
def test_a_columns_name_is_never_a_formula(tmp_path: Path, name: str) -> None:
    plotting.plot_solution(interpolate([0, 1, 2], [0, 1, 0]), name, [name], tmp_path / "name.svg")
    assert (tmp_path / "name.svg").read_text().count(f">{name}</text>") == (2 if name else 0)


@pytest.mark.parametrize("path", ["figure", "figure.jpg", "figure.PDF", "figure.npz", ".pdf"])
def test_a_name_that_is_no_figure_is_refused(path: str) -> None:
    with pytest.raises(ValueError, match=r"must end in \.pdf, \.svg, \.png; got"):
        plotting.plot_solution(solution_with(1), "x", ["y"], path)


def test_a_missing_folder_is_a_value_error(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="cannot write"):
        plotting.plot_solution(solution_with(1), "x", ["y"], tmp_path / "none" / "figure.pdf")


# --- training ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("points", [2, 5])
@pytest.mark.parametrize("outputs", [1, 7])
def test_training_is_drawn_over_its_data_with_its_cost(
    tmp_path: Path, drawn: list[Figure], points: int, outputs: int
) -> None:
    data = random_dataset(points, outputs, 3)
    result = train(data.X, data.Y, seeds=2, steps=20, progress=False)
    plotting.plot_training(result, "dose", names(outputs), tmp_path / "training.png")
    *panels, cost = drawn[0].axes
    assert [axis.get_ylabel() for axis in panels] == names(outputs)[:6]
    assert all(len(axis.lines) == 2 + 1 for axis in panels)  # two networks and the data
    assert cost.get_ylabel() == "VV norm"


def test_training_is_written_with_the_same_bytes_twice(tmp_path: Path) -> None:
    result = train([0, 1, 2, 3], [0, 1, 0, 1], seeds=2, steps=20, progress=False)
    files = [tmp_path / name for name in ("a.pdf", "b.pdf")]
    for file in files:
        plotting.plot_training(result, "x", ["y"], file)
    assert files[0].read_bytes() == files[1].read_bytes()


def test_training_with_two_inputs_is_not_drawn(tmp_path: Path) -> None:
    result = train(np.eye(2), [0, 1], seeds=1, steps=5, width=3, progress=False)
    with pytest.raises(ValueError, match="one input column; the networks have 2"):
        plotting.plot_training(result, "x", ["y"], tmp_path / "plane.pdf")
    assert not list(tmp_path.iterdir())


# --- style and global state -------------------------------------------------------------------------------------------


def test_the_style_ends_with_its_context_even_after_an_error() -> None:
    def fail() -> None:
        with plotting.style():
            assert matplotlib.rcParams["svg.hashsalt"] == "vvnorm"
            raise KeyError

    before = dict(matplotlib.rcParams)
    with pytest.raises(KeyError):
        fail()
    assert dict(matplotlib.rcParams) == before


def test_drawing_leaves_no_setting_behind(tmp_path: Path) -> None:
    before = dict(matplotlib.rcParams)
    plotting.plot_solution(solution_with(2), "x", names(2), tmp_path / "a.pdf")
    draw_figure(toy(), tmp_path)
    assert dict(matplotlib.rcParams) == before


def test_a_users_settings_do_not_change_the_file(tmp_path: Path) -> None:
    for name, fonttype in (("a.svg", "none"), ("b.svg", "path")):
        with matplotlib.rc_context({"svg.fonttype": fonttype, "lines.linewidth": 7, "font.size": 30}):
            plotting.plot_solution(solution_with(1), "x", ["y"], tmp_path / name)
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()


def test_pyplot_is_never_imported(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from vvnorm import interpolate, plotting; folder = Path(sys.argv[1]); "
        "plotting.plot_solution(interpolate([0, 1, 2], [0, 1, 0]), 'x', ['y'], folder / 'a.png'); "
        "plotting.draw_figure(plotting.load_figure('neuron'), folder, quick=True); "
        "print('matplotlib.pyplot' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, timeout=120)
    assert (done.stdout, done.stderr) == ("False\n", "")


# --- figure scripts ---------------------------------------------------------------------------------------------------


def test_a_figure_is_drawn_as_pdf_and_png_from_its_data(tmp_path: Path) -> None:
    data = draw_figure(toy(), tmp_path, seed=4, quick=True)
    np.testing.assert_array_equal(data.values["t"], [0, 5, 10])
    assert data.values["quick"] is True
    check_files(tmp_path, "toy", data.verdict)
    for suffix in (".pdf", ".png"):
        assert (tmp_path / f"toy{suffix}").read_bytes().startswith(MAGIC[suffix])
    assert (tmp_path / "toy.csv").read_text() == "t,step\n0.0,5.0\n5.0,5.0\n10.0,5.0\n"
    assert (tmp_path / "toy.tex").read_text() == (
        "A line is straight, $y = x_1$. 100 \\% of a\\_b. "
        f"Verdict: HOLDS. Made by vvnorm {vvnorm.__version__}, seed 4, quick.\n"
    )


def test_a_figure_with_complaints_is_neither_drawn_nor_written(tmp_path: Path) -> None:
    def never(values) -> Figure:
        raise AssertionError("drawn")

    data = draw_figure(toy(complaints=("it is bent",), plot=never), tmp_path)
    assert data.complaints == ["it is bent"]
    assert not list(tmp_path.iterdir())


def test_a_figure_that_fails_while_drawn_leaves_the_old_files(tmp_path: Path) -> None:
    def fail(values) -> Figure:
        raise ZeroDivisionError

    (tmp_path / "toy.pdf").write_bytes(b"old")
    with pytest.raises(ZeroDivisionError):
        draw_figure(toy(plot=fail), tmp_path)
    assert [(file.name, file.read_bytes()) for file in tmp_path.iterdir()] == [("toy.pdf", b"old")]


def test_all_project_figures_are_registered_under_their_own_names() -> None:
    assert {"neuron", "uniqueness", "stability", "training_gap", "smooth2d"} <= set(figure_names())
    assert len(figure_names()) == len(set(figure_names()))
    for name in figure_names():
        assert load_figure(name).id == name


def test_an_unknown_figure_is_named_with_those_there_are() -> None:
    with pytest.raises(ValueError, match=r"no figure named 'nothing'; there are: .*neuron"):
        load_figure("nothing")


@pytest.mark.parametrize(
    ("place", "problem"),
    [
        ("vvnorm.plotting:GROUP", r"is a str, not a vvnorm\.plotting\.FigureScript"),
        ("vvnorm.nowhere:FIGURE", "cannot be loaded: No module named 'vvnorm.nowhere'"),
        ("vvnorm.plotting:NOTHING", "cannot be loaded"),
    ],
)
def test_what_another_package_registers_wrongly_is_named_with_its_place(
    monkeypatch: pytest.MonkeyPatch, place: str, problem: str
) -> None:
    wrong = EntryPoint("wrong", place, "vvnorm.figures")
    monkeypatch.setattr("vvnorm._internal.plugins._entries", lambda group: {"wrong": [wrong]})
    with pytest.raises(ValueError, match=rf"figure 'wrong' \({re.escape(place)}\) {problem}"):
        load_figure("wrong")


def test_the_neuron_figure_has_the_same_bytes_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vvnorm.plotting.scripts.PICTURES", (".pdf", ".png"))
    folders = [tmp_path / "a", tmp_path / "b"]
    for folder in folders:
        folder.mkdir()
        draw_figure(load_figure("neuron"), folder, quick=True)
    for suffix in (".pdf", ".png"):
        first, second = ((folder / f"neuron{suffix}").read_bytes() for folder in folders)
        assert first == second


@pytest.mark.parametrize("seed", range(3))
def test_the_neuron_of_the_figure_costs_what_it_says(seed: int) -> None:
    values = load_figure("neuron").compute(seed, True).values
    assert values["cost"] == pytest.approx(abs(values["w"]) * np.linalg.norm(values["v"]), rel=1e-12)
    assert values["kink"] == -values["b"] / values["w"]
    expected = np.outer(np.maximum(values["w"] * values["t"] + values["b"], 0), values["v"])
    np.testing.assert_allclose(values["outputs"], expected, atol=1e-14)


def test_networks_trained_too_briefly_leave_the_training_figure_inconclusive(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vvnorm.training.train", lambda X, Y, **options: train(X, Y, **(options | {"steps": 20})))
    data = load_figure("training_gap").compute(0, True)
    assert data.verdict is Verdict.INCONCLUSIVE
    assert data.complaints == []
    assert np.all(data.values["continuation residual"][-1] > 1e-3)


def test_the_surfaces_have_the_mean_gradients_that_the_figure_states_and_poor_ones_are_inconclusive(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("vvnorm.training.train", lambda X, Y, **options: train(X, Y, **(options | {"steps": 20})))
    data = load_figure("smooth2d").compute(1, True)
    values = data.values
    assert max(values["single gap"], values["multi gap"]) > 0.03
    assert data.verdict is Verdict.INCONCLUSIVE
    assert data.complaints == []
    for name in ("single", "multi"):
        assert values[f"{name} slope"] == pytest.approx(mean_slope(values["mesh"], values[f"{name} surface"]), rel=0.02)


def mean_slope(mesh: np.ndarray, heights: np.ndarray) -> float:
    """Mean norm of the gradient of the function that is linear on the triangles of a mesh, weighted by their areas."""
    triangles = Delaunay(mesh).simplices
    first, *others = (mesh[triangles[:, k]] for k in range(3))
    sides = np.stack([corner - first for corner in others], axis=1)
    areas = np.abs(np.linalg.det(sides))
    proper = areas > 1e-9
    rises = np.stack([heights[triangles[:, k]] - heights[triangles[:, 0]] for k in (1, 2)], axis=1)
    slopes = np.linalg.norm(np.linalg.solve(sides[proper], rises[proper][..., None])[..., 0], axis=1)
    return float(areas[proper] @ slopes / areas[proper].sum())


# --- styles -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("look", plotting.STYLES)
@pytest.mark.parametrize(("width", "place"), [(3.0, "column"), (6.4, "text")])
def test_a_paper_sets_width_and_font_of_its_figures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, look: str, width: float, place: str
) -> None:
    made: list[Figure] = []
    # Each family of fonts in all formats; others as SVG, which takes a fifth of the time.
    pictures = FORMATS if (look, place) in {("screen", "text"), ("icml", "column"), ("jmlr", "text")} else (".svg",)
    monkeypatch.setattr("vvnorm.plotting.scripts.PICTURES", tuple(pictures))

    def plot(values) -> Figure:
        made.append(plotting.new_figure(width, width / 2))
        with plotting.style():  # drawing functions ask for a style themselves
            axes = made[0].subplots()
        axes.plot(values["t"], -values["t"])
        axes.set_ylabel("$-t$, minus a time")
        return made[0]

    draw_figure(toy(plot=plot), tmp_path, look=look)
    expected = getattr(plotting.STYLES[look], place) or width
    np.testing.assert_allclose(made[0].get_size_inches(), [expected, expected / 2])
    label = made[0].axes[0].yaxis.label
    assert label.get_size() == (9 if look == "screen" else 8)
    assert label.get_family() == (["sans-serif"] if look == "screen" else ["serif"])
    assert plotting.new_figure(3.0, 1.0).get_size_inches()[0] == 3.0  # the style has ended
    assert {file.suffix for file in tmp_path.iterdir()} == {*pictures, ".csv", ".tex"}


def test_an_unknown_style_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"style must be one of screen, paper, .*, ieee; got 'nature'"):
        draw_figure(toy(), tmp_path, look="nature")
    assert list(tmp_path.iterdir()) == []
