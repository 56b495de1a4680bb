"""A short tour of an installed copy without extras; run by `tests/versions.py`, from an empty folder.

    python installed_copy.py

It imports nothing of the repository. A warning that vvnorm's own code causes is an error. Prints the versions in use as
JSON on the last line.
"""

import json
import platform
import subprocess
import sys
import sysconfig
import warnings
from collections.abc import Callable
from importlib.metadata import requires, version
from importlib.resources import files
from pathlib import Path

OWN = r"(vvnorm|proofs_checks|figures)(\.|$)"
DATA = "x,y,z\n0,0,1\n1,1,0\n2,1.5,2\n3,1,0\n4,0,1\n"


def the_copy_is_installed_whole() -> None:
    """It lies among the environment's packages and has its data files."""
    import vvnorm

    assert Path(vvnorm.__file__).is_relative_to(sysconfig.get_path("purelib")), vvnorm.__file__
    assert vvnorm.__version__ == version("vvnorm")
    for package, suffix in (("vvnorm.studies.recorded", ".toml"), ("proofs_checks.papers", ".toml"), ("vvnorm", ".typed")):
        assert any(file.name.endswith(suffix) for file in files(package).iterdir()), package
    for folder in ("vvnorm.papers", "vvnorm.reporting"):
        assert any((files(folder) / "templates").iterdir()), folder
    assert any((files("proofs_checks") / "counterexamples").iterdir())


def solutions_are_certified() -> None:
    """One and two inputs, interpolation and fits, saved and read again."""
    import numpy as np

    import vvnorm

    x, y = np.arange(5.0), np.array([0.0, 1.0, 1.5, 1.0, 0.0])
    solution = vvnorm.interpolate(x, y)
    assert solution.verify()
    assert not solution.unique
    pair = np.column_stack([y, [1.0, 0.0, 2.0, 0.0, 1.0]])
    for loss in ("squared", "huber:0.5"):
        fit = vvnorm.fit(x, pair, 0.1, loss=loss)
        assert fit.verify(), fit
    assert len(vvnorm.fit_path(x, pair, [1.0, 0.1])) == 2
    plane = np.random.default_rng(0).standard_normal((8, 2))
    flat = vvnorm.fit(plane, plane[:, :1] * plane[:, 1:], 0.1)
    assert flat.verify(), flat
    assert flat.gap <= 1e-6
    flat.network.save("network.npz")
    certificate = vvnorm.certify(vvnorm.ReLUNetwork.load("network.npz"), plane, plane[:, :1] * plane[:, 1:], lam=0.1)
    assert certificate.gap <= 1e-6
    assert vvnorm.pareto_front(x, pair, 1.5, mixtures=3).verify()


def networks_train() -> None:
    """Training, with certificates; a torch module of one's own."""
    import numpy as np
    import torch

    import vvnorm

    x, y = np.arange(4.0), np.array([0.0, 1.0, 0.0, 1.0])
    trained = vvnorm.train(x, y, seeds=2, steps=200, progress=False)
    assert len(trained.certificates(progress=False)) == 2
    assert vvnorm.train_tasks(x, np.column_stack([y, 1 - y]), [0, 1], lam=0.1, steps=20, progress=False).networks
    module = torch.nn.Sequential(torch.nn.Linear(1, 5), torch.nn.ReLU(), torch.nn.Linear(5, 1))
    assert vvnorm.certify(module, x, y, lam=0.1).gap > 0


def estimators_pictures_and_errors_work() -> None:
    """scikit-learn's conventions, matplotlib, and an error for bad input."""
    import numpy as np
    from matplotlib.figure import Figure
    from sklearn.base import clone

    import vvnorm

    x, y = np.arange(6.0), np.array([0.0, 1.0, 0.0, 1.0, 0.0, 2.0])
    model = clone(vvnorm.VVNormRegressor(0.1)).fit(x[:, None], y)
    assert model.score(x[:, None], y) > 0
    model.solution_.plot(Figure().subplots())
    assert "<svg" in model.solution_._repr_html_()
    assert vvnorm.VVNormClassifier(0.1).fit(x[:, None], y > 0.5).predict(x[:, None]).shape == (6,)
    assert "Y" in error_of(lambda: vvnorm.interpolate(x, y[:-1]))


def error_of(call: Callable[[], object]) -> str:
    """Return the message of the ValueError that a call raises."""
    try:
        call()
    except ValueError as error:
        return str(error)
    raise AssertionError("bad input was accepted")


def the_command_line_works() -> None:
    """Commands, their files, and what they say about a missing extra."""
    Path("data.csv").write_text(DATA, encoding="utf-8")
    command("--version")
    command("solve", "data.csv", "--x", "x", "--y", "y", "--out", "net.npz", "--json", "fit.json", "--plot", "fit.pdf")
    command("certify", "net.npz", "data.csv", "--x", "x", "--y", "y")
    command("solve", "data.csv", "--x", "x,z", "--y", "y", "--lam", "0.1")
    command("verify", "uniqueness", "stability", "--draws", "3", "--jobs", "1", "--json", "claims.json")
    command("figures", "uniqueness", "--quick", "--out", "pictures")
    assert {"net.npz", "fit.pdf", "fit.json", "claims.json"} <= {path.name for path in Path.cwd().iterdir()}
    assert "vvnorm[report]" in command("report", "data.csv", "--x", "x", "--y", "y", "--out", "page.html", code=64)
    assert "nowhere.csv" in command("solve", "nowhere.csv", "--x", "x", "--y", "y", code=64)


def command(*arguments: str, code: int = 0) -> str:
    """Run the installed program; return what it wrote."""
    program = Path(sys.executable).with_name("vvnorm")
    ended = subprocess.run([program, *arguments], capture_output=True, text=True, timeout=600)
    assert ended.returncode == code, f"{' '.join(arguments)}: exit code {ended.returncode}\n{ended.stdout}{ended.stderr}"
    assert "Traceback" not in ended.stderr
    return ended.stdout + ended.stderr


def main() -> None:
    """Run all parts, then print the versions of the dependencies."""
    warnings.filterwarnings("error", module=OWN)
    for part in (
        the_copy_is_installed_whole,
        solutions_are_certified,
        networks_train,
        estimators_pictures_and_errors_work,
        the_command_line_works,
    ):
        part()
        print(part.__name__.replace("_", " "), flush=True)
    names = [line.split(">")[0] for line in requires("vvnorm") or () if "extra ==" not in line]
    print(json.dumps({"python": platform.python_version()} | {name: version(name) for name in names}))


if __name__ == "__main__":
    main()
