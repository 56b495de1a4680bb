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
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from types import ModuleType
from typing import Any

from vvnorm import fit, interpolate
from vvnorm.verifier.exact import Neuron, RationalNetwork, prove
from vvnorm.verifier.exact.certificate import FORMAT, digest
from vvnorm.verifier.exact.dual_arrays import fit_bound, pairing
from vvnorm.verifier.exact.rationals import Matrix

sys.path.insert(0, str(Path(__file__).parent))

from exact_tampering import tampered  # a module of the tests' folder

_ROOT = Path(__file__).parent.parent
SCRIPT = "vvnorm/check_certificate.py"
PACKAGE = tuple(f"vvnorm/verifier/exact/{name}.py" for name in ("certificate", "plane", "dual_arrays", "line"))


@dataclass(frozen=True)
class Case:
    """A wrong certificate: a file, and how it is judged if not by itself.

    Attributes
    ----------
    path : Path
    arguments : sequence of str, or None
        The script's command line; None: only the file.
    changes : dict
        Attributes of the package's certificate that are set after it was read.
    longest : int or None
        Number of bytes that the package reads; None: as many as always.
    """

    path: Path
    arguments: Sequence[str] | None = None
    changes: dict[str, Any] = field(default_factory=dict)
    longest: int | None = None

    @property
    def for_script(self) -> bool:
        """Whether the script can judge it."""
        return not self.changes and self.longest is None

    @property
    def for_package(self) -> bool:
        """Whether the package can judge it."""
        return self.arguments is None

    def __str__(self) -> str:
        how = [] if self.arguments is None else [f"called with {len(self.arguments)} arguments"]
        how += [f"with {name} set" for name in self.changes]
        how += [] if self.longest is None else [f"with a limit of {self.longest} bytes"]
        return " ".join([self.path.name, *how])


Accepts = Callable[[Case], bool]

_DUALITY = "a bound that a dual array or curvatures prove is never above the cost of a network that fits the data"
REDUNDANT = {
    "p >= 0": "the first edge of a cone is the second one of its neighbour, whose q is its p",
    "q >= 0": "the second edge of a cone is the first one of its neighbour, whose p is its q",
    "lower <= upper": _DUALITY,
    "self.lower > self.upper": _DUALITY,
    "not isinstance(record, dict)": "what is no object lacks all fields",
    "missing": "a field that is missing cannot be read",
    "not rows[0]": "without inputs d is 0, which is refused; without outputs A has no rows, which is refused",
}
"""Checks that others imply, and why; weakening one of them changes nothing that is accepted."""


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

    def accepts(case: Case) -> bool:
        arguments = [str(case.path)] if case.arguments is None else [*case.arguments]
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            return bool(names["main"](arguments) == 0)

    return accepts


class _Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds one module, and executes a tree in place of its file."""

    def __init__(self, name: str, tree: ast.Module) -> None:
        self.name, self.tree = name, tree

    def find_spec(self, name: str, path: Any, target: Any = None) -> importlib.machinery.ModuleSpec | None:
        return importlib.machinery.ModuleSpec(name, self) if name == self.name else None

    def exec_module(self, module: ModuleType) -> None:
        exec(compile(self.tree, self.name, "exec"), module.__dict__)


@contextlib.contextmanager
def _attribute(module: Any, name: str, value: Any) -> Iterator[None]:
    """Give a name of a module another value for a while; None changes nothing."""
    before = getattr(module, name)
    setattr(module, name, before if value is None else value)
    try:
        yield
    finally:
        setattr(module, name, before)


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

    def accepts(case: Case) -> bool:
        with _attribute(loaded, "_LARGEST_FILE", case.longest):
            try:
                certificate = loaded.load_exact_certificate(case.path)
            except ValueError:
                return False
        return not replace(certificate, **case.changes).problems()

    return accepts


# --- wrong certificates ---


def true_certificates(folder: Path) -> list[dict[str, Any]]:
    """Small true certificates of every kind; in the plane and of fits with bounds far apart, so that they do not cross."""
    # the neuron that responds most has no kink through two of these points
    X, Y = [[0.25, -0.25], [0.75, 0.0], [-0.5, 0.25], [1.25, 1.0]], [[-0.5], [-1.5], [-0.5], [0.0]]
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
        yield json.dumps([content])
        yield from (text[:-1], text.replace('"0"', "0.0", 1), text.replace('"0"', "NaN", 1), json.dumps(unsealed))
        yield text[:-1] + f', "c": {json.dumps(content["c"])}}}'
        yield json.dumps(_sealed({**content, "format": "another"}))
        for version in (True, 0, 3, "1", None):
            yield json.dumps(_sealed({**content, "version": version}))
        if "lam" in content:
            yield json.dumps(followed({**content, "lam": "0", "dual": [["0"] for _ in content["dual"]]}))
            yield json.dumps(followed({**content, "lam": "-1/10", "dual": [["0"] for _ in content["dual"]]}))
            yield json.dumps(_without_norm(content))
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
        if "dual" in content:
            yield json.dumps(_with_long_numbers(content))
        if "lam" not in content:
            yield json.dumps(_missing_a_label(content))
        if "dual" in content and len(content["inputs"][0]) == 2:
            yield json.dumps(_with_a_third_input(content))
    yield json.dumps(_of_a_single_point())


def _sealed(content: dict[str, Any]) -> dict[str, Any]:
    return {**content, "sha256": digest(content)}


def _missing_a_label(content: dict[str, Any]) -> dict[str, Any]:
    """A network that misses a label of an interpolant, with an upper bound that counts it as a fit would."""
    c = [str(Fraction(content["c"][0]) + 2), *content["c"][1:]]
    upper = Fraction(content["upper"]) + 2 * len(content["labels"])
    return _sealed({**content, "c": c, "upper": str(upper)})


def _larger_duals(content: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Dual arrays that are longer or turned, which stay orthogonal, and arrays orthogonal to some affine functions only."""
    for factor in ("1000001/1000000", "2", "-2", "7", "101/100"):
        if "dual" in content:
            scaled = [[str(Fraction(entry) * Fraction(factor)) for entry in row] for row in content["dual"]]
            yield followed({**content, "dual": scaled})
    if "dual" in content:
        for k in range(len(content["dual"])):
            changed = copy.deepcopy(content)
            changed["dual"] = [[str(Fraction(entry) / 2) for entry in row] for row in changed["dual"]]
            changed["dual"][k][0] = str(Fraction(changed["dual"][k][0]) + Fraction(1, 10**6))
            yield followed(changed)


