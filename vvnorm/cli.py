"""The command line. Heavy libraries load inside the commands that need them, so that `vvnorm --help` is quick.

Exit codes: 0 ok; 1 violated or not certified; 2 inconclusive; 64 usage or bad input (one line, no traceback);
130 interrupted.
"""

import logging
import math
import os
import re
import sys
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

import vvnorm
from vvnorm.csv_files import CsvFormat
from vvnorm.tolerances import TRAINED
from vvnorm.validation import RepeatedInput

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import ExitStack

    from vvnorm.claims import Case, Claim, Report, Verdict
    from vvnorm.datasets import Dataset
    from vvnorm.multitask.task_data import TaskData
    from vvnorm.network import ReLUNetwork
    from vvnorm.solution import Solution
    from vvnorm.studies.execute import Tally
    from vvnorm.studies.study import Study
    from vvnorm.training import TrainingResult
    from vvnorm.training.comparison import Comparison
    from vvnorm.training.task_trainer import TaskTraining
    from vvnorm.verification import Drawn
    from vvnorm.verifier.check import Certificate
    from vvnorm.verifier.line_fit import FitCertificate

OK, NOT_CERTIFIED, INCONCLUSIVE, USAGE, INTERRUPTED = 0, 1, 2, 64, 130

app = typer.Typer(
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


class RepeatsPolicy(StrEnum):
    """What becomes of different labels at one input."""

    error = "error"
    average = "average"
    first = "first"


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


class AuxiliaryName(StrEnum):
    """Limits of auxiliary outputs."""

    infinite = "infinite"


DataArgument = Annotated[
    str,
    typer.Argument(
        metavar="DATA", help="CSV or NPZ file, or builtin:diabetes (_age), builtin:linnerud.", show_default=False
    ),
]
XOption = Annotated[
    list[str] | None, typer.Option("--x", metavar="COL[,COL]", help="Input column(s); repeatable.", show_default=False)
]
YOption = Annotated[
    list[str] | None, typer.Option("--y", metavar="COL[,COL]", help="Label column(s); repeatable.", show_default=False)
]
SepOption = Annotated[
    str | None,
    typer.Option("--sep", metavar="CHAR", help="CSV: what separates fields; tab is one.", show_default="found"),
]
DecimalOption = Annotated[
    str | None, typer.Option("--decimal", metavar="CHAR", help="CSV: the decimal mark, . or ,", show_default="found")
]
EncodingOption = Annotated[
    str | None,
    typer.Option("--encoding", metavar="NAME", help="CSV: such as latin-1.", show_default="UTF-8, or found"),
]
HeaderOption = Annotated[
    bool, typer.Option("--header/--no-header", help="CSV: whether a line names columns; else they are 1, 2, ..")
]
RepeatsOption = Annotated[RepeatsPolicy, typer.Option("--repeats", help="What to do with different labels at one input.")]
AuxOption = Annotated[int, typer.Option("--aux", metavar="M", min=0, help="Append M Gaussian auxiliary outputs.")]
SigmaOption = Annotated[float, typer.Option("--sigma", help="Standard deviation of the auxiliary outputs, in label units.")]
SeedOption = Annotated[int, typer.Option("--seed", min=0, help="Seed of everything random.")]
OutOption = Annotated[Path | None, typer.Option("--out", metavar="NET.npz", help="Save the network.", show_default=False)]
PlotOption = Annotated[
    Path | None, typer.Option("--plot", metavar="FILE", help="Draw to .pdf, .svg or .png.", show_default=False)
]
JsonOption = Annotated[Path | None, typer.Option("--json", metavar="FILE", help="Write all numbers.", show_default=False)]
TolOption = Annotated[float, typer.Option("--tol", help="Largest relative gap and residual that count as optimal.")]
SkipOption = Annotated[bool, typer.Option(help="Whether networks with a skip connection compete.")]
BiasOption = Annotated[bool, typer.Option("--penalise-bias", help="Put the biases inside the norm.")]
LimitOption = Annotated[
    float | None,
    typer.Option(
        metavar="SECONDS",
        help="Then take the best so far, with its bound; of each fit. Proofs take as long at most.",
        show_default=False,
    ),
]
SaveOption = Annotated[Path | None, typer.Option(metavar="FILE.npz", help="Save the certificate made.", show_default=False)]
JobsOption = Annotated[
    int | None, typer.Option("--jobs", min=1, help="Processes; by default one for each core.", show_default=False)
]
SchedulerOption = Annotated[
    str | None, typer.Option("--scheduler", metavar="ADDRESS", help="Run on this Dask cluster.", show_default=False)
]
LossOption = Annotated[
    list[str] | None,
    typer.Option(
        "--loss",
        metavar="[COL=]NAME",
        help="squared, logistic, hinge, huber:DELTA or one-class:NU, of all outputs or of one; repeatable.",
        show_default=False,
    ),
]


@app.callback(invoke_without_command=True)
def top(
    version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False,
) -> int:
    """Verify, with proofs of optimality, what theory says about minimal-norm multi-output ReLU networks."""
    if version:
        _say(f"vvnorm {vvnorm.__version__}")
        raise typer.Exit(OK)
    return OK


@app.command("compile")
def compile_beforehand() -> int:
    """Compile all that first calls would have to wait for; it is kept on disk."""
    from vvnorm.first_calls import compile_all

    for name, count, seconds in compile_all():
        _say(f"{name:>46}  {f'{count} functions in {seconds:.1f} s' if count else 'already compiled'}")
    return OK


@app.command()
def verify(
    claims: Annotated[list[str] | None, typer.Argument(metavar="[CLAIM]...", help="Claims; all by default.")] = None,
    draws: Annotated[int | None, typer.Option(min=1, help="Instances per claim.", show_default=False)] = None,
    seed: SeedOption = 0,
    quick: Annotated[bool, typer.Option("--quick", help="Few instances: about three minutes on two cores.")] = False,
    json: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.json", help="Write all numbers, certificates to FILE.certificates.sqlite.", show_default=False
        ),
    ] = None,
    jobs: JobsOption = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with what an interrupted run left beside --json.")
    ] = False,
    scheduler: SchedulerOption = None,
) -> int:
    """Check claims of the theory on random and on real data, with certificates."""
    from contextlib import ExitStack

    from vvnorm._internal.files import write_json
    from vvnorm.claims import cases, claim_names, load_claim
    from vvnorm.verification import Results, kept_beside, run_claims

    _check_outputs(json)
    if resume and not json:
        raise ValueError("--resume needs --json: results are kept beside that file")

    def planned(name: str) -> "tuple[Claim, list[Case]]":
        claim = load_claim(name)
        return claim, cases(claim, draws or (claim.quick_draws if quick else claim.draws), seed)

    plan, unusable = _usable(planned, claims or claim_names())
    names = [(claim.id, ", ".join(claim.hypotheses)) for claim, _ in plan]
    table = _Table("claim", "hypotheses", "draws", "worst margin", "verdict", "seconds", show_now=names)

    def show(report: "Report") -> None:
        margin, seconds = f"{report.worst_margin:.3g}", f"{report.seconds:.1f}"
        name, hypotheses = report.claim.id, ", ".join(report.claim.hypotheses)
        table.row(name, hypotheses, str(len(report.tested)), margin, str(report.verdict), seconds)

    files = None if json is None or (json.exists() and not json.is_file()) else kept_beside(json)
    with ExitStack() as stack:
        results = stack.enter_context(Results(files[0])) if files else None
        if results and not resume:
            results.keep_only(())
        where = _where(stack, sum(len(part) for _, part in plan), jobs, scheduler)
        progress = stack.enter_context(_Progress()).counted("instances")
        try:
            reports = run_claims(plan, results=results, progress=progress, ended=show, **where)
        except KeyboardInterrupt as stop:
            _say(str(stop))
            return INTERRUPTED
        _explain(reports)
        if json:
            write_json(json, {"seed": seed, "claims": [report.to_json() for report in reports]})
        if json and files and results:
            results.finish(files[1])
            _say(f"{json} has {_size(json)}, {files[1]} with the certificates {_size(files[1])}")
    return _worst({report.verdict for report in reports}, unusable)


