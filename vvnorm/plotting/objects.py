"""Pictures of results: `solution.plot(ax)`, and the small pictures that notebooks show.

`vvnorm/__init__.py` registers this module with `vvnorm._internal.drawing`, which calls it.
"""

from collections.abc import Sequence
from functools import singledispatch
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from vvnorm._internal.drawing import Trained
from vvnorm.float64 import Rows
from vvnorm.multitask.pareto import ParetoFront
from vvnorm.plotting.canvas import COLOURS, file_content, literal, new_figure, style
from vvnorm.plotting.extent import MOST_OUTPUTS
from vvnorm.plotting.responses import responses
from vvnorm.plotting.solutions import (
    Surfaces,
    curves,
    draw_curve,
    draw_effort,
    draw_fitted,
    draw_trade_off,
    refuse_undrawable,
)
from vvnorm.results.band import Band
from vvnorm.results.path import FitPath
from vvnorm.results.solution import Solution
from vvnorm.validation import as_inputs
from vvnorm.verifier.certificates import FitRecord, InterpolantRecord

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_LINES = ("blue", "orange", "green", "purple", "sky", "red")
_SMALL = (3.2, 2.2)  # size of a picture in a notebook, inches
_MOST = 200_000  # labels; a notebook shows no picture of a solution with more


def draw_on(result: object, axes: "Axes | None", **options: Any) -> "Axes":
    """Draw a result on axes, or on those of a new pyplot figure; return the axes.

    Raises
    ------
    TypeError
        If `axes` is not a matplotlib Axes.
    ValueError
        If the result cannot be drawn.
    """
    if axes is not None and not hasattr(axes, "add_patch"):
        raise TypeError(f"ax must be matplotlib Axes, got {type(axes).__name__}")
    drawing = _prepared(result, **options)  # errors come before a figure is made
    with style():
        if axes is None:
            from matplotlib import pyplot

            axes = pyplot.subplots(layout="constrained")[1]
        drawing(axes)
    return axes


def as_html(result: object) -> str:
    """Return the text of `repr` and, if the result can be drawn and is not large, a small picture, as HTML."""
    head, *rest = (escape(line.strip()) for line in repr(result).splitlines())
    words = f"<p><b>{head}</b><br/>{'<br/>'.join(rest)}</p>"
    undrawn = _prepared.dispatch(type(result)) is _prepared.dispatch(object)
    if undrawn or (isinstance(result, Solution) and result.Y.size > _MOST):
        return f"<div>{words}</div>"
    try:
        with style():
            figure = new_figure(*_SMALL)
            _prepared(result)(figure.subplots())
            picture = file_content(figure, ".svg").decode()
    except ValueError:  # more inputs than a picture has axes, or numbers too large for axes
        return f"<div>{words}</div>"
    return f"<div>{words}{picture[picture.index('<svg') :]}</div>"


@singledispatch
def _prepared(result: object, **options: Any) -> Any:
    """Check a result and options; return the function that draws the result on axes."""
    raise TypeError(f"a {type(result).__name__} cannot be drawn")


@_prepared.register
def _(solution: Solution, *, output: int | str | None = None) -> Any:
    shown, names = _outputs(solution, output)
    inputs = solution.X.shape[1]
    refuse_undrawable(inputs, bool(getattr(solution, "lam", 0)))
    x_names = solution.x_names or (("x",) if inputs == 1 else tuple(f"x{j}" for j in range(inputs)))
    if solution.origin is not None:
        x_names = tuple(
            f"{name} - {start}" if start else name for name, start in zip(x_names, solution.origin, strict=True)
        )
    if inputs == 1:
        return _over_one_input(solution, shown, names, x_names[0])
    first = shown[0]
    if inputs == 2:
        surfaces = Surfaces(solution)

        def draw_surface(axes: "Axes") -> None:
            image = surfaces.draw(axes, first)
            axes.set(xlabel=literal(x_names[0]), ylabel=literal(x_names[1]))
            axes.figure.colorbar(image, ax=axes, label=literal(names[0]))

        return draw_surface
    fitted = solution(solution.X)

    def draw_labels(axes: "Axes") -> None:
        draw_fitted(axes, solution.Y[:, first], fitted[:, first])
        axes.set(xlabel=literal(names[0]), ylabel="fit")

    return draw_labels


def _outputs(solution: Solution, output: int | str | None) -> tuple[list[int], list[str]]:
    """Return the numbers and the names of the outputs to draw."""
    T = solution.Y.shape[1]
    names = list(solution.y_names) or (["y"] if T == 1 else [f"y{t}" for t in range(T)])
    if output is None:
        return list(range(min(T, MOST_OUTPUTS))), names[:MOST_OUTPUTS]
    if isinstance(output, str) and output in names:
        output = names.index(output)
    if isinstance(output, bool) or not isinstance(output, int | np.integer) or not 0 <= output < T:
        raise ValueError(f"output must be a number below {T} or one of {', '.join(names)}; got {output!r}")
    return [int(output)], [names[output]]


def _over_one_input(solution: Solution, shown: Sequence[int], names: Sequence[str], x_name: str) -> Any:
    lines = curves(solution)

    def draw(axes: "Axes") -> None:
        if len(shown) == 1:
            draw_curve(axes, lines[shown[0]], "fit" if getattr(solution, "lam", 0) else "interpolant of least VV norm")
            axes.set_ylabel(literal(names[0]))
        else:
            for k, name, colour in zip(shown, names, _LINES, strict=False):
                draw_curve(axes, lines[k], literal(name), colour, data=colour)
        handles = dict(zip(*reversed(axes.get_legend_handles_labels()), strict=True))
        axes.legend(handles.values(), handles.keys(), loc="best")
        axes.set_xlabel(literal(x_name))

    return draw


