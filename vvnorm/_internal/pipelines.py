"""How numba compiles our kernels: by its own steps, without those that kernels do not need.

By default numba optimises every function by itself, makes machine code of it, and stores it. Then it does so again
with each function that calls it, since it links the callee in. Functions that only kernels call (`CalledByKernels`) are
optimised with the kernel, and no machine code is made of them alone. Optimisation never changes strict floating-point
arithmetic. Functions with fastmath flags are optimised by themselves as well: the order of their sums depends on it.

The pages "Customizing the Compiler" and "Notes on the Numba pipeline" of numba's manual describe `pipeline_class`.
"""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from numba.core import types
from numba.core.base import BaseContext
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import Compiler, DefaultPassBuilder, Flags
from numba.core.errors import TypingError
from numba.core.postproc import PostProcessor
from numba.core.transforms import canonicalize_cfg

__all__ = ["CalledByKernels", "CalledFromPython"]

_SKIPPED = {
    "DeadBranchPrune",  # branches on constants, on None, on types
    "DumpParforDiagnostics",  # parallel loops
    "FindLiterallyCalls",
    "InlineClosureLikes",  # functions inside functions, comprehensions
    "InlineOverloads",
    "LiteralPropagationSubPipelinePass",
    "LiteralUnroll",
    "MakeFunctionToJitFunction",
    "NoPythonSupportedFeatureValidation",
    "NopythonRewrites",  # expressions of whole arrays
    "RewriteDynamicRaises",
    "RewriteSemanticConstants",
    "WithLifting",
}
"""Steps of numba for parts of Python that no kernel uses. A kernel that uses them fails to compile."""


class _Options(Flags):
    """Options that are quick to compare: numba does so at each look-up of an operator, and lists all options each time.

    They are equal if functions that are called are compiled alike: numba compiles `min` and others once for each set of
    options.
    """

    __slots__ = ()
    _NOT_PASSED_ON = ("no_cpython_wrapper", "no_cfunc_wrapper", "release_gil")
    _HASH = hash(Flags())  # numba hashes the names of the options only

    def __hash__(self) -> int:
        return self._HASH

    def __eq__(self, other: object) -> bool:
        return self._passed_on() == other._passed_on() if isinstance(other, _Options) else super().__eq__(other)

    def _passed_on(self) -> dict[str, Any]:
        return {name: value for name, value in self._values.items() if name not in self._NOT_PASSED_ON}


class _LookUps:
    """Quick forms of four steps of numba, in place while our functions are compiled; the results are the same.

    numba resolves the types of each call at least three times, by trials of all overloads; here each is resolved once. This
    holds for implementations that are part of numba: those of `numba.extending.overload` depend on the caller's options.
    Types are compared by identity, since numba makes each type once; they are kept alive for that.

    numba also looks for new implementations after every failed look-up, such as that of `__array__` at each access to an
    array; here it does so only if modules have been imported since.

    numba computes the lifetimes of variables after each of six steps; here it does so after the last one, where they are
    used. It lets LLVM read a module for the size of a type, a thousand times for 25 types; here once for each type.
    """

    def __init__(self) -> None:
        self._resolved: dict[tuple[int, ...], tuple[Any, ...]] = {}
        self._modules = 0
        self._sizes: dict[str, int] = {}

    @contextmanager
    def in_place(self, target: Any) -> Iterator[None]:
        """Put the quick forms in place. numba compiles one function at a time, with those that it calls."""
        if "refresh" in vars(target):  # they are in place
            yield
            return
        functions: Any = types.Function
        resolve, refresh = functions.get_call_type, target.refresh
        functions.get_call_type = lambda *call: self._resolve(resolve, *call)
        target.refresh = lambda: self._refresh(refresh)
        after: Any = PostProcessor
        process = after.run
        after.run = lambda *call, **options: _process(process, *call, **options)
        contexts: Any = BaseContext
        measure = contexts.get_abi_sizeof
        contexts.get_abi_sizeof = lambda context, kind: self._size(measure, context, kind)
        try:
            yield
        finally:
            contexts.get_abi_sizeof = measure
            after.run = process
            functions.get_call_type = resolve
            del target.refresh

    def _resolve(self, resolve: Any, function: Any, context: Any, args: tuple[Any, ...], kws: dict[str, Any]) -> Any:
        if kws:
            return resolve(function, context, args, kws)
        key = (id(function), id(context), *map(id, args))
        if key not in self._resolved:
            signature, refusal = None, None
            try:
                signature = resolve(function, context, args, kws)
            except TypingError as error:
                refusal = error
            if signature and function.get_impl_key(signature) is not function.typing_key:
                return signature
            self._resolved[key] = signature, refusal, function, context, args
        signature, refusal, *_ = self._resolved[key]
        if refusal:
            raise refusal.with_traceback(None)
        return signature

    def _size(self, measure: Callable[[Any, Any], int], context: Any, kind: Any) -> int:
        name = str(kind)
        if name not in self._sizes:
            self._sizes[name] = measure(context, kind)
        return self._sizes[name]

    def _refresh(self, refresh: Callable[[], None]) -> None:
        if len(sys.modules) != self._modules:
            refresh()
            self._modules = len(sys.modules)


