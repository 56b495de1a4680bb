"""Trained networks are judged as what they were trained to be: as fits at their lam, or as interpolants."""

from pathlib import Path

import numpy as np
import pytest
from commands import XY, Command, runner, strict

from vvnorm import Certificate, FitCertificate, ReLUNetwork, certify, train
from vvnorm.solvers.reference import curvature_fit, dictionary_program

X = np.array([0.0, 1.0, 1.0, 2.0, 3.0, 4.5])
Y = np.array([[0.0], [1.0], [2.5], [0.5], [3.0], [1.0]])


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Command:
    monkeypatch.chdir(tmp_path)
    rows = "\n".join(f"{x},{y}" for x, y in zip(X, Y[:, 0], strict=True))
    Path("data.csv").write_text(f"x,y\n{rows}\n")
    return runner(capsys)


def test_each_run_is_judged_at_its_own_lam() -> None:
    result = train(X, Y, lam=[0.05, 0.5], seeds=2, steps=200, width=12, progress=False)
    certificates = result.certificates()
    assert [c.lam for c in certificates] == result.lams.tolist() == [0.05, 0.05, 0.5, 0.5]
    for network, judged in zip(result.networks, certificates, strict=True):
        assert isinstance(judged, FitCertificate)
        mine = np.sum((network(X) - Y) ** 2) / 2 + judged.lam * network.vv_norm
        least = curvature_fit(X, Y, judged.lam).value
        assert judged.objective == pytest.approx(mine, rel=1e-12)
        assert judged.gap == pytest.approx(1 - least / mine, abs=1e-6)
        assert judged.complaints(network, X, Y, tol=1.0) == []


@pytest.mark.parametrize("convention", [{"skip": False}, {"penalise_bias": True}], ids=str)
def test_in_every_convention(convention: dict[str, bool]) -> None:
    result = train(X[2:], Y[2:], lam=0.3, seeds=1, steps=200, width=12, progress=False, **convention)
    (judged,) = result.certificates()
    assert isinstance(judged, FitCertificate)
    # Neurons that bend at the data, in both directions; with biases inside the norm a bound on the least objective.
    W, b = np.repeat([[1.0], [-1.0]], 4, axis=0), np.concatenate([-X[2:], X[2:]])
    least = dictionary_program(X[2:], Y[2:], W, b, lam=0.3, **convention).value
    assert judged.lower_bound <= least * (1 + 1e-7)
    assert 0 <= judged.gap <= 0.05


def test_two_inputs_are_fits_too() -> None:
    inputs = np.column_stack([X, X**2 % 1.3])
    result = train(inputs, Y, lam=0.2, seeds=2, steps=100, width=24, progress=False)
    for network, judged in zip(result.networks, result.certificates(), strict=True):
        assert isinstance(judged, FitCertificate)
        assert judged.gap == pytest.approx(certify(network, inputs, Y, lam=0.2).gap, abs=1e-6)


def test_what_is_trained_to_interpolate_is_judged_so() -> None:
    options = {"seeds": 1, "steps": 100, "width": 12, "progress": False}
    x, y = np.delete(X, 1), np.delete(Y, 1, axis=0)
    for more in ({}, {"lam": 0.1, "exact": True}, {"lam": 0.0}):
        (judged,) = train(x, y, **options, **more).certificates()
        assert isinstance(judged, Certificate)
    for more in ({"lam": 0.1}, {"schedule": [(0, 0.3), (50, 0.1)]}, {"lam": 0.1, "polish": True}):
        (judged,) = train(x, y, **options, **more).certificates()
        assert isinstance(judged, FitCertificate)
        assert judged.lam == 0.1
    (judged,) = train(X, Y, **options).certificates()  # no network interpolates two labels at one input
    assert isinstance(judged, FitCertificate)


# --- the command line -------------------------------------------------------------------------------------------------


def test_the_command_prints_a_verdict_at_the_lam_trained(run: Command) -> None:
    command = ("train", "data.csv", *XY, "--lam", 0.5, "--seeds", 2, "--width", 12)
    done = run(*command, "--steps", 2000, "--polish", "--out", "net.npz", "--json", "all.json")
    assert (done.code, done.err) == (0, "")
    least = curvature_fit(X, Y, 0.5).value
    assert list(done.rows[0]) == ["seed", "objective", "loss", "VV norm", "lower bound", "relative gap"]
    for row in done.rows:
        assert float(row["lower bound"]) == pytest.approx(least, rel=1e-5)
        assert 0 <= float(row["relative gap"]) < 0.01
    assert done.out.splitlines()[-1].startswith("certified: the best network, of seed ")
    record = strict("all.json")
    assert record["complaints"] == []
    assert record["settings"]["judged_as"] == "fit"
    best = next(entry for entry in record["runs"] if entry["seed"] == record["best_seed"])
    assert best["objective"] == pytest.approx(certify(ReLUNetwork.load("net.npz"), X, Y, lam=0.5).objective)
    assert run("certify", "net.npz", "data.csv", *XY, "--lam", 0.5, "--tol", 0.01).code == 0


def test_the_command_says_what_is_not_certified(run: Command) -> None:
    command = ("train", "data.csv", *XY, "--seeds", 1, "--width", 12, "--steps", 3)
    fitted = run(*command, "--lam", 0.5, "--initialisation", "torch", "--schedule", "constant")
    assert fitted.code == 1
    assert "not certified: relative gap " in fitted.out
    loose = run(*command, "--lam", 0.5, "--initialisation", "torch", "--schedule", "constant", "--tol", 0.999)
    assert loose.code == 0
    dots = run(*command, "--repeats", "average")
    assert dots.code == 1
    assert "relative residual" in dots.rows[0]
    assert "not certified: relative " in dots.out
    assert run(*command, "--tol", 2).code == 64
