"""The IPython extension `%load_ext vvnorm`: errors about arguments are shown without the code that raised them."""

from types import TracebackType
from typing import Any, Final

_OWN: Final = __name__.partition(".")[0]
SHORT: Final = (ValueError, TypeError, ModuleNotFoundError, TimeoutError)
"""Errors that say all in their message: bad input, an extra that is missing, a time limit."""


def load(shell: Any) -> None:
    """Let an IPython shell show errors that vvnorm raised as their message; `%tb` shows the whole traceback.

    Errors raised elsewhere are shown as before. An earlier handler of `shell.set_custom_exc` is replaced.
    """
    shell.set_custom_exc(SHORT, _show)


def unload(shell: Any) -> None:
    """Show all errors with their traceback again."""
    shell.set_custom_exc((), None)


def _show(
    shell: Any, kind: type[BaseException], error: BaseException, trace: TracebackType, tb_offset: int | None = None
) -> None:
    shell.showtraceback((kind, error, trace), tb_offset=tb_offset, exception_only=_is_own(trace))


def _is_own(trace: TracebackType) -> bool:
    """Whether the code that raised the error belongs to vvnorm: not to a library, nor to a function of the user's."""
    while trace.tb_next is not None:
        trace = trace.tb_next
    return str(trace.tb_frame.f_globals.get("__name__", "")).partition(".")[0] == _OWN
