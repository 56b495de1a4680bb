"""Exact certificates as files, and the checker that needs nothing but Python: true ones pass, tampered ones never do."""

import ast
import json
import subprocess
import sys
from collections import Counter
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from exact_tampering import tampered, write

from vvnorm import check_certificate as checker
from vvnorm import fit, interpolate, lambda_max, two_squares
from vvnorm.verifier.exact import Proof, load_exact_certificate, prove
from vvnorm.verifier.exact.certificate import digest

CHECKER = Path(checker.__file__)


def on_a_line(seed: int, n: int = 6, outputs: int = 2) -> Proof:
    """A proof for random data, some of whose neighbouring curvatures are aligned."""
    rng = np.random.default_rng(seed)
    x = np.cumsum(rng.integers(1, 5, n)) / 4
    slopes = np.cumsum(np.outer(rng.integers(-2, 3, n), np.arange(1, outputs + 1)) * 0.375, axis=0) + 0.625
    Y = np.cumsum(slopes * np.gradient(x)[:, None], axis=0) if seed % 2 else rng.normal(size=(n, outputs))
    return prove(None, x, Y, band_at=[float(x[0]) + 0.3, float(x[-1]) - 0.8])


def in_the_plane(seed: int, n: int = 7, outputs: int = 2) -> Proof:
    """A proof for random points."""
    rng = np.random.default_rng(seed)
    return prove(interpolate(rng.normal(size=(n, 2)), rng.normal(size=(n, outputs))))


def of_a_fit(seed: int, n: int = 7, inputs: int = 1, outputs: int = 2) -> Proof:
    """A proof for a fit of random points, some of them repeated, whose network has neurons."""
    rng = np.random.default_rng(seed)
    X, Y = rng.normal(size=(n, inputs)), rng.normal(size=(n, outputs))
    X[seed % n] = X[0]
    solution = fit(X, Y, float(lambda_max(X, Y) * rng.uniform(0.02, 0.5)))
    assert solution.network.n_neurons
    return solution.prove(tol=1e-5)


@pytest.fixture(scope="module")
def proofs() -> list[Proof]:
    return [on_a_line(1), on_a_line(2), in_the_plane(3, 6, 1), in_the_plane(4, 5, 2), of_a_fit(5), of_a_fit(6, 6, 2)]


def content_of(proof: Proof, folder: Path) -> dict[str, Any]:
    proof.save(folder / "true.json")
    content: dict[str, Any] = json.loads((folder / "true.json").read_text())
    return content


def accepted_by_reader(path: Path) -> bool:
    try:
        certificate = load_exact_certificate(path)
    except ValueError as error:
        told = str(error)
    else:
        return not certificate.problems()
    assert len(told.splitlines()) == 1
    assert len(told) < 400
    return False


# --- true certificates ---


def test_true_certificates_are_read_back_and_accepted(proofs: list[Proof], tmp_path: Path) -> None:
    for proof in proofs:
        path = tmp_path / "true.json"
        proof.save(path)
        loaded = load_exact_certificate(path)
        assert loaded == proof.certificate
        assert loaded.problems() == []
        assert checker.main([str(path)]) == 0


