"""Inputs of commands: data, losses and lam from options, and checks of output file names."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vvnorm.cli.options import RepeatsPolicy
from vvnorm.csv_files import CsvFormat

if TYPE_CHECKING:
    from vvnorm.datasets import Dataset


def load_data(
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

    An interpolant of one input needs one label at each input, so repeated inputs are always merged for it. In all other
    problems repeated inputs are merged only with `--repeats average` or `--repeats first`.
    """
    from vvnorm.datasets import gaussian_auxiliary, open_dataset

    dataset = open_dataset(data, x or (), y or (), csv, lambda name: _has_classes(name, loss))
    if repeats is not RepeatsPolicy.error or (dataset.X.shape[1] == 1 and not fit):
        dataset = dataset.merged(repeats.value)
    return dataset.with_auxiliary(gaussian_auxiliary(dataset.Y, aux, sigma, seed)) if aux else dataset


def _has_classes(name: str, options: list[str] | None) -> bool:
    """Whether `--loss` gives this output a loss for two classes."""
    own = {column: loss for column, _, loss in (option.rpartition("=") for option in options or [])}
    return own.get(name, own.get("", "")).strip() in ("logistic", "hinge")


def losses_of(options: list[str] | None, y_names: tuple[str, ...]) -> list[str]:
    """Return the loss of each output from `NAME` (for all outputs) and `COL=NAME` (for one); the default is squared."""
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


def lams_from_ratios(ratios: list[float], dataset: "Dataset", losses: list[str], options: dict[str, Any]) -> list[float]:
    """Return lam for each ratio lam / lam_max."""
    from vvnorm.api.fits import lambda_max

    convention = {name: options[name] for name in ("skip", "penalise_bias")}
    largest = lambda_max(dataset.X, dataset.Y, loss=losses, time_limit=options.get("time_limit"), **convention)
    if not largest > 0:
        best = "a line" if options["skip"] and dataset.X.shape[1] == 1 else "an affine function"
        raise ValueError(
            f"lam_max is 0: {best} fits these data best whatever lam is; solve --lam, without --relative, finds it"
        )
    return [ratio * largest for ratio in ratios]


def check_outputs(
    json: Path | None,
    out: Path | None = None,
    plot: Path | None = None,
    certificate: Path | None = None,
    *,
    certificate_type: str = ".npz",
) -> None:
    """Refuse unusable output names before any work is done."""
    from vvnorm.plotting import check_plot_path

    for option, path, suffix in (("--out", out, ".npz"), ("--save-certificate", certificate, certificate_type)):
        if path and path.suffix != suffix:
            raise ValueError(f"{option} must end in {suffix}, got {str(path)!r}")
    if plot:
        check_plot_path(plot)
    for path in (json, out, plot, certificate):
        if path and not path.absolute().parent.is_dir():
            raise ValueError(f"cannot write {str(path)!r}: the folder does not exist")
        if path and path.is_dir():
            raise ValueError(f"cannot write {str(path)!r}: it is a folder")
        if path and not os.access(path.absolute().parent, os.W_OK) and not path.exists():
            raise ValueError(f"cannot write {str(path)!r}: the folder cannot be written to")
