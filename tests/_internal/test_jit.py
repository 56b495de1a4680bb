"""Compiled code: kept where that can be, said once when it is made, all of it made by one command."""

import ast
import logging
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from commands import Command, runner
from numba.core.dispatcher import Dispatcher

import vvnorm
from vvnorm import first_calls
from vvnorm._internal import jit as compiling

ENVIRONMENT = {**os.environ, "PYTHONPATH": str(Path(vvnorm.__file__).parents[1])}


def python(code: str, **variables: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "error", "-c", code]
    return subprocess.run(command, env=ENVIRONMENT | variables, capture_output=True, text=True)


def kernels() -> list[Dispatcher]:
    """All functions that Python calls, of modules that are loaded."""
    return [
        value
        for name, module in sys.modules.items()
        if name.startswith("vvnorm.")
        for value in vars(module).values()
        if isinstance(value, Dispatcher) and value.__module__ == name
        if not value.targetoptions.get("no_cpython_wrapper")
    ]


COMPILED_AGAIN = """
import contextlib, io, test_jit
from vvnorm.cli import main

with contextlib.suppress(SystemExit):
    main(["compile"])
print(*sorted(f"{kernel.__name__}:{len(kernel.signatures)}" for kernel in test_jit.kernels()))
"""


def test_one_command_compiles_every_kernel_once_and_the_second_time_nothing() -> None:
    """Every kernel has exactly one signature then: others would be compiled by whoever comes with other types."""
    assert [name for name, *_ in first_calls.compile_all()] == list(first_calls.PARTS)
    folders = (ENVIRONMENT["PYTHONPATH"], str(Path(__file__).parent), str(Path(__file__).parents[1]))
    done = python(COMPILED_AGAIN, PYTHONPATH=os.pathsep.join(folders))
    assert (done.returncode, done.stderr) == (0, "")
    *rows, counted = done.stdout.splitlines()
    assert [row.split("  ")[-1] for row in rows] == ["already compiled"] * len(first_calls.PARTS)
    counts = dict(pair.split(":") for pair in counted.split())
    assert len(counts) > 20
    # The exceptions are called by kernels and tests only.
    assert {name: count for name, count in counts.items() if count != "1"} == {"entry_gap": "0", "bound_on_cell": "0"}


UNKEPT = """
from numba.core import caching
caching.CacheImpl._locator_classes = []  # as where no folder can be written to
import numpy as np
from vvnorm.solvers.univariate.fits.knot_selection import dual_totals
import vvnorm.verifier.line_kernels, vvnorm.verifier.line_fit_kernels, vvnorm.solvers.univariate.fits.squared_loss
sizes = dual_totals(np.ones((4, 1)), np.zeros((4, 1)), np.zeros(3, dtype=np.int64), np.zeros(3))[0]
print(sizes, dual_totals.stats.cache_path)
"""


def test_where_nothing_can_be_kept_it_is_said_once_and_all_works() -> None:
    done = python(UNKEPT)
    assert (done.returncode, done.stdout) == (0, "2.0 None\n")
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("compiled code cannot be kept and is made anew by every process; NUMBA_CACHE_DIR")


def test_the_solver_runs_where_compilation_is_switched_off() -> None:
    code = (
        "import numpy as np, vvnorm; print(vvnorm.fit(np.arange(9.0), np.arange(9.0) % 2, 0.1).knot_solution.gap <= 1e-6)"
    )
    done = python(code, NUMBA_DISABLE_JIT="1")
    assert (done.stdout, done.returncode) == ("True\n", 0), done.stderr


def begun(module: str) -> SimpleNamespace:
    return SimpleNamespace(data={"dispatcher": SimpleNamespace(__module__=module)})


def test_each_part_is_said_once_and_not_what_it_calls(caplog: pytest.LogCaptureFixture) -> None:
    reporter = compiling._Reporter()
    with caplog.at_level(logging.INFO, "vvnorm"):
        for modules in (
            ["vvnorm.solvers.univariate.fits.squared_loss", "numba.np.arrayobj"],
            ["vvnorm.verifier.line_fit_kernels", "vvnorm.verifier.line_kernels"],
        ) * 2:
            for module in modules:
                reporter.on_start(begun(module))
            for module in modules:
                reporter.on_end(begun(module))
        reporter.on_start(begun("somebody.elses"))
    assert [record.getMessage().split(" (")[0] for record in caplog.records] == [
        "compiling, once: fits of one input, about 14 s",
        "compiling, once: verifier of fits, about 7 s",
    ]
    assert reporter.count == 6


def test_every_module_with_kernels_belongs_to_a_part() -> None:
    folder = Path(vvnorm.__file__).parent
    sources = [
        source for source in folder.rglob("*.py") if "\nfrom vvnorm._internal.jit import" in source.read_text("utf-8")
    ]
    modules = {".".join(source.relative_to(folder.parent).with_suffix("").parts) for source in sources}
    modules -= {"vvnorm.first_calls", "vvnorm.multitask.least_norm"}  # the latter takes a second
    assert len(modules) > 5
    assert [module for module in modules if not any(module.startswith(start) for start in compiling._PARTS)] == []


def test_all_is_compiled_in_one_way_and_that_knows_neither_solver_nor_verifier() -> None:
    for source in Path(vvnorm.__file__).parent.rglob("*.py"):
        nodes = list(ast.walk(ast.parse(source.read_text("utf-8"))))
        calls = [node for node in nodes if isinstance(node, ast.Attribute) and node.attr in ("jit", "njit")]
        imports = [node for node in nodes if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("vvnorm")]
        if source.name == "jit.py":
            assert calls
            assert imports == []
        else:
            assert calls == [], source


def test_the_command_line_says_so_on_standard_error(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def compile_all() -> list[tuple[str, int, float]]:
        logging.getLogger("vvnorm").info("compiling: %s", "all")
        return [("this", 3, 1.26), ("that", 0, 0.1)]

    monkeypatch.setattr(first_calls, "compile_all", compile_all)
    run: Command = runner(capsys)
    done = run("compile")
    assert (done.code, done.err) == (0, "vvnorm: compiling: all\n")
    assert [line.strip() for line in done.out.splitlines()] == ["this  3 functions in 1.3 s", "that  already compiled"]
    assert logging.getLogger("vvnorm").handlers == []
