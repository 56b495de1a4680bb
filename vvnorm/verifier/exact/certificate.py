"""Exact certificates: data, network, dual array and bounds in rational numbers, and how they are checked and stored.

The format is JSON with rationals as text, described field by field in docs/exact_certificates.md. The script
`check_certificate.py` checks the same files on its own; it shares no code with this module.
"""

import hashlib
import json
import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

from vvnorm._internal.files import atomic_write
from vvnorm.verifier.exact.dual_arrays import fit_bound, moments, pairing, point_above
from vvnorm.verifier.exact.line import BandPoint, ExactLine
from vvnorm.verifier.exact.rational_network import Neuron, RationalNetwork
from vvnorm.verifier.exact.rationals import MOST_DIGITS, Matrix, Vector, to_float

FORMAT: Final = "vvnorm exact certificate"
INTERPOLATION, FITS = 1, 2
"""Versions of the format, for interpolants and for fits."""

_RATIONAL = re.compile(r"(-?[1-9][0-9]*|0)(/[1-9][0-9]*)?")
_LARGEST_FILE: Final = 1 << 28  # bytes


@dataclass(frozen=True)
class ExactCertificate:
    """A proof for one data set: lower <= the least VV norm of an interpolant, or the least objective of a fit, <= upper.

    Attributes
    ----------
    inputs, labels : N rows of d and T Fraction
        The data; rows of inputs strictly increase. Fits: rows of inputs and labels do not decrease.
    network : RationalNetwork
        An interpolant of cost at most `upper`, or a fit of objective at most `upper`.
    lower, upper : Fraction
    dual : N rows of T Fraction, or None
        Two inputs, and fits: a dual array that proves `lower`. None for interpolants of one input: there the data prove it.
    unique : bool or None
        One input: whether there is no other minimal-VV-norm interpolant.
    unique_outputs : tuple of T bool, or None
        One input: in which outputs all minimal-VV-norm interpolants agree.
    fewest_neurons : int or None
        One input: the fewest neurons of such an interpolant.
    band : tuple of BandPoint
        One input: the range of the values of minimal-VV-norm interpolants at some points.
    lam : Fraction or None
        Fits: the weight of the VV norm, next to half the sum of squared residuals. Fits have no facts about minimisers.
    """

    inputs: Matrix = field(repr=False)
    labels: Matrix = field(repr=False)
    network: RationalNetwork = field(repr=False)
    lower: Fraction
    upper: Fraction
    dual: Matrix | None = field(default=None, repr=False)
    unique: bool | None = None
    unique_outputs: tuple[bool, ...] | None = None
    fewest_neurons: int | None = None
    band: tuple[BandPoint, ...] = field(default=(), repr=False)
    lam: Fraction | None = None

    @property
    def n_inputs(self) -> int:
        """Number of input features: one or two."""
        return len(self.inputs[0])

    @property
    def gap(self) -> Fraction:
        """(upper - lower) / upper; 0 for 0 / 0."""
        return (self.upper - self.lower) / self.upper if self.upper else Fraction(0)

    def problems(self) -> list[str]:
        """Derive everything again from the data; an empty list means that everything is proved."""
        return self._shapes() or [*self._primal(), *(self._by_curvatures() if self._has_facts else self._by_dual())]

    @property
    def _has_facts(self) -> bool:
        """Whether curvatures prove the lower bound, and facts about all minimisers."""
        return self.n_inputs == 1 and self.lam is None

    def _shapes(self) -> list[str]:
        """List what is wrong with the shapes of the parts."""
        problems = []
        N, d, T = len(self.inputs), len(self.inputs[0]), len(self.labels[0])
        if d not in (1, 2):
            problems.append(f"inputs: exact certificates are for one or two inputs, not {d}")
        if len(self.inputs) < 2 or not self._in_order():
            problems.append("inputs: points must be two or more, and strictly increase; those of fits may repeat")
        if self.lam is not None and self.lam <= 0:
            problems.append("lam: must be positive")
        network = self.network
        rows: list[tuple[str, Sequence[Sequence[Any]], int, int]] = [
            ("inputs", self.inputs, N, d),
            ("labels", self.labels, N, T),
            ("network: w", [neuron.w for neuron in network.neurons], len(network.neurons), d),
            ("network: v", [neuron.v for neuron in network.neurons], len(network.neurons), T),
            ("network: A", network.A, T, d),
            ("network: c", [network.c], 1, T),
        ]
        if not self._has_facts:
            rows.append(("dual", self.dual or [], N, T))
        problems += [
            f"{name}: must be {n} rows of {width} numbers"
            for name, values, n, width in rows
            if len(values) != n or any(len(row) != width for row in values)
        ]
        return problems

    def _in_order(self) -> bool:
        if self.lam is None:
            return all(a < b for a, b in zip(self.inputs, self.inputs[1:], strict=False))
        rows = list(zip(self.inputs, self.labels, strict=True)) if len(self.inputs) == len(self.labels) else []
        return rows == sorted(rows)

    def _primal(self) -> list[str]:
        if self.lam is None:
            misfits = enumerate(self.network.misfits(self.inputs, self.labels))
            missed = [(i, t, off) for i, row in misfits for t, off in enumerate(row) if off]
            problems = [f"network: it misses label {t} of point {i} by {to_float(off):.3g}" for i, t, off in missed]
            upper = self.network.cost_bounds[1]
        else:
            problems, upper = [], self.network.fit_objective(self.inputs, self.labels, self.lam)
        if upper != self.upper:
            problems.append("upper: is not the bound on the network's cost or objective")
        if self.lower > self.upper:
            problems.append("lower: is above upper")
        return problems

    def _by_curvatures(self) -> list[str]:
        line = ExactLine(tuple(x for (x,) in self.inputs), self.labels)
        problems = [] if self.dual is None else ["dual: there is none for one input"]
        if line.bounds[0] != self.lower:
            problems.append("lower: is not the bound on the sum of the curvatures' norms")
        for name in ("unique", "unique_outputs", "fewest_neurons"):
            if getattr(self, name) != getattr(line, name):
                problems.append(f"{name}: the data say {getattr(line, name)}")
        known = line.band(point.at for point in self.band)
        problems += [f"band: is wrong at {float(a.at):.6g}" for a, b in zip(self.band, known, strict=True) if a != b]
        return problems

    def _by_dual(self) -> list[str]:
        assert self.dual is not None  # `_shapes` has seen it
        problems = []
        if (self.unique, self.unique_outputs, self.fewest_neurons, self.band) != (None, None, None, ()):
            problems.append("unique, unique_outputs, fewest_neurons, band: are for interpolants of one input")
        if any(any(row) for row in moments(self.dual, self.inputs)):
            problems.append("dual: it is not orthogonal to affine functions")
        elif (point := point_above(self.inputs, self.dual, self.lam or Fraction(1))) is not None:
            limit = "1" if self.lam is None else "lam"
            problems.append(f"dual: a neuron with its kink through point {point} responds above {limit}")
        bound = pairing if self.lam is None else fit_bound
        if bound(self.dual, self.labels) != self.lower:
            problems.append("lower: is not the sum of dual times labels, less half the squares of dual for fits")
        return problems


