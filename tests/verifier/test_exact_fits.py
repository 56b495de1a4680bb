"""Fits with the squared loss, proved in rational numbers: bounds, certificates, forgeries, and what is refused."""

import importlib.util
import json
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vvnorm import ReLUNetwork, fit, interpolate
from vvnorm.verifier.exact import ExactCertificate, Proof, load_exact_certificate, prove, save_exact_certificate
from vvnorm.verifier.exact.dual_arrays import fit_bound, largest_response, line_responses, moments, point_above
from vvnorm.verifier.exact.plane import cones
from vvnorm.verifier.exact.rationals import Matrix, norm_squared

spec = importlib.util.spec_from_file_location(
    "check_certificate", Path(__file__).parents[2] / "vvnorm" / "check_certificate.py"
)
assert spec
assert spec.loader
checker = importlib.util.module_from_spec(spec)
spec.loader.exec_module(checker)

SMALL = Fraction(1, 10**9)


def data(seed: int, n: int = 8, d: int = 1, outputs: int = 2) -> tuple[Any, Any]:
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, d))
    X[1] = X[0]  # one input with two labels
    return X, rng.normal(size=(n, outputs))


@pytest.fixture(params=[1, 2], scope="module")
def proof(request: pytest.FixtureRequest) -> Proof:
    X, Y = data(3, d=request.param)
    return fit(X, Y, 0.1, tol=1e-8).prove(tol=1e-6)


@pytest.mark.parametrize("d", [1, 2])
@pytest.mark.parametrize("lam", [1e-3, 0.2, 50.0])
def test_bounds_enclose_those_of_floating_point(d: int, lam: float) -> None:
    X, Y = data(7, d=d)
    solution = fit(X, Y, lam, tol=1e-7)
    proof = solution.prove(tol=1e-5)
    assert proof.proved, proof.problems
    assert proof.lower <= proof.upper <= proof.lower * (1 + Fraction(1, 10**5))
    assert float(proof.upper) == pytest.approx(solution.value, rel=1e-9)
    assert float(proof.lower) >= solution.lower_bound * (1 - 1e-6)
    assert "relative gap" in str(proof)


def test_bounds_follow_from_their_definitions(proof: Proof) -> None:
    """The objective and the dual bound, evaluated term by term."""
    certificate = proof.certificate
    lam, dual = certificate.lam, certificate.dual
    assert lam
    assert dual
    squares = sum(
        (y - u) ** 2
        for row, values in zip(certificate.labels, certificate.network.values(certificate.inputs), strict=True)
        for y, u in zip(row, values, strict=True)
    )
    low, high = certificate.network.cost_bounds
    assert squares / 2 + lam * low <= certificate.upper == squares / 2 + lam * high
    pairs = [(a, y) for row, labels in zip(dual, certificate.labels, strict=True) for a, y in zip(row, labels, strict=True)]
    assert certificate.lower == sum(a * y - a * a / 2 for a, y in pairs)
    assert not any(map(any, moments(dual, certificate.inputs)))


def test_no_random_neuron_responds_above_lam(proof: Proof) -> None:
    certificate, rng = proof.certificate, np.random.default_rng(2)
    assert certificate.dual
    assert certificate.lam
    d, largest, rows = certificate.n_inputs, Fraction(0), certificate.dual
    for _ in range(500):
        w = [Fraction(int(entry)) for entry in rng.integers(-99, 100, d)]
        through = certificate.inputs[rng.integers(len(certificate.inputs))]
        if not any(w):
            continue
        heights = [sum(a * (p - q) for a, p, q in zip(w, x, through, strict=True)) for x in certificate.inputs]
        response = [sum(max(h, Fraction(0)) * row[t] for h, row in zip(heights, rows, strict=True)) for t in range(2)]
        largest = max(largest, norm_squared(response) / (certificate.lam**2 * norm_squared(w)))
    assert Fraction(9, 10) < largest <= 1


def test_numbers_are_taken_as_they_are_written() -> None:
    X, Y = ["0", "0.1", "0.3", "0.7", "0.3"], ["1", "0", "2", "0.5", "1.5"]
    solution = fit([float(x) for x in X], [float(y) for y in Y], 0.1)
    proof = prove(solution.network, X, Y, lam="0.1", tol=1e-3)
    assert proof.certificate.lam == Fraction(1, 10)
    assert (Fraction(3, 10),) in proof.certificate.inputs
    assert proof.lower <= proof.upper


