"""`vvnorm train`: train networks and certify how far from the optimum each ended."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vvnorm._internal.deadline import as_time_limit
from vvnorm.cli import options as shared
from vvnorm.cli.exit_codes import INCONCLUSIVE, NOT_CERTIFIED, OK
from vvnorm.cli.inputs import check_outputs, load_data
from vvnorm.cli.output import TextTable, say
from vvnorm.csv_files import CsvFormat
from vvnorm.tolerances import TRAINED

if TYPE_CHECKING:
    from vvnorm.datasets import Dataset
    from vvnorm.training import TrainingResult


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
    """Initialisations of training."""

    kinks = "kinks"
    balanced = "balanced"
    torch = "torch"


class ScheduleName(StrEnum):
    """Schedules of lam over a run."""

    geometric = "geometric"
    constant = "constant"


WidthOption = Annotated[int | None, typer.Option(min=1, help="Neurons; by default from the data.", show_default=False)]
LamOption = Annotated[float | None, typer.Option(help="Weight of the VV norm; by default tiny.", show_default=False)]
SeedsOption = Annotated[int, typer.Option(min=1, help="Number of networks, trained together.")]
StepsOption = Annotated[int, typer.Option(min=1, help="Number of steps.")]
PenaltyOption = Annotated[PenaltyName, typer.Option(help="The penalty: the VV norm itself, or the sum of squared weights.")]
OptimizerOption = Annotated[OptimizerName, typer.Option(help="The optimiser.")]
InitialisationOption = Annotated[InitialisationName, typer.Option(help="Initialisation of the weights.")]
RateOption = Annotated[float | None, typer.Option(help="First learning rate.", show_default=False)]
ScheduleOption = Annotated[ScheduleName, typer.Option(help="How lam is lowered.")]
LamStartOption = Annotated[float | None, typer.Option(help="First lam, of plain continuation.", show_default=False)]
BatchOption = Annotated[int | None, typer.Option(min=1, help="Points per step.", show_default=False)]
ConnectionOption = Annotated[bool, typer.Option(help="Whether there is a skip connection.")]
PolishOption = Annotated[bool, typer.Option("--polish", help="Re-solve the output weights in the end.")]
PruneOption = Annotated[
    float, typer.Option(min=0, help="Merge neurons while the function changes by at most this relative amount.")
]
ExactOption = Annotated[bool, typer.Option("--exact", help="Interpolate to 1e-10 in the end.")]
StopOption = Annotated[float, typer.Option(min=0, help="Stop at this relative gap.")]
BestTolOption = Annotated[float, typer.Option(help="Largest relative gap and residual of the best that count as optimal.")]
CheckpointOption = Annotated[
    Path | None,
    typer.Option(metavar="FILE.npz", help="Save the state of training there, and resume from it.", show_default=False),
]
CertificateLimitOption = Annotated[
    float | None,
    typer.Option(metavar="SECONDS", help="Approximate time limit for certifying all networks.", show_default=False),
]
DtypeOption = Annotated[str, typer.Option(help="float64 or float32.")]
DeviceOption = Annotated[str, typer.Option(help="A torch device.")]


def train(
    data: shared.DataArgument,
    x: shared.XOption = None,
    y: shared.YOption = None,
    sep: shared.SepOption = None,
    decimal: shared.DecimalOption = None,
    encoding: shared.EncodingOption = None,
    header: shared.HeaderOption = True,
    width: WidthOption = None,
    lam: LamOption = None,
    seeds: SeedsOption = 8,
    steps: StepsOption = 5000,
    penalty: PenaltyOption = PenaltyName.path_norm,
    optimizer: OptimizerOption = OptimizerName.adam,
    initialisation: InitialisationOption = InitialisationName.kinks,
    lr: RateOption = None,
    schedule: ScheduleOption = ScheduleName.geometric,
    lam_start: LamStartOption = None,
    batch_size: BatchOption = None,
    skip: ConnectionOption = True,
    penalise_bias: shared.BiasOption = False,
    polish: PolishOption = False,
    prune: PruneOption = 0.0,
    exact: ExactOption = False,
    stop_gap: StopOption = 0.0,
    tol: BestTolOption = TRAINED,
    checkpoint: CheckpointOption = None,
    dtype: DtypeOption = "float64",
    device: DeviceOption = "cpu",
    aux: shared.AuxOption = 0,
    sigma: shared.SigmaOption = 1.0,
    seed: shared.SeedOption = 0,
    repeats: shared.RepeatsOption = shared.RepeatsPolicy.error,
    time_limit: CertificateLimitOption = None,
    out: shared.OutOption = None,
    plot: shared.PlotOption = None,
    json: shared.JsonOption = None,
) -> int:
    """Train networks from several seeds and certify how far each is from the optimum.

    With --lam they are judged as fits with that lam; without it, or with --exact, as interpolants.
    """
    options: dict[str, Any] = {
        "width": width, "lam": lam, "steps": steps, "penalty": penalty.value, "optimizer": optimizer.value,
        "initialisation": initialisation.value, "lr": lr, "schedule": schedule.value, "lam_start": lam_start,
        "batch_size": batch_size, "skip": skip, "penalise_bias": penalise_bias, "polish": polish, "prune": prune,
        "exact": exact, "stop_gap": stop_gap, "checkpoint": checkpoint, "dtype": dtype, "device": device,
    }  # fmt: skip
    check_outputs(json, out, plot)
    as_time_limit(time_limit)  # before any training
    if not 0 < tol < 1:
        raise ValueError(f"--tol must lie between 0 and 1, got {tol!r}")
    csv = CsvFormat(sep, decimal, encoding, header)
    dataset = load_data(data, x, y, csv, aux, sigma, seed, repeats, fit=bool(lam) and not exact)
    _check_drawable(dataset, plot)
    result = _trained(dataset, options | {"seeds": range(seed, seed + seeds)})
    rows, complaints = _show_certificates(result, tol, time_limit)
    for note in result.notes:
        say(note)
    if out:
        result.best.save(out)
    if plot:
        from vvnorm.plotting import plot_training

        plot_training(result, dataset.x_names[0], dataset.y_names, plot)
    if json:
        _write(json, result, rows, complaints, tol)
    return _conclude(result, rows, complaints)


def _check_drawable(dataset: "Dataset", plot: Path | None) -> None:
    """Refuse data that cannot be drawn."""
    if plot and dataset.X.shape[1] != 1:
        raise ValueError(f"--plot needs one input column, got {', '.join(dataset.x_names)}")


def _trained(dataset: "Dataset", options: dict[str, Any]) -> "TrainingResult":
    import warnings

    from vvnorm.training import TrainingResult, train
    from vvnorm.validation import has_missing

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # the result has them as notes, which are printed
        result = train(dataset.X, dataset.Y, **options)
    assert isinstance(result, TrainingResult)  # the loss is the squared one
    if has_missing(dataset.Y):
        say("some labels are missing: trained on those there are")
    return result


def _write(
    path: Path, result: "TrainingResult", rows: list[dict[str, Any]], complaints: list[str], tol: float
) -> None:  # fmt: skip
    """Write the certificates of all networks, the verdict and the history of training."""
    from vvnorm._internal.files import write_json

    record = {"lam": result.lam, "settings": result.settings, "notes": result.notes, "finish": result.finish}
    verdict = {"best_seed": result.seeds[result.best_run], "tol": tol, "complaints": complaints}
    write_json(path, record | verdict | {"runs": rows, "history": result.history})


def _conclude(result: "TrainingResult", rows: list[dict[str, Any]], complaints: list[str]) -> int:
    """Print the verdict on the best network and return the exit code."""
    for complaint in complaints:
        say(f"not certified: {complaint}")
    if not complaints:
        gap = rows[result.best_run]["gap"]
        say(f"certified: the best network, of seed {result.seeds[result.best_run]}, has a relative gap of {gap:.2g}")
    return INCONCLUSIVE if result.notes else NOT_CERTIFIED if complaints else OK


def _show_certificates(
    result: "TrainingResult", tol: float, time_limit: float | None
) -> tuple[list[dict[str, Any]], list[str]]:
    """Print what is certified of each network; return these rows, and why the best network is not optimal."""
    from vvnorm._internal.words import name_of
    from vvnorm.verifier.check import FitCertificate

    certificates = result.certificates(time_limit=time_limit)
    rows = [{"seed": seed, **certificate.numbers()} for seed, certificate in zip(result.seeds, certificates, strict=True)]
    best = certificates[result.best_run]
    if isinstance(best, FitCertificate):
        columns = ["objective", "loss", "vv_norm", "lower_bound", "gap"]
        judged = f"judged as fits: the sum of losses plus {best.lam:.6g} times the VV norm"
    else:
        columns = ["vv_norm", "lower_bound", "gap", "relative_residual"]
        columns += ["distance", "distance_bound"] if result.X.shape[1] == 1 else []
        judged = f"judged as interpolants of least VV norm; lam was {result.lam:.3g}"
    table = TextTable("seed", *(name_of(name) for name in columns))
    for row in rows:
        table.row(str(row["seed"]), *(f"{row[name]:.6g}" for name in columns))
    table.show()
    say(judged)
    seed = result.seeds[result.best_run]
    return rows, [f"{complaint} (the best network, of seed {seed})" for complaint in best.shortcomings(tol)]
