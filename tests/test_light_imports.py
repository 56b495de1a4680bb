"""Importing the package is quick: heavy libraries load where they are needed, and every public name is there."""

import subprocess
import sys
from pathlib import Path

import pytest

import vvnorm

HEAVY = ("torch", "cvxpy", "numba", "scipy", "matplotlib", "sklearn")
NETWORK = "vvnorm.ReLUNetwork([[1.0]], [-1.0], [[1.0]])"


def python(code: str) -> str:
    """Run code in a fresh interpreter that treats warnings as errors; return what it printed."""
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout


@pytest.mark.parametrize(
    "code",
    [
        "import vvnorm",
        "import vvnorm; dir(vvnorm); vvnorm.ReLUNetwork; vvnorm.Dataset; vvnorm.certify",
        "import vvnorm.cli",
        "from vvnorm.cli import main\ntry: main(['--help'])\nexcept SystemExit as stop: assert stop.code == 0",
    ],
    ids=["package", "light names", "command line", "help"],
)
def test_no_heavy_library_is_loaded_by(code: str) -> None:
    report = f"\nimport sys; print(sorted({set(HEAVY)!r} & set(sys.modules)))"
    assert python(code + report).splitlines()[-1] == "[]"


@pytest.mark.parametrize(
    "code",
    [
        "import vvnorm; vvnorm.interpolate([0, 1, 3], [0, 2, 1]).verify()",
        "import vvnorm; vvnorm.pareto_front([0, 1, 2, 3], [[0, 1], [1, 1], [0, 0], [1, 2]], 1.0, mixtures=3).verify()",
        "from vvnorm.cli import main\ntry: main(['claims'])\nexcept SystemExit as stop: assert stop.code == 0",
    ],
    ids=["solving", "tracing a front", "list of claims"],
)
def test_neither_torch_nor_cvxpy_nor_matplotlib_is_loaded_by(code: str) -> None:
    loaded = python(code + "\nimport sys; print(*sys.modules)").splitlines()[-1].split()
    assert not {"torch", "cvxpy", "matplotlib"} & set(loaded)


@pytest.mark.parametrize("name", vvnorm.__all__)
def test_public_name_resolves(name: str) -> None:
    assert getattr(vvnorm, name) is not None


def test_dir_lists_the_public_names_once() -> None:
    assert dir(vvnorm) == sorted(set(vvnorm.__all__))


def test_star_import_brings_every_public_name() -> None:
    space: dict[str, object] = {}
    exec("from vvnorm import *", space)
    assert set(vvnorm.__all__) <= set(space)


@pytest.mark.parametrize("name", ["nothing", "Certify", "_HOMER"])
def test_unknown_name_is_an_attribute_error_that_says_so(name: str) -> None:
    with pytest.raises(AttributeError, match=f"'vvnorm' has no attribute '{name}'"):
        getattr(vvnorm, name)


@pytest.mark.parametrize(
    "imports",
    [
        "import vvnorm",
        "import vvnorm.results.solution",
        "from vvnorm import certify; import vvnorm",
        "import vvnorm; vvnorm.interpolate([0, 1], [0, 1])",
        "from vvnorm.api.certification import certify; import vvnorm; assert vvnorm.api.certification.certify is certify",
    ],
)
def test_certify_can_be_called_after_any_order_of(imports: str) -> None:
    refused = "[0, 1], [0, 0, 1]"  # seen before compiled code is loaded
    judge = f"try: vvnorm.certify({NETWORK}, {refused})\nexcept ValueError as error: print(error)"
    assert python(f"{imports}\n{judge}") == "Y has 3 rows but there are 2 inputs\n"


def test_no_module_is_called_like_a_public_function() -> None:
    folder = Path(vvnorm.__file__).parent
    modules = {path.parent.name if path.stem == "__init__" else path.stem for path in folder.rglob("*.py")}
    assert not modules & set(vvnorm.__all__)