def _explain(reports: "Sequence[Report]") -> None:
    """Say what was found where something else was expected, and what verdicts mean."""
    for report in reports:
        for outcome in report.outcomes:
            if not outcome.as_expected:
                found = "; ".join(outcome.complaints) or f"[{outcome.result.lower:.6g}, {outcome.result.upper:.6g}]"
                _say(f"{report.claim.id}, {outcome.label}: {outcome.result.verdict}, not {outcome.expected}: {found}")
    _say("HOLDS means: checked on that many instances, each with a certificate that an independent verifier accepted.")
    if any(report.claim.statistical for report in reports):
        _say("SUPPORTED means: each is an experiment whose confidence interval lies inside the claimed one.")


def _usable(load: "Callable[[str], Any]", names: list[str]) -> tuple[list[Any], bool]:
    """Load claims or figures; those that are registered but cannot be used are named, and hide no others."""
    from vvnorm._internal.plugins import Unusable

    found, unusable = [], False
    for name in dict.fromkeys(names):
        try:
            found.append(load(name))
        except Unusable as error:
            print(f"vvnorm: {' '.join(str(error).split())}", file=sys.stderr)
            unusable = True
    return found, unusable


def _where(stack: "ExitStack", count: int, jobs: int | None, scheduler: str | None) -> dict[str, Any]:
    """Options that say where so many jobs are done: on a cluster, in processes, or in this one."""
    from vvnorm._internal.threads import single_threaded, usable_cores
    from vvnorm.studies.execute import InProcess
    from vvnorm.studies.store import code_version

    if scheduler:
        from vvnorm.studies.cluster import cluster_executor

        if jobs:
            raise ValueError("--scheduler does not go with --jobs")
        return {"executor": stack.enter_context(cluster_executor(scheduler, code_version()))}
    workers = min(jobs or usable_cores(), count)
    if workers > 1:
        return {"workers": workers}
    stack.enter_context(single_threaded())  # as in worker processes, so that numbers are the same
    return {"executor": InProcess()}


def _worst(verdicts: "set[Verdict]", unusable: bool) -> int:
    """Exit code of verdicts, and of something that could not be used."""
    code = _exit_code(verdicts)
    return USAGE if unusable and code != NOT_CERTIFIED else code


@app.command("claims")
def list_claims(
    show: Annotated[str | None, typer.Option("--show", metavar="CLAIM", help="Show one claim in full.")] = None,
) -> int:
    """List the claims, or show one."""
    from vvnorm.claims import claim_names, load_claim

    if show is None:
        table = _Table("claim", "statement", "source")
        chosen, unusable = _usable(load_claim, claim_names())
        for claim in chosen:
            table.row(claim.id, claim.statement, claim.source)
        table.show()
        return USAGE if unusable else OK
    claim = load_claim(show)
    low, high = claim.claimed
    _say(f"{claim.id} ({claim.kind}): {claim.statement}\nsource: {claim.source}")
    _say(f"tested: {claim.quantity}, claimed to lie in [{low:.6g}, {high:.6g}]")
    for name in claim.hypotheses:
        verdict, why = claim.on_violation[name]
        _say(f"hypothesis {name}; without it: {verdict}, {why}")
    return OK


@app.command()
def solve(
    data: DataArgument,
    x: XOption = None,
    y: YOption = None,
    sep: SepOption = None,
    decimal: DecimalOption = None,
    encoding: EncodingOption = None,
    header: HeaderOption = True,
    lam: Annotated[
        float | None,
        typer.Option(help="Fit with a loss plus this times the VV norm; by default interpolate.", show_default=False),
    ] = None,
    relative: Annotated[bool, typer.Option("--relative", help="--lam is in units of lam_max.")] = False,
    loss: LossOption = None,
    skip: SkipOption = True,
    penalise_bias: BiasOption = False,
    aux: AuxOption = 0,
    sigma: SigmaOption = 1.0,
    auxiliary: Annotated[
        AuxiliaryName | None,
        typer.Option(help="Interpolate as with infinitely many auxiliary outputs.", show_default=False),
    ] = None,
    sparse: Annotated[bool, typer.Option("--sparse", help="Among equally good networks, take one of few neurons.")] = False,
    time_limit: LimitOption = None,
    seed: SeedOption = 0,
    repeats: RepeatsOption = RepeatsPolicy.error,
    tol: TolOption = 1e-6,
    out: OutOption = None,
    plot: PlotOption = None,
    json: JsonOption = None,
    save_certificate: SaveOption = None,
) -> int:
    """Find the interpolant of least VV norm, or with --lam the best fit, with a proof."""
    from vvnorm._internal.files import write_json
    from vvnorm.verifier.neuron_bound import additions_in, within_additions

    _check_outputs(json, out, plot, save_certificate)
    _check_combination(lam, loss, relative, auxiliary, sparse, save_certificate)
    csv = CsvFormat(sep, decimal, encoding, header)
    dataset = _load(data, x, y, csv, aux, sigma, seed, repeats, loss, fit=lam is not None)
    if plot:
        from vvnorm.plotting import refuse_undrawable

        refuse_undrawable(dataset.X.shape[1], lam is not None)
    options: dict[str, Any] = {
        "skip": skip,
        "penalise_bias": penalise_bias,
        "tol": tol,
        "time_limit": time_limit,
        "seed": seed,
    }
    if lam is None:
        solution = _interpolated(dataset, auxiliary, sparse, options)
    else:
        solution = _fitted(dataset, lam, relative, _losses(loss, dataset.y_names), sparse, options)
    with within_additions(additions_in(time_limit)):
        complaints = solution.verify()
    _say_labels(dataset)
    for name, text in solution.summary_lines(dataset.y_names):
        _say(f"{name:>18}  {text}")
    if save_certificate:
        solution.certificate.save(save_certificate)
    if out:
        solution.network.save(out)
    if plot:
        from vvnorm.plotting import draw

        draw(solution, dataset.x_names, dataset.y_names, plot)
    if json:
        extra = {"source": dataset.source, "y_names": dataset.y_names, "labels": dataset.notes, "complaints": complaints}
        write_json(json, solution.record() | extra)
    return _conclude(complaints)


