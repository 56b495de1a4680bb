"""With two inputs most data sets have one minimal-VV-norm interpolant, of one output as of several.

Claim. Let points and labels in the plane be Gaussian, with one to three outputs. For a third of the data sets or
more all minimal-VV-norm interpolants are the same function.

Hypothesis. There are two inputs.

Source. New. It is known for one input that several outputs have one minimiser for almost every label (claim
`almost_every_label`), and that one output has one only if neighbouring curvatures differ in sign. In the plane neither is
so: one output mostly has one minimiser, and several outputs do not make it unique for almost every label, since kinks can
move between parallel kinks, and turn about a point along an arc on which the response is level. Of 80 data sets of one
output 62 had one minimiser and 17 several; of 40 with three outputs 30 had one and 10 several (docs/band.md has more).

What breaks. With one input and one output few data sets have one minimiser.

Experiment. 40 data sets of 8 points; 8 of 5 points in a quick run, 100 of 12 points with one input. Data sets are decided
by `solution.contacts`; those that stay undecided count as either. The interval is the exact 99 % interval of a share
(Clopper and Pearson, Biometrika 26, 1934), from the numbers of data sets that have one and that may have one.

Certificate. For each data set whether the minimiser is `unique` (1, 0, or -1 if undecided); a minimiser, or two different
ones, as `minimisers` with the dual arrays that prove their cost minimal; the `contacts`, neurons to which the dual array
responds with norm 1. If it is unique, no other neuron has such a response, and contacts have linearly independent values,
weighted by responses, beside affine functions. With one input curvatures decide, in rational arithmetic.
"""

import math
from collections import Counter
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaincinv

from proofs_checks.support import ABOUT_AVERAGES, CONFIDENCE, aligned_neighbours, optimal, pack_all, unpack_all
from proofs_checks.trust import NEURON_BOUND, SPACE, files
from vvnorm.api.interpolation import interpolate
from vvnorm.claims import Claim, Instance, Quick, Result, Rung, Verdict, conclude, interval_complaints
from vvnorm.network import ReLUNetwork
from vvnorm.results.interpolant import Interpolant
from vvnorm.results.multivariate import MultivariateSolution
from vvnorm.validation import Array

CLAIMED = (1 / 3, 1.0)
SAMPLE, POINTS = 40, 8

_UNIQUE, _SEVERAL, _UNDECIDED = 1, 0, -1
_ON = 1e-6  # responses of contacts are 1 up to this
_BELOW = 1e-5  # other responses are below 1 by this
_ON_KINK = 1e-3  # of the points' spread: so near a contact's kink are the points that it passes through
_NEAR = 0.05  # radians: a local maximum so near a contact through the same point is the contact
_ANGLES = 360  # directions of kinks through each point
_DEPENDENT = 1e-5  # relative singular value below which columns are dependent
_APART = 0.02  # of the labels' range: how much two minimisers differ half-way between some points


# --- instances --------------------------------------------------------------------------------------------------------


def draw(rng: np.random.Generator, sample: int = SAMPLE, points: int = POINTS) -> Instance:
    """Draw points in the plane, and labels of one to three outputs."""
    return _gaussian(rng, sample, points, 2, int(rng.integers(1, 4)))


def draw_few(rng: np.random.Generator) -> Instance:
    """Draw fewer data sets of fewer points."""
    return draw(rng, 8, 5)


def draw_one_input(rng: np.random.Generator) -> Instance:
    """Draw points on a line, and labels of one output."""
    return _gaussian(rng, 100, 12, 1, 1)


def _gaussian(rng: np.random.Generator, sample: int, points: int, d: int, outputs: int) -> Instance:
    return {"X": rng.standard_normal((sample, points, d)), "Y": rng.standard_normal((sample, points, outputs))}


# --- checking ---------------------------------------------------------------------------------------------------------


