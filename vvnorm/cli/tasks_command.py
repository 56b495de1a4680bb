"""`vvnorm tasks`: one network for several tasks, under several weightings."""

import os
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vvnorm.cli.exit_codes import INCONCLUSIVE, OK
from vvnorm.cli.inputs import check_outputs
from vvnorm.cli.options import DecimalOption, EncodingOption, HeaderOption, JsonOption, PlotOption, SeedOption, SepOption
from vvnorm.cli.output import Progress, TextTable, number, say, with_interval
from vvnorm.csv_files import CsvFormat

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vvnorm.multitask.task_data import TaskData
    from vvnorm.training.comparison import TaskComparison


_STUDY = "builtin:all"
_ARRANGED = {"joint": "joint", "separate_width": "separate, same width", "separate_cost": "separate, same cost"}


TaskDataArgument = Annotated[
    str,
    typer.Argument(
        metavar="DATA",
        help="CSV file, or builtin:breast_cancer, :digits_overlaid, :digits_multilabel or :linnerud; builtin:all is "
        "the study of all four, with settings of its own.",
        show_default=False,
    ),
]
TaskOption = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME=LOSS[:PARAM][:COL[=VALUE]]",
        help="squared:COL, huber:DELTA:COL, logistic:COL[=POSITIVE], hinge:COL, softmax:COL, one-class:NU:COL "
        "(scores), one-class:NU:COL=NORMAL or one-class:NU (all rows are normal); repeatable.",
        show_default=False,
    ),
]
InputsOption = Annotated[
    list[str] | None,
    typer.Option(
        "--x",
        metavar="COL[,COL]",
        help="Inputs, repeatable; by default all columns no task names.",
        show_default=False,
    ),
]
WeightingOption = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME",
        help="Of the losses: equal, grid, learned, uncertainty, alternating, gradnorm, mgda, mgda_ub (with gradients "
        "normalised: mgda:l2, mgda:loss, mgda:loss+), upgrad, or one number per task, as 1,2,0.5; repeatable.",
        show_default="equal, uncertainty, mgda_ub",
    ),
]
SeedsOption = Annotated[int | None, typer.Option(min=1, help="Splits and starts.", show_default="5, quick 3")]
WidthOption = Annotated[int | None, typer.Option(min=1, help="Neurons of the joint network.", show_default="64, quick 32")]
StepsOption = Annotated[int | None, typer.Option(min=1, help="Steps of training.", show_default="1000, quick 150")]
LamOption = Annotated[float, typer.Option(help="Weight of the VV norm against mean losses.")]
BatchOption = Annotated[int | None, typer.Option(min=1, help="Samples per step; all by default.", show_default=False)]
StandardiseOption = Annotated[bool, typer.Option(help="Whether inputs are standardised, by the training rows.")]
QuickOption = Annotated[bool, typer.Option("--quick", help="Fewer seeds and steps, a smaller network.")]
FolderOption = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR|NET.npz", help="Save the best joint network of each weighting; a file for one.", show_default=False
    ),
]
LinesOption = Annotated[
    Path | None, typer.Option("--csv", metavar="FILE", help="Write the lines of builtin:all.", show_default=False)
]


def tasks(
    data: TaskDataArgument,
    task: TaskOption = None,
    x: InputsOption = None,
    sep: SepOption = None,
    decimal: DecimalOption = None,
    encoding: EncodingOption = None,
    header: HeaderOption = True,
    weighting: WeightingOption = None,
    seeds: SeedsOption = None,
    width: WidthOption = None,
    steps: StepsOption = None,
    lam: LamOption = 1e-3,
    batch_size: BatchOption = None,
    standardise: StandardiseOption = True,
    seed: SeedOption = 0,
    quick: QuickOption = False,
    out: FolderOption = None,
    plot: PlotOption = None,
    json: JsonOption = None,
    table: LinesOption = None,
) -> int:
    """Train joint networks of several tasks under several weightings, and separate networks; compare them on test data."""
    if data == _STUDY:
        options = {"--task": task, "--x": x, "--weighting": weighting, "--seeds": seeds, "--width": width, "--steps": steps}
        return _task_study(
            quick, seed, table, options | {"--batch-size": batch_size, "--out": out, "--plot": plot, "--json": json}
        )
    if table:
        raise ValueError(f"--csv is for the study {_STUDY}; of one data set --json has all numbers")
    check_outputs(json, out if out and out.suffix == ".npz" else None, plot)
    weightings = _weightings(weighting)
    _check_folder(out, len(weightings))
    loaded = _task_data(data, task, x, CsvFormat(sep, decimal, encoding, header), seed)
    usual = {"seeds": 3, "width": 32, "steps": 150} if quick else {"seeds": 5, "width": 64, "steps": 1000}
    asked = {"seeds": seeds, "width": width, "steps": steps}
    settings: dict[str, Any] = usual | {name: value for name, value in asked.items() if value is not None}
    settings["seeds"] = range(seed, seed + settings["seeds"])
    comparison = _compared(
        loaded, weightings, settings | {"lam": lam, "batch_size": batch_size, "standardise": standardise}
    )
    _show_comparison(comparison)
    for note in comparison.notes:
        say(f"note: {note}")
    saved = _save_joint(comparison, out) if out else {}
    if plot:
        from vvnorm.plotting import plot_comparison

        plot_comparison(comparison, plot)
    if json:
        _write(json, comparison, saved)
    return INCONCLUSIVE if comparison.notes else OK


