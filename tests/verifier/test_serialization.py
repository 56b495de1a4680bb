"""Certificates come back from disk bit for bit, and nothing that is damaged or strange comes back at all."""

import json
import math
from contextlib import suppress
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from commands import XY, Command, runner
from numpy.typing import NDArray

from vvnorm import Certificate, FitCertificate, ReLUNetwork, certify, connect_the_dots, interpolate
from vvnorm.verifier.check import load_certificate

X1, Y1 = np.array([0.0, 1.0, 2.0, 4.0]), np.array([[0.0], [1.0], [-1.0], [2.0]])
DOTS = connect_the_dots(X1, Y1)
RNG = np.random.default_rng(0)
PLANE = ReLUNetwork(RNG.standard_normal((3, 2)), RNG.standard_normal(3), RNG.standard_normal((2, 3)))
X2 = RNG.standard_normal((8, 2))
Y2 = PLANE(X2)
NOISY = Y2 + RNG.standard_normal(Y2.shape)
FRAME = RNG.standard_normal((2, 3))

CASES = ("line", "plane", "line fit", "fit", "fit with dual", "flat")


@cache
def certified(case: str) -> tuple[Certificate | FitCertificate, ReLUNetwork, NDArray, NDArray]:
    """Return what is saved and what it is about; each is proved once, by the first test that asks for it."""
    fit = {"lam": 0.1, "loss": ("huber:0.3", "one_class:0.25")}
    if case == "flat":
        flat = interpolate(X2 @ FRAME + 1, NOISY)
        return flat.certificate, flat.network, flat.X, flat.Y
    if case.startswith("line"):
        return certify(DOTS, X1, Y1, lam=0.1 if case == "line fit" else 0.0), DOTS, X1, Y1
    if case == "plane":
        return certify(PLANE, X2, Y2, skip=False, penalise_bias=True), PLANE, X2, Y2
    given = {"dual": 0.01 * NOISY, "penalise_bias": True} if case == "fit with dual" else {}
    return certify(PLANE, X2, NOISY, **given, **fit), PLANE, X2, NOISY


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Command:
    monkeypatch.chdir(tmp_path)
    return runner(capsys)


@pytest.mark.parametrize("case", CASES)
def test_they_come_back_bit_for_bit(case: str, tmp_path: Path) -> None:
    certificate, network, X, Y = certified(case)
    path = tmp_path / "proof.npz"
    certificate.save(path)
    loaded = type(certificate).load(path)
    assert type(loaded) is type(certificate)
    for name, value in vars(certificate).items():
        if name == "subspace" and value is not None:
            np.testing.assert_array_equal(loaded.subspace.axes, value.axes)
            np.testing.assert_array_equal(loaded.subspace.centre, value.centre)
        elif name == "dual":
            assert (loaded.dual is None) == (value is None)
            if value is not None:
                np.testing.assert_array_equal(np.asarray(loaded.dual[0 : len(Y)]), np.asarray(value[0 : len(Y)]))
        else:
            np.testing.assert_equal(getattr(loaded, name), value)
    assert loaded.complaints(network, X, Y, tol=math.inf) == certificate.complaints(network, X, Y, tol=math.inf)
    assert loaded.complaints(network, X + 0.1 * Y[:, :1].reshape(X[..., :1].shape if X.ndim > 1 else -1), Y, tol=math.inf)
    other = FitCertificate if isinstance(certificate, Certificate) else Certificate
    with pytest.raises(ValueError, match=r"proof\.npz"):
        other.load(path)


def arrays(path: Path) -> dict[str, NDArray]:
    with np.load(path) as archive:
        return {name: archive[name] for name in archive.files}


@pytest.mark.parametrize("case", CASES)
def test_every_number_changed_on_disk_is_noticed(case: str, tmp_path: Path) -> None:
    certificate, network, X, Y = certified(case)
    path = tmp_path / "proof.npz"
    certificate.save(path)
    whole = arrays(path)
    facts = json.loads(str(whole["certificate"]))
    changes = {
        name: -value if isinstance(value, float) else not value
        for name, value in facts.items()
        if (isinstance(value, float | bool) and value != 0) or value is True
    }
    assert len(changes) > 4
    for name, value in changes.items():
        np.savez(path, **whole | {"certificate": np.array(json.dumps(facts | {name: value}))})
        assert load_certificate(path).complaints(network, X, Y, tol=math.inf), name
    if "dual" in whole:
        np.savez(path, **whole | {"dual": np.roll(whole["dual"], 1, axis=0) + 0.125})
        assert load_certificate(path).complaints(network, X, Y, tol=math.inf)