@pytest.mark.slow
def test_a_thousand_true_certificates_are_accepted(tmp_path: Path) -> None:
    rng = np.random.default_rng(20)
    for seed in range(1000):
        if seed % 10 == 5:
            proof = of_a_fit(seed, int(rng.integers(5, 13)), 1 + seed // 10 % 2, int(rng.integers(1, 4)))
        elif seed % 10:
            proof = on_a_line(seed, int(rng.integers(2, 21)), int(rng.integers(1, 6)))
        else:
            proof = in_the_plane(seed, int(rng.integers(4, 21)), int(rng.integers(1, 4)))
        proof.save(tmp_path / "true.json")
        assert checker.main([str(tmp_path / "true.json")]) == 0, seed


def test_two_squares_are_proved_by_the_script_alone(tmp_path: Path) -> None:
    data = two_squares()
    prove(interpolate(data.X, data.Y)).save(tmp_path / "squares.json")
    command = [sys.executable, "-I", "-S", str(CHECKER), str(tmp_path / "squares.json")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0
    assert done.stdout.startswith("PROVED: 4.0000000000")
    assert done.stderr == ""


def test_the_script_is_short_and_imports_the_standard_library_only() -> None:
    text = CHECKER.read_text()
    assert len(text.splitlines()) <= 250
    imported = {
        alias.name if isinstance(node, ast.Import) else node.module
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }
    assert imported <= set(sys.stdlib_module_names)


# --- tampered certificates ---


def assert_refused(content: dict[str, Any], folder: Path, capsys: pytest.CaptureFixture[str], name: str) -> int:
    """Have both readers refuse a certificate, each in one line, and return the script's exit code."""
    path = write(content, folder / "tampered.json")
    code: int = checker.main([str(path)])
    told = capsys.readouterr()
    assert code in (1, 64), name
    assert len((told.out + told.err).splitlines()) == 1, name
    assert not accepted_by_reader(path), name
    return code


def test_tampered_certificates_are_refused(proofs: list[Proof], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rng = np.random.default_rng(1)
    codes: Counter[int] = Counter()
    for proof in proofs:
        every = list(tampered(content_of(proof, tmp_path)))
        for k in rng.choice(len(every), 60, replace=False):
            codes[assert_refused(every[k][1], tmp_path, capsys, every[k][0])] += 1
    assert min(codes[1], codes[64]) > 50  # false statements, and files that are no certificates


@pytest.mark.slow
def test_every_tampered_certificate_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rng = np.random.default_rng(2)
    count = 0
    for proof in [
        *map(on_a_line, range(20)),
        *(in_the_plane(k, 5 + k % 4, 1 + k % 3) for k in range(20)),
        *(of_a_fit(k, 5 + k % 4, 1 + k % 2, 1 + k % 3) for k in range(20)),
    ]:
        every = list(tampered(content_of(proof, tmp_path)))
        for k in rng.choice(len(every), min(100, len(every)), replace=False):
            assert_refused(every[k][1], tmp_path, capsys, every[k][0])
            count += 1
    assert count >= 1000


def test_every_kind_of_change_of_a_small_certificate_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    content = content_of(prove(None, ["0", "1/2", "2"], ["0.1", "1", "0.3"], band_at=["1"]), tmp_path)
    for name, changed in tampered(content):
        assert_refused(changed, tmp_path, capsys, name)


def test_a_change_that_is_not_sealed_is_noticed(proofs: list[Proof], tmp_path: Path) -> None:
    content = content_of(proofs[0], tmp_path)
    content["neurons"] = content["neurons"][::-1]  # as true as before
    assert checker.main([str(write(content, tmp_path / "other.json"))]) == 64
    content["sha256"] = digest(content)
    assert checker.main([str(write(content, tmp_path / "other.json"))]) == 0


def scaled(values: Any, factor: Fraction) -> Any:
    return [scaled(value, factor) for value in values] if isinstance(values, list) else str(Fraction(values) * factor)


def test_a_dual_array_that_is_too_large_is_refused_for_its_responses(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """All else is consistent: the lower bound grows with the dual array and stays below the cost of a wasteful network."""
    content = content_of(in_the_plane(3, 6, 1), tmp_path)
    content["neurons"] += [{"w": ["1", "0"], "b": "0", "v": ["1"]}, {"w": ["-1", "0"], "b": "0", "v": ["-1"]}]
    content["A"][0][0] = str(Fraction(content["A"][0][0]) - 1)
    content["upper"] = str(Fraction(content["upper"]) + 2)
    content["sha256"] = digest(content)
    assert checker.main([str(write(content, tmp_path / "wasteful.json"))]) == 0
    capsys.readouterr()
    for name in ("dual", "lower"):
        content[name] = scaled(content[name], 1 + Fraction(1, 10**6))
    assert_refused(content | {"sha256": digest(content)}, tmp_path, capsys, "dual")
    assert checker.main([str(tmp_path / "tampered.json")]) == 1
    assert "responds above 1" in capsys.readouterr().out


# --- unreadable files ---


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "null",
        "1" * 1_000_000,
        "[" * 100_000,
        '{"format": "vvnorm exact certificate"}',
        '{"format": "vvnorm exact certificate", "version": 2}',
        '{"format": "vvnorm exact certificate", "version": 1.0}',
        '{"format": "vvnorm exact certificate", "version": 1, "version": 1}',
        '{"format": "vvnorm exact certificate", "version": NaN}',
        '{"format": "vvnorm exact certificate", "version": 1, "inputs": [["' + "7" * 1_000_000 + '"]]}',
        '{"format": "vvnorm exact certificate", "version": 1, "inputs": [["1"], ["2", "3"]]}',
        '{"format": "vvnorm exact certificate", "version": 1, "inputs": [["1", "2", "3"], ["2", "3", "4"]]}',
        "\ud800",
    ],
    ids=lambda text: f"{text[:60]!r} {len(text)}",
)
def test_unreadable_files_get_one_line_and_exit_code_64(
    text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "bad.json"
    path.write_bytes(text.encode(errors="surrogatepass"))
    assert checker.main([str(path)]) == 64
    told = capsys.readouterr()
    assert told.out == ""
    assert len(told.err.splitlines()) == 1
    assert len(told.err) < 400
    assert not accepted_by_reader(path)


def test_truncated_files_are_unreadable(proofs: list[Proof], tmp_path: Path) -> None:
    path = tmp_path / "cut.json"
    proofs[2].save(path)
    whole = path.read_bytes()
    for length in range(0, len(whole) - 2, 97):
        path.write_bytes(whole[:length])
        assert checker.main([str(path)]) == 64
        assert not accepted_by_reader(path)


def test_what_is_no_file_is_unreadable(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in ([], [str(tmp_path / "none.json")], [str(tmp_path)], ["a", "b", "c"]):
        assert checker.main(arguments) == 64
        assert len(capsys.readouterr().err.splitlines()) == 1
    assert not accepted_by_reader(tmp_path / "none.json")


# --- data beside the certificate ---


@pytest.mark.parametrize("kind", ["decimals", "floats"])
def test_data_in_a_csv_file_are_compared(kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    x, y = ["0.1", "0.3", "0.2"], ["1.1", "-2", "7e-1"]
    exact = kind == "decimals"
    prove(None, x if exact else list(map(float, x)), y if exact else list(map(float, y))).save(tmp_path / "a.json")
    table = tmp_path / "data.csv"
    lines = [f"{a}, {b}" for a, b in zip(x, y, strict=True)]
    for text, code in (
        ("\n".join(lines), 0),
        ("\n".join(["temperature,y", *lines]), 0),
        ("\n".join([*lines, lines[0]]), 0),  # merged, as they are equal
        ("\n".join(lines[:2]), 64),
        ("\n".join([*lines[:2], "0.2, 0.71"]), 64),
        ("\n".join([*lines, "0.4, x"]), 64),
        ("\n".join([*lines, "0.4, 1e999999999"]), 64),
        ("\n".join([*lines, "0.4, 1e9_9_9_9_9_9_9_9"]), 64),
        ("\n".join([*lines, "0.4, 1e\uff19\uff19\uff19\uff19\uff19\uff19\uff19\uff19"]), 64),
        ("\n".join([*lines, "1" * 1_000_000]), 64),
        ("", 64),
    ):
        table.write_text(text, encoding="utf-8")
        assert checker.main([str(tmp_path / "a.json"), str(table)]) == code, text[:100]
        assert code == 0 or len(capsys.readouterr().err.splitlines()) == 1
