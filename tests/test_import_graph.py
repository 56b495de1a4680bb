"""The layers of the package: imports point down only, in no circle, and nothing private crosses modules.

Imports inside functions count, and those for annotations only, too. The root module is left out: it names what is public.
"""

import ast
from collections import Counter
from collections.abc import Iterator
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import vvnorm

ROOT = Path(vvnorm.__file__).parent

LAYERS = (
    ("_internal",),
    (
        *("network", "piecewise", "losses", "tolerances", "validation", "float64", "datasets", "csv_files"),
        *("torch_modules", "check_certificate"),
    ),
    ("verifier", "solvers", "analysis"),
    ("results",),
    ("api",),
    (
        *("training", "multitask", "studies", "claims", "falsification", "estimators", "testing", "plotting", "papers"),
        "first_calls",
    ),
    ("reporting",),
    ("cli",),
)
"""The lowest first. Those of the third never import each other."""

APART = {"verifier", "solvers", "analysis"}


@cache
def modules() -> dict[str, Path]:
    """Return the files of all modules below the root, by name without `vvnorm.`."""
    files = {}
    for path in ROOT.rglob("*.py"):
        parts = path.relative_to(ROOT).with_suffix("").parts
        files[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    del files[""]
    return files


@cache
def nodes(path: Path) -> list[ast.AST]:
    """Return all nodes of the syntax tree of a file."""
    return list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))


def imports(path: Path) -> Iterator[tuple[str, str]]:
    """Yield (module, name) for all that a file imports from this package; the name is empty for `import module`."""
    for node in nodes(path):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            imported = [(node.module or "", alias.name) for alias in node.names]
        elif isinstance(node, ast.Import):
            imported = [(alias.name, "") for alias in node.names]
        else:
            continue
        yield from ((module, name) for module, name in imported if module.split(".")[0] == "vvnorm")


@cache
def graph() -> dict[str, set[str]]:
    """Return the modules that each module imports."""
    edges: dict[str, set[str]] = {}
    for module, path in modules().items():
        targets = edges.setdefault(module, set())
        for source, name in imports(path):
            below = source.removeprefix("vvnorm").removeprefix(".")
            whole = f"{below}.{name}".removeprefix(".")
            target = whole if whole in modules() else below
            if target and target != module:
                targets.add(target)
    return edges


def layer(module: str) -> int:
    """Return how high a module stands."""
    [level] = [i for i, names in enumerate(LAYERS) if module.split(".")[0] in names]
    return level


def allowed(module: str, target: str) -> bool:
    """Whether one module may import another."""
    here, there = module.split(".")[0], target.split(".")[0]
    return layer(module) >= layer(target) and not (here != there and {here, there} <= APART)


@pytest.mark.parametrize("module", modules())
def test_every_module_has_a_layer(module: str) -> None:
    assert layer(module) >= 0


def test_imports_point_down() -> None:
    against = {(module, target) for module, targets in graph().items() for target in targets if not allowed(module, target)}
    assert against == set()


def test_no_imports_in_a_circle() -> None:
    assert list(TopologicalSorter(graph()).static_order())  # raises CycleError, which names the circle


def test_no_private_name_is_imported() -> None:
    private = {
        (module, f"{source.removeprefix('vvnorm.')}.{name}")
        for module, path in modules().items()
        for source, name in imports(path)
        if name.startswith("_") and not name.startswith("__") and name != "_internal"
    }
    assert private == set()


def test_no_class_name_is_used_twice() -> None:
    counts = Counter(node.name for path in modules().values() for node in nodes(path) if isinstance(node, ast.ClassDef))
    assert [name for name, count in counts.items() if count > 1] == []


def test_no_module_is_named_like_a_public_function() -> None:
    functions = {name for name in vvnorm.__all__ if not isinstance(getattr(vvnorm, name), type)}
    assert functions & {module.rpartition(".")[2] for module in modules()} == set()


def test_the_root_module_is_all_that_is_imported_from_above() -> None:
    users = {module for module, path in modules().items() for source, name in imports(path) if source == "vvnorm"}
    named = {
        (module, name)
        for module in users
        for source, name in imports(modules()[module])
        if source == "vvnorm" and name not in modules() and name != "__version__"
    }
    assert named == set()
