"""`vvnorm path`: fits for a decreasing sequence of lam."""

from typing import Annotated, Any

import typer

from vvnorm.cli import options as shared
from vvnorm.cli.inputs import check_outputs, lams_from_ratios, load_data, losses_of
from vvnorm.cli.output import Progress, TextTable, conclude, say_labels
from vvnorm.csv_files import CsvFormat


def fits_along_path(
    data: shared.DataArgument,
    x: shared.XOption = None,
    y: shared.YOption = None,
    sep: shared.SepOption = None,
    decimal: shared.DecimalOption = None,
    encoding: shared.EncodingOption = None,
    header: shared.HeaderOption = True,
    lams: Annotated[int, typer.Option(min=1, help="Number of fits.")] = 30,
    start: Annotated[float, typer.Option("--from", help="First lam, in units of lam_max.")] = 1.0,
    stop: Annotated[float, typer.Option("--to", help="Last lam, in units of lam_max.")] = 1e-4,
    loss: shared.LossOption = None,
    skip: shared.SkipOption = True,
    penalise_bias: shared.BiasOption = False,
    aux: shared.AuxOption = 0,
    sigma: shared.SigmaOption = 1.0,
    time_limit: shared.LimitOption = None,
    seed: shared.SeedOption = 0,
    repeats: shared.RepeatsOption = shared.RepeatsPolicy.error,
    tol: shared.TolOption = 1e-6,
    plot: shared.PlotOption = None,
    json: shared.JsonOption = None,
) -> int:
    """Fit for many values of lam, from lam_max downwards, each with a proof."""
    import numpy as np

    from vvnorm._internal.files import write_json
    from vvnorm.api.fits import fit_path
    from vvnorm.verifier.budget import additions_in, within_additions

    check_outputs(json, None, plot)
    for option, value in (("--from", start), ("--to", stop)):
        if not 0 < value < float("inf"):
            raise ValueError(f"{option} must be a positive finite number, got {value!r}")
    dataset = load_data(data, x, y, CsvFormat(sep, decimal, encoding, header), aux, sigma, seed, repeats, loss, fit=True)
    losses = losses_of(loss, dataset.y_names)
    options: dict[str, Any] = {
        "skip": skip,
        "penalise_bias": penalise_bias,
        "tol": tol,
        "time_limit": time_limit,
        "seed": seed,
    }
    largest, *strengths = lams_from_ratios([1.0, *np.geomspace(start, stop, lams).tolist()], dataset, losses, options)
    with Progress() as progress:
        step = progress.task("path", 2 * lams)
        fits = fit_path(dataset.X, dataset.Y, strengths, loss=losses, callback=step, **options)
        rows = []
        for fit in fits:
            with within_additions(additions_in(time_limit)):
                rows.append(fit.record() | {"complaints": list(fit.verify().problems)})
            step(fit)
    say_labels(dataset)
    bends = "knots" if "knots" in rows[0] else "neurons"
    table = TextTable("lam", "lam / lam_max", "objective", "loss", "VV norm", bends, "relative gap")
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
    return conclude([f"lam {row['lam']:.6g}: {complaint}" for row in rows for complaint in row["complaints"]])
