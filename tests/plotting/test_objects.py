"""Results draw themselves: on given axes or new ones, with the columns' names, and small in notebooks."""

import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from matplotlib import pyplot
from matplotlib.figure import Figure

import vvnorm
from vvnorm.claims import load_claim

X = np.array([0.0, 1.0, 2.0, 3.0, 4.0])
CONVEX = np.array([0.0, 0.0, 1.0, 3.0, 6.0])
PAIR = np.column_stack([CONVEX, [1.0, 0.0, 2.0, 0.0, 1.0]])
PLANE = np.random.default_rng(5).normal(size=(9, 2))


class Frame:
    """A table with named columns, as far as vvnorm looks at one."""

    def __init__(self, values: Any, columns: list[Any]) -> None:
        self.values, self.columns = np.asarray(values, dtype=float), columns

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        return self.values


@pytest.fixture
def axes() -> Any:
    return Figure().subplots()


@pytest.fixture(scope="module")
def front() -> vvnorm.ParetoFront:
    return vvnorm.pareto_front(X, PAIR, 2.0, mixtures=5)


@pytest.fixture(autouse=True)
def no_figure_left() -> Iterator[None]:
    yield
    pyplot.close("all")


def labels(axes: Any) -> list[str]:
    return [text.get_text() for text in axes.get_legend().get_texts()]


def data_of(axes: Any) -> list[Any]:
    return [line.get_xydata() for line in axes.lines if line.get_label() == "data"]


def test_a_solution_is_drawn_on_the_axes_given_and_returns_them(axes: Any) -> None:
    assert vvnorm.interpolate(X, CONVEX).plot(axes) is axes
    assert labels(axes) == ["all solutions", "interpolant of least VV norm", "data"]
    [points] = data_of(axes)
    np.testing.assert_array_equal(points, np.column_stack([X, CONVEX]))
    assert pyplot.get_fignums() == []


def test_without_axes_a_new_pyplot_figure_has_them() -> None:
    first, second = (vvnorm.interpolate(X, CONVEX).plot() for _ in range(2))
    assert pyplot.get_fignums() == [1, 2]
    assert first.figure is pyplot.figure(1)
    assert second.figure is not first.figure


def test_outputs_of_one_input_share_the_axes_each_in_its_colour(axes: Any) -> None:
    vvnorm.fit(X, PAIR, 0.1).plot(axes)
    assert labels(axes) == ["data", "y0", "knots", "y1"]
    np.testing.assert_array_equal([points[:, 1] for points in data_of(axes)], PAIR.T)
    colours = {line.get_color() for line in axes.lines if line.get_label() in ("y0", "y1")}
    assert len(colours) == 2


@pytest.mark.parametrize("output", [1, "b"])
def test_columns_of_a_frame_name_axes_outputs_and_summaries(axes: Any, output: Any) -> None:
    solution = vvnorm.fit(Frame(X[:, None], ["dose"]), Frame(PAIR, ["a", "b"]), 0.1, loss=["squared", "huber:1"])
    assert (solution.x_names, solution.y_names) == (("dose",), ("a", "b"))
    solution.plot(axes, output=output)
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("dose", "b")
    assert "b: huber:1" in solution.summary()


def test_names_are_kept_by_every_way_to_a_solution() -> None:
    frames = Frame(PLANE, ["u", "v"]), Frame(PLANE[:, :1], ["w"])
    solutions = [
        vvnorm.interpolate(*frames),
        vvnorm.interpolate(*frames).sparsify(),
        vvnorm.fit(*frames, 0.5),
        *vvnorm.fit_path(*frames, [0.5]),
        vvnorm.interpolate(*frames, auxiliary="infinite"),
        vvnorm.interpolate(np.asarray(frames[0]), frames[1]).named(["u", "v"], ["w"]),
    ]
    assert {(solution.x_names, solution.y_names) for solution in solutions} == {(("u", "v"), ("w",))}
    numbered = vvnorm.interpolate(Frame(X[:, None], [0]), CONVEX)
    assert (numbered.x_names, numbered.y_names) == ((), ())


def test_a_solution_named_anew_keeps_its_certificate() -> None:
    solution = vvnorm.fit(X, PAIR, 0.1)
    assert solution.named(["t"], ["a", "b"]).certificate is not None
    made = solution.certificate
    assert solution.named(["t"], ["a", "b"]).certificate is made