def _check_combination(
    lam: float | None,
    loss: list[str] | None,
    relative: bool,
    auxiliary: AuxiliaryName | None,
    sparse: bool,
    save_certificate: Path | None,
) -> None:
    """Refuse options of `solve` that do not go together."""
    if lam is None and (loss or relative):
        raise ValueError(f"{'--loss' if loss else '--relative'} needs --lam; without it the labels are interpolated")
    if auxiliary and lam is not None:
        raise ValueError("--auxiliary is for interpolation; it does not go with --lam")
    if auxiliary and (sparse or save_certificate):
        option = "--sparse" if sparse else "--save-certificate"
        raise ValueError(f"{option} does not go with --auxiliary, whose proof is about infinitely many outputs")


def _interpolated(
    dataset: "Dataset", auxiliary: AuxiliaryName | None, sparse: bool, options: dict[str, Any]
) -> "Solution":  # fmt: skip
    from dataclasses import replace

    from vvnorm.solution import Interpolant, interpolate
    from vvnorm.verifier.check import certify as judge

    with _Progress() as progress:
        limit = None if auxiliary is None else auxiliary.value
        advance = progress.rounds("interpolating")
        solution: Any = interpolate(dataset.X, dataset.Y, auxiliary=limit, advance=advance, **options)
        if sparse and isinstance(solution, Interpolant):
            network = solution.sparsest()
            certificate = judge(network, solution.X, solution.Y, dual=solution.certificate.dual, skip=options["skip"])
            return replace(solution, network=network, certificate=certificate)
        return solution.sparse() if sparse else solution


def _fitted(
    dataset: "Dataset", lam: float, relative: bool, losses: list[str], sparse: bool, options: dict[str, Any]
) -> "Solution":  # fmt: skip
    from vvnorm.fitting import Fit, fit

    if sparse and dataset.X.shape[1] == 1 and not options["penalise_bias"]:
        raise ValueError("--sparse goes with interpolation, or with several inputs; fits of one have few neurons already")
    if relative:
        (lam,) = _relative([lam], dataset, losses, options)
    with _Progress() as progress:
        solution: Any = fit(dataset.X, dataset.Y, lam, loss=losses, advance=progress.rounds("fitting"), **options)
        assert not (sparse and isinstance(solution, Fit))
        return solution.sparse() if sparse else solution


@app.command("path")
def fits_along_path(
    data: DataArgument,
    x: XOption = None,
    y: YOption = None,
    sep: SepOption = None,
    decimal: DecimalOption = None,
    encoding: EncodingOption = None,
    header: HeaderOption = True,
    lams: Annotated[int, typer.Option(min=1, help="Number of fits.")] = 30,
    start: Annotated[float, typer.Option("--from", help="First lam, in units of lam_max.")] = 1.0,
    stop: Annotated[float, typer.Option("--to", help="Last lam, in units of lam_max.")] = 1e-4,
    loss: LossOption = None,
    skip: SkipOption = True,
    penalise_bias: BiasOption = False,
    aux: AuxOption = 0,
    sigma: SigmaOption = 1.0,
    time_limit: LimitOption = None,
    seed: SeedOption = 0,
    repeats: RepeatsOption = RepeatsPolicy.error,
    tol: TolOption = 1e-6,
    plot: PlotOption = None,
    json: JsonOption = None,
) -> int:
    """Fit for many lam, from one where the fit is affine downwards, each with a proof."""
    import numpy as np

    from vvnorm._internal.files import write_json
    from vvnorm.fitting import fit_path
    from vvnorm.verifier.neuron_bound import additions_in, within_additions

    _check_outputs(json, None, plot)
    for option, value in (("--from", start), ("--to", stop)):
        if not 0 < value < float("inf"):
            raise ValueError(f"{option} must be a positive finite number, got {value!r}")
    dataset = _load(data, x, y, CsvFormat(sep, decimal, encoding, header), aux, sigma, seed, repeats, loss, fit=True)
    losses = _losses(loss, dataset.y_names)
    options: dict[str, Any] = {
        "skip": skip,
        "penalise_bias": penalise_bias,
        "tol": tol,
        "time_limit": time_limit,
        "seed": seed,
    }
    largest, *strengths = _relative([1.0, *np.geomspace(start, stop, lams).tolist()], dataset, losses, options)
    with _Progress() as progress:
        step = progress.task("path", 2 * lams)
        fits = fit_path(dataset.X, dataset.Y, strengths, loss=losses, advance=step, **options)
        rows = []
        for fit in fits:
            with within_additions(additions_in(time_limit)):
                rows.append(fit.record() | {"complaints": fit.verify()})
            step(fit)
    _say_labels(dataset)
    bends = "knots" if "knots" in rows[0] else "neurons"
    table = _Table("lam", "lam / lam_max", "objective", "loss", "VV norm", bends, "relative gap")
    for row in rows:
        numbers = (row["lam"], row["lam"] / largest, row["value"], row["loss"], row["vv_norm"])
        count = len(row["knots"]) if "knots" in row else row["neurons"]
        table.row(*(f"{number:.6g}" for number in numbers), str(count), f"{row['gap']:.2g}")
    table.show()
    if plot:
        from vvnorm.plotting import plot_path

        plot_path(fits, dataset.x_names[0], plot)
    if json:
        write_json(json, {"source": dataset.source, "y_names": dataset.y_names, "labels": dataset.notes, "fits": rows})
    return _conclude([f"lam {row['lam']:.6g}: {complaint}" for row in rows for complaint in row["complaints"]])