BAD = [
    {"format": 2},
    {"format": None},
    {"kind": "proof"},
    {"kind": ["fit"]},
    {"skip": 1},
    {"penalise_bias": "no"},
    {"lower_bound": "1e3"},
    {"gap": None},
    {"gap": [1.0]},
    {"vv_norm": True},
    {"losses": [["squared", 3.0]]},
    {"losses": [["nothing", 0.0]]},
    {"losses": 7},
    {"losses": [["squared"]]},
]


@pytest.mark.parametrize("change", BAD, ids=str)
def test_strange_facts_are_refused(change: dict[str, object], tmp_path: Path) -> None:
    path = tmp_path / "proof.npz"
    certified("fit with dual")[0].save(path)
    whole = arrays(path)
    facts = json.loads(str(whole["certificate"]))
    np.savez(path, **whole | {"certificate": np.array(json.dumps(facts | change))})
    with pytest.raises(ValueError, match=r"proof\.npz' is not a saved certificate: "):
        load_certificate(path)


@pytest.mark.parametrize(
    "change",
    [
        {"certificate": np.array("{")},
        {"certificate": np.array("[]")},
        {"certificate": np.array("[" * 100_000)},
        {"certificate": np.array(7)},
        {"certificate": np.array(["{}"])},
        {"dual": np.array("x")},
        {"dual": np.zeros(3)},
        {"dual": np.zeros((2, 2), dtype=complex)},
    ],
    ids=lambda change: f"{next(iter(change))} {np.shape(next(iter(change.values())))}",
)
def test_strange_arrays_are_refused(change: dict[str, NDArray], tmp_path: Path) -> None:
    path = tmp_path / "proof.npz"
    certified("plane")[0].save(path)
    np.savez(path, **arrays(path) | change)
    with pytest.raises(ValueError, match=r"proof\.npz' is not a saved certificate: "):
        load_certificate(path)


def test_damaged_and_missing_files_are_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "proof.npz"
    certificate = certified("plane")[0]
    certificate.save(path)
    content = path.read_bytes()
    for length in (*range(0, len(content), 97), len(content) - 1):
        path.write_bytes(content[:length])
        with pytest.raises(ValueError, match=r"proof\.npz"):
            load_certificate(path)
    for place in range(0, len(content), 41):  # some bytes do not matter; none does harm
        path.write_bytes(content[:place] + bytes([content[place] ^ 255]) + content[place + 1 :])
        with suppress(ValueError):
            assert load_certificate(path).complaints(PLANE, X2, Y2, tol=1.0) is not None
    np.savez(path, dual=np.zeros((2, 2)))
    with pytest.raises(ValueError, match="lacks 'certificate'"):
        load_certificate(path)
    np.savez(path, certificate=np.array([{}], dtype=object))
    with pytest.raises(ValueError, match=r"proof\.npz"):
        load_certificate(path)
    PLANE.save(path)
    with pytest.raises(ValueError, match=r"proof\.npz' is not a saved certificate"):
        Certificate.load(path)
    with pytest.raises(ValueError, match="nowhere"):
        Certificate.load(tmp_path / "nowhere.npz")
    with pytest.raises(ValueError, match=r"end in \.npz"):
        certificate.save(tmp_path / "proof.txt")
    with pytest.raises(ValueError, match="nowhere"):
        certificate.save(tmp_path / "nowhere" / "proof.npz")


# --- the command ------------------------------------------------------------------------------------------------------


def prepare(path: Path) -> None:
    DOTS.save(path / "net.npz")
    lines = ["x,y", *(f"{a!r},{b!r}" for a, b in zip(X1.tolist(), Y1[:, 0].tolist(), strict=True))]
    (path / "data.csv").write_text("\n".join(lines) + "\n")


def test_the_command_writes_and_checks_certificates(run: Command, tmp_path: Path) -> None:
    prepare(tmp_path)
    made = run("certify", "net.npz", "data.csv", *XY, "--save-certificate", "proof.npz")
    assert made.code == 0
    checked = run("certify", "net.npz", "data.csv", *XY, "--certificate", "proof.npz")
    assert checked.code == 0
    assert checked.facts == made.facts
    whole = arrays(Path("proof.npz"))
    facts = json.loads(str(whole["certificate"]))
    np.savez("forged.npz", **whole | {"certificate": np.array(json.dumps(facts | {"lower_bound": 1e9}))})
    forged = run("certify", "net.npz", "data.csv", *XY, "--certificate", "forged.npz", "--json", "all.json")
    assert forged.code == 1
    assert "lower_bound is recorded as" in forged.out
    assert json.loads(Path("all.json").read_text())["complaints"]
    ReLUNetwork(DOTS.W, DOTS.b, 2 * DOTS.V, DOTS.A, DOTS.c).save("other.npz")
    assert run("certify", "other.npz", "data.csv", *XY, "--certificate", "proof.npz").code == 1


