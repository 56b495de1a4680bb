#!/usr/bin/env python3
"""Check an exact certificate about minimal-norm ReLU networks, with Python's standard library alone.

    python -m vvnorm.check_certificate CERTIFICATE.json [DATA.csv]     (or a copy: python check_certificate.py ...)

The statement. Data are points x_1 .. x_N in R^d, d = 1 or 2, with labels y_1 .. y_N in R^T. A network is a function
    f(x) = sum_k v_k max(w_k.x + b_k, 0) + A x + c        of cost  sum_k ||w_k|| ||v_k||     (Euclidean norms).
"PROVED: L <= optimum <= U": the least cost of all networks with f(x_i) = y_i for all i lies between L and U. Fits
have a number `lam` > 0; for them it is the least of sum_i ||f(x_i) - y_i||^2 / 2 + lam cost over all networks.
The proof of U: the certificate holds one network, which interpolates or is a fit; U bounds its cost or that sum.
The proof of L, one input: data have slopes between neighbours, which change by curvatures delta_i at inner points. The
slopes of a neuron max(w x + b, 0) change by amounts of one sign, |w| in total at most. A network's curvatures are the sums
of its neurons', so sum_i ||delta_i|| <= sum_k ||v_k|| |w_k|. L is a lower bound on sum_i ||delta_i||.
The proof of L, two inputs: the certificate has vectors l_j in R^T, the dual array, with sum_j l_j = 0, sum_j l_j x_j' = 0,
and ||sum_j l_j max(w.x_j + b, 0)|| <= ||w|| for all w and b. Pairing them with an interpolating network's values gives
L = sum_j l_j.y_j = sum_k v_k.(sum_j l_j max(w_k.x_j + b_k, 0)) <= sum_k ||v_k|| ||w_k||.
The proof of L, fits: the same with lam ||w||. As ||r||^2 / 2 >= l.r - ||l||^2 / 2 for all vectors, r = y_j - f(x_j) gives
L = sum_j (l_j.y_j - ||l_j||^2 / 2) <= sum_j (||r_j||^2 / 2 + l_j.f(x_j)). One input is taken for the first axis of two.
For one w the sum is piecewise linear in b and 0 far out, so its norm is largest where a kink meets a point, b = -w.x_i. The
lines w.(x_j - x_i) = 0 cut the plane of all w into cones; in each the sum is C w with one matrix C. With the cone's edges
r1, r2 and w = a1 r1 + a2 r2, the condition ||C w||^2 <= ||w||^2 is p a1^2 + 2 s a1 a2 + q a2^2 >= 0, with p, q, s made from
r1, r2 and I - C'C. It holds for all a1, a2 >= 0 just if p >= 0, q >= 0, and s >= 0 or s^2 <= p q.
All numbers are rational. Nothing is rounded but square roots, which are bounded by integers (`root`).
Exit codes: 0 proved, 1 a step fails, 64 unreadable: not a certificate of this version, damaged, or of other data.
"""

# ruff: noqa: B905, D103, RUF007  # shapes are checked where they are read; names say what a step does

import csv
import hashlib
import json
import math
import re
import sys
from decimal import Decimal
from fractions import Fraction
from functools import cmp_to_key

FIELDS = ["format", "version", "inputs", "labels", "neurons", "A", "c", "lower", "upper", "sha256"]
ONE_INPUT, TWO_INPUTS, FIT = ["unique", "unique_outputs", "fewest_neurons", "band"], ["dual"], ["dual", "lam"]  # more
RATIONAL = re.compile(r"(-?[1-9][0-9]*|0)(/[1-9][0-9]*)?")
MOST_DIGITS = 4000  # of a numerator or denominator
TOO_LONG = re.compile(r".{4001}|.*[eE][+-]?[\d_]{5}")  # numbers of a CSV file


class Fails(Exception):
    """A step of the proof fails."""


def require(condition, problem, error=Fails):
    if not condition:
        raise error(problem)


