"""The command line: one module per command; `options`, `inputs`, `output`, `jobs` and `exit_codes` are shared.

Heavy libraries load inside the commands that need them, so that `vvnorm --help` is quick.
"""

from vvnorm.cli.app import main

__all__ = ["main"]
