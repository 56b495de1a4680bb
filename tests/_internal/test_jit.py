"""vvnorm's messages about compiling ignore other packages that compile."""

from types import SimpleNamespace

from numba.core import event

from vvnorm._internal.jit import compiled_here


def test_functions_without_a_module_are_compiled_and_not_counted() -> None:
    before = compiled_here()
    data = {"dispatcher": SimpleNamespace(__module__=None)}
    event.start_event("numba:compile", data=data)
    event.end_event("numba:compile", data=data)
    assert compiled_here() == before
