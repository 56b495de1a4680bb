"""Docstrings' examples run as they stand there, and whoever calls a public function finds one."""

import doctest
import inspect
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

import vvnorm

PACKAGE = Path(vvnorm.__file__).parent
MODULES = sorted(
    ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__")
    for path in PACKAGE.rglob("*.py")
    if ">>> " in path.read_text(encoding="utf-8")
)
RESULTS = {
    "Band", "Bounds", "Certificate", "Claim", "Contacts", "Dataset", "Distance", "Estimate", "Falsification", "Fit",
    "FeatureKernel", "FitCertificate", "InfiniteAuxiliary", "Interpolant", "MinimiserDistance", "MultivariateSolution",
    "ParetoFront", "Result", "Solution", "TaskData", "TaskTraining", "TrainingResult", "Verdict",
}  # fmt: skip
"""Classes that calls return; the functions have the examples."""


def examples(module: str) -> Iterator[doctest.DocTest]:
    """Yield the examples of a module, each in a namespace of its own: a reader copies them as they are."""
    for test in doctest.DocTestFinder(exclude_empty=True).find(import_module(module), globs={}):
        if test.examples:
            yield test


@pytest.mark.parametrize("module", MODULES)
def test_examples_give_what_they_show(module: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # some write files
    report: list[str] = []
    runner = doctest.DocTestRunner(optionflags=doctest.FAIL_FAST)
    for test in examples(module):
        runner.run(test, out=report.append)
    assert runner.summarize(verbose=False).attempted > 0
    assert not report, "".join(report)


def documented(name: str) -> Any:
    """Return a public function or class, or None for other values."""
    value = getattr(vvnorm, name)
    return value if inspect.isroutine(value) or inspect.isclass(value) else None


@pytest.mark.parametrize("name", [name for name in vvnorm.__all__ if name not in RESULTS and documented(name)])
def test_what_users_call_has_an_example(name: str) -> None:
    assert ">>> " in (inspect.getdoc(documented(name)) or "")


def test_every_exempted_class_exists() -> None:
    assert set(vvnorm.__all__) >= RESULTS