def test_a_network_far_from_the_best_fit_is_not_proved_but_its_bounds_hold() -> None:
    X, Y = data(5)
    best = fit(X, Y, 0.1).prove()
    network = interpolate(X[1:], Y[1:]).network
    proof = prove(network, X, Y, lam=Fraction(0.1))
    assert not proof.proved
    assert "gap" in proof.problems[0]
    assert proof.lower <= best.upper
    assert best.lower <= proof.upper
    with pytest.raises(ValueError, match="there is no proof to save"):
        proof.save("never.json")


# --- certificates ---


def test_certificates_are_read_back_and_the_script_accepts_them(proof: Proof, tmp_path: Path) -> None:
    path = tmp_path / "fit.json"
    proof.save(path)
    assert json.loads(path.read_text())["version"] == 2
    assert load_exact_certificate(path) == proof.certificate
    assert checker.main([str(path)]) == 0


def test_the_script_counts_how_often_a_row_occurs(proof: Proof, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, table = tmp_path / "fit.json", tmp_path / "data.csv"
    proof.save(path)
    rows = [*zip(proof.certificate.inputs, proof.certificate.labels, strict=True)]
    lines = [",".join(repr(float(value)) for value in (*x, *y)) for x, y in rows]
    table.write_text("\n".join(reversed(lines)))
    assert checker.main([str(path), str(table)]) == 0
    for wrong in (lines[1:], [*lines, lines[0]]):
        table.write_text("\n".join(wrong))
        capsys.readouterr()
        assert checker.main([str(path), str(table)]) == 64
        assert "other data" in capsys.readouterr().err


Judge = Callable[[ExactCertificate], str]


@pytest.fixture
def said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Judge:
    """What the script says of a certificate, in one line; the package must agree."""

    def verdict(certificate: ExactCertificate) -> str:
        save_exact_certificate(certificate, tmp_path / "forged.json")
        code = checker.main([str(tmp_path / "forged.json")])
        told = capsys.readouterr().out
        assert (certificate.problems() == []) == (code == 0)
        return str(told.splitlines()[0])

    return verdict


def with_dual(certificate: ExactCertificate, dual: Matrix) -> ExactCertificate:
    """Another dual array, and the lower bound that follows; a network so bad that the bounds do not cross."""
    network = replace(certificate.network, c=tuple(entry + 10 for entry in certificate.network.c))
    assert certificate.lam
    upper = network.fit_objective(certificate.inputs, certificate.labels, certificate.lam)
    lower = fit_bound(dual, certificate.labels)
    return replace(certificate, dual=dual, lower=lower, network=network, upper=upper)


def scaled(dual: Matrix, factor: Fraction) -> Matrix:
    return tuple(tuple(entry * factor for entry in row) for row in dual)


def test_responses_are_accepted_just_up_to_lam(proof: Proof, said: Judge) -> None:
    certificate = proof.certificate
    assert certificate.dual
    assert certificate.lam
    response = Fraction(largest_response(certificate.inputs, certificate.dual))
    exact = scaled(certificate.dual, certificate.lam / response)
    assert said(with_dual(certificate, scaled(exact, 1 - SMALL))).startswith("PROVED")
    assert "responds above" in said(with_dual(certificate, scaled(exact, 1 + SMALL)))
    assert point_above(certificate.inputs, scaled(exact, 1 + SMALL), certificate.lam) is not None


def test_arrays_that_are_not_orthogonal_are_refused(proof: Proof, said: Judge) -> None:
    dual = proof.certificate.dual
    assert dual
    for k in range(proof.certificate.n_inputs + 1):  # orthogonal to all of 1, x and y but one
        array = tuple(tuple(entry / 2 for entry in row) for row in dual)
        first = proof.certificate.inputs[0]
        bump = Fraction(1, 10**6) if k == 0 else first[k - 1] / 10**6
        changed = ((array[0][0] + bump, *array[0][1:]), *array[1:])
        assert "not orthogonal" in said(with_dual(proof.certificate, changed))


def test_a_lam_that_is_not_positive_is_refused(proof: Proof, said: Judge) -> None:
    certificate = proof.certificate
    for lam in (Fraction(0), Fraction(-1, 10)):
        nothing = tuple(tuple(Fraction(0) for _ in row) for row in certificate.labels)
        upper = certificate.network.fit_objective(certificate.inputs, certificate.labels, lam)
        forged = replace(certificate, lam=lam, dual=nothing, lower=min(upper, Fraction(0)), upper=upper)
        assert said(forged).startswith("NOT PROVED")


def test_points_in_another_order_and_bounds_that_cross_are_refused(proof: Proof, said: Judge) -> None:
    certificate = proof.certificate
    assert certificate.dual
    turned = {name: getattr(certificate, name)[::-1] for name in ("inputs", "labels", "dual")}
    assert "inputs" in said(replace(certificate, **turned))
    assert "lower" in said(replace(certificate, lower=certificate.upper + 1))
    assert "upper" in said(replace(certificate, upper=certificate.upper + SMALL))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda text: text[: len(text) // 2], "unreadable"),
        (lambda text: text.replace('"version": 2', '"version": 3'), "neither 1 nor 2"),
        (lambda text: text.replace('"version": 2', '"version": 1'), "must have the fields"),
        (lambda text: text.replace('"lam": "', '"lam": "' + "9" * 10**6), "unreadable"),
        (lambda text: text.replace('"lam": "', '"lam": 0.5, "other": "'), "holds the number 0.5"),
        (lambda text: text.replace('"lam": "', '"lam": "1/10", "lam": "'), "occurs twice"),
    ],
)
def test_files_that_are_no_certificates_are_refused_in_a_line(
    proof: Proof, tmp_path: Path, capsys: pytest.CaptureFixture[str], change: Callable[[str], str], told: str
) -> None:
    path = tmp_path / "fit.json"
    proof.save(path)
    text = path.read_text()
    assert change(text) != text
    path.write_text(change(text))
    assert checker.main([str(path)]) == 64
    printed = capsys.readouterr()
    assert told in printed.err
    assert len((printed.out + printed.err).splitlines()) == 1
    assert len(printed.err) < 400
    with pytest.raises(ValueError, match="is not an exact certificate") as error:
        load_exact_certificate(path)
    assert len(str(error.value).splitlines()) == 1
    assert len(str(error.value)) < 500


