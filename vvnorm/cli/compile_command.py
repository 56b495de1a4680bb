"""`vvnorm compile`."""

from vvnorm.cli.exit_codes import OK
from vvnorm.cli.output import say


def compile_beforehand() -> int:
    """Compile all that first calls would have to wait for; it is kept on disk."""
    from vvnorm.first_calls import compile_all

    for name, count, seconds in compile_all():
        say(f"{name:>46}  {f'{count} functions in {seconds:.1f} s' if count else 'already compiled'}")
    return OK
