"""`vvnorm certify`: judge a saved network, or check a saved certificate."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vvnorm.cli import options as shared
from vvnorm.cli.exact import ExactOption, check_exact, check_exact_data, exact_lam, exact_record, is_as_given, prove_exactly
from vvnorm.cli.inputs import check_outputs, lams_from_ratios, load_data, losses_of
from vvnorm.cli.output import Progress, conclude, say, say_labels
from vvnorm.cli.points import DistanceOption, distance_from, read_points, show_distance
from vvnorm.csv_files import CsvFormat

if TYPE_CHECKING:
    from vvnorm.datasets import Dataset
    from vvnorm.network import ReLUNetwork
    from vvnorm.results.solution import Solution
    from vvnorm.validation import Array
    from vvnorm.verifier.check import Certificate, FitCertificate
    from vvnorm.verifier.exact import Proof


def certify(
    network: Annotated[Path, typer.Argument(metavar="NET.npz", help="A saved network.", show_default=False)],
    data: shared.DataArgument,
    x: shared.XOption = None,
    y: shared.YOption = None,
    sep: shared.SepOption = None,
    decimal: shared.DecimalOption = None,
    encoding: shared.EncodingOption = None,
    header: shared.HeaderOption = True,
    lam: Annotated[
        float | None,
        typer.Option(help="Judge as a fit with this weight of the VV norm, not as an interpolant.", show_default=False),
    ] = None,
    relative: Annotated[bool, typer.Option("--relative", help="--lam is in units of lam_max.")] = False,
    loss: shared.LossOption = None,
    skip: shared.SkipOption = True,
    penalise_bias: shared.BiasOption = False,
    certificate: Annotated[
        Path | None, typer.Option(metavar="FILE.npz", help="Check this saved certificate.", show_default=False)
    ] = None,
    save_certificate: shared.SaveOption = None,
    aux: shared.AuxOption = 0,
    sigma: shared.SigmaOption = 1.0,
    seed: shared.SeedOption = 0,
    repeats: shared.RepeatsOption = shared.RepeatsPolicy.error,
    tol: shared.TolOption = 1e-6,
    time_limit: shared.LimitOption = None,
    json: shared.JsonOption = None,
    exact: ExactOption = False,
    distance: DistanceOption = None,
    jobs: shared.JobsOption = None,
) -> int:
    """Certify how far a saved network is from the interpolant of least VV norm or the best fit, or check a certificate."""
    from vvnorm._internal.files import write_json
    from vvnorm._internal.words import name_of
    from vvnorm.network import ReLUNetwork
    from vvnorm.verifier.certificates import about
    from vvnorm.verifier.check import FitCertificate, load_certificate

    check_outputs(json, certificate=save_certificate, certificate_type=".json" if exact else ".npz")
    check_exact(exact, loss or (), skip, penalise_bias)
    if not 0 < tol < 1:
        raise ValueError(f"--tol must lie between 0 and 1, got {tol!r}")
    if certificate and (lam is not None or loss or penalise_bias or not skip or save_certificate or time_limit or distance):
        raise ValueError(
            "--certificate FILE states what is proved; it does not go with options that make another certificate"
        )
    _check_fit(lam, loss, relative)
    judged = load_certificate(certificate) if certificate else None
    saved = ReLUNetwork.load(network)
    fit = lam is not None or isinstance(judged, FitCertificate)
    csv = CsvFormat(sep, decimal, encoding, header)
    dataset = load_data(data, x, y, csv, aux, sigma, seed, repeats, loss, fit=fit)
    check_exact_data(exact, dataset)
    points = _points(distance, jobs, dataset, csv)
    if judged is None:
        losses = losses_of(loss, dataset.y_names)
        if lam is not None and relative:
            convention = {"skip": skip, "penalise_bias": penalise_bias}
            (lam,) = lams_from_ratios([lam], dataset, losses, convention | {"time_limit": time_limit})
        judged = _judge(saved, dataset, lam, losses, skip, penalise_bias, time_limit)
    numbers = judged.numbers()
    say_labels(dataset)
    for name, value in numbers.items():
        say(f"{name_of(name):>18}  {f'{value:.10g}' if isinstance(value, float) else value}")
    for note in about(judged.subspace):
        say(f"{'note':>18}  {note}")
    complaints = judged.complaints(saved, dataset.X, dataset.Y, tol=tol)
    proof: Proof | None = None
    if exact:
        check_exact(exact, [str(loss) for loss in getattr(judged, "losses", ())], judged.skip, judged.penalise_bias)
        strength = exact_lam(getattr(judged, "lam", None), relative or certificate is not None)
        as_given = is_as_given(aux, repeats)
        proof = prove_exactly(saved, judged.dual, data, dataset, csv, as_given=as_given, tol=tol, lam=strength)
        complaints += proof.problems
    extra = {"exact": exact_record(proof)} if proof else {}
    if points is not None:
        solution = _solved(dataset, lam, losses, skip, penalise_bias, tol)
        extra["distance_to_minimisers"], problems = show_distance(distance_from(solution, saved, points, jobs), dataset)
        complaints += problems
    if save_certificate and not (proof and proof.problems):
        (proof or judged).save(save_certificate)
    if json:
        write_json(json, {**numbers, "neurons": saved.n_neurons, "complaints": complaints, **extra})
    return conclude(complaints)


def _check_fit(lam: float | None, loss: list[str] | None, relative: bool) -> None:
    """Refuse options of fits where the network is judged as an interpolant."""
    if lam is None and (loss or relative):
        option = "--loss" if loss else "--relative"
        raise ValueError(f"{option} needs --lam; without it the network is judged as an interpolant")


def _points(distance: Path | None, jobs: int | None, dataset: "Dataset", csv: CsvFormat) -> "Array | None":
    """Read the points of `--distance`; None without the option."""
    if distance is None:
        if jobs is not None:
            raise ValueError("--jobs needs --distance POINTS.csv")
        return None
    return read_points(distance, dataset, csv)


def _solved(
    dataset: "Dataset", lam: float | None, losses: list[str], skip: bool, penalise_bias: bool, tol: float
) -> "Solution":  # fmt: skip
    """Solve the problem for which the network is judged."""
    from vvnorm.api.fits import fit
    from vvnorm.api.interpolation import interpolate

    options: dict[str, Any] = {"skip": skip, "penalise_bias": penalise_bias, "tol": tol}
    with Progress() as progress:
        options["callback"] = progress.rounds("solving for the minimisers")
        if lam is None:
            return interpolate(dataset.X, dataset.Y, **options)
        return fit(dataset.X, dataset.Y, lam, loss=losses, **options)


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
    from vvnorm.api.certification import certify as judge

    options: dict[str, Any] = {"skip": skip, "penalise_bias": penalise_bias, "time_limit": time_limit}
    if lam is not None:
        if not lam > 0:
            raise ValueError(f"--lam must be positive, got {lam!r}; without it the network is judged as an interpolant")
        options |= {"lam": lam, "loss": losses}
    with Progress() as progress:
        certificate: Certificate | FitCertificate = judge(
            network, dataset.X, dataset.Y, callback=progress.rounds("solving"), **options
        )
    return certificate