def _compared(
    data: "TaskData", weightings: "Sequence[str | tuple[float, ...]]", options: dict[str, Any]
) -> "TaskComparison":  # fmt: skip
    from vvnorm.training.comparison import compare

    with Progress() as progress:
        step = progress.task("training", len(weightings) + 2 * len(data.tasks))
        return compare(data, weightings=weightings, callback=step, **options)


def _write(path: Path, comparison: "TaskComparison", saved: dict[str, dict[str, Any]]) -> None:
    from vvnorm._internal.files import write_json

    data = comparison.data
    record = {"source": data.source, "notes": data.notes, "inputs": data.x_names, "saved": saved}
    numbers = {"rows": comparison.rows, "summary": comparison.summary(), "histories": comparison.histories}
    write_json(path, record | {"settings": comparison.settings, "training_notes": comparison.notes} | numbers)


def _task_study(quick: bool, seed: int, table: Path | None, options: dict[str, Any]) -> int:
    """Run the study of several tasks on all built-in data; rewrite its table after each data set."""
    from vvnorm.studies.store import code_version
    from vvnorm.studies.summary import write_lines
    from vvnorm.training.task_study import DATA, run_study

    check_outputs(table)
    for name, value in options.items():
        if value is not None:
            raise ValueError(f"{name} does not go with {_STUDY}, whose settings are stated beforehand")
    done: list[dict[str, Any]] = []
    with Progress() as progress:
        step = progress.task("data sets", len(DATA))

        def callback(name: str, lines: list[dict[str, Any]]) -> None:
            done.extend(lines)
            if table:
                write_lines(table, done, code=code_version())
            step(name)

        lines = run_study(quick, seed=seed, callback=callback)
    shown = TextTable("data", "networks", "weighting", "task", "metric", "value", "gain", "interval of gain", "verdict")
    for line in lines:
        value, _ = with_interval(line, "value", "low", "high")
        gain = with_interval(line, "gain", "gain_low", "gain_high")
        kind = (_ARRANGED[line["arrangement"]], line["weighting"], line["task"], line["metric"])
        shown.row(line["data"], *kind, value, *gain, line["verdict"])
    shown.show()
    if table:
        write_lines(table, lines, code=code_version())
    return OK


def _task_data(data: str, specs: list[str] | None, x: list[str] | None, csv: CsvFormat, seed: int) -> "TaskData":
    from vvnorm.datasets import builtin_name, is_builtin, refuse_format
    from vvnorm.multitask.task_data import builtin_task_data, load_task_data

    if is_builtin(data):
        if specs or x:
            raise ValueError(f"--{'task' if specs else 'x'} belongs to files; built-in data have their tasks and inputs")
        refuse_format(csv)
        return builtin_task_data(builtin_name(data), seed)
    if not specs:
        raise ValueError(f"--task must say what is learned from {data!r}, NAME=LOSS[:PARAMETER][:COLUMN[=VALUE]]")
    return load_task_data(data, specs, x, **asdict(csv))


def _weightings(options: list[str] | None) -> list[str | tuple[float, ...]]:
    """Read the weightings that are compared, each once."""
    chosen = [_weighting(text) for text in options or ("equal", "uncertainty", "mgda_ub")]
    if repeated := [name for name in chosen if chosen.count(name) > 1]:
        raise ValueError(f"--weighting names {repeated[0]} twice")
    return chosen


