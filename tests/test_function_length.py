"""Functions fit on a screen, and every test states what must hold."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LONGEST = 60  # lines of a body, without the docstring


def statements(node: ast.AST) -> Iterator[ast.AST]:
    """Yield all statements inside; expressions, which are most of a tree, hold none."""
    for field in ("body", "orelse", "finalbody", "handlers", "cases"):
        for inner in getattr(node, field, ()):
            yield inner
            yield from statements(inner)


@cache
def functions(folder: str) -> list[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
    """Return each function below the folder, with its place."""
    return [
        (f"{path.relative_to(ROOT)}:{node.lineno} {node.name}", node)
        for path in sorted((ROOT / folder).rglob("*.py"))
        for node in statements(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]


def body_length(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Return the number of lines from the first statement after the docstring to the last."""
    statements = function.body[ast.get_docstring(function) is not None :]
    return (function.end_lineno or 0) - statements[0].lineno + 1 if statements else 0


def states_something(function: ast.AST) -> bool:
    """Whether there is an assertion, or a call that is named as one or expects an error or a warning."""
    if any(isinstance(node, ast.Assert) for node in statements(function)):
        return True
    names = [ast.unparse(node.func) for node in ast.walk(function) if isinstance(node, ast.Call)]
    return any(name in ("pytest.raises", "pytest.warns") or name.split(".")[-1].startswith("assert_") for name in names)


@pytest.mark.parametrize("folder", ["vvnorm", "proofs_checks", "figures", "benchmarks", "tests"])
def test_bodies_of_functions_fit_on_a_screen(folder: str) -> None:
    lengths = {place: body_length(function) for place, function in functions(folder)}
    assert lengths
    assert {place: length for place, length in lengths.items() if length > LONGEST} == {}


def test_every_test_has_an_assertion() -> None:
    tests = {place: function for place, function in functions("tests") if function.name.startswith("test_")}
    assert tests
    assert [place for place, function in tests.items() if not states_something(function)] == []


@pytest.mark.parametrize(
    ("body", "length", "states"), [('"""Say."""', 0, False), ('"""Say."""\n    assert f\n    f()', 2, True)]
)
def test_a_function_is_measured_without_its_docstring(body: str, length: int, states: bool) -> None:
    function = ast.parse(f"def f():\n    {body}\n").body[0]
    assert isinstance(function, ast.FunctionDef)
    assert (body_length(function), states_something(function)) == (length, states)