@app.command()
def certify(
    network: Annotated[Path, typer.Argument(metavar="NET.npz", help="A saved network.", show_default=False)],
    data: DataArgument,
    x: XOption = None,
    y: YOption = None,
    sep: SepOption = None,
    decimal: DecimalOption = None,
    encoding: EncodingOption = None,
    header: HeaderOption = True,
    lam: Annotated[
        float | None,
        typer.Option(help="Judge as a fit with this weight of the VV norm, not as an interpolant.", show_default=False),
    ] = None,
    relative: Annotated[bool, typer.Option("--relative", help="--lam is in units of lam_max.")] = False,
    loss: LossOption = None,
    skip: SkipOption = True,
    penalise_bias: BiasOption = False,
    certificate: Annotated[
        Path | None, typer.Option(metavar="FILE.npz", help="Check this saved certificate.", show_default=False)
    ] = None,
    save_certificate: SaveOption = None,
    aux: AuxOption = 0,
    sigma: SigmaOption = 1.0,
    seed: SeedOption = 0,
    repeats: RepeatsOption = RepeatsPolicy.error,
    tol: TolOption = 1e-6,
    time_limit: LimitOption = None,
    json: JsonOption = None,
) -> int:
    """Say how close a saved network is to the interpolant of least VV norm or to the best fit, or check such a proof."""
    from vvnorm._internal.files import write_json
    from vvnorm._internal.words import name_of
    from vvnorm.network import ReLUNetwork
    from vvnorm.verifier.check import about
    from vvnorm.verifier.line_fit import FitCertificate
    from vvnorm.verifier.serialization import load_certificate

    _check_outputs(json, certificate=save_certificate)
    if not 0 < tol < 1:
        raise ValueError(f"--tol must lie between 0 and 1, got {tol!r}")
    if certificate and (lam is not None or loss or penalise_bias or not skip or save_certificate or time_limit):
        raise ValueError("--certificate says itself what is proved; it goes with none of the options that make another")
    if lam is None and (loss or relative):
        option = "--loss" if loss else "--relative"
        raise ValueError(f"{option} needs --lam; without it the network is judged as an interpolant")
    found = load_certificate(certificate) if certificate else None
    saved = ReLUNetwork.load(network)
    fit = lam is not None or isinstance(found, FitCertificate)
    dataset = _load(data, x, y, CsvFormat(sep, decimal, encoding, header), aux, sigma, seed, repeats, loss, fit=fit)
    if found is None:
        losses = _losses(loss, dataset.y_names)
        if lam is not None and relative:
            convention = {"skip": skip, "penalise_bias": penalise_bias}
            (lam,) = _relative([lam], dataset, losses, convention | {"time_limit": time_limit})
        found = _judge(saved, dataset, lam, losses, skip, penalise_bias, time_limit)
    numbers = found.numbers()
    _say_labels(dataset)
    for name, value in numbers.items():
        _say(f"{name_of(name):>18}  {f'{value:.10g}' if isinstance(value, float) else value}")
    for note in about(found.subspace):
        _say(f"{'note':>18}  {note}")
    complaints = found.complaints(saved, dataset.X, dataset.Y, tol=tol)
    if save_certificate:
        found.save(save_certificate)
    if json:
        write_json(json, {**numbers, "neurons": saved.n_neurons, "complaints": complaints})
    return _conclude(complaints)


def _judge(
    network: "ReLUNetwork",
    dataset: "Dataset",
    lam: float | None,
    losses: list[str],
    skip: bool,
    penalise_bias: bool,
    time_limit: float | None,
) -> "Certificate | FitCertificate":
    """Certify a network as a fit, or where lam is None as an interpolant, against the global optimum."""
    from vvnorm.verifier.check import certify as judge

    options: dict[str, Any] = {"skip": skip, "penalise_bias": penalise_bias, "time_limit": time_limit}
    if lam is not None:
        if not lam > 0:
            raise ValueError(f"--lam must be positive, got {lam!r}; without it the network is judged as an interpolant")
        options |= {"lam": lam, "loss": losses}
    with _Progress() as progress:
        certificate: Certificate | FitCertificate = judge(
            network, dataset.X, dataset.Y, advance=progress.rounds("solving"), **options
        )
    return certificate


@app.command()
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

    _check_outputs(json, out, plot)
    if not 0 < tol < 1:
        raise ValueError(f"--tol must lie between 0 and 1, got {tol!r}")
    form = CsvFormat(sep, decimal, encoding, header)
    dataset = _load(data, x, y, form, aux, sigma, seed, repeats, fit=bool(lam) and not exact)
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
        _say("some labels are missing: trained on those there are")
    rows, complaints = _training_rows(result, tol)
    for note in result.notes:
        _say(note)
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
        _say(f"not certified: {complaint}")
    if not complaints:
        gap = rows[result.best_run]["gap"]
        _say(f"certified: the best network, of seed {result.seeds[result.best_run]}, has a relative gap of {gap:.2g}")
    return INCONCLUSIVE if result.notes else NOT_CERTIFIED if complaints else OK


def _training_rows(result: "TrainingResult | TaskTraining", tol: float) -> tuple[list[dict[str, Any]], list[str]]:
    """Show and return what is certified of each network, and return what keeps the best one from being optimal."""
    from vvnorm._internal.words import name_of
    from vvnorm.verifier.line_fit import FitCertificate

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
    table = _Table("seed", *(name_of(name) for name in columns))
    for row in rows:
        table.row(str(row["seed"]), *(f"{row[name]:.6g}" for name in columns))
    table.show()
    _say(judged)
    seed = result.seeds[result.best_run]
    return rows, [
        f"{name} {value:.3g} of the best network, of seed {seed}, exceeds {tol:g}"
        for name, value in excesses.items()
        if not value <= tol
    ] + ([f"the best network, of seed {seed}, costs less than the labels allow"] if best.gap < -tol else [])