def _process(process: Any, step: Any, emit_dels: bool = False, **options: Any) -> None:
    if emit_dels or step.func_ir.is_generator:
        process(step, emit_dels, **options)
    else:
        step.func_ir.blocks = canonicalize_cfg(step.func_ir.blocks)


_look_ups = _LookUps()


class _Kernel(JITCodeLibrary):
    """Code of kernels. All functions below a kernel are linked into it, each once, and optimised together only."""

    def _optimize_functions(self, ll_module: Any) -> None:
        ll_module.data_layout = self._codegen._data_layout

    def finalize(self) -> None:
        """Link all functions, optimise, and make machine code."""
        self._linking_libraries = list(self._below())
        super().finalize()

    def _below(self) -> dict[Any, None]:
        found: dict[Any, None] = {}
        waiting = self._linking_libraries[::-1]
        while waiting:
            library = waiting.pop()
            if library not in found:
                found[library] = None
                if isinstance(library, _Callee) and not library.is_linked:
                    waiting += library._linking_libraries[::-1]
        return found


class _Callee(_Kernel):
    """Code that is only linked into kernels: no machine code is made of it. Functions that it calls are not linked yet."""

    is_linked = False

    def finalize(self) -> None:
        """Leave everything to the kernel."""
        self._raise_if_finalized()
        self._finalized = True

    def _finalize_final_module(self) -> None:
        self._finalize_dynamic_globals()
        self._finalized = True

    def get_pointer_to_function(self, name: str) -> int:
        """Return 0, as numba does for functions without a wrapper for Python."""
        self._ensure_finalized()
        return 0

    @property
    def codegen(self) -> Any:
        """The library itself, in place of numba's engine: see `set_env`."""
        return self

    def set_env(self, name: str, env: Any) -> None:
        """Do nothing: without machine code there is no place for objects of Python."""


class _ReassociatedCallee(_Callee):
    """The same for functions with fastmath flags: they are optimised, since the order of their sums depends on it."""

    is_linked = True
    finalize = _Kernel.finalize
    _optimize_functions = JITCodeLibrary._optimize_functions


class CalledFromPython(Compiler):
    """The steps for kernels."""

    def __init__(
        self, typingctx: Any, targetctx: Any, library: Any, args: Any, return_type: Any, flags: Any, locals: Any
    ) -> None:
        super().__init__(typingctx, targetctx, library, args, return_type, _Options(flags), locals)

    def compile_extra(self, func: Any) -> Any:
        """Compile a function."""
        with _look_ups.in_place(self.state.targetctx):
            return super().compile_extra(func)

    def library(self) -> Any:
        """Return where the machine code goes."""
        library = self._library_of(_Kernel)
        library.enable_object_caching()
        return library

    def _library_of(self, kind: type[JITCodeLibrary]) -> Any:
        return kind(self.state.targetctx.codegen(), self.state.func_id.func_qualname)

    def define_pipelines(self) -> list[Any]:
        """Return the steps, at the start of which the code's library is chosen."""
        self.state.library = self.library()
        steps = DefaultPassBuilder.define_nopython_pipeline(self.state)
        steps.passes[:] = [step for step in steps.passes if step[0].__name__ not in _SKIPPED]
        steps.finalize()
        return [steps]


class CalledByKernels(CalledFromPython):
    """The steps for functions that only kernels call."""

    def library(self) -> Any:
        """Return where the code goes until it is linked into that of kernels."""
        return self._library_of(_ReassociatedCallee if self.state.flags.fastmath.flags else _Callee)