def check(instance: Instance) -> Result:
    """Decide each data set, and enclose the share of those with one minimiser."""
    answers, networks, duals, contacts = [], list[ReLUNetwork](), [], []
    for X, Y in zip(instance["X"], instance["Y"], strict=True):
        solution = interpolate(X, Y)
        if isinstance(solution, Interpolant):
            answers.append({True: _UNIQUE, False: _SEVERAL, None: _UNDECIDED}[solution.unique])
            continue
        assert isinstance(solution, MultivariateSolution)
        made = solution.contacts
        answers.append({True: _UNIQUE, False: _SEVERAL, None: _UNDECIDED}[made.unique])
        networks += made.pair() if answers[-1] == _SEVERAL else [made.solver_network]
        duals.append(made.dual)
        contacts.append(np.column_stack([made.W, made.b]))
    certificate: dict[str, NDArray[Any]] = {"unique": np.array(answers)}
    if networks:
        certificate |= pack_all("minimisers", networks) | {"minimisers.dual": np.stack(duals)}
        certificate |= {"contacts": np.vstack(contacts), "contacts.number": np.array([len(c) for c in contacts])}
    counts = {word: answers.count(answer) for word, answer in (("one", 1), ("several", 0), ("undecided", -1))}
    return conclude(CLAIMED, *_interval(certificate["unique"]), certificate, statistical=True, minimisers=counts)


def _interval(answers: NDArray[Any]) -> tuple[float, float]:
    """Clopper and Pearson's interval of the share of data sets with one minimiser."""
    n, tail = len(answers), (1 - CONFIDENCE) / 2
    least, most = int(np.sum(answers == _UNIQUE)), int(np.sum(answers != _SEVERAL))
    lower = float(betaincinv(least, n - least + 1, tail)) if least > 0 else 0.0
    return lower, float(betaincinv(most + 1, n - most, 1 - tail)) if most < n else 1.0


def recheck(instance: Instance, result: Result) -> list[str]:
    """Decide each data set again: certify minimisers, scan all kinks through points, and take ranks of contacts."""
    answers, arrays = result.certificate["unique"], result.certificate
    if len(answers) != len(instance["X"]) or not np.isin(answers, (_UNIQUE, _SEVERAL, _UNDECIDED)).all():
        return ["the answers are not 1, 0 or -1 for each data set"]
    complaints = interval_complaints(result, *_interval(answers), 1e-12)
    if instance["X"].shape[2] == 1:
        for k, (x, Y) in enumerate(zip(instance["X"][:, :, 0], instance["Y"], strict=True)):
            order = np.argsort(x)
            if answers[k] != _UNDECIDED and (answers[k] == _UNIQUE) == any(aligned_neighbours(x[order], Y[order])):
                complaints.append(f"data set {k}: aligned curvatures say otherwise")
        return complaints
    networks, places = iter(unpack_all("minimisers", arrays)), np.cumsum(arrays["contacts.number"])
    if len(places) != len(answers) or places[-1] != len(arrays["contacts"]):
        return ["contacts do not belong to data sets"]
    sets = zip(
        answers.tolist(), instance["X"], instance["Y"], arrays["minimisers.dual"],
        np.split(arrays["contacts"], places[:-1]), strict=True,
    )  # fmt: skip
    for k, (answer, X, Y, dual, contacts) in enumerate(sets):
        shown = [next(networks) for _ in range(2 if answer == _SEVERAL else 1)]
        complaints += [f"data set {k}: {text}" for text in _complaints(answer, X, Y, dual, contacts, shown)]
    return complaints + (["there are more minimisers than data sets need"] if any(True for _ in networks) else [])


def _complaints(
    answer: int, X: Array, Y: Array, dual: Array, contacts: Array, shown: list[ReLUNetwork]
) -> list[str]:  # fmt: skip
    """Say why an answer about one data set does not follow."""
    if not all(optimal(f, X, Y, dual) for f in shown):
        return ["a minimiser is not certified"]
    if answer == _SEVERAL:
        first, second = shown
        middle = ((X[:, None] + X) / 2).reshape(-1, 2)
        far = np.max(np.abs(first(middle) - second(middle))) > _APART * (Y.max() - Y.min())
        return [] if far else ["the two minimisers hardly differ"]
    if answer == _UNDECIDED:
        return []
    if len(contacts) == 0:
        affine = np.column_stack([X, np.ones(len(X))])
        return [] if np.allclose(affine @ np.linalg.lstsq(affine, Y, rcond=None)[0], Y) else ["there are no contacts"]
    response = np.maximum(X @ contacts[:, :2].T + contacts[:, 2], 0.0).T @ dual
    norms = np.linalg.norm(response, axis=1)
    if np.max(np.abs(np.linalg.norm(contacts[:, :2], axis=1) - 1)) > _ON or np.max(np.abs(norms - 1)) > _ON:
        return ["a contact has no response of norm 1"]
    if _dependent(X, contacts, response / norms[:, None]):
        return ["contacts are dependent"]
    return _other_contacts(X, dual, contacts)