@app.command()
def tasks(
    data: Annotated[
        str,
        typer.Argument(
            metavar="DATA",
            help="CSV file, or builtin:breast_cancer, :digits_overlaid, :digits_multilabel or :linnerud; builtin:all is "
            "the study of all four, with settings of its own.",
            show_default=False,
        ),
    ],
    task: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=LOSS[:PARAM][:COL[=VALUE]]",
            help="squared:COL, huber:DELTA:COL, logistic:COL[=POSITIVE], hinge:COL, softmax:COL, one-class:NU:COL "
            "(scores), one-class:NU:COL=NORMAL or one-class:NU (all rows are normal); repeatable.",
            show_default=False,
        ),
    ] = None,
    x: Annotated[
        list[str] | None,
        typer.Option(
            "--x",
            metavar="COL[,COL]",
            help="Inputs, repeatable; by default all columns no task names.",
            show_default=False,
        ),
    ] = None,
    sep: SepOption = None,
    decimal: DecimalOption = None,
    encoding: EncodingOption = None,
    header: HeaderOption = True,
    weighting: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="Of the losses: equal, grid, learned, uncertainty, alternating, gradnorm, mgda, mgda_ub, upgrad, or one "
            "number per task, as 1,2,0.5; repeatable.",
            show_default="equal, uncertainty, mgda_ub",
        ),
    ] = None,
    seeds: Annotated[int | None, typer.Option(min=1, help="Splits and starts.", show_default="5, quick 3")] = None,
    width: Annotated[
        int | None, typer.Option(min=1, help="Neurons of the joint network.", show_default="64, quick 32")
    ] = None,
    steps: Annotated[int | None, typer.Option(min=1, help="Steps of training.", show_default="1000, quick 150")] = None,
    lam: Annotated[float, typer.Option(help="Weight of the VV norm against mean losses.")] = 1e-3,
    batch_size: Annotated[
        int | None, typer.Option(min=1, help="Samples per step; all by default.", show_default=False)
    ] = None,
    standardise: Annotated[bool, typer.Option(help="Whether inputs are standardised, by the training rows.")] = True,
    seed: SeedOption = 0,
    quick: Annotated[bool, typer.Option("--quick", help="Fewer seeds and steps, a smaller network.")] = False,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR|NET.npz", help="Save the best joint network of each weighting; a file for one.", show_default=False
        ),
    ] = None,
    plot: PlotOption = None,
    json: JsonOption = None,
    table: Annotated[
        Path | None, typer.Option("--csv", metavar="FILE", help="Write the lines of builtin:all.", show_default=False)
    ] = None,
) -> int:
    """Train one network on several tasks under several weightings, and separate ones, and test them all."""
    from vvnorm._internal.files import write_json

    if data == _STUDY:
        options = {"--task": task, "--x": x, "--weighting": weighting, "--seeds": seeds, "--width": width, "--steps": steps}
        return _task_study(
            quick, seed, table, options | {"--batch-size": batch_size, "--out": out, "--plot": plot, "--json": json}
        )
    if table:
        raise ValueError(f"--csv is for the study {_STUDY}; of one data set --json has all numbers")
    _check_outputs(json, out if out and out.suffix == ".npz" else None, plot)
    chosen = [_weighting(text) for text in weighting or ("equal", "uncertainty", "mgda_ub")]
    if repeated := [name for name in chosen if chosen.count(name) > 1]:
        raise ValueError(f"--weighting names {repeated[0]} twice")
    _check_folder(out, len(chosen))
    found = _task_data(data, task, x, CsvFormat(sep, decimal, encoding, header), seed)
    usual = {"seeds": 3, "width": 32, "steps": 150} if quick else {"seeds": 5, "width": 64, "steps": 1000}
    asked = {"seeds": seeds, "width": width, "steps": steps}
    settings: dict[str, Any] = usual | {name: value for name, value in asked.items() if value is not None}

    from vvnorm.training.comparison import compare

    numbers = range(seed, seed + settings.pop("seeds"))
    with _Progress() as progress:
        comparison = compare(
            found,
            weightings=chosen,
            seeds=numbers,
            lam=lam,
            batch_size=batch_size,
            standardise=standardise,
            advance=progress.task("training", len(chosen) + 2 * len(found.tasks)),
            **settings,
        )
    _show_comparison(comparison)
    for note in comparison.notes:
        _say(f"note: {note}")
    saved = _save_joint(comparison, out) if out else {}
    if plot:
        from vvnorm.plotting import plot_comparison

        plot_comparison(comparison, plot)
    if json:
        record = {"source": found.source, "notes": found.notes, "inputs": found.x_names, "saved": saved}
        numbers_found = {"rows": comparison.rows, "summary": comparison.summary(), "histories": comparison.histories}
        write_json(json, record | {"settings": comparison.settings, "training_notes": comparison.notes} | numbers_found)
    return INCONCLUSIVE if comparison.notes else OK


_STUDY = "builtin:all"


def _task_study(quick: bool, seed: int, table: Path | None, options: dict[str, Any]) -> int:
    """Do the study of several tasks on all built-in data; its table is written anew as each data set is done."""
    from vvnorm.studies.store import code_version
    from vvnorm.studies.summary import write_lines
    from vvnorm.training.task_study import DATA, run_study

    _check_outputs(table)
    for name, value in options.items():
        if value is not None:
            raise ValueError(f"{name} does not go with {_STUDY}, whose settings are stated beforehand")
    done: list[dict[str, Any]] = []
    with _Progress() as progress:
        step = progress.task("data sets", len(DATA))

        def advance(name: str, lines: list[dict[str, Any]]) -> None:
            done.extend(lines)
            if table:
                write_lines(table, done, code=code_version())
            step(name)

        lines = run_study(quick, seed=seed, advance=advance)
    shown = _Table("data", "networks", "weighting", "task", "metric", "value", "gain", "interval of gain", "verdict")
    for line in lines:
        value, _ = _with_interval(line, "value", "low", "high")
        gain = _with_interval(line, "gain", "gain_low", "gain_high")
        kind = (_ARRANGED[line["arrangement"]], line["weighting"], line["task"], line["metric"])
        shown.row(line["data"], *kind, value, *gain, line["verdict"])
    shown.show()
    if table:
        write_lines(table, lines, code=code_version())
    return OK


def _task_data(data: str, specs: list[str] | None, x: list[str] | None, csv: CsvFormat, seed: int) -> "TaskData":
    from vvnorm.multitask.task_data import builtin_task_data, load_task_data

    if data.startswith("builtin:"):
        if specs or x:
            raise ValueError(f"--{'task' if specs else 'x'} belongs to files; built-in data have their tasks and inputs")
        _refuse_csv_options(csv)
        return builtin_task_data(data.removeprefix("builtin:"), seed)
    if not specs:
        raise ValueError(f"--task must say what is learned from {data!r}, NAME=LOSS[:PARAMETER][:COLUMN[=VALUE]]")
    return load_task_data(data, specs, x, **asdict(csv))


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
    """Refuse a place where so many networks cannot be saved."""
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


def _show_comparison(comparison: "Comparison") -> None:
    """Print what was trained, the metric of every task, and what the networks cost."""
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
        _say(f"{name:>18}  {text}")
    rows = comparison.summary()
    tested = _Table(
        "networks", "weighting", "task", "metric", "value", "95 % interval", "gain", "interval of gain", "steps to target"
    )
    for row in rows:
        tested.row(
            _ARRANGED[row["arrangement"]],
            row["weighting"],
            row["task"],
            row["metric"],
            *_with_interval(row, "value", "low", "high"),
            *(("", "") if row["arrangement"] == SAME_WIDTH else _with_interval(row, "gain", "gain_low", "gain_high")),
            f"{row['steps_to_target']:.0f} ({row['reached']:.0%})" if row["reached"] else "never",
        )
    tested.show()
    cost = _Table("networks", "weighting", "parameters", "multiply-adds", "VV norm", "stationarity")
    for row in rows[:: len(data.tasks)]:
        kind = (row["arrangement"], row["weighting"], row["task"])
        stationarity = float(comparison.values(*kind, "stationarity").mean())
        cost.row(
            _ARRANGED[row["arrangement"]],
            row["weighting"],
            str(row["parameters"]),
            str(row["multiply_adds"]),
            f"{row['vv_norm']:.4g}",
            _number(stationarity, ".2g"),
        )
    cost.show()
    _say("gain: mean over seeds of how much better the metric is than that of separate networks of the same total width;")
    _say("its intervals hold for all gains at once. VV norm: of inputs as trained on, separate networks' added up.")


