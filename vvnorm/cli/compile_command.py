"""`vvnorm compile`: compile all functions beforehand."""

from vvnorm.cli.exit_codes import OK
from vvnorm.cli.output import say


def compile_beforehand() -> int:
    """Compile all functions beforehand and cache them on disk, so that first calls do not wait."""
    from vvnorm.first_calls import compile_all

    for name, count, seconds in compile_all():
        say(f"{name:>46}  {f'{count} functions in {seconds:.1f} s' if count else 'already compiled'}")
    return OK