def test_the_command_judges_fits_and_the_bias_inside_the_norm(run: Command, tmp_path: Path) -> None:
    prepare(tmp_path)
    assert run("solve", "data.csv", *XY, "--lam", "0.1", "--loss", "huber:0.5", "--out", "fit.npz").code == 0
    options = ("--lam", "0.1", "--loss", "huber:0.5", "--save-certificate", "proof.npz")
    assert run("certify", "fit.npz", "data.csv", *XY, *options).code == 0
    assert run("certify", "fit.npz", "data.csv", *XY, "--certificate", "proof.npz").code == 0
    assert run("certify", "net.npz", "data.csv", *XY, "--certificate", "proof.npz").code == 1
    inside = run("certify", "net.npz", "data.csv", *XY, "--penalise-bias")
    assert inside.code == 0  # the four points have no cheaper interpolant with the bias inside either
    assert float(inside.facts["VV norm"]) == pytest.approx(DOTS.vv_norm_with_bias)
    without = run("certify", "net.npz", "data.csv", *XY, "--no-skip")
    assert without.facts["skip"] == "False"


@pytest.mark.parametrize("lam", [None, "0.1"])
def test_of_a_certificate_about_coordinates_the_command_says_what_it_is(
    run: Command, tmp_path: Path, lam: str | None
) -> None:
    rng = np.random.default_rng(0)
    frame, _ = np.linalg.qr(rng.standard_normal((3, 3)))
    X, y = rng.standard_normal((9, 2)) @ frame[:2] + 1, rng.standard_normal(9)
    rows = [",".join(map(repr, row)) for row in np.column_stack([X, y]).tolist()]
    Path("data.csv").write_text("\n".join(["a,b,c,y", *rows]) + "\n")
    data, fit = ("data.csv", "--x", "a,b,c", "--y", "y"), () if lam is None else ("--lam", lam)
    assert run("solve", *data, *fit, "--save-certificate", "inside.npz", "--out", "net.npz").code == 0
    checked = run("certify", "net.npz", *data, "--certificate", "inside.npz")
    assert checked.code == 0
    assert (
        "the bound refers to the points next to X in an affine subspace of 2 dimensions; X lies in it up to rounding"
        in checked.out
    )
    # One that is made for X as it stands is accepted for what it says: its bound is lower.
    made = run("certify", "net.npz", *data, *fit, "--save-certificate", "proof.npz", "--tol", "0.9")
    assert made.code == 0
    assert "about the points" not in made.out
    assert float(made.facts["relative gap"]) > 1e-6
    assert run("certify", "net.npz", *data, "--certificate", "proof.npz", "--tol", "0.9").facts == made.facts
    # And the other one is not about X: as such it is refused, with the reason.
    arrays = dict(np.load("inside.npz"))
    del arrays["axes"]
    np.savez("inside.npz", **arrays)
    refused = run("certify", "net.npz", *data, "--certificate", "inside.npz")
    assert refused.code == 1
    assert (
        "affine subspace of 2 dimensions up to rounding: solutions for such points have certificates about coordinates"
        in refused.out
    )


@pytest.mark.parametrize(
    ("options", "word"),
    [
        (("--certificate", "none.npz"), "none.npz"),
        (("--certificate", "data.csv"), "data.csv"),
        (("--certificate", "net.npz"), "not a saved certificate"),
        (("--certificate", "net.npz", "--save-certificate", "proof.npz"), "--certificate"),
        (("--certificate", "net.npz", "--lam", "1"), "--certificate"),
        (("--save-certificate", "proof.txt"), "--save-certificate must end in .npz"),
        (("--save-certificate", "none/proof.npz"), "none/proof.npz"),
        (("--loss", "hinge"), "--loss needs --lam"),
        (("--lam", "0"), "--lam must be positive"),
        (("--lam", "-1"), "lam"),
    ],
)
def test_bad_options_are_refused_in_one_line(run: Command, tmp_path: Path, options: tuple[str, ...], word: str) -> None:
    prepare(tmp_path)
    done = run("certify", "net.npz", "data.csv", *XY, *options)
    assert done.code == 64
    assert done.err.count("\n") == 1
    assert word in done.err
    assert not Path("proof.npz").exists()