_ARRANGED = {"joint": "joint", "separate_width": "separate, same width", "separate_cost": "separate, same cost"}


def _with_interval(row: dict[str, Any], value: str, low: str, high: str) -> tuple[str, str]:
    ends = [_number(row[end], ".3g") for end in (low, high)]
    return _number(row[value], ".4g"), f"[{ends[0]}, {ends[1]}]" if all(ends) else ""


def _number(value: float, form: str) -> str:
    """A number as text; empty for one that is not defined."""
    return "" if value != value else format(value, form)


def _save_joint(comparison: "Comparison", out: Path) -> dict[str, dict[str, Any]]:
    """Save the joint network of the best seed under each weighting, of raw inputs; say and return which and where."""
    if out.suffix != ".npz":
        out.mkdir(exist_ok=True)
    saved = {}
    for weighting, networks in comparison.networks.items():
        losses = sum(comparison.values("joint", weighting, task.name, "loss") for task in comparison.data.tasks)
        norms = comparison.values("joint", weighting, comparison.data.tasks[0].name, "vv_norm")
        best = int((losses + comparison.settings["lam"] * norms).argmin())
        path = out if out.suffix == ".npz" else out / f"{weighting}.npz"
        networks[best].save(path)
        saved[weighting] = {"file": str(path), "seed": comparison.settings["seeds"][best]}
        _say(f"{path}: joint network, {weighting}, seed {saved[weighting]['seed']}; it takes inputs as they come")
    return saved


@app.command()
def figures(
    names: Annotated[list[str] | None, typer.Argument(metavar="[NAME]...", help="Figures; all by default.")] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Smaller computations.")] = False,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder for PDF and PNG.")] = Path("figures_out"),
    seed: SeedOption = 0,
    jobs: JobsOption = None,
) -> int:
    """Compute, verify and draw the figures."""
    from contextlib import ExitStack

    from vvnorm.plotting import figure_names, load_figure
    from vvnorm.verification import draw_figures

    scripts, unusable = _usable(load_figure, names or figure_names())
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ValueError(f"cannot make the folder {str(out)!r}: {error.strerror}") from None

    def show(drawn: "Drawn") -> None:
        if drawn.complaints:
            _say("\n".join(f"{drawn.figure} is not drawn: {complaint}" for complaint in drawn.complaints))
        else:
            _say(f"{drawn.figure}: {drawn.said}; {out / drawn.figure}.pdf and .png")

    with ExitStack() as stack:
        where = _where(stack, len(scripts), jobs, None)
        progress = stack.enter_context(_Progress()).counted("figures")
        try:
            found = draw_figures(scripts, out, seed=seed, quick=quick, progress=progress, ended=show, **where)
        except KeyboardInterrupt:
            return INTERRUPTED
    if any(drawn.complaints for drawn in found):
        return NOT_CERTIFIED
    return _worst({drawn.counts_as for drawn in found}, unusable)


@app.command()
def sweep(
    spec: Annotated[Path, typer.Argument(metavar="SPEC.toml", help="What to run.", show_default=False)],
    store: Annotated[
        Path | None,
        typer.Option(metavar="FILE.sqlite", help="Where runs are kept; NAME.sqlite by default.", show_default=False),
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with what the store lacks.")] = False,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Processes; by default one for each core.", show_default=False)
    ] = None,
    scheduler: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="Run on this Dask cluster.", show_default=False)
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count the runs and estimate the time.")] = False,
    export: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Then write the runs to .csv or .parquet.", show_default=False)
    ] = None,
) -> int:
    """Do the runs of a study, each kept as soon as it is done."""
    from contextlib import ExitStack

    from vvnorm._internal.threads import usable_cores
    from vvnorm.studies import experiment
    from vvnorm.studies.execute import run_study
    from vvnorm.studies.store import Store, check_export_path
    from vvnorm.studies.study import load_study

    if scheduler and (workers or dry_run):
        raise ValueError(f"--scheduler does not go with {'--workers' if workers else '--dry-run'}")
    if export and dry_run:
        raise ValueError("--export does not go with --dry-run, which writes nothing")
    if export:
        check_export_path(export)
    study = load_study(spec)
    path = store or Path(f"{study.name}.sqlite")
    for note in study.notes:
        _say(note)
    if dry_run:
        return _foresee(study, path, workers or usable_cores())
    with ExitStack() as stack:
        kept = stack.enter_context(Store(path, study, resume=resume))
        executor = None
        if scheduler:
            from vvnorm.studies.cluster import cluster_executor

            executor = stack.enter_context(cluster_executor(scheduler, kept.code))
        advance = stack.enter_context(_Progress()).study(study.name)
        try:
            tally = run_study(
                study, kept, perform=experiment.perform, executor=executor, workers=workers, progress=advance
            )  # fmt: skip
        except KeyboardInterrupt as stop:
            _say(str(stop))
            return INTERRUPTED
        if export:
            kept.export(export)
        failures = kept.failures()
    _say(f"{tally} in {path}")
    for failure in failures[:3]:
        _say(f"failed: {failure['solver']}, {failure['target']}, seed {failure['seed']}: {failure['error']}")
    if failures:
        _say(f"table failures of {path} has all {len(failures)} with tracebacks; --resume tries them again")
    return NOT_CERTIFIED if failures else OK


@app.command()
def summary(
    store: Annotated[Path, typer.Argument(metavar="STORE.sqlite", help="A study's store.", show_default=False)],
    measure: Annotated[str, typer.Option(metavar="NAME", help="The measure whose lines are shown.")] = "mean_gradient",
    estimated: Annotated[
        float | None,
        typer.Option(metavar="GAP", help="Runs count by estimates of their gap, not by certificates.", show_default=False),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE.csv", help="Write the lines of all measures.", show_default=False)
    ] = None,
) -> int:
    """Say what the runs of a study so far show: ratios to no auxiliary outputs, trends in their number, verdicts."""
    from vvnorm.studies.store import load_code, load_rows
    from vvnorm.studies.summary import MEASURES, summarise, write_lines

    if measure not in MEASURES:
        raise ValueError(f"--measure {measure!r} is not one of {', '.join(MEASURES)}")
    if estimated is not None and not estimated > 0:
        raise ValueError(f"--estimated must be positive, got {estimated}")
    rows = load_rows(store)
    lines = summarise(rows, measures=MEASURES if out else (measure,), estimated=estimated)
    table = _Table("solver", "target", "d", "labels", "sigma", "m", "n", "ratio", "interval", "verdict")
    for line in lines:
        if line["measure"] == measure:
            m = "trend" if line["kind"] == "trend" else f"{line['auxiliary']:g}"
            named = [str(line[name]) for name in ("solver", "target", "inputs", "labels", "sigma")]
            found = line["ratio"] is not None
            ratio = f"{line['ratio']:.4f}" if found else ""
            interval = f"[{line['low']:.4f}, {line['high']:.4f}]" if found else ""
            table.row(*named, m, str(line["n"]), ratio, interval, str(line["verdict"] or ""))
    table.show()
    if not rows:
        _say("no run is done yet")
    elif estimated is None and not any(row["accepted"] for row in rows):
        _say("no run has a certificate that was accepted; --estimated GAP lets runs count by estimates of their gap")
    if out:
        write_lines(out, lines, code=load_code(store))
    return OK