@_prepared.register
def _(path: FitPath, *, what: str = "knots") -> Any:
    if what not in ("knots", "trade-off"):
        raise ValueError(f"what must be 'knots' or 'trade-off', got {what!r}")

    def draw(axes: "Axes") -> None:
        if what == "knots":
            draw_effort(axes, path, path[0].x_names[0] if path[0].x_names else "x")
        else:
            draw_trade_off(axes, path)
        axes.set_xlabel("lam")

    return draw


@_prepared.register
def _(front: ParetoFront, *, tasks: tuple[int, int] = (0, 1)) -> Any:
    count = len(front.data.tasks)
    a, b = tasks
    if count < 2 or a == b or not all(isinstance(k, int | np.integer) and 0 <= k < count for k in tasks):
        raise ValueError(f"tasks must be two different numbers below {count}, got {tasks!r}")

    def draw(axes: "Axes") -> None:
        points = front.losses[:, [a, b]]
        axes.plot(*points.T, "-" if count == 2 else "", lw=1, marker=".", ms=5, color=COLOURS["blue"], label="front")
        if count == 2:  # with more tasks the half-spaces do not bound these two losses alone
            _draw_impossible(axes, front.mixtures[:, [a, b]], front.bounds, points)
        axes.set(xlabel=f"loss of task {a}", ylabel=f"loss of task {b}")
        axes.legend(loc="best")

    return draw


@_prepared.register
def _(trained: Trained) -> Any:
    name, steps, values, labels = trained.course()
    positive = np.where(values > 0, values, np.nan)
    if len(steps) < 2 or not np.isfinite(positive).any():
        raise ValueError("the training history has nothing to draw")

    def draw_course(axes: "Axes") -> None:
        for k, curve in enumerate(positive.T):
            colour = COLOURS[_LINES[k % len(_LINES) if labels else 0]]
            axes.plot(steps, curve, lw=1, color=colour, label=literal(labels[k]) if labels else None)
        axes.set(yscale="log", xlabel="step", ylabel=name)
        if labels:
            axes.legend(loc="best")

    return draw_course


@_prepared.register
def _(band: Band) -> Any:
    if not np.isfinite(band.outer).all():
        raise ValueError("a band with an infinite end cannot be drawn")

    def draw_intervals(axes: "Axes") -> None:
        for j, t in enumerate(band.outputs[:MOST_OUTPUTS]):
            shift = 0.2 * j / len(band.outputs)
            for ends, width in ((band.outer, 1), (band.inner, 4)):
                axes.vlines(np.arange(len(ends)) + shift, *ends[:, j].T, lw=width, color=COLOURS[_LINES[j]])
            axes.plot(np.arange(len(band.values)) + shift, band.values[:, j], ".", color="black", label=f"y{t}")
        axes.set(xlabel="point", ylabel="values within the excess")

    return draw_intervals


def _draw_impossible(axes: "Axes", mixtures: Any, bounds: Any, points: Any) -> None:
    """Fill the region of losses that, by the half-spaces, no network of this VV norm has."""
    (left, right), (low, high) = axes.get_xlim(), axes.get_ylim()
    first = np.union1d(np.linspace(left, right, 501), points[:, 0])
    inner = mixtures[:, 1] > 0
    least = ((bounds[inner, None] - mixtures[inner, :1] * first) / mixtures[inner, 1:]).max(axis=0, initial=low)
    beyond = np.max(bounds[~inner] / mixtures[~inner, 0], initial=-np.inf)
    least = np.where(first < beyond, high, np.clip(least, low, high))
    axes.fill_between(first, low, least, color=COLOURS["grey"], alpha=0.25, lw=0, label="proved impossible")
    axes.set(xlim=(left, right), ylim=(low, high))


@_prepared.register(InterpolantRecord)
@_prepared.register(FitRecord)
def _(certificate: InterpolantRecord | FitRecord, *, X: ArrayLike | None = None, dual: Rows | None = None) -> Any:
    if X is not None:
        inputs = as_inputs(X)
        neurons, sizes, bound = responses(certificate, inputs, certificate.dual if dual is None else dual)
        name = "knot of the neuron" if inputs.shape[1] == 1 else "angle of the neuron's weights, degrees"

        def draw_response(axes: "Axes") -> None:
            axes.plot(neurons, sizes, color=COLOURS["blue"], label="response to the dual array")
            axes.axhline(bound, color=COLOURS["red"], ls="--", label="bound: optimal neurons reach it")
            axes.set(xlabel=name, ylabel="norm over outputs")
            axes.legend(loc="best")

        return draw_response
    value = certificate.vv_norm if isinstance(certificate, InterpolantRecord) else certificate.objective
    what = "VV norm" if isinstance(certificate, InterpolantRecord) else "objective"
    if not np.isfinite([value, certificate.lower_bound]).all():
        raise ValueError(f"a certificate with the {what} {value!r} cannot be drawn")

    def draw_interval(axes: "Axes") -> None:
        axes.barh([0], [value], height=0.4, color=COLOURS["orange"], label="of this network")
        axes.barh([0], [certificate.lower_bound], height=0.4, color=COLOURS["blue"], label="proved necessary")
        axes.set(xlabel=what, yticks=[], ylim=(-0.5, 1.2), title=f"relative gap {certificate.gap:.2g}")
        axes.legend(loc="upper left")

    return draw_interval
