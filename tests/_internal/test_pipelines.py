"""Compiling: only kernels become machine code, and sums with fastmath flags keep their order."""

from importlib import import_module
from pathlib import Path
from typing import Any

import numba
import numpy as np
import pytest
from numba.core.base import BaseContext
from numba.core.codegen import JITCodeLibrary
from numba.core.dispatcher import Dispatcher
from numba.core.postproc import PostProcessor
from numba.core.registry import cpu_target
from numba.core.types.functions import BaseFunction, Function
from numba.misc.quicksort import make_py_quicksort

import vvnorm
from vvnorm._internal.jit import inner, kernel, steps
from vvnorm._internal.pipelines import CalledByKernels, CalledFromPython
from vvnorm._internal.sorting import argsort

ROOT = Path(vvnorm.__file__).parent


def _compiled_functions() -> list[Any]:
    paths = [path for path in ROOT.rglob("*.py") if "jit import" in path.read_text() and path.name != "first_calls.py"]
    names = [".".join(("vvnorm", *path.relative_to(ROOT).with_suffix("").parts)) for path in paths]
    values = [value for name in names for value in vars(import_module(name)).values()]
    return [value for value in values if isinstance(value, Dispatcher)]


def test_only_what_python_calls_has_a_wrapper_and_is_kept_on_disk() -> None:
    functions = _compiled_functions()
    assert len(functions) > 100
    for function in functions:
        options = function.targetoptions
        from_python = not options.get("no_cpython_wrapper", False)
        assert options["no_cfunc_wrapper"], function
        assert function._compiler.pipeline_class is (CalledFromPython if from_python else CalledByKernels), function
        assert (function.stats.cache_path is not None) == from_python, function
        # The order of a kernel's own sums would depend on what is optimised when.
        assert not (from_python and options.get("fastmath")), function


@pytest.mark.parametrize("flags", [False, {"reassoc"}])
def test_machine_code_is_made_of_kernels_only(flags: Any) -> None:
    @inner(fastmath=flags)
    def total(values: Any) -> float:
        result = 0.0
        for i in range(len(values)):
            result += values[i]
        return result

    @kernel(cache=False)
    def twice(values: Any) -> float:
        return 2.0 * total(values)

    values = np.random.default_rng(0).random(100)
    assert twice(values) == pytest.approx(2 * values.sum(), rel=1e-14)
    (callee,), (caller,) = total.overloads.values(), twice.overloads.values()
    assert not isinstance(callee.library.codegen, type(caller.library.codegen))  # not known to the engine
    assert isinstance(caller.library, JITCodeLibrary)
    assert caller.library.get_pointer_to_function(caller.fndesc.llvm_func_name)
    assert not callee.library.get_pointer_to_function(callee.fndesc.llvm_func_name)
    vectors = "vector.body" in callee.library.get_llvm_str()
    assert vectors == bool(flags)  # optimised by itself only if the order of sums depends on it


def test_functions_below_a_kernel_are_linked_once_into_kernels_only() -> None:
    @inner()
    def half(value: float) -> float:
        return 0.5 * value

    @inner()
    def quarter(value: float) -> float:
        return half(half(value))

    @kernel(cache=False)
    def eighth(value: float) -> float:
        return quarter(half(value))

    assert eighth(3.0) == 0.375
    (callee,), (caller,) = quarter.overloads.values(), eighth.overloads.values()
    (lowest,) = half.overloads.values()
    name = lowest.fndesc.llvm_func_name
    assert f"declare i32 @{name}" in callee.library.get_llvm_str().replace('"', "")
    assert {callee.library, lowest.library} <= set(caller.library._linking_libraries)
    assert len(caller.library._linking_libraries) == len(set(caller.library._linking_libraries))


def test_other_versions_of_numba_compile_by_their_own_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    assert steps("CalledByKernels") == {"pipeline_class": CalledByKernels}
    for version in ((0, 59), (0, 69), (1, 0)):
        monkeypatch.setattr("numba.version_info", numba.version_info._replace(short=version))
        assert steps("CalledByKernels") == {}


def test_kernels_sort_as_numba_does_ties_included_and_leave_numba_as_it_was() -> None:
    @kernel(cache=False)
    def order(values: Any) -> Any:
        return argsort(values)

    rng, reference = np.random.default_rng(0), make_py_quicksort(is_argsort=True).run_quicksort
    values = rng.integers(0, 9, 200).astype(float)
    rows = order(values)
    drawn = (rng.integers(0, 1 + n // 2, n).astype(float) for n in (0, 1, 2, 15, 16, 17, 40, 1000))
    for some in (values, np.arange(300.0), np.arange(300.0)[::-1].copy(), np.zeros(100), *drawn):
        assert np.array_equal(order(some), reference(some))
    assert not np.array_equal(rows, np.argsort(values, kind="stable"))  # the order of ties is part of results
    assert Function.get_call_type is BaseFunction.get_call_type
    assert PostProcessor.run.__module__ == PostProcessor.__module__
    assert BaseContext.get_abi_sizeof.__module__ == BaseContext.__module__
    assert "refresh" not in vars(cpu_target.target_context)