def _foresee(study: "Study", path: Path, workers: int) -> int:
    """Print how many runs of which kind there are and how long they will take."""
    from collections import Counter

    from vvnorm._internal.words import count
    from vvnorm.studies import experiment
    from vvnorm.studies.estimate import estimate
    from vvnorm.studies.store import load_rows

    found = estimate(study, experiment.perform, load_rows(path) if path.exists() else ())
    counts = Counter((run.solver, run.target, run.inputs, run.points) for run in study.runs)
    seconds = dict.fromkeys(counts, 0.0)
    for run in study.runs:
        seconds[run.solver, run.target, run.inputs, run.points] += found.seconds[run.size]
    table = _Table("solver", "target", "inputs", "points", "runs", "seconds")
    for kind, runs in sorted(counts.items()):
        table.row(*map(str, kind), str(runs), "?" if math.isnan(seconds[kind]) else f"{seconds[kind]:.3g}")
    table.show()
    if any(map(math.isnan, seconds.values())):
        _say(f"{len(study.runs)} runs: the first, with loading and compiling, took too long to tell; try again")
        return OK
    about = "at least" if found.at_least else "about"
    total = sum(seconds.values()) / min(workers, len(study.runs))
    _say(f"{len(study.runs)} runs: {about} {_duration(total)} on {count(workers, 'process', 'processes')}")
    return OK


def _size(path: Path) -> str:
    """How long a file is, in the unit in which it is read most easily."""
    count = path.stat().st_size
    return f"{count / 1e6:.1f} MB" if count >= 1e5 else f"{count / 1e3:.1f} kB"