def no_number(text):
    raise ValueError(f"it holds the number {text[:30]}; numbers are written as text, 'p' or 'p/q'")


def no_repeats(pairs):
    require(len(dict(pairs)) == len(pairs), "a field occurs twice", ValueError)
    return dict(pairs)


def rational(text, name):
    require(isinstance(text, str), f"{name} holds {str(text)[:30]}, which is not a rational as text", ValueError)
    require(max(map(len, text.split("/", 1))) <= MOST_DIGITS, f"{name} holds {len(text)} digits", ValueError)
    good = RATIONAL.fullmatch(text) and str(Fraction(text)) == text
    require(good, f"{name} holds {text[:30]!r}, which is not a rational in lowest terms", ValueError)
    return Fraction(text)


def rows(values, n, width, name):
    """Read n rows of `width` rationals; None stands for any number but 0."""
    lists = isinstance(values, list) and all(isinstance(row, list) for row in values)
    require(lists and len(values) == (n or len(values) or 1), f"{name} must be {n or 'some'} rows", ValueError)
    width = width or len(values[0]) or 1
    require(all(len(row) == width for row in values), f"{name} must have rows of {width}", ValueError)
    return [[rational(text, name) for text in row] for row in values]


def objects(values, fields, name):
    known = isinstance(values, list) and all(isinstance(item, dict) and sorted(item) == sorted(fields) for item in values)
    require(known, f"{name} must be objects with the fields {', '.join(fields)}", ValueError)
    return values


def read(path):
    with open(path, "rb") as stream:
        data = json.loads(stream.read(), parse_float=no_number, parse_constant=no_number, object_pairs_hook=no_repeats)
    require(isinstance(data, dict) and data.get("format") == "vvnorm exact certificate", "it is no certificate", ValueError)
    version = data.get("version")
    require(type(version) is int and 0 < version < 3, f"it has version {str(version)[:30]}, neither 1 nor 2", ValueError)
    X = rows(data.get("inputs"), None, None, "inputs")
    N, d, neurons = len(X), len(X[0]), []
    require(d in (1, 2), f"this script knows one and two inputs, not {d}", ValueError)
    fields = FIELDS + (FIT if version == 2 else ONE_INPUT if d == 1 else TWO_INPUTS)
    require(sorted(data) == sorted(fields), f"it must have the fields {', '.join(fields)}", ValueError)
    text = json.dumps({key: data[key] for key in data if key != "sha256"}, sort_keys=True, separators=(",", ":"))
    require(hashlib.sha256(text.encode()).hexdigest() == data["sha256"], "it was altered: its sha256 differs", ValueError)
    Y = rows(data["labels"], N, None, "labels")
    T = len(Y[0])
    for item in objects(data["neurons"], ["w", "b", "v"], "neurons"):
        [w], [v] = rows([item["w"]], 1, d, "w"), rows([item["v"]], 1, T, "v")
        neurons.append((w, rational(item["b"], "b"), v))
    A, [c] = rows(data["A"], T, d, "A"), rows([data["c"]], 1, T, "c")
    bounds = rational(data["lower"], "lower"), rational(data["upper"], "upper")
    lam = rational(data["lam"], "lam") if version == 2 else None
    if "dual" in data:
        return X, Y, lam, (neurons, A, c), bounds, rows(data["dual"], N, T, "dual")
    band = objects(data["band"], ["at", "lower", "upper"], "band")
    band = [(rational(item["at"], "band"), *rows([item["lower"], item["upper"]], 2, T, "band")) for item in band]
    return X, Y, None, (neurons, A, c), bounds, (data["unique"], data["unique_outputs"], data["fewest_neurons"], band)