def save_exact_certificate(certificate: ExactCertificate, path: str | os.PathLike[str]) -> None:
    """Write a certificate as JSON, whole or not at all.

    Raises
    ------
    ValueError
        If a number has more than `MOST_DIGITS` digits, or the file cannot be written.
    """
    network = certificate.network
    content: dict[str, Any] = {
        "format": FORMAT,
        "version": INTERPOLATION if certificate.lam is None else FITS,
        "inputs": _texts(certificate.inputs),
        "labels": _texts(certificate.labels),
        "neurons": [{"w": _texts(w), "b": _text(b), "v": _texts(v)} for w, b, v in network.neurons],
        "A": _texts(network.A),
        "c": _texts(network.c),
        "lower": _text(certificate.lower),
        "upper": _text(certificate.upper),
    }
    if certificate.lam is not None:
        content["lam"] = _text(certificate.lam)
    if certificate.dual is None:
        content["unique"] = certificate.unique
        content["unique_outputs"] = list(certificate.unique_outputs or ())
        content["fewest_neurons"] = certificate.fewest_neurons
        content["band"] = [{"at": _text(at), "lower": _texts(a), "upper": _texts(b)} for at, a, b in certificate.band]
    else:
        content["dual"] = _texts(certificate.dual or ())
    content["sha256"] = digest(content)
    with atomic_write(path) as stream:
        stream.write(_laid_out(content).encode())


def load_exact_certificate(path: str | os.PathLike[str]) -> ExactCertificate:
    """Read a certificate; nothing in it is trusted until `problems` finds none.

    Raises
    ------
    ValueError
        If the file is missing, truncated, altered since it was written, of another version, or no certificate.
    """
    try:
        with Path(path).open("rb") as stream:
            text = stream.read(_LARGEST_FILE + 1)
        if len(text) > _LARGEST_FILE:
            raise ValueError(f"it is longer than {_LARGEST_FILE} bytes")
        return _read(json.loads(text, parse_float=_no_float, parse_constant=_no_float, object_pairs_hook=_distinct))
    except OSError as error:
        raise ValueError(f"cannot read {str(path)!r}: {error.strerror or error}") from None
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        reason = f"it lacks {error}" if isinstance(error, KeyError) else str(error)
        raise ValueError(f"{str(path)!r} is not an exact certificate: {reason}") from None


