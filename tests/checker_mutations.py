"""Weakens the checks of exact certificates one by one: does a wrong certificate pass then?

    python -m tests.checker_mutations             # all checks, and those whose weakening is not noticed
    python -m tests.checker_mutations check_dual  # those of functions whose name contains a word

A check is a condition of `require` in `vvnorm/check_certificate.py`, or one in `vvnorm/verifier/exact/` under which a
problem is noted or an error raised, or which decides a cone. It is weakened as a whole (nothing is refused), or by a part.
Then wrong certificates are judged, each of which the unchanged checker refuses: certificates that are changed in one place,
with all bounds as they were, and the same with bounds that follow from the change. A weakening is noticed if one of them is
accepted, or makes the checker fail with an error of its own, which is not one of those that it reports in a line.
"""

import ast
import contextlib
import copy
import importlib
import importlib.abc
import importlib.machinery
import io
import json
import re
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import ModuleType
from typing import Any

from vvnorm import fit, interpolate
from vvnorm.verifier.exact import Neuron, RationalNetwork, prove
from vvnorm.verifier.exact.certificate import digest
from vvnorm.verifier.exact.dual_arrays import fit_bound, pairing
from vvnorm.verifier.exact.rationals import Matrix

sys.path.insert(0, str(Path(__file__).parent))

from exact_tampering import tampered  # a module of the tests' folder

_ROOT = Path(__file__).parent.parent
SCRIPT = "vvnorm/check_certificate.py"
PACKAGE = tuple(f"vvnorm/verifier/exact/{name}.py" for name in ("certificate", "plane", "dual_arrays", "line"))
Accepts = Callable[[Path], bool]

REDUNDANT = {
    "p >= 0": "the first edge of a cone is the second one of its neighbour, whose q is its p",
    "q >= 0": "the second edge of a cone is the first one of its neighbour, whose p is its q",
}
"""Checks that others imply, and why; weakening one of them changes nothing that is accepted."""

OPEN = {
    "max(map(len, text.split('/', 1))) <= MOST_DIGITS", "isinstance(data, dict)", "d in (1, 2)", "d not in (1, 2)",
    "not any((TOO_LONG.match(text) for row in table for text in row))", "k == 0", "s >= 0 or s * s <= p * q",
    "len(arguments) in (1, 2)", "len(X) > 1", "len(self.inputs) < 2", "lam is None or lam > 0", "lower <= upper",
    "self.lower > self.upper", "len(text) > _LARGEST_FILE",
    "(self.unique, self.unique_outputs, self.fewest_neurons, self.band) != (None, None, None, ())",
}  # fmt: skip
"""Checks that need files of another kind (tables, long ones, forged ones, as in `test_exact_forgeries` and
`test_exact_fits`) than are made here: this run does not show that they are needed."""


# --- weakened checkers ---


@dataclass(frozen=True)
class Weakening:
    """A check that is weakened: file, function, line and what stands there instead."""

    file: str
    function: str
    line: int
    text: str
    tree: ast.Module

    def __str__(self) -> str:
        return f"{self.file}:{self.line} {self.function}: {self.text}"


class _Marker(ast.NodeTransformer):
    """Replaces the n-th part of a check by True or False, whichever lets more pass."""

    def __init__(self, chosen: int) -> None:
        self.chosen, self.count = chosen, 0
        self.function, self.where = "", ("", 0, "")

    def visit_FunctionDef(self, node: ast.FunctionDef) -> Any:
        outer, self.function = self.function, node.name
        self.generic_visit(node)
        if node.name == "within_one" and isinstance(node.body[-1], ast.Return):
            node.body[-1].value = self._weaken(node.body[-1].value, True)
        self.function = outer
        return node

    def visit_Call(self, node: ast.Call) -> Any:
        self.generic_visit(node)
        if isinstance(node.func, ast.Name) and node.func.id == "require":
            node.args[0] = self._weaken(node.args[0], True)
        return node

    def visit_If(self, node: ast.If) -> Any:
        self.generic_visit(node)
        if self.function in _READING_AND_CHECKING and _refuses(node.body):
            node.test = self._weaken(node.test, False)
        return node

    def visit_Assign(self, node: ast.Assign) -> Any:
        """Conditions with a name, which `require` is given on the next line."""
        self.generic_visit(node)
        if isinstance(node.targets[0], ast.Name) and node.targets[0].id in ("lists", "known", "good", "below", "ordered"):
            node.value = self._weaken(node.value, True, whole=False)
        return node

    def _weaken(self, test: Any, passing: bool, whole: bool = True) -> Any:
        """Offer the whole test, and each part that may be left out, for being replaced by what passes."""
        if whole and self._is_chosen(test):
            return ast.copy_location(ast.Constant(passing), test)
        if isinstance(test, ast.BoolOp):
            if isinstance(test.op, ast.And if passing else ast.Or):
                test.values = [self._weaken(value, passing) for value in test.values]
            else:  # parts of which one must hold: more passes with each weakened
                test.values = [self._weaken(value, passing, whole=False) for value in test.values]
        return test

    def _is_chosen(self, test: Any) -> bool:
        self.count += 1
        if self.count - 1 != self.chosen:
            return False
        self.where = (self.function, test.lineno, ast.unparse(test))
        return True