def test_a_function_of_two_inputs_is_drawn_with_a_bar_of_its_colours() -> None:
    axes = vvnorm.interpolate(PLANE, np.column_stack([PLANE[:, 0] ** 2, PLANE[:, 1]])).plot(output=1)
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("x0", "x1")
    assert [other.get_ylabel() for other in axes.figure.axes] == ["x1", "y1"]


def test_a_path_is_drawn_against_lam(axes: Any) -> None:
    path = vvnorm.fit_path(X, CONVEX, [0.01, 1.0, 0.1])
    assert [fit.lam for fit in path] == [0.01, 1.0, 0.1]
    path.plot(axes)
    drawn = np.concatenate([line.get_xydata() for line in axes.lines])
    expected = {(fit.lam, knot) for fit in path for knot in fit.knots}
    assert set(map(tuple, drawn)) == expected
    trade_off = path.plot(what="trade-off")
    assert [line.get_label() for line in trade_off.lines] == ["loss", "VV norm"]


def test_a_front_is_drawn_with_what_is_impossible_below_it(axes: Any, front: vvnorm.ParetoFront) -> None:
    front.plot(axes, tasks=(1, 0))
    [line] = axes.lines
    np.testing.assert_array_equal(line.get_xydata(), front.losses[:, ::-1])
    [polygon] = [path for collection in axes.collections for path in collection.get_paths()]
    above = front.losses[2, ::-1] + 1e-3 * np.ptp(front.losses, axis=0)[::-1]
    below = front.losses[2, ::-1] - 0.1 * np.ptp(front.losses, axis=0)[::-1]
    assert polygon.contains_point(below)
    assert not polygon.contains_point(above)


def test_the_response_to_a_dual_array_stays_below_its_bound_and_reaches_it_at_the_knots(axes: Any) -> None:
    fit = vvnorm.fit(X, PAIR, 0.1)
    fit.certificate.plot(axes, X=X, dual=fit.dual)
    places, sizes = axes.lines[0].get_xydata().T
    assert sizes.max() <= 0.1 * (1 + 1e-6)
    np.testing.assert_allclose(np.interp(fit.knots, places, sizes), 0.1, rtol=1e-5)


def test_the_response_in_the_plane_reaches_its_bound_at_the_neurons(axes: Any) -> None:
    solution = vvnorm.interpolate(PLANE, np.sin(3 * PLANE))
    solution.certificate.plot(axes, X=PLANE)
    angles, sizes = axes.lines[0].get_xydata().T
    large = np.hypot(*solution.network.W.T) * np.linalg.norm(solution.network.V, axis=0) > 1e-3 * solution.value
    assert large.any()
    at = np.degrees(np.arctan2(*solution.network.W[large].T[::-1])) % 360
    np.testing.assert_allclose(np.interp(at, angles, sizes), 1.0, atol=0.02)
    assert sizes.min() < 0.98


def test_a_certificate_without_inputs_shows_its_interval(axes: Any) -> None:
    network = vvnorm.interpolate(X, PAIR).network
    certificate = vvnorm.certify(network, X, PAIR, lam=0.01)
    certificate.plot(axes)
    assert [bar.get_width() for bar in axes.patches] == [certificate.objective, certificate.lower_bound]


@pytest.mark.parametrize(
    ("draw", "error"),
    [
        (lambda front: vvnorm.interpolate(X, CONVEX).plot(3), "ax must be matplotlib Axes, got int"),
        (lambda front: vvnorm.interpolate(X, CONVEX).plot(output=1), "output must be a number below 1 or one of y; got 1"),
        (lambda front: vvnorm.interpolate(X, PAIR).plot(output="y2"), "one of y0, y1; got 'y2'"),
        (
            lambda front: vvnorm.fit_path(X, CONVEX, [1]).plot(what="loss"),
            "what must be 'knots' or 'trade-off', got 'loss'",
        ),
        (lambda front: front.plot(tasks=(0, 2)), r"tasks must be two different numbers below 2, got \(0, 2\)"),
        (lambda front: vvnorm.interpolate(PLANE[:6, [0, 1, 0]] ** [1, 1, 2], X[:1].repeat(6)).plot(), "of 3 inputs cannot"),
        (lambda front: vvnorm.fit(X, CONVEX, 1.0).certificate.plot(X=X), "no dual array, since it follows"),
        (lambda front: vvnorm.interpolate(X, CONVEX).certificate.plot(X=X[:3]), "X has 3 rows; the dual array has 5"),
        (lambda front: vvnorm.interpolate(X, CONVEX).certificate.plot(X=PLANE[:, [0, 1, 1]]), "one or two inputs"),
    ],
)
def test_what_cannot_be_drawn_is_refused_and_leaves_no_figure(draw: Any, error: str, front: Any) -> None:
    with pytest.raises((TypeError, ValueError), match=error):
        draw(front)
    assert pyplot.get_fignums() == []


