"""What an installed copy holds: three top-level packages and all data files."""

import tomllib
from fnmatch import fnmatch
from pathlib import Path

import vvnorm

PACKAGE = Path(vvnorm.__file__).parent
ROOT = PACKAGE.parent
SETTINGS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]


def included(package: str) -> bool:
    return any(fnmatch(package, pattern) for pattern in SETTINGS["packages"]["find"]["include"])


def test_no_package_with_a_generic_name_is_installed() -> None:
    """Proofs and figures have to lie at the top of the repository; nothing else comes beside the package."""
    folders = {path.name for path in ROOT.iterdir() if path.is_dir() and path.name.isidentifier()} | {
        "studies",
        "figures_out",
        "tests",
        "benchmarks",
    }
    assert {name for name in folders if included(name)} == {"vvnorm", "proofs_checks", "figures"}


def test_every_folder_of_code_is_installed_and_is_a_package() -> None:
    for folder in {path.parent for path in PACKAGE.rglob("*.py")}:
        assert included(".".join(folder.relative_to(ROOT).parts))
        assert (folder / "__init__.py").exists()


def test_every_data_file_is_installed() -> None:
    data = [path for suffix in ("toml", "csv", "typed") for path in PACKAGE.rglob(f"*.{suffix}")]
    assert len(data) > 10
    for path in data:
        patterns = SETTINGS["package-data"][".".join(path.parent.relative_to(ROOT).parts)]
        assert any(fnmatch(path.name, pattern) for pattern in patterns)