_READING_AND_CHECKING = {
    "problems", "_shapes", "_primal", "_by_curvatures", "_by_dual", "load_exact_certificate", "_read", "_no_float",
    "_distinct", "_check_keys", "_rational", "_list", "_matrix", "_flag", "_count",
}  # fmt: skip


def _refuses(body: Sequence[ast.stmt]) -> bool:
    """Whether statements note a problem or raise an error."""
    text = "\n".join(map(ast.unparse, body))
    return "problems.append(" in text or text.startswith("raise ")


def weakenings(file: str) -> Iterator[Weakening]:
    """Yield all weakenings of a file."""
    source = (_ROOT / file).read_text(encoding="utf-8")
    chosen = 0
    while True:
        marker = _Marker(chosen)
        tree = ast.fix_missing_locations(marker.visit(ast.parse(source)))
        if marker.count <= chosen:
            return
        yield Weakening(file, *marker.where, tree)
        chosen += 1


def script_with(tree: ast.Module) -> Accepts:
    """Return what a script accepts."""
    names: dict[str, Any] = {"__name__": "weakened"}
    exec(compile(tree, SCRIPT, "exec"), names)

    def accepts(path: Path) -> bool:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            return bool(names["main"]([str(path)]) == 0)

    return accepts


class _Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds one module, and executes a tree in place of its file."""

    def __init__(self, name: str, tree: ast.Module) -> None:
        self.name, self.tree = name, tree

    def find_spec(self, name: str, path: Any, target: Any = None) -> importlib.machinery.ModuleSpec | None:
        return importlib.machinery.ModuleSpec(name, self) if name == self.name else None

    def exec_module(self, module: ModuleType) -> None:
        exec(compile(self.tree, self.name, "exec"), module.__dict__)


def package_with(file: str, tree: ast.Module) -> Accepts:
    """Return what the package accepts with one of its modules replaced; modules that import it are loaded anew."""
    prefix, name = "vvnorm.verifier.exact", file.removesuffix(".py").replace("/", ".")
    before = {key: module for key, module in sys.modules.items() if key.startswith(prefix)}
    for key in before:
        del sys.modules[key]
    finder = _Finder(name, tree)
    sys.meta_path.insert(0, finder)
    try:
        loaded = importlib.import_module(f"{prefix}.certificate")
    finally:
        sys.meta_path.remove(finder)
        for key in [key for key in sys.modules if key.startswith(prefix)]:
            del sys.modules[key]
        sys.modules.update(before)

    def accepts(path: Path) -> bool:
        try:
            certificate = loaded.load_exact_certificate(path)
        except ValueError:
            return False
        return not certificate.problems()

    return accepts


# --- wrong certificates ---


def true_certificates(folder: Path) -> list[dict[str, Any]]:
    """Small true certificates of every kind; in the plane and of fits with bounds far apart, so that they do not cross."""
    X, Y = [[0.0, 0.0], [1.0, 0.25], [0.5, 1.0], [-0.5, 0.75]], [[0.0], [1.0], [-1.0], [0.5]]
    x, y = [[0.0], [1.0], [1.0], [2.0], [3.0]], [[0.0], [1.0], [0.5], [0.0], [1.0]]
    proofs = [
        prove(None, ["0", "1/2", "2"], ["0.1", "1", "0.3"], band_at=["1"]),
        prove(None, ["0", "1", "2", "3"], [["0", "0"], ["0", "0"], ["1", "2"], ["3", "6"]], band_at=["3/2"]),
        interpolate(X, Y).prove(tol=1),
        fit(X, Y, 0.1).prove(tol=1),
        fit(x, y, 0.1).prove(tol=1),
    ]
    contents = []
    for proof in proofs:
        proof.save(folder / "true.json")
        content = json.loads((folder / "true.json").read_text(encoding="utf-8"))
        contents.append(content)
        if "dual" in content:
            contents.append(followed({**content, "neurons": content["neurons"] + _wasteful(len(content["inputs"][0]))}))
    return contents


def _wasteful(d: int) -> list[dict[str, Any]]:
    """Neurons that cancel each other and cost much."""
    w = ["1", *["0"] * (d - 1)]
    return [{"w": w, "b": "0", "v": ["100"]}, {"w": w, "b": "0", "v": ["-100"]}]


def followed(content: dict[str, Any]) -> dict[str, Any]:
    """Bounds that follow from everything else, and the seal."""
    neurons = tuple(Neuron(_row(n["w"]), Fraction(n["b"]), _row(n["v"])) for n in content["neurons"])
    network = RationalNetwork(neurons, _table(content["A"]), _row(content["c"]))
    X, Y, dual = (_table(content[name]) for name in ("inputs", "labels", "dual"))
    if "lam" in content:
        lower, upper = fit_bound(dual, Y), network.fit_objective(X, Y, Fraction(content["lam"]))
    else:
        lower, upper = pairing(dual, Y), network.cost_bounds[1]
    changed = {**content, "lower": str(lower), "upper": str(upper)}
    return {**changed, "sha256": digest(changed)}


def _row(texts: list[str]) -> tuple[Fraction, ...]:
    return tuple(map(Fraction, texts))


def _table(rows: list[list[str]]) -> Matrix:
    return tuple(map(_row, rows))


def wrong_texts(folder: Path) -> Iterator[str]:
    """Yield files that are no true certificates, one change each."""
    for content in true_certificates(folder):
        text = json.dumps(content)
        unsealed = {**content, "neurons": content["neurons"][::-1]}
        yield from (text[:-1], text.replace('"0"', "0.0", 1), text.replace('"0"', "NaN", 1), json.dumps(unsealed))
        yield text[:-1] + f', "c": {json.dumps(content["c"])}}}'
        yield json.dumps(_sealed({**content, "format": "another"}))
        for version in (True, 0, 3, "1", None):
            yield json.dumps(_sealed({**content, "version": version}))
        if "lam" in content:
            yield json.dumps(followed({**content, "lam": "0", "dual": [["0"] for _ in content["dual"]]}))
            yield json.dumps(followed({**content, "lam": "-1/10", "dual": [["0"] for _ in content["dual"]]}))
        seen = set()
        for name, changed in tampered(content):
            kind = re.sub(r"\.\d+", "", name)  # one of each kind of change of each field
            if kind in seen:
                continue
            seen.add(kind)
            yield json.dumps(changed)
            if isinstance(changed, dict) and "dual" in changed:
                with contextlib.suppress(Exception):  # changes that are no numbers or do not fit have no consequences
                    yield json.dumps(followed(changed))
        yield from map(json.dumps, _larger_duals(content))
        if "lam" not in content:
            yield json.dumps(_missing_a_label(content))


def _sealed(content: dict[str, Any]) -> dict[str, Any]:
    return {**content, "sha256": digest(content)}


def _missing_a_label(content: dict[str, Any]) -> dict[str, Any]:
    """A network that misses a label of an interpolant, with an upper bound that counts it as a fit would."""
    c = [str(Fraction(content["c"][0]) + 2), *content["c"][1:]]
    upper = Fraction(content["upper"]) + 2 * len(content["labels"])
    return _sealed({**content, "c": c, "upper": str(upper)})


def _larger_duals(content: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Dual arrays that are longer or turned, which stay orthogonal, and arrays orthogonal to some affine functions only."""
    for factor in ("1000001/1000000", "2", "-2", "7"):
        if "dual" in content:
            scaled = [[str(Fraction(entry) * Fraction(factor)) for entry in row] for row in content["dual"]]
            yield followed({**content, "dual": scaled})
    if "dual" in content:
        for k in range(len(content["dual"])):
            changed = copy.deepcopy(content)
            changed["dual"] = [[str(Fraction(entry) / 2) for entry in row] for row in changed["dual"]]
            changed["dual"][k][0] = str(Fraction(changed["dual"][k][0]) + Fraction(1, 10**6))
            yield followed(changed)