def _duration(seconds: float) -> str:
    """A time in the unit in which it is read most easily."""
    for unit, length in (("days", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.3g} {unit}"
    return f"{seconds:.2g} s"


# --- helpers ----------------------------------------------------------------------------------------------------------


def _exit_code(verdicts: "set[Verdict]") -> int:
    """0 if all are confirmed, 1 if one is refuted, 2 for anything else."""
    from vvnorm.claims import Verdict

    if verdicts & {Verdict.VIOLATED, Verdict.NOT_SUPPORTED}:
        return NOT_CERTIFIED
    return OK if verdicts and verdicts <= {Verdict.HOLDS, Verdict.SUPPORTED} else INCONCLUSIVE


def _load(
    data: str,
    x: list[str] | None,
    y: list[str] | None,
    csv: CsvFormat,
    aux: int,
    sigma: float,
    seed: int,
    repeats: RepeatsPolicy,
    loss: list[str] | None = None,
    *,
    fit: bool = False,
) -> "Dataset":
    """Load a file or built-in data, merge repeated inputs, append auxiliary outputs.

    A fit takes different labels at one input as they are, and so do solvers for several inputs, or they say why not;
    repeats are then merged only if a policy asks for it.
    """
    from vvnorm.csv_files import column_names, read_table
    from vvnorm.datasets import builtin_dataset, gaussian_auxiliary, load_dataset, table_dataset

    if data.startswith("builtin:"):
        if x or y:
            raise ValueError("--x and --y belong to files; built-in data have their columns")
        _refuse_csv_options(csv)
        dataset = builtin_dataset(data.removeprefix("builtin:"))
    elif not x or not y:
        raise ValueError(f"{'--x' if not x else '--y'} must name the column(s) of {data!r} to use")
    elif Path(data).suffix == ".npz":
        dataset = load_dataset(data, x, y, **asdict(csv))
    else:
        table = read_table(Path(data), csv)
        dataset = table_dataset(table, x, y, [name for name in column_names(y, table.names) if _has_classes(name, loss)])
    if repeats is not RepeatsPolicy.error or (dataset.X.shape[1] == 1 and not fit):
        dataset = dataset.merged(repeats.value)
    return dataset.with_auxiliary(gaussian_auxiliary(dataset.Y, aux, sigma, seed)) if aux else dataset


def _refuse_csv_options(csv: CsvFormat) -> None:
    if csv != CsvFormat():
        raise ValueError("--sep, --decimal, --encoding and --no-header belong to CSV files, not to built-in data")


def _has_classes(name: str, options: list[str] | None) -> bool:
    """Whether the loss that `--loss` names for an output is one of classes."""
    own = {column: loss for column, _, loss in (option.rpartition("=") for option in options or [])}
    return own.get(name, own.get("", "")).strip() in ("logistic", "hinge")


def _losses(options: list[str] | None, y_names: tuple[str, ...]) -> list[str]:
    """Read `NAME` (all outputs) and `COL=NAME` (one) into one loss per output; squared where nothing is said."""
    common: str | None = None
    own: dict[str, str] = {}
    for option in options or []:
        column, equals, name = option.rpartition("=")
        if not equals and common is not None:
            raise ValueError(f"--loss names {common!r} and {name!r} for all outputs; say COL=NAME for single ones")
        if equals and column not in y_names:
            raise ValueError(f"--loss {option!r}: there is no output {column!r}; there are: {', '.join(y_names)}")
        if column in own:
            raise ValueError(f"--loss names output {column!r} twice")
        if equals:
            own[column] = name
        else:
            common = name
    return [own.get(name, common or "squared") for name in y_names]


def _relative(ratios: list[float], dataset: "Dataset", losses: list[str], options: dict[str, Any]) -> list[float]:
    """Turn ratios lam / lam_max into lam."""
    from vvnorm.fitting import lambda_max

    convention = {name: options[name] for name in ("skip", "penalise_bias")}
    largest = lambda_max(dataset.X, dataset.Y, loss=losses, time_limit=options.get("time_limit"), **convention)
    if not largest > 0:
        best = "a line" if options["skip"] and dataset.X.shape[1] == 1 else "an affine function"
        raise ValueError(
            f"lam_max is 0: {best} fits these data best whatever lam is; solve --lam, without --relative, finds it"
        )
    return [ratio * largest for ratio in ratios]


def _say_labels(dataset: "Dataset") -> None:
    """Say how classes were read."""
    for note in dataset.notes:
        _say(f"{'labels':>18}  {note}")


def _check_outputs(
    json: Path | None, out: Path | None = None, plot: Path | None = None, certificate: Path | None = None
) -> None:  # fmt: skip
    """Refuse unusable output names before any work is done."""
    from vvnorm.plotting import check_plot_path

    for option, path in (("--out", out), ("--save-certificate", certificate)):
        if path and path.suffix != ".npz":
            raise ValueError(f"{option} must end in .npz, got {str(path)!r}")
    if plot:
        check_plot_path(plot)
    for path in (json, out, plot, certificate):
        if path and not path.absolute().parent.is_dir():
            raise ValueError(f"cannot write {str(path)!r}: the folder does not exist")
        if path and path.is_dir():
            raise ValueError(f"cannot write {str(path)!r}: it is a folder")
        if path and not os.access(path.absolute().parent, os.W_OK) and not path.exists():
            raise ValueError(f"cannot write {str(path)!r}: the folder cannot be written to")


def _conclude(complaints: list[str]) -> int:
    for complaint in complaints:
        _say(f"not certified: {complaint}")
    if not complaints:
        _say("certified: an independent verifier accepts the proof")
    return NOT_CERTIFIED if complaints else OK


def _say(text: str) -> None:
    try:
        typer.echo(text)
    except BrokenPipeError:
        # Whoever read the output has left; files and exit code still count.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


class _Table:
    """A table on standard output: drawn for a terminal, tab-separated for a pipe.

    With the first cells of all its rows beforehand, `show_now`, it knows how wide these get, and shows each row at once.
    """

    def __init__(self, *columns: str, show_now: "Sequence[tuple[str, ...]] | None" = None) -> None:
        self.columns, self.rows = columns, []  # type: tuple[str, ...], list[tuple[str, ...]]
        self._widths = None
        if show_now is not None:
            known = [max(map(len, cells)) for cells in zip(columns, *show_now, strict=False)]
            self._widths = known + [max(len(name), len("NOT_SUPPORTED")) for name in columns[len(known) :]]
            self._show(columns)

    def row(self, *cells: str) -> None:
        self.rows.append(cells)
        if self._widths is not None:
            self._show(cells)

    def _show(self, cells: "Sequence[str]") -> None:
        padded = (cell.ljust(width) for cell, width in zip(cells, self._widths or (), strict=True))
        _say("  ".join(padded).rstrip() if sys.stdout.isatty() else "\t".join(cells))

    def show(self) -> None:
        if not sys.stdout.isatty():
            for row in (self.columns, *self.rows):
                _say("\t".join(row))
            return
        from rich.console import Console
        from rich.table import Table

        table = Table(*self.columns)
        for row in self.rows:
            table.add_row(*row)
        Console(markup=False, emoji=False, highlight=False).print(table)


class _Progress:
    """A progress bar on standard error, shown on terminals only."""

    def __enter__(self) -> "_Progress":
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        console = Console(stderr=True)
        # What is printed meanwhile goes above the bar, unless it goes elsewhere.
        self._bar = Progress(
            *columns, console=console, transient=True, disable=not console.is_terminal, redirect_stdout=sys.stdout.isatty()
        )
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def task(self, name: str, total: int) -> Any:
        """Begin a task; return what is called, with a label, at each step."""
        number = self._bar.add_task(name, total=total)
        return lambda label: self._bar.advance(number)

    def counted(self, name: str) -> "Callable[[Tally], None]":
        """Begin jobs that take unequally long; return what is called with how far they are."""
        number = self._bar.add_task(name, total=None)
        return lambda tally: self._bar.update(number, completed=tally.done + tally.failed, total=tally.total)

    def rounds(self, name: str) -> Any:
        """Begin a task of unknown length; return what is called after each round with its number and the bounds."""
        number = self._bar.add_task(name, total=None, visible=False)

        def advance(_: int, upper: float, lower: float) -> None:
            # Weighted problems are solved one after another, each with rounds of its own: they are counted on.
            gap = (upper - lower) / upper if upper > 0 else 0.0
            self._bar.update(number, advance=1, visible=True, description=f"{name}, gap {gap:.1e}")

        return advance

    def study(self, name: str) -> "Callable[[Tally], None]":
        """Begin a study; return what is called with how far it is."""
        number = self._bar.add_task(name, total=None)

        def advance(tally: "Tally") -> None:
            left = f", {tally.rate:.2g} runs/s, {_duration(tally.left)} left" if tally.rate > 0 else ""
            failed = f", {tally.failed} failed" if tally.failed else ""
            over = tally.done + tally.failed
            self._bar.update(number, completed=over, total=tally.total, description=f"{name}{failed}{left}")

        return advance


def _in_options(message: str, arguments: list[str]) -> str:
    """A message on one line, with options where it names arguments of functions: `sep (--sep)`, or what it begins with."""
    text = re.sub(r"\w+(=\w+)? \((--[\w-]+)\)", r"\2", " ".join(message.split()))
    name = text.partition(" ")[0]
    option = f"--{name.replace('_', '-')}"
    given = any(argument.partition("=")[0] == option for argument in arguments)
    return f"{option}{text.removeprefix(name)}" if given else text


class _OnStandardError(logging.Handler):
    """Writes what the library logs to standard error as it is now: above a progress bar, if there is one."""

    def emit(self, record: logging.LogRecord) -> None:
        print(f"vvnorm: {record.getMessage()}", file=sys.stderr)


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit with its code."""
    log, handler = logging.getLogger("vvnorm"), _OnStandardError()
    level = log.level
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    try:
        _run(arguments)
    finally:
        log.removeHandler(handler)
        log.setLevel(level)


def _run(arguments: list[str] | None) -> None:
    # typer's own error type, wherever this version of it keeps its parser.
    parser_error: Any = typer.BadParameter.__mro__[2]
    arguments = sys.argv[1:] if arguments is None else arguments
    try:
        code = app(args=arguments or ["--help"], prog_name="vvnorm", standalone_mode=False)
    except (typer.Abort, KeyboardInterrupt):
        code = INTERRUPTED
    except parser_error as error:
        print(f"vvnorm: {' '.join(error.format_message().split())}", file=sys.stderr)
        code = USAGE
    except RepeatedInput as error:
        print(f"vvnorm: {error.fact}; --repeats average, or first, merges them", file=sys.stderr)
        code = USAGE
    except (ValueError, TypeError, OSError, MemoryError) as error:
        print(f"vvnorm: {_in_options(str(error), arguments)}", file=sys.stderr)
        code = USAGE
    except RuntimeError as error:
        print(f"vvnorm: {' '.join(str(error).split())}", file=sys.stderr)
        code = NOT_CERTIFIED
    if code == INTERRUPTED:  # typer's parser returns this code for an interrupt
        print("vvnorm: interrupted", file=sys.stderr)
    sys.exit(code if isinstance(code, int) else OK)


if __name__ == "__main__":
    main()
