"""Records about a network on a data set, as plain data. `vvnorm.verifier.check` makes, checks and saves them.

A record holds numbers, prints them, and says which of them fall short of optimality. It does not import the verifiers,
which return records.
"""

import math
from dataclasses import dataclass, field
from typing import ClassVar

from vvnorm._internal.drawing import Displayed
from vvnorm._internal.words import convention_in_words, count, lines, proof
from vvnorm.float64 import Rows
from vvnorm.losses import Loss
from vvnorm.tolerances import EPS
from vvnorm.verifier.flat_inputs import Subspace


@dataclass(frozen=True, eq=False)
class InterpolantRecord(Displayed):
    """Facts that are proved about one network on one data set.

    Attributes
    ----------
    residual : float
        max_i ||f(x_i) - y_i||_2 over present labels, in label units.
    relative_residual : float
        The largest of all outputs: max_i |f_t(x_i) - y_it| over half the range of the output's own labels, 0 for 0 / 0.
        Where labels are all alike, `vvnorm.losses.label_units` says what takes the place of the range.
    vv_norm : float
        The network's cost, sum_k ||w_k|| ||v_k||.
    lower_bound : float
        No network that interpolates the labels costs less; rounding errors are subtracted.
    gap : float
        (vv_norm - lower_bound) / vv_norm, rounding of the cost included. It is negative if the network costs less than any
        interpolant: then it misses the labels by more than their rounding explains.
    excess : float
        Bound on vv_norm minus the least cost of networks with the same values at the data: vv_norm minus the bound that the
        same dual certificate proves for these values. Never negative.
    distance : float
        sup over [x_1, x_N] of ||f(x) - f_D(x)||_2, the distance to connect-the-dots; exact, since it is reached at a data
        point or at a kink. NaN where labels are missing, and for several inputs.
    distance_bound : float
        Bound on the distance by the stability claim: excess * max_i h_i / (1 - <eta_i, eta_{i+1}>) + residual. Infinite if
        neighbouring curvatures are aligned; NaN where labels are missing, without a skip connection, and for several
        inputs.
    skip : bool
        Whether networks with a skip connection compete.
    dual : (N, T) array-like
        One input: eta at the sorted, merged data points, by rows. Several inputs: Lambda, orthogonal to affine functions,
        by rows in the caller's order, its largest entry between 1/2 and 1.
    penalise_bias : bool
        Whether the cost is sum_k ||(w_k, b_k)|| ||v_k||; dual, distance and distance_bound are then as for several inputs.
    additions : int or None
        Most additions that the bound of a neuron's response may take, for several inputs (`vvnorm.verifier.budget`);
        None means the default.
    subspace : Subspace or None
        If the points lie in an affine subspace up to rounding: the subspace to which the bound refers
        (`vvnorm.verifier.flat_inputs`). All other numbers refer to the points themselves; if None, so does the bound.
    assumptions : tuple of str
        How a torch module was read, and which networks it is compared with; empty for other networks. Not saved.
    """

    residual: float
    relative_residual: float
    vv_norm: float
    lower_bound: float
    gap: float
    excess: float
    distance: float
    distance_bound: float
    skip: bool
    dual: Rows = field(repr=False)
    penalise_bias: bool = False
    additions: int | None = None
    subspace: Subspace | None = None
    assumptions: tuple[str, ...] = ()

    NUMBERS: ClassVar[tuple[str, ...]] = (
        "residual", "relative_residual", "vv_norm", "lower_bound", "gap", "excess", "distance", "distance_bound",
    )  # fmt: skip
    """Names of the numbers that are computed."""

    def __repr__(self) -> str:
        return lines(
            "Certificate of an interpolant" + convention_in_words(self.skip, self.penalise_bias),
            proof("VV norm", self.vv_norm, self.lower_bound, self.gap, residual=self.relative_residual),
            f"excess {self.excess:.3g}, distance {self.distance:.3g}, distance bound {self.distance_bound:.3g}",
            *about(self.subspace),
            *(f"assumed: {words}" for words in self.assumptions),
            "complaints(network, X, Y) checks it again",
        )

    def numbers(self) -> dict[str, float | bool]:
        """Return all that is not an array, by name."""
        return {name: getattr(self, name) for name in self.NUMBERS} | {
            "skip": self.skip,
            "penalise_bias": self.penalise_bias,
        }

    def shortcomings(self, tol: float) -> list[str]:
        """Say why the numbers are not those of a minimal interpolant, up to a relative gap and residual."""
        problems = []
        if not self.relative_residual <= tol:
            problems.append(f"relative residual {self.relative_residual:.3g} exceeds {tol:.3g}: it does not interpolate")
        if not self.gap <= tol:
            problems.append(f"relative gap {self.gap:.3g} exceeds {tol:.3g}: not proved optimal")
        if self.gap < -tol and not problems:
            below = f"relative gap {self.gap:.3g} is below {-tol:.3g}"
            problems.append(f"{below}: it costs less than the labels allow, so it misses them")
        return problems

    def scale_of(self, name: str) -> float:
        """Return the scale relative to which two computations of a number are compared."""
        if name in ("gap", "relative_residual"):
            return 1.0
        return self.vv_norm if name in ("vv_norm", "lower_bound", "excess") else 0.0