def _weighting(text: str) -> str | tuple[float, ...]:
    """Read the name of a weighting, or numbers."""
    parts = text.split(",")
    try:
        return tuple(float(part) for part in parts)
    except ValueError:
        if len(parts) > 1:
            raise ValueError(f"--weighting {text!r} is neither a name nor one number per task") from None
        return text.strip().replace("-", "_")


def _check_folder(out: Path | None, networks: int) -> None:
    """Refuse a path where this many networks cannot be saved."""
    if out is None:
        return
    if out.suffix == ".npz":
        if networks > 1:
            raise ValueError(f"--out {str(out)!r} is one file, but there are {networks} weightings; name a folder")
    elif out.exists() and not out.is_dir():
        raise ValueError(f"--out must be a folder or end in .npz, got the file {str(out)!r}")
    elif not out.absolute().parent.is_dir():
        raise ValueError(f"cannot make the folder {str(out)!r}: the one it is in does not exist")
    elif not os.access(out if out.exists() else out.absolute().parent, os.W_OK):
        raise ValueError(f"cannot write to the folder {str(out)!r}")


def _show_comparison(comparison: "TaskComparison") -> None:
    """Print settings of training, the metric of every task, and the cost of each network."""
    from vvnorm._internal.words import count
    from vvnorm.training.comparison import SAME_WIDTH

    data, settings = comparison.data, comparison.settings
    for name, text in (
        ("data", f"{data.source}: {count(len(data), 'sample')}, {count(data.X.shape[1], 'input')}"),
        ("tasks", ", ".join(f"{task.name} ({task.loss})" for task in data.tasks)),
        *(("labels", note) for note in data.notes),
        ("inputs", "standardised by the training rows of each split" if settings["standardise"] else "as they come"),
        ("training", f"{count(settings['steps'], 'step')}, width {settings['width']}, lam {settings['lam']:g}"),
        ("splits", f"{len(settings['seeds'])}, with {settings['test_share']:.0%} of the samples for tests"),
    ):
        say(f"{name:>18}  {text}")
    rows = comparison.summary()
    tested = TextTable(
        "networks", "weighting", "task", "metric", "value", "95 % interval", "gain", "interval of gain", "steps to target"
    )
    for row in rows:
        tested.row(
            _ARRANGED[row["arrangement"]],
            row["weighting"],
            row["task"],
            row["metric"],
            *with_interval(row, "value", "low", "high"),
            *(("", "") if row["arrangement"] == SAME_WIDTH else with_interval(row, "gain", "gain_low", "gain_high")),
            f"{row['steps_to_target']:.0f} ({row['reached']:.0%})" if row["reached"] else "never",
        )
    tested.show()
    cost = TextTable("networks", "weighting", "parameters", "multiply-adds", "VV norm", "stationarity")
    for row in rows[:: len(data.tasks)]:
        kind = (row["arrangement"], row["weighting"], row["task"])
        stationarity = float(comparison.values(*kind, "stationarity").mean())
        cost.row(
            _ARRANGED[row["arrangement"]],
            row["weighting"],
            str(row["parameters"]),
            str(row["multiply_adds"]),
            f"{row['vv_norm']:.4g}",
            number(stationarity, ".2g"),
        )
    cost.show()
    say("gain: mean over seeds of how much better the metric is than that of separate networks of the same total width;")
    say("its intervals hold for all gains at once. VV norm: of inputs as trained on, separate networks' added up.")


def _save_joint(comparison: "TaskComparison", out: Path) -> dict[str, dict[str, Any]]:
    """Save, for each weighting, the joint network of the best seed, which takes raw inputs; print and return the files."""
    if out.suffix != ".npz":
        out.mkdir(exist_ok=True)
    saved = {}
    for weighting, networks in comparison.networks.items():
        best = comparison.best_joint(weighting)
        path = out if out.suffix == ".npz" else out / f"{weighting.replace(':', '_')}.npz"
        networks[best].save(path)
        saved[weighting] = {"file": str(path), "seed": comparison.settings["seeds"][best]}
        say(f"{path}: joint network, {weighting}, seed {saved[weighting]['seed']}; it takes inputs as they come")
    return saved
