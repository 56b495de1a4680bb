"""How numba compiles our kernels: by its own steps, without those that kernels do not need.

By default numba optimises every function by itself, makes machine code of it, and stores it. Then it does so again
with each function that calls it, since it links the callee in. Functions that only kernels call (`CalledByKernels`) are
optimised with the kernel, and no machine code is made of them alone. Optimisation never changes strict floating-point
arithmetic. Functions with fastmath flags are optimised by themselves as well: the order of their sums depends on it.

The pages "Customizing the Compiler" and "Notes on the Numba pipeline" of numba's manual describe `pipeline_class`.
"""

from typing import Any

from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import Compiler, DefaultPassBuilder, Flags

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
    """Options that are quick to compare: numba does so at each look-up of an operator, and lists all options each time."""

    __slots__ = ()
    _HASH = hash(Flags())  # numba hashes the names of the options only

    def __hash__(self) -> int:
        return self._HASH

    def __eq__(self, other: object) -> bool:
        return self._values == other._values if isinstance(other, _Options) else super().__eq__(other)


class _Callee(JITCodeLibrary):
    """Code that is only linked into kernels: no machine code is made of it."""

    def _optimize_functions(self, ll_module: Any) -> None:
        ll_module.data_layout = self._codegen._data_layout

    def _optimize_final_module(self) -> None:
        pass

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

    _optimize_functions = JITCodeLibrary._optimize_functions
    _optimize_final_module = JITCodeLibrary._optimize_final_module


class CalledFromPython(Compiler):
    """The steps for kernels."""

    def __init__(
        self, typingctx: Any, targetctx: Any, library: Any, args: Any, return_type: Any, flags: Any, locals: Any
    ) -> None:
        super().__init__(typingctx, targetctx, library, args, return_type, _Options(flags), locals)

    def library(self) -> Any:
        """Return where the machine code goes."""
        library = self._library_of(JITCodeLibrary)
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