def digest(content: dict[str, Any]) -> str:
    """Return the SHA-256 of all other fields, as text without spaces and with keys in order.

    It detects damaged files and proves nothing.
    """
    rest = {key: value for key, value in content.items() if key != "sha256"}
    return hashlib.sha256(json.dumps(rest, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


# --- from and to JSON ---


def _text(value: Fraction) -> str:
    try:
        text = str(value)
    except ValueError:  # Python's limit on the digits of an integer
        text = "/" * MOST_DIGITS * 3
    if max(map(len, text.split("/", 1))) > MOST_DIGITS:
        raise ValueError(f"a number of the certificate has more than {MOST_DIGITS} digits; scale the data or round them")
    return text


def _laid_out(content: dict[str, Any]) -> str:
    """JSON with one row of numbers, or one neuron, per line."""
    fields = []
    for key, value in content.items():
        text = json.dumps(value)
        if isinstance(value, list) and value and not isinstance(value[0], str | bool):
            text = "[\n  " + ",\n  ".join(map(json.dumps, value)) + "\n ]"
        fields.append(f" {json.dumps(key)}: {text}")
    return "{\n" + ",\n".join(fields) + "\n}\n"


def _texts(values: Any) -> list[Any]:
    return [_texts(value) if isinstance(value, tuple) else _text(value) for value in values]


def _read(content: Any) -> ExactCertificate:
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise ValueError(f"its format is not {FORMAT!r}")
    version = content.get("version")
    if version not in (INTERPOLATION, FITS) or isinstance(version, bool):
        raise ValueError(f"its version is {version!r:.40}; this one reads {INTERPOLATION} (interpolants) and {FITS} (fits)")
    if content["sha256"] != digest(content):
        raise ValueError("it was altered after it was written: its sha256 differs")
    inputs = _matrix(content["inputs"], "inputs")
    facts = ["unique", "unique_outputs", "fewest_neurons", "band"]
    own = ["dual", "lam"] if version == FITS else facts if len(inputs[0]) == 1 else ["dual"]
    both = ["format", "version", "inputs", "labels", "neurons", "A", "c", "lower", "upper", "sha256"]
    _check_keys(content, [*both, *own], "it")
    network = RationalNetwork(
        tuple(_list(content["neurons"], "neurons", _neuron)), _matrix(content["A"], "A"), _vector(content["c"], "c")
    )
    labels = _matrix(content["labels"], "labels")
    bounds = _rational(content["lower"], "lower"), _rational(content["upper"], "upper")
    if "dual" in own:
        lam = _rational(content["lam"], "lam") if version == FITS else None
        return ExactCertificate(inputs, labels, network, *bounds, dual=_matrix(content["dual"], "dual"), lam=lam)
    return ExactCertificate(
        inputs,
        labels,
        network,
        *bounds,
        unique=_flag(content["unique"], "unique"),
        unique_outputs=tuple(_list(content["unique_outputs"], "unique_outputs", _flag)),
        fewest_neurons=_count(content["fewest_neurons"]),
        band=tuple(_list(content["band"], "band", _band_point)),
    )


def _no_float(text: str) -> Any:
    raise ValueError(f"it holds the number {text[:30]}; numbers are written as text, 'p' or 'p/q'")


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(dict(pairs)) != len(pairs):
        raise ValueError("a field occurs twice")
    return dict(pairs)


def _check_keys(record: Any, names: list[str], where: str) -> None:
    if not isinstance(record, dict):
        raise ValueError(f"{where} must be an object with the fields {', '.join(names)}")
    missing, other = [name for name in names if name not in record], [name for name in record if name not in names]
    if missing or other:
        raise ValueError(f"{where} {'lacks' if missing else 'has the unknown field'} {(missing or other)[0]!r:.40}")


def _rational(text: Any, name: str) -> Fraction:
    if not isinstance(text, str):
        raise ValueError(f"{name} holds {str(text)[:30]!r}, which is not a rational number as text")
    if max(map(len, text.split("/", 1))) > MOST_DIGITS:
        raise ValueError(f"{name} holds a number of {len(text)} characters")
    if not _RATIONAL.fullmatch(text) or str(Fraction(text)) != text:
        raise ValueError(f"{name} holds {text[:30]!r}, which is not a rational number in lowest terms")
    return Fraction(text)


def _list(values: Any, name: str, read: Callable[[Any, str], Any]) -> list[Any]:
    if not isinstance(values, list):
        raise ValueError(f"{name} must be a list")
    return [read(value, name) for value in values]


def _vector(values: Any, name: str) -> Vector:
    return tuple(_list(values, name, _rational))


def _matrix(values: Any, name: str) -> Matrix:
    rows = tuple(_list(values, name, _vector))
    if not rows or not rows[0]:
        raise ValueError(f"{name} is empty")
    return rows


def _neuron(record: Any, name: str) -> Neuron:
    _check_keys(record, ["w", "b", "v"], "a neuron")
    return Neuron(_vector(record["w"], name), _rational(record["b"], name), _vector(record["v"], name))


def _band_point(record: Any, name: str) -> BandPoint:
    _check_keys(record, ["at", "lower", "upper"], "a point of the band")
    return BandPoint(_rational(record["at"], name), _vector(record["lower"], name), _vector(record["upper"], name))


def _flag(value: Any, name: str) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"{name} must be true or false")
    return value


def _count(value: Any) -> int:
    if type(value) is not int:  # booleans are of a type below it
        raise ValueError("fewest_neurons must be an integer")
    return value