def _dependent(X: Array, contacts: Array, u: Array) -> bool:
    """Whether values of contacts without affine functions, times their responses, are dependent."""
    affine = np.column_stack([X, np.ones(len(X))])
    values = np.maximum(X @ contacts[:, :2].T + contacts[:, 2], 0.0)
    values = values - affine @ np.linalg.lstsq(affine, values, rcond=None)[0]
    columns = np.stack([np.kron(weights, column) for weights, column in zip(u, values.T, strict=True)])
    columns = columns / np.linalg.norm(columns, axis=1)[:, None]
    return bool(np.linalg.matrix_rank(columns, tol=_DEPENDENT) < len(contacts))


def _other_contacts(X: Array, dual: Array, contacts: Array) -> list[str]:
    """Scan kinks through each point for local maxima of the response above 1 - `_BELOW` that are no contacts.

    The norm of the response is convex in b between points, so that its maxima are at kinks through points. Directions are
    those of a grid, and those of kinks through a second point: these count if they are maxima from both points.
    """
    spread = float(np.max(np.ptp(X, axis=0)))
    grid, halves = np.pi * np.arange(_ANGLES) / _ANGLES, Counter[frozenset[int]]()
    for i, x in enumerate(X):
        others = np.flatnonzero(np.any(x != X, axis=1))
        away = X[others] - x
        turns = np.append(grid, np.mod(np.arctan2(away[:, 0], -away[:, 1]), np.pi))
        second, order = np.append(np.full(_ANGLES, -1), others), np.argsort(turns, kind="stable")
        W = np.column_stack([np.cos(turns), np.sin(turns)])[order]
        norms = np.linalg.norm(np.maximum(W @ (X - x).T, 0.0) @ dual, axis=1)
        top = (norms >= np.roll(norms, 1)) & (norms >= np.roll(norms, -1)) & (norms > 1 - _BELOW)
        through = np.abs(contacts[:, :2] @ x + contacts[:, 2]) < _ON_KINK * spread
        top &= ~np.any(np.abs(W @ contacts[through, :2].T) > math.cos(_NEAR), axis=1)
        halves.update(frozenset((i, int(j))) if j >= 0 else frozenset((i,)) for j in second[order][top])
    other = any(times >= len(points) for points, times in halves.items())
    return ["a neuron beside the contacts has a response of norm 1"] if other else []


CLAIM = Claim(
    id="multivariate_uniqueness",
    statement=(
        "For two inputs and Gaussian labels of one to three outputs, a third of the data sets or more have one "
        "minimal-VV-norm interpolant; for one input and one output few have."
    ),
    formula=r"\Pr\left[\, \lvert \operatorname{argmin} \{ \mathrm{VV}(f) : f(x_i) = y_i \} \rvert = 1 \,\right] \ge 1/3",
    source="new",
    kind="statistical",
    quantity="share of data sets with one minimal-VV-norm interpolant",
    claimed=CLAIMED,
    hypotheses={"two_inputs": lambda instance: instance["X"].shape[2] == 2},
    draw=draw,
    violate={"two_inputs": draw_one_input},
    on_violation={
        "two_inputs": (
            Verdict.NOT_SUPPORTED,
            "one output of one input has several unless all curvatures alternate",
        ),
    },
    check=check,
    recheck=recheck,
    draws=2,
    quick_draws=1,
    quick=Quick(draw=draw_few),
    not_exact=ABOUT_AVERAGES,
    trusted={
        Rung.STATISTICAL: files("multivariate_uniqueness", SPACE, NEURON_BOUND),
    },
)
