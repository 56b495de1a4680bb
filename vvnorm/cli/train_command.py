"""`vvnorm train`: train networks, and say how far from the optimum each ended."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vvnorm.cli.exit_codes import INCONCLUSIVE, NOT_CERTIFIED, OK
from vvnorm.cli.inputs import check_outputs, load_data
from vvnorm.cli.options import (
    AuxOption,
    BiasOption,
    DataArgument,
    DecimalOption,
    EncodingOption,
    HeaderOption,
    JsonOption,
    OutOption,
    PlotOption,
    RepeatsOption,
    RepeatsPolicy,
    SeedOption,
    SepOption,
    SigmaOption,
    XOption,
    YOption,
)
from vvnorm.cli.output import Table, say
from vvnorm.csv_files import CsvFormat
from vvnorm.tolerances import TRAINED

if TYPE_CHECKING:
    from vvnorm.training import TrainingResult
    from vvnorm.training.task_trainer import TaskTraining


class PenaltyName(StrEnum):
    """Penalties of training."""

    path_norm = "path_norm"
    weight_decay = "weight_decay"


class OptimizerName(StrEnum):
    """Optimisers of training."""

    adam = "adam"
    sgd = "sgd"
    lbfgs = "lbfgs"
    proximal = "proximal"


class InitialisationName(StrEnum):
    """Where training starts."""

    kinks = "kinks"
    balanced = "balanced"
    torch = "torch"


class ScheduleName(StrEnum):
    """How lam goes over a run."""

    geometric = "geometric"
    constant = "constant"


def train(
    data: DataArgument,
    x: XOption = None,
    y: YOption = None,
    sep: SepOption = None,
    decimal: DecimalOption = None,
    encoding: EncodingOption = None,
    header: HeaderOption = True,
    width: Annotated[int | None, typer.Option(min=1, help="Neurons; by default from the data.", show_default=False)] = None,
    lam: Annotated[float | None, typer.Option(help="Weight of the VV norm; by default tiny.", show_default=False)] = None,
    seeds: Annotated[int, typer.Option(min=1, help="Number of networks, trained together.")] = 8,
    steps: Annotated[int, typer.Option(min=1, help="Number of steps.")] = 5000,
    penalty: Annotated[PenaltyName, typer.Option(help="What is penalised.")] = PenaltyName.path_norm,
    optimizer: Annotated[OptimizerName, typer.Option(help="What moves the weights.")] = OptimizerName.adam,
    initialisation: Annotated[InitialisationName, typer.Option(help="Where they start.")] = InitialisationName.kinks,
    lr: Annotated[float | None, typer.Option(help="First learning rate.", show_default=False)] = None,
    schedule: Annotated[ScheduleName, typer.Option(help="How lam is lowered.")] = ScheduleName.geometric,
    lam_start: Annotated[float | None, typer.Option(help="First lam, of plain continuation.", show_default=False)] = None,
    batch_size: Annotated[int | None, typer.Option(min=1, help="Points per step.", show_default=False)] = None,
    skip: Annotated[bool, typer.Option(help="Whether there is a skip connection.")] = True,
    penalise_bias: BiasOption = False,
    polish: Annotated[bool, typer.Option("--polish", help="Re-solve the output weights in the end.")] = False,
    prune: Annotated[float, typer.Option(min=0, help="Merge neurons while the function moves by at most this part.")] = 0.0,
    exact: Annotated[bool, typer.Option("--exact", help="Interpolate to 1e-10 in the end.")] = False,
    stop_gap: Annotated[float, typer.Option(min=0, help="Stop at this relative gap.")] = 0.0,
    tol: Annotated[
        float, typer.Option(help="Largest relative gap and residual of the best that count as optimal.")
    ] = TRAINED,
    checkpoint: Annotated[
        Path | None, typer.Option(metavar="FILE.npz", help="Keep the state there, and go on from it.", show_default=False)
    ] = None,
    dtype: Annotated[str, typer.Option(help="float64 or float32.")] = "float64",
    device: Annotated[str, typer.Option(help="A torch device.")] = "cpu",
    aux: AuxOption = 0,
    sigma: SigmaOption = 1.0,
    seed: SeedOption = 0,
    repeats: RepeatsOption = RepeatsPolicy.error,
    out: OutOption = None,
    plot: PlotOption = None,
    json: JsonOption = None,
) -> int:
    """Train networks from several seeds and certify how far from the optimum each ended.

    With --lam they are judged as fits at that lam, else, and with --exact, as interpolants.
    """
    import warnings

    from vvnorm._internal.files import write_json
    from vvnorm.training import TrainingResult
    from vvnorm.training import train as run
    from vvnorm.validation import has_missing

    check_outputs(json, out, plot)
    if not 0 < tol < 1:
        raise ValueError(f"--tol must lie between 0 and 1, got {tol!r}")
    form = CsvFormat(sep, decimal, encoding, header)
    dataset = load_data(data, x, y, form, aux, sigma, seed, repeats, fit=bool(lam) and not exact)
    if plot and dataset.X.shape[1] != 1:
        raise ValueError(f"--plot needs one input column, got {', '.join(dataset.x_names)}")
    if plot and has_missing(dataset.Y):
        raise ValueError("--plot draws training with all labels; some are missing")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # said below, as notes
        result = run(
            dataset.X,
            dataset.Y,
            width=width,
            lam=lam,
            seeds=range(seed, seed + seeds),
            penalty=penalty.value,
            optimizer=optimizer.value,
            initialisation=initialisation.value,
            steps=steps,
            lr=lr,
            lam_start=lam_start,
            schedule=schedule.value,
            batch_size=batch_size,
            skip=skip,
            penalise_bias=penalise_bias,
            polish=polish,
            prune=prune,
            exact=exact,
            stop_gap=stop_gap,
            checkpoint=checkpoint,
            dtype=dtype,
            device=device,
        )
    if has_missing(dataset.Y):
        say("some labels are missing: trained on those there are")
    rows, complaints = _training_rows(result, tol)
    for note in result.notes:
        say(note)
    if out:
        result.best.save(out)
    if plot:
        from vvnorm.plotting import plot_training

        plot_training(result, dataset.x_names[0], dataset.y_names, plot)
    if json:
        found = {"lam": result.lam, "settings": result.settings, "notes": result.notes}
        if isinstance(result, TrainingResult):
            found["finish"] = result.finish
        verdict = {"best_seed": result.seeds[result.best_run], "tol": tol, "complaints": complaints}
        write_json(json, found | verdict | {"runs": rows, "history": result.history})
    for complaint in complaints:
        say(f"not certified: {complaint}")
    if not complaints:
        gap = rows[result.best_run]["gap"]
        say(f"certified: the best network, of seed {result.seeds[result.best_run]}, has a relative gap of {gap:.2g}")
    return INCONCLUSIVE if result.notes else NOT_CERTIFIED if complaints else OK


def _training_rows(result: "TrainingResult | TaskTraining", tol: float) -> tuple[list[dict[str, Any]], list[str]]:
    """Show and return what is certified of each network, and return what keeps the best one from being optimal."""
    from vvnorm._internal.words import name_of
    from vvnorm.verifier.check import FitCertificate

    certificates = result.certificates()
    rows = [{"seed": seed, **one.numbers()} for seed, one in zip(result.seeds, certificates, strict=True)]
    best = certificates[result.best_run]
    columns = ["vv_norm", "lower_bound", "gap"]
    excesses = {"relative gap": best.gap}
    if isinstance(best, FitCertificate):
        columns = ["objective", "loss", *columns]
        judged = f"judged as fits: the sum of losses plus {best.lam:.6g} times the VV norm"
    else:
        columns += ["relative_residual", *(["distance", "distance_bound"] if result.X.shape[1] == 1 else [])]
        excesses["relative residual"] = best.relative_residual
        judged = f"judged as interpolants of least VV norm; lam was {result.lam:.3g}"
    table = Table("seed", *(name_of(name) for name in columns))
    for row in rows:
        table.row(str(row["seed"]), *(f"{row[name]:.6g}" for name in columns))
    table.show()
    say(judged)
    seed = result.seeds[result.best_run]
    return rows, [
        f"{name} {value:.3g} of the best network, of seed {seed}, exceeds {tol:g}"
        for name, value in excesses.items()
        if not value <= tol
    ] + ([f"the best network, of seed {seed}, costs less than the labels allow"] if best.gap < -tol else [])