def _without_norm(content: dict[str, Any]) -> dict[str, Any]:
    """A fit with lam < 0: far from the labels, so that its objective is above a bound of 0."""
    dual = [["0" for _ in row] for row in content["dual"]]
    return followed({**content, "lam": "-1/10", "dual": dual, "c": ["1000", *content["c"][1:]]})


def _with_long_numbers(content: dict[str, Any]) -> dict[str, Any]:
    """Two neurons with biases of 4200 digits, which cancel."""
    w, bias = ["1", *["0"] * (len(content["inputs"][0]) - 1)], "9" * 4200
    return followed({**content, "neurons": content["neurons"] + [{"w": w, "b": bias, "v": [v]} for v in ("1", "-1")]})


def _with_a_third_input(content: dict[str, Any]) -> dict[str, Any]:
    """The first input a second time: a neuron that sees both responds by more than the dual array allows."""
    thrice = {name: [[*row, row[0]] for row in content[name]] for name in ("inputs", "A")}
    thrice["A"] = [[*row, "0"] for row in content["A"]]
    return followed({**content, **thrice, "neurons": [{**n, "w": [*n["w"], "0"]} for n in content["neurons"]]})


def _of_a_single_point() -> dict[str, Any]:
    facts = {"unique": True, "unique_outputs": [True], "fewest_neurons": 0, "band": []}
    network = {"neurons": [], "A": [["0"]], "c": ["1"], "lower": "0", "upper": "0"}
    return _sealed({"format": FORMAT, "version": 1, "inputs": [["0"]], "labels": [["1"]], **network, **facts})


def wrong_cases(folder: Path) -> list[Case]:
    """Write certificates of all kinds, and return those cases that the unchanged script and package refuse."""
    script, package = script_with(ast.parse((_ROOT / SCRIPT).read_text(encoding="utf-8"))), package_as_it_is()
    cases: list[Case] = []
    for text in dict.fromkeys(wrong_texts(folder)):
        path = folder / f"{len(cases)}.json"
        path.write_text(text, encoding="utf-8")
        cases.append(Case(path))
    cases += [case for content in true_certificates(folder) for case in _misused(content, folder)]
    return [case for case in cases if not (case.for_script and script(case)) and not (case.for_package and package(case))]


def _misused(content: dict[str, Any], folder: Path) -> Iterator[Case]:
    """True certificates beside wrong data, too many arguments or none, set attributes, or a limit that they exceed."""
    path = folder / f"true {content['sha256']}.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    rows = [",".join(x + y) for x, y in zip(content["inputs"], content["labels"], strict=True)]
    tables = {"a word": [rows[0], "a,b,c", *rows[1:]], "zeros": [f"{rows[0]}.{'0' * 4100}", *rows[1:]]}
    for name, lines in tables.items():
        table = folder / f"{name} {content['sha256']}.csv"
        table.write_text("\n".join(lines), encoding="utf-8")
        yield Case(path, [str(path), str(table)])
    own = folder / f"own {content['sha256']}.csv"
    own.write_text("\n".join(rows), encoding="utf-8")
    yield from (Case(path, []), Case(path, [str(path), str(own), str(own)]))
    yield Case(path, longest=path.stat().st_size - 1)
    if "dual" in content:
        yield from (Case(path, changes={"unique": True}), Case(path, changes={"fewest_neurons": 1}))


def package_as_it_is() -> Accepts:
    """Return what the package accepts."""
    return package_with(PACKAGE[0], ast.parse((_ROOT / PACKAGE[0]).read_text(encoding="utf-8")))


# --- the run ---


def noticed(weakening: Weakening, cases: Sequence[Case]) -> str | None:
    """Say which wrong certificate a weakened checker accepts, or fails on; None if there is none."""
    script = weakening.file == SCRIPT
    accepts = script_with(weakening.tree) if script else package_with(weakening.file, weakening.tree)
    failure = None
    for case in cases:
        try:
            if (case.for_script if script else case.for_package) and accepts(case):
                return f"accepts {case}"
        except Exception as error:  # whatever a missing check lets through
            failure = failure or f"fails on {case}: {type(error).__name__}"
    return failure


def main(words: Sequence[str]) -> int:
    """Weaken checks, those of functions whose names contain a word or all; list those that nothing notices."""
    with tempfile.TemporaryDirectory() as folder:
        cases = wrong_cases(Path(folder))
        print(f"{len(cases)} wrong certificates", flush=True)
        survivors, count = [], 0
        for file in (SCRIPT, *PACKAGE):
            for weakening in weakenings(file):
                if words and not any(word in f"{weakening.file} {weakening.function}" for word in words):
                    continue
                count += 1
                notice = REDUNDANT.get(weakening.text) or noticed(weakening, cases)
                print(f"{weakening}: {notice or 'NOT NOTICED'}", flush=True)
                survivors += [] if notice else [weakening]
    print(f"{count} weakenings; {len(survivors)} are not noticed")
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