def wrong_certificates(folder: Path) -> list[Path]:
    """Write those of the changed certificates that the unchanged script and package refuse."""
    script, package = script_with(ast.parse((_ROOT / SCRIPT).read_text(encoding="utf-8"))), package_as_it_is()
    paths: list[Path] = []
    for text in dict.fromkeys(wrong_texts(folder)):
        path = folder / f"{len(paths)}.json"
        path.write_text(text, encoding="utf-8")
        if not script(path) and not package(path):
            paths.append(path)
    return paths


def package_as_it_is() -> Accepts:
    """Return what the package accepts."""
    return package_with(PACKAGE[0], ast.parse((_ROOT / PACKAGE[0]).read_text(encoding="utf-8")))


# --- the run ---


def noticed(weakening: Weakening, paths: Sequence[Path]) -> str | None:
    """Say which wrong certificate a weakened checker accepts, or fails on; None if there is none."""
    accepts = script_with(weakening.tree) if weakening.file == SCRIPT else package_with(weakening.file, weakening.tree)
    failure = None
    for path in paths:
        try:
            if accepts(path):
                return f"accepts {path.name}"
        except Exception as error:  # whatever a missing check lets through
            failure = failure or f"fails on {path.name}: {type(error).__name__}"
    return failure


def main(words: Sequence[str]) -> int:
    """Weaken checks, those of functions whose names contain a word or all; list those that nothing notices."""
    with tempfile.TemporaryDirectory() as folder:
        paths = wrong_certificates(Path(folder))
        print(f"{len(paths)} wrong certificates", flush=True)
        survivors, count = [], 0
        for file in (SCRIPT, *PACKAGE):
            for weakening in weakenings(file):
                if words and not any(word in f"{weakening.file} {weakening.function}" for word in words):
                    continue
                count += 1
                notice = REDUNDANT.get(weakening.text) or noticed(weakening, paths)
                print(f"{weakening}: {notice or 'NOT NOTICED'}", flush=True)
                survivors += [] if notice or weakening.text in OPEN else [weakening]
    print(f"{count} weakenings; beside the {len(OPEN)} open ones {len(survivors)} are not noticed")
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
