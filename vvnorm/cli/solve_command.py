"""`vvnorm solve`: find the interpolant of least VV norm, or the best fit."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vvnorm.cli import options as shared
from vvnorm.cli.exact import ExactOption, check_exact, check_exact_data, exact_lam, exact_record, is_as_given, prove_exactly
from vvnorm.cli.inputs import check_outputs, lams_from_ratios, load_data, losses_of
from vvnorm.cli.output import Progress, conclude, say, say_labels
from vvnorm.cli.points import BandOption, ExcessOption, check_band, read_points, show_band
from vvnorm.csv_files import CsvFormat

if TYPE_CHECKING:
    from vvnorm.datasets import Dataset
    from vvnorm.results.solution import Solution
    from vvnorm.verifier.exact import Proof


def solve(
    data: shared.DataArgument,
    x: shared.XOption = None,
    y: shared.YOption = None,
    sep: shared.SepOption = None,
    decimal: shared.DecimalOption = None,
    encoding: shared.EncodingOption = None,
    header: shared.HeaderOption = True,
    lam: Annotated[
        float | None,
        typer.Option(help="Fit with a loss plus this times the VV norm; by default interpolate.", show_default=False),
    ] = None,
    relative: Annotated[bool, typer.Option("--relative", help="--lam is in units of lam_max.")] = False,
    loss: shared.LossOption = None,
    skip: shared.SkipOption = True,
    penalise_bias: shared.BiasOption = False,
    aux: shared.AuxOption = 0,
    sigma: shared.SigmaOption = 1.0,
    auxiliary: Annotated[
        shared.AuxiliaryName | None,
        typer.Option(help="Interpolate as with infinitely many auxiliary outputs.", show_default=False),
    ] = None,
    sparse: Annotated[bool, typer.Option("--sparse", help="Among equally good networks, take one of few neurons.")] = False,
    time_limit: shared.LimitOption = None,
    seed: shared.SeedOption = 0,
    repeats: shared.RepeatsOption = shared.RepeatsPolicy.error,
    tol: shared.TolOption = 1e-6,
    out: shared.OutOption = None,
    plot: shared.PlotOption = None,
    json: shared.JsonOption = None,
    save_certificate: shared.SaveOption = None,
    exact: ExactOption = False,
    band: BandOption = None,
    excess: ExcessOption = None,
    jobs: shared.JobsOption = None,
) -> int:
    """Find the interpolant of least VV norm, or with --lam the best fit, with a proof."""
    from vvnorm.verifier.budget import additions_in, within_additions

    check_outputs(json, out, plot, save_certificate, certificate_type=".json" if exact else ".npz")
    check_exact(exact, loss or (), skip, penalise_bias, bool(auxiliary))
    _check_combination(lam, loss, relative, auxiliary, sparse, save_certificate, band)
    csv = CsvFormat(sep, decimal, encoding, header)
    dataset = load_data(data, x, y, csv, aux, sigma, seed, repeats, loss, fit=lam is not None)
    check_exact_data(exact, dataset)
    check_band(band, excess, jobs, dataset.X.shape[1], lam is not None, penalise_bias)
    points = None if band is None else read_points(band, dataset, csv)
    if plot:
        from vvnorm.plotting import refuse_undrawable

        refuse_undrawable(dataset.X.shape[1], lam is not None)
    options: dict[str, Any] = {"skip": skip, "penalise_bias": penalise_bias}
    options |= {"tol": tol, "time_limit": time_limit, "seed": seed}
    if lam is None:
        solution = _interpolated(dataset, auxiliary, sparse, options)
    else:
        solution = _fitted(dataset, lam, relative, losses_of(loss, dataset.y_names), sparse, options)
    with within_additions(additions_in(time_limit)):
        complaints = list(solution.verify().problems)
    say_labels(dataset)
    for name, text in solution.summary_lines(dataset.y_names):
        say(f"{name:>18}  {text}")
    proof = _proved(solution, data, dataset, csv, is_as_given(aux, repeats), tol, relative) if exact else None
    complaints += proof.problems if proof else ()
    extra: dict[str, Any] = {"exact": exact_record(proof)} if proof else {}
    if points is not None:
        extra["band"], problems = show_band(solution, points, excess, jobs, dataset)
        complaints += problems
    if save_certificate and not (proof and proof.problems):
        (proof or solution.certificate).save(save_certificate)
    if out:
        solution.network.save(out)
    if plot:
        from vvnorm.plotting import draw

        draw(solution, dataset.x_names, dataset.y_names, plot)
    if json:
        _write(json, solution, dataset, complaints, extra)
    return conclude(complaints)


def _proved(
    solution: Any, data: str, dataset: "Dataset", csv: CsvFormat, as_given: bool, tol: float, relative: bool
) -> "Proof":  # fmt: skip
    """Prove the solution exactly; as interpolant of one input, connect-the-dots of the numbers in the file."""
    lam = getattr(solution.certificate, "lam", None)
    network, dual = solution.network, solution.certificate.dual
    if lam is None and dataset.X.shape[1] == 1:
        network = dual = None
    strength = exact_lam(lam, relative)
    return prove_exactly(network, dual, data, dataset, csv, as_given=as_given, tol=tol, lam=strength)


def _write(
    path: Path, solution: "Solution", dataset: "Dataset", complaints: list[str], extra: dict[str, Any]
) -> None:  # fmt: skip
    from vvnorm._internal.files import write_json

    about: dict[str, Any] = {"source": dataset.source, "y_names": dataset.y_names, "labels": dataset.notes}
    write_json(path, solution.record() | about | {"complaints": complaints} | extra)


def _check_combination(
    lam: float | None,
    loss: list[str] | None,
    relative: bool,
    auxiliary: shared.AuxiliaryName | None,
    sparse: bool,
    save_certificate: Path | None,
    band: Path | None,
) -> None:
    """Refuse options of `solve` that do not go together."""
    if lam is None and (loss or relative):
        raise ValueError(f"{'--loss' if loss else '--relative'} needs --lam; without it the labels are interpolated")
    if auxiliary and lam is not None:
        raise ValueError("--auxiliary is for interpolation; it does not go with --lam")
    if auxiliary and band:
        raise ValueError("--band does not go with --auxiliary, whose solution is a limit of minimisers")
    if auxiliary and (sparse or save_certificate):
        option = "--sparse" if sparse else "--save-certificate"
        raise ValueError(f"{option} does not go with --auxiliary, whose proof is about infinitely many outputs")


def _interpolated(
    dataset: "Dataset", auxiliary: shared.AuxiliaryName | None, sparse: bool, options: dict[str, Any]
) -> "Solution":  # fmt: skip
    from vvnorm.api.interpolation import interpolate

    with Progress() as progress:
        limit = None if auxiliary is None else auxiliary.value
        callback = progress.rounds("interpolating")
        solution = interpolate(dataset.X, dataset.Y, auxiliary=limit, callback=callback, **options)
        return solution.sparsify() if sparse else solution


def _fitted(
    dataset: "Dataset", lam: float, relative: bool, losses: list[str], sparse: bool, options: dict[str, Any]
) -> "Solution":  # fmt: skip
    from vvnorm.api.fits import fit

    if sparse and dataset.X.shape[1] == 1 and not options["penalise_bias"]:
        raise ValueError("--sparse goes with interpolation, or with several inputs; fits of one have few neurons already")
    if relative:
        (lam,) = lams_from_ratios([lam], dataset, losses, options)
    with Progress() as progress:
        solution = fit(dataset.X, dataset.Y, lam, loss=losses, callback=progress.rounds("fitting"), **options)
        return solution.sparsify() if sparse else solution