@dataclass(frozen=True, eq=False)
class FitRecord(Displayed):
    """Facts that are proved about one regularised fit.

    Attributes
    ----------
    objective : float
        loss + lam * vv_norm.
    loss : float
        Weighted sum of losses over present labels.
    vv_norm : float
        The function's cost, sum_k ||w_k|| ||v_k||.
    lower_bound : float
        No network has a smaller objective; rounding errors are subtracted.
    gap : float
        (objective - lower_bound) / objective, computed without cancellation: at an optimum it is far below the rounding of
        either number. It is 0 for 0 / 0, and for an objective that is at most the rounding of the labels.
    lam : float
        The regularisation.
    losses : tuple of T Loss
        One per output.
    skip : bool
        Whether networks with a skip connection compete.
    dual : (N, T) array-like or None
        The dual array that was given, by rows in the caller's order.
    penalise_bias : bool
        Whether the cost is sum_k ||(w_k, b_k)|| ||v_k||.
    additions : int or None
        Most additions that the bound of a neuron's response may take, for several inputs (`vvnorm.verifier.budget`);
        None means the default.
    subspace : Subspace or None
        If the points lie in an affine subspace up to rounding: the subspace to which the bound refers
        (`vvnorm.verifier.flat_inputs`). All other numbers refer to the points themselves; if None, so does the bound.
    assumptions : tuple of str
        How a torch module was read, and which networks it is compared with; empty for other networks. Not saved.
    """

    objective: float
    loss: float
    vv_norm: float
    lower_bound: float
    gap: float
    lam: float
    losses: tuple[Loss, ...]
    skip: bool
    dual: Rows | None = field(repr=False)
    penalise_bias: bool = False
    additions: int | None = None
    subspace: Subspace | None = None
    assumptions: tuple[str, ...] = ()

    NUMBERS: ClassVar[tuple[str, ...]] = ("objective", "loss", "vv_norm", "lower_bound", "gap")
    """Names of the numbers that are computed."""

    def __repr__(self) -> str:
        losses = ", ".join(dict.fromkeys(map(str, self.losses)))
        return lines(
            f"FitCertificate: lam {self.lam:.6g}" + convention_in_words(self.skip, self.penalise_bias) + f", {losses}",
            proof("objective", self.objective, self.lower_bound, self.gap),
            f"loss {self.loss:.6g}, VV norm {self.vv_norm:.6g}",
            *about(self.subspace),
            *(f"assumed: {words}" for words in self.assumptions),
            "complaints(function, X, Y) checks it again",
        )

    def numbers(self) -> dict[str, float | bool]:
        """Return all that is neither array nor loss, by name."""
        return {name: getattr(self, name) for name in (*self.NUMBERS, "lam", "skip", "penalise_bias")}

    def shortcomings(self, tol: float) -> list[str]:
        """Say why the numbers are not those of an optimal fit, up to a relative gap."""
        if not self.gap <= tol:
            return [f"relative gap {self.gap:.3g} exceeds {tol:.3g}: not proved optimal"]
        if self.gap < -tol:
            return [f"relative gap {self.gap:.3g} is below {-tol:.3g}: no function that competes has so small an objective"]
        return []

    def scale_of(self, name: str) -> float:
        """Return the scale relative to which two computations of a number are compared."""
        return {"gap": 1.0, "vv_norm": self.vv_norm}.get(name, self.objective)


def about(subspace: Subspace | None) -> list[str]:
    """Say that a bound refers to points in a subspace, if it does."""
    if subspace is None:
        return []
    size = count(subspace.axes.shape[1], "dimension")
    return [f"the bound refers to the points next to X in an affine subspace of {size}; X lies in it up to rounding"]


def differences(recorded: InterpolantRecord | FitRecord, actual: InterpolantRecord | FitRecord) -> list[str]:
    """List the recorded numbers that differ from the actual numbers by more than rounding."""
    return [
        f"{name} is recorded as {claimed!r} but is {recomputed!r}"
        for name in recorded.NUMBERS
        if not _agree(claimed := getattr(recorded, name), recomputed := getattr(actual, name), actual.scale_of(name))
    ]


def _agree(recorded: float, actual: float, size: float) -> bool:
    if math.isnan(actual) or math.isinf(actual):
        return recorded == actual or (math.isnan(actual) and math.isnan(recorded))
    return abs(recorded - actual) <= 64 * EPS * size + 1e-9 * abs(actual)
