"""The command `vvnorm`: registers its commands, and turns errors into one line and an exit code.

Exit codes: 0 ok; 1 violated or not certified; 2 inconclusive; 64 usage or bad input (one line, no traceback);
130 interrupted.
"""

import logging
import re
import sys
from collections.abc import Callable
from typing import Annotated, Any

import typer

from vvnorm import __version__
from vvnorm.cli.audit_command import audit
from vvnorm.cli.certify_command import certify
from vvnorm.cli.claims_command import list_claims
from vvnorm.cli.compile_command import compile_beforehand
from vvnorm.cli.exit_codes import INTERRUPTED, NOT_CERTIFIED, OK, USAGE
from vvnorm.cli.falsify_command import falsify_claim
from vvnorm.cli.figures_command import figures
from vvnorm.cli.output import say
from vvnorm.cli.papers_command import papers
from vvnorm.cli.path_command import fits_along_path
from vvnorm.cli.report_command import report
from vvnorm.cli.solve_command import solve
from vvnorm.cli.summary_command import summary
from vvnorm.cli.sweep_command import sweep
from vvnorm.cli.tasks_command import tasks
from vvnorm.cli.train_command import train
from vvnorm.cli.verify_command import verify
from vvnorm.validation import RepeatedInput

app = typer.Typer(
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


@app.callback(invoke_without_command=True)
def top(
    version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False,
) -> int:
    """Verify the theory of minimal-norm multi-output ReLU networks, numerically and with proofs of optimality."""
    if version:
        say(f"vvnorm {__version__}")
        raise typer.Exit(OK)
    return OK


COMMANDS: dict[str, Callable[..., int]] = {
    "compile": compile_beforehand,
    "verify": verify,
    "falsify": falsify_claim,
    "audit": audit,
    "claims": list_claims,
    "papers": papers,
    "solve": solve,
    "path": fits_along_path,
    "certify": certify,
    "train": train,
    "tasks": tasks,
    "figures": figures,
    "sweep": sweep,
    "summary": summary,
    "report": report,
}
"""Commands in the order of `--help`."""

for _name, _command in COMMANDS.items():
    app.command(_name)(_command)


def _in_options(message: str, arguments: list[str]) -> str:
    """Return an error message on one line, with the names of arguments replaced by those of options.

    `sep (--sep)` becomes `--sep`; a first word that is an option given on the command line becomes that option.
    """
    text = re.sub(r"\w+(=\w+)? \((--[\w-]+)\)", r"\2", " ".join(message.split()))
    name = text.partition(" ")[0]
    option = f"--{name.replace('_', '-')}"
    given = any(argument.partition("=")[0] == option for argument in arguments)
    return f"{option}{text.removeprefix(name)}" if given else text


class _OnStandardError(logging.Handler):
    """Writes log messages of the library to the current standard error, so that they appear above a progress bar."""

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
    # typer's own base class of parser errors; its module differs between versions.
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