def compare(path, points, lam):
    """Compare with a CSV file: a row per point, inputs first, then labels; a line with names may come first."""
    with open(path, newline="", encoding="utf-8-sig") as stream:
        table = [[text.strip() for text in row] for row in csv.reader(stream) if row]
    require(not any(TOO_LONG.match(text) for row in table for text in row), f"{path}: a number is too long", ValueError)
    for number in (Fraction, lambda text: Fraction(float(text))):  # the decimals themselves, or their float64
        pairs = []
        for k, row in enumerate(table):
            try:
                pairs.append(tuple(map(number, row)))
            except (ValueError, ArithmeticError):
                require(k == 0, f"row {k + 1} of {path} holds something that is not a number", ValueError)
        if sorted(pairs if lam else set(pairs)) == points:  # a fit depends on how often a row occurs
            return
    raise ValueError(f"it is about other data than {path}")


def dot(a, b):
    return sum(x * y for x, y in zip(a, b))


def root(square):
    """Bound a square root from below and above by multiples of a power of 1/2; they are equal if it is one."""
    p, q = square.numerator, square.denominator
    shift = max(0, 128 - (p.bit_length() - q.bit_length()) // 2)
    low = math.isqrt((p << 2 * shift) // q)  # the largest integer with (low / 2^shift)^2 <= p / q
    exact = low * low * q == p << 2 * shift
    return Fraction(low, 1 << shift), Fraction(low if exact else low + 1, 1 << shift)


def check_upper(X, Y, lam, network, upper):
    (neurons, A, c), loss = network, 0
    for i, (x, y) in enumerate(zip(X, Y)):
        active = [(height, v) for w, b, v in neurons if (height := dot(w, x) + b) > 0]
        off = [dot(A[t], x) + c[t] + sum(height * v[t] for height, v in active) - label for t, label in enumerate(y)]
        require(lam or not any(off), f"neurons, A, c: at point {i + 1} the network differs from the label")
        loss += dot(off, off) / 2
    cost = sum(root(dot(w, w) * dot(v, v))[1] for w, _, v in neurons)
    require(upper == loss + (lam or 1) * cost, "upper: it is not the bound on the cost")


def check_line(X, Y, lower, facts):
    x, N, T = [row[0] for row in X], len(X), len(Y[0])
    slopes = [[(b - a) / (x[i + 1] - x[i]) for a, b in zip(Y[i], Y[i + 1])] for i in range(N - 1)]
    delta = [[b - a for a, b in zip(slopes[i], slopes[i + 1])] for i in range(N - 2)]  # delta[i] belongs to x[i + 1]
    require(lower == sum(root(dot(row, row))[0] for row in delta), "lower: it is not the bound on the curvatures")
    # A piece between inner points whose curvatures point the same way leaves freedom; no other piece does.
    ratio = {}  # by piece: the c > 0 with delta[i] = c delta[i - 1]
    for i in range(1, N - 2):
        t = next((t for t in range(T) if delta[i - 1][t]), None)
        c = 0 if t is None else delta[i][t] / delta[i - 1][t]
        if c > 0 and delta[i] == [c * entry for entry in delta[i - 1]]:
            ratio[i] = c
    unique, unique_outputs, fewest, band = facts
    require(unique is (not ratio), "unique: the curvatures say otherwise")
    fixed = [all(delta[i][t] == 0 for i in ratio) for t in range(T)]
    require(repr(unique_outputs) == repr(fixed), "unique_outputs: the curvatures say otherwise")
    count = run = 0  # half of each run of curvatures that point the same way, rounded up
    for i in range(N - 2):
        run = run + 1 if i in ratio else int(any(delta[i]))
        count += run % 2
    require(type(fewest) is int and fewest == count, "fewest_neurons: the curvatures say otherwise")
    for t, low, high in band:
        i = max((i for i in range(N - 1) if x[i] <= t), default=0)
        chord = end = [y + s * (t - x[i]) for y, s in zip(Y[i], slopes[i])]
        if i in ratio:
            depth = min(t - x[i], ratio[i] * (x[i + 1] - t))  # to the nearer of the neighbouring chords extended
            end = [y - depth * entry for y, entry in zip(chord, delta[i - 1])]
        ends = list(map(min, chord, end)), list(map(max, chord, end))
        require((low, high) == ends, f"band: at {decimal(t)} the data say otherwise")


def integers(values):  # multiples of 1 / unit
    unit = math.lcm(*(entry.denominator for row in values for entry in row))
    return [[int(entry * unit) for entry in row] for row in values], unit


def check_dual(X, Y, lam, lower, dual):
    for column in ([1] * len(X), *zip(*X)):
        require(all(dot(column, output) == 0 for output in zip(*dual)), "dual: it is not orthogonal to affine functions")
    pairing = sum(dot(row, y) - (dot(row, row) / 2 if lam else 0) for row, y in zip(dual, Y))
    require(lower == pairing, "lower: it is not the sum of dual times labels")
    (points, unit_x), (weights, unit_dual) = integers(X), integers([[entry / (lam or 1) for entry in row] for row in dual])
    square = (unit_x * unit_dual) ** 2  # the matrix is C / (unit_x unit_dual)
    points = [(x, *rest, 0)[:2] for x, *rest in points]
    for i, (x, y) in enumerate(points):
        steps = [(a - x, b - y) for a, b in points]
        edges = [(s * -b, s * a) for a, b in steps if a or b for s in (1, -1)] + [(1, 0), (0, 1), (-1, 0), (0, -1)]
        edges.sort(key=cmp_to_key(by_angle))
        for r1, r2 in zip(edges, edges[1:] + edges[:1]):
            if r1[0] * r2[1] == r1[1] * r2[0]:
                continue  # the same direction: because of the axes, neighbours are at most a right angle apart
            inside = (r1[0] + r2[0], r1[1] + r2[1])
            active = [(row, step) for row, step in zip(weights, steps) if dot(inside, step) > 0]
            C = [[sum(row[t] * step[k] for row, step in active) for k in (0, 1)] for t in range(len(dual[0]))]
            images = [(r, [dot(row, r) for row in C]) for r in (r1, r2)]
            (p, s), (_, q) = [[square * dot(r, w) - dot(a, b) for w, b in images] for r, a in images]
            below = p >= 0 and q >= 0 and (s >= 0 or s * s <= p * q)
            require(below, f"dual: a neuron with its kink through point {i + 1} responds above {lam or 1}")


def by_angle(r, w):
    """Compare the angles of two directions, counted from the first axis, from 0 up to 360 degrees."""
    lower_half = [y < 0 or (y == 0 and x < 0) for x, y in (r, w)]
    return lower_half[0] - lower_half[1] or w[0] * r[1] - w[1] * r[0]


def decimal(value):  # for people
    return f"{Decimal(value.numerator) / Decimal(value.denominator):.12g}"


def main(arguments):
    try:
        require(len(arguments) in (1, 2), "usage: check_certificate.py CERTIFICATE.json [DATA.csv]", ValueError)
        X, Y, lam, network, (lower, upper), proof = read(arguments[0])
        points = [tuple(x + y) for x, y in zip(X, Y)]
        for path in arguments[1:]:
            compare(path, points, lam)
        ordered = points == sorted(points) if lam else all(a < b for a, b in zip(X, X[1:]))
        require(len(X) > 1 and ordered, "inputs: points must increase and, but for fits, be distinct")
        require(lam is None or lam > 0, "lam: it must be positive")
        require(lower <= upper, "lower: it is above upper")
        check_upper(X, Y, lam, network, upper)
        check_line(X, Y, lower, proof) if type(proof) is tuple else check_dual(X, Y, lam, lower, proof)
    except Fails as problem:
        print(f"NOT PROVED: {problem}")
        return 1
    except (ValueError, OSError, RecursionError, csv.Error) as problem:
        print(f"unreadable: {' '.join(str(problem).split())[:300]}", file=sys.stderr)
        return 64
    print(f"PROVED: {decimal(lower)} <= optimum <= {decimal(upper)}\nlower = {lower}\nupper = {upper}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