# --- the line as part of the plane ---


def test_responses_on_a_line_are_those_of_the_plane_that_holds_it() -> None:
    X, Y = data(11, n=9)
    proof = fit(X, Y, 0.05).prove(tol=1)
    inputs, dual = proof.certificate.inputs, proof.certificate.dual
    assert dual
    embedded = tuple((x, Fraction(0)) for (x,) in inputs)
    on_line = max(float(norm_squared(row)) for row in line_responses(inputs, dual)) ** 0.5
    assert max(cone.largest for cone in cones(embedded, dual)) == pytest.approx(on_line, rel=1e-12)


# --- what is refused ---


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"loss": "huber:1"}, "squared loss without weights"),
        ({"weights": np.full((8, 2), 2.0)}, "squared loss without weights"),
        ({"skip": False}, "with a skip connection"),
        ({"penalise_bias": True}, "penalty on biases"),
    ],
)
def test_other_fits_are_refused(options: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        fit(*data(3, d=2), 0.1, tol=1e-3, **options).prove()


def test_missing_labels_and_more_inputs_are_refused() -> None:
    X, Y = data(3)
    Y[2, 0] = np.nan
    with pytest.raises(ValueError, match="exact proofs need every label"):
        fit(X, Y, 0.1).prove()
    with pytest.raises(ValueError, match="for one or two inputs"):
        fit(*data(3, n=6, d=3), 0.1, tol=1e-2).prove()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"lam": 0}, "lam must be positive, got 0"),
        ({"lam": "-0.5"}, "lam must be positive, got -0.5"),
        ({"lam": "much"}, "lam holds 'much', which is not a number"),
        ({"lam": np.inf}, "lam must hold finite numbers"),
        ({"lam": 1, "dual": np.zeros((3, 2))}, "dual must be 8 rows of 2 numbers"),
        ({"lam": 1, "Y": np.zeros((7, 2))}, "X has 8 rows and Y has 7"),
    ],
)
def test_bad_arguments_are_named(arguments: dict[str, Any], told: str) -> None:
    X, Y = data(3)
    network = ReLUNetwork(np.ones((1, 1)), [0.0], np.ones((2, 1)))
    with pytest.raises(ValueError, match=told):
        prove(network, X, **{"Y": Y, **arguments})


def test_solutions_of_interpolation_prove_themselves_too() -> None:
    X, Y = data(4)
    assert interpolate(X[1:], Y[1:]).prove(band_at=[0.0]).proved
    with pytest.raises(ValueError, match="infinitely many auxiliary outputs"):
        interpolate(X[1:], Y[1:], auxiliary="infinite").prove()
