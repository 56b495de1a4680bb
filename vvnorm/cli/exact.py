"""The option `--exact` of commands: bounds on the least VV norm, proved in rational numbers."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vvnorm.cli.options import RepeatsPolicy
from vvnorm.cli.output import say
from vvnorm.validation import has_missing

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vvnorm.csv_files import CsvFormat
    from vvnorm.datasets import Dataset
    from vvnorm.network import ReLUNetwork
    from vvnorm.verifier.exact import Proof

ExactOption = Annotated[
    bool,
    typer.Option(
        "--exact",
        help="Interpolants of one or two inputs, and fits with the squared loss: prove the bounds in rational numbers; "
        "--save-certificate then writes .json for vvnorm.check_certificate.",
    ),
]


def check_exact(exact: bool, losses: "Sequence[str]", skip: bool, penalise_bias: bool, auxiliary: bool = False) -> None:
    """Refuse options that exact proofs do not cover; `losses` are the texts of `--loss`."""
    uncovered = {"--no-skip": not skip, "--penalise-bias": penalise_bias, "--auxiliary": auxiliary}
    for option, given in uncovered.items():
        if exact and given:
            raise ValueError(f"--exact does not go with {option}, which exact proofs do not cover")
    for loss in losses:
        if exact and loss.rpartition("=")[2] != "squared":
            raise ValueError(f"--exact does not go with --loss {loss}: exact proofs of fits are for the squared loss")


def check_exact_data(exact: bool, dataset: "Dataset") -> None:
    """Refuse, before anything is solved, data that `--exact` does not cover."""
    d = dataset.X.shape[1]
    if exact and d > 2:
        raise ValueError(f"--exact is for one or two inputs, got {d}")
    if exact and has_missing(dataset.Y):
        raise ValueError("--exact needs every label; some are missing")


def prove_exactly(
    network: "ReLUNetwork | None",
    dual: Any,
    data: str,
    dataset: "Dataset",
    csv: "CsvFormat",
    *,
    as_given: bool,
    tol: float,
    lam: str | float | None = None,
) -> "Proof":
    """Prove bounds for the decimal numbers in a CSV file, or for the float64 numbers of a data set, and print them.

    Parameters
    ----------
    network : ReLUNetwork or None
        None for the connect-the-dots interpolant of one input.
    dual : (N, T) array or None
        Dual array, by rows of `dataset`; for two inputs.
    as_given : bool
        Whether the rows of `dataset` are those of the file: not averaged, and without auxiliary outputs.
    lam : text, float or None
        Weight of the VV norm in a fit; text is a decimal number.
    """
    from vvnorm.datasets import is_builtin
    from vvnorm.verifier.exact import prove

    X: Any = dataset.X
    Y: Any = dataset.Y
    if as_given and not is_builtin(data) and Path(data).suffix != ".npz":
        X, Y = _read_as_decimals(Path(data), dataset, csv)
    proof = prove(network, X, Y, dual=dual, lam=lam, tol=tol)
    lower, upper = float(proof.lower), float(proof.upper)
    say(f"{'exact bounds':>18}  {lower:.15g} <= least {'VV norm' if lam is None else 'objective'} <= {upper:.15g}")
    say(f"{'exact gap':>18}  {float(proof.gap):.2g}")
    return proof


def exact_lam(lam: float | None, computed: bool) -> str | float | None:
    """Return the decimal number that was typed as --lam, or a number that was computed as it is."""
    return lam if lam is None or computed else repr(float(lam))


def is_as_given(aux: int, repeats: RepeatsPolicy) -> bool:
    """Whether a data set has exactly the rows and labels of its file."""
    return not aux and repeats is RepeatsPolicy.error


def exact_record(proof: "Proof") -> dict[str, Any]:
    """Return the proved bounds, as texts p/q, and the problems, for JSON."""
    return {"lower": str(proof.lower), "upper": str(proof.upper), "problems": list(proof.problems)}


def _read_as_decimals(path: Path, dataset: "Dataset", csv: "CsvFormat") -> tuple[list[list[str]], list[list[str]]]:
    """Read the fields of a CSV file as text, with decimal points: rows of inputs and of labels."""
    from vvnorm.csv_files import read_table

    table = read_table(path, csv)
    columns = table.columns([*dataset.x_names, *dataset.y_names])
    mark = table.decimal(list(columns.values()))
    texts = {name: [text.replace(mark, ".") for text in column.texts] for name, column in columns.items()}
    X, Y = ([texts[name] for name in names] for names in (dataset.x_names, dataset.y_names))
    return list(map(list, zip(*X, strict=True))), list(map(list, zip(*Y, strict=True)))