def test_notebooks_show_value_gap_verdict_and_a_small_picture(front: vvnorm.ParetoFront) -> None:
    solution, fit = vvnorm.interpolate(X, CONVEX), vvnorm.fit(X, PAIR, 0.1)
    for thing in (solution, fit, vvnorm.fit_path(X, CONVEX, [1.0, 0.1]), front, solution.certificate, fit.certificate):
        html = thing._repr_html_()
        ET.fromstring(html)  # well formed
        assert html.count("<svg") == 1
        assert len(html) < 60_000
        assert all(line.strip() in re.sub("&.t;", "", html) for line in repr(thing).splitlines())
    assert "VV norm 3, lower bound 3, relative gap" in solution._repr_html_()
    assert "certified to 1e-06" in solution._repr_html_()
    assert pyplot.get_fignums() == []


def test_notebooks_show_training_by_its_curves() -> None:
    options: dict[str, Any] = {"seeds": 2, "steps": 30, "progress": False}
    trained, tasks = vvnorm.train(X, CONVEX, **options), vvnorm.train_tasks(X, PAIR, lam=0.1, **options)
    for thing in (trained, tasks):
        html = thing._repr_html_()
        ET.fromstring(html)
        assert html.count("<svg") == 1
    axes = trained.plot()
    assert (axes.get_ylabel(), len(axes.lines)) == ("relative gap", 2)
    np.testing.assert_array_equal(axes.lines[1].get_ydata(), trained.history["gap"][:, 1])
    axes = tasks.plot()
    assert labels(axes) == [task.name for task in tasks.tasks]
    np.testing.assert_array_equal(axes.lines[0].get_ydata(), tasks.history["losses"][:, tasks.best_run, 0])
    bare = vvnorm.train(np.column_stack([X, X**2]), CONVEX, skip=False, **options)
    course = bare.course()
    assert course.name in ("relative gap", "objective")
    np.testing.assert_allclose(
        bare.history["loss"][-1] + bare.lams * bare.history["vv_norm"][-1], bare.objectives, rtol=1e-3
    )


def test_notebooks_show_a_band_by_its_intervals() -> None:
    band = vvnorm.interpolate(PLANE[:4], [0.0, 1.0, 1.0, 0.0]).band([[0.1, 0.2], [0.3, 0.3]])
    html = band._repr_html_()
    ET.fromstring(html)
    assert html.count("<svg") == np.isfinite(band.outer).all()
    assert "Band: 2 points" in html


def test_notebooks_show_verdicts_in_words() -> None:
    result = vvnorm.Result(vvnorm.Verdict.HOLDS, 0.0, 1e-9)
    for thing, words in (
        (vvnorm.Verification(), "Verification: accepted"),
        (vvnorm.Verification(("x < y",)), "x &lt; y"),
        (result, "HOLDS, [0, 1e-09]"),
        (load_claim("uniqueness"), "Claim uniqueness"),
    ):
        html = thing._repr_html_()
        ET.fromstring(html)
        assert words in html
        assert "<svg" not in html


@pytest.mark.parametrize(
    "solution",
    [
        vvnorm.interpolate(X * 1e307, CONVEX),
        vvnorm.interpolate(np.arange(200_001.0), np.arange(200_001.0) % 2),
        vvnorm.interpolate(np.random.default_rng(0).normal(size=(5, 3)), CONVEX),
    ],
    ids=["too large for axes", "too many labels", "three inputs"],
)
def test_notebooks_show_words_where_nothing_can_be_drawn(solution: Any) -> None:
    html = solution._repr_html_()
    ET.fromstring(html)
    assert "<svg" not in html
    assert "VV norm" in html


def test_names_are_escaped() -> None:
    html = vvnorm.interpolate(X, Frame(CONVEX[:, None], ["<b>$&"]))._repr_html_()
    ET.fromstring(html)
    assert "<b>$" not in html


def test_estimators_name_outputs_by_the_columns_of_y() -> None:
    model = vvnorm.VVNormRegressor(0.1).fit(X[:, None], Frame(PAIR, ["a", "b"]))
    assert model.solution_.y_names == ("a", "b")
    assert [axes.get_ylabel() for axes in model.plot().axes][::2] == ["a", "b"]
