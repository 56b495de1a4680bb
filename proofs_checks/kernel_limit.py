"""With infinitely many Gaussian auxiliary outputs the network is exactly kernel interpolation.

Claim. In the limit the auxiliary outputs determine the neurons (w_k, b_k), ||w_k|| = 1, and weights eta_k, whatever the
label of interest is. The minimal-VV-norm network's output for that label is the interpolant of least sum_k v_k^2 / eta_k.
This is kernel regression with k(x, x') = sum_k eta_k relu(w_k.x + b_k) relu(w_k.x' + b_k) and a free affine part.

Hypothesis. There are infinitely many auxiliary outputs, Gaussian, independent and of the same variance.

Source. Nakhleh, Shenouda and Nowak (arXiv 2410.21696), Section 4, approximately and for many tasks; the limit is new. The
sum of squares over outputs tends to an expectation that depends only on the space of all labels without their affine part.
So the limit problem is to interpolate an orthonormal basis of that space. Its optimality conditions (v_k is eta_k times the
response of neuron k to the dual array) are linear in the label, and are those of kernel regression.

What breaks. With one auxiliary output, the kernel made from the weights of that output gives another function.

Certificate. The `design`, which is the network that interpolates the `basis` of labels, and the `dual` array that proves
its cost minimal. The `output` for the label of interest is a linear combination of the design's outputs. (With one
auxiliary output, design and output come from the network of both labels.)
"""

from typing import Any

import numpy as np

from proofs_checks.support import (
    kernel_interpolant,
    optimal,
    pack_all,
    planar_instances,
    unpack_all,
    weights_of_others,
)
from proofs_checks.trust import MEASURES, SPACE, files
from vvnorm.analysis.feature_kernels import kernel_solution
from vvnorm.analysis.measures import function_distance, single_output
from vvnorm.api.interpolation import interpolate
from vvnorm.claims import Claim, Instance, Result, Rung, Verdict, conclude, interval_complaints
from vvnorm.network import ReLUNetwork, row_norms
from vvnorm.results.interpolant import Interpolant
from vvnorm.results.multivariate import MultivariateSolution
from vvnorm.validation import Array

CLAIMED = (-np.inf, 1e-6)

_SOLVED = 1e-8  # relative gap that the solver is asked for
_ROUNDING = 1e-7  # of the distance, relative to the range of the labels
_ORTHONORMAL = 1e-12


def draw(rng: np.random.Generator) -> Instance:
    """Draw 15 to 25 Gaussian points in the plane with a Gaussian label, and infinitely many auxiliary outputs."""
    n = int(rng.integers(15, 26))
    return {"X": rng.standard_normal((n, 2)), "Y": rng.standard_normal((n, 1)), "infinite": True}


def draw_one(rng: np.random.Generator) -> Instance:
    """Draw the same data with one Gaussian auxiliary output."""
    instance = draw(rng)
    Y = np.hstack([instance["Y"], rng.standard_normal(instance["Y"].shape)])
    return {**instance, "Y": Y, "infinite": False}


# --- checking ---------------------------------------------------------------------------------------------------------


def check(instance: Instance) -> Result:
    """Find the network and the kernel solution, and compare them."""
    X, Y = instance["X"], instance["Y"]
    design: Interpolant | MultivariateSolution
    if instance["infinite"]:
        limit = interpolate(X, Y, auxiliary="infinite", tol=_SOLVED)
        design, basis, weights = limit.design, limit.design.Y, limit.eta
        output = limit.network
    else:
        design = interpolate(X, Y, tol=_SOLVED)
        basis, output, weights = Y, design.network, None
    kernel = kernel_solution(output, X, Y[:, 0], weights=weights)
    certificate = pack_all("design", [design.network]) | {"dual": design.dual, "basis": basis}
    certificate |= pack_all("output", [single_output(output, 0)])
    interval = _interval(instance, certificate, kernel)
    return conclude(CLAIMED, *interval, certificate, **design.provenance)


def _output(instance: Instance, arrays: Any) -> ReLUNetwork:
    """Combine the design's outputs and an affine function into the network for the label of interest."""
    design = unpack_all("design", arrays)[0]
    if not instance["infinite"]:
        return design.of_outputs(slice(1))
    y, free = instance["Y"][:, 0], _free(instance["X"])
    z = arrays["basis"].T @ y
    slope = np.linalg.lstsq(free, y - arrays["basis"] @ z, rcond=None)[0]
    V, A, c = z @ design.V, z @ design.A + slope[1:], z @ design.c + slope[0]
    return ReLUNetwork(design.W, design.b, V[None], A[None], c[None])


def _free(X: Array) -> Array:
    return np.column_stack([np.ones(len(X)), X])


def _interval(instance: Instance, arrays: Any, kernel: ReLUNetwork) -> tuple[float, float]:
    """Interval of the distance over the range of the labels; (0, inf) unless the design is certified."""
    if not optimal(unpack_all("design", arrays)[0], instance["X"], arrays["basis"], arrays["dual"]):
        return 0.0, np.inf
    distances = function_distance(unpack_all("output", arrays)[0], kernel, instance["X"], n=1024)
    distance = distances.rms.mean / float(np.ptp(instance["Y"][:, 0]))
    return distance - _ROUNDING, distance + _ROUNDING


def recheck(instance: Instance, result: Result) -> list[str]:
    """Certify the design again, check that its labels are an orthonormal basis, and compute the kernel solution again."""
    arrays, X, Y = result.certificate, instance["X"], instance["Y"]
    design, basis = unpack_all("design", arrays)[0], arrays["basis"]
    if instance["infinite"]:
        inside = np.hstack([basis, np.linalg.qr(_free(X))[0]])
        if inside.shape != (len(X), len(X)) or np.abs(inside.T @ inside - np.eye(len(X))).max() > _ORTHONORMAL * len(X):
            return ["the labels are not an orthonormal basis of the complement of affine functions"]
        weights = row_norms(design.W) * row_norms(design.V.T)
    elif not np.array_equal(basis, Y):
        return ["the design has other labels"]
    else:
        weights = weights_of_others(design)
    combined, output = _output(instance, arrays)(X), unpack_all("output", arrays)[0](X)
    if not np.all(np.abs(combined[:, 0] - output[:, 0]) <= _ROUNDING * np.ptp(Y[:, 0])):
        return ["the output is not the stated combination of the design's outputs"]
    lower, upper = _interval(instance, arrays, kernel_interpolant(design, X, Y[:, 0], weights))
    return interval_complaints(result, lower, upper, 2 * _ROUNDING)


def _examples() -> dict[str, Instance]:
    """Real data: one label of three."""
    ((name, data),) = planar_instances().items()
    return {f"{name}, the first": {"X": data["X"], "Y": data["Y"][:, :1], "infinite": True}}


CLAIM = Claim(
    id="kernel_limit",
    statement=(
        "With infinitely many Gaussian auxiliary outputs, each output of the minimal-VV-norm network is kernel "
        "interpolation with the kernel of the learned neurons."
    ),
    formula=r"f_t(x) = k(x, X) \, k(X, X)^{-1} y_t, \qquad k(x, x') = \int \phi(x) \phi(x') \, d\mu(\phi)",
    source="Nakhleh, Shenouda and Nowak (arXiv 2410.21696), Section 4; the limit is new",
    kind="equality",
    quantity=(
        "root-mean-square distance to the kernel interpolant over the points' hull, relative to the range of the labels"
    ),
    claimed=CLAIMED,
    hypotheses={"infinitely_many_outputs": lambda instance: bool(instance["infinite"])},
    draw=draw,
    violate={"infinitely_many_outputs": draw_one},
    on_violation={
        "infinitely_many_outputs": (
            Verdict.VIOLATED,
            "with one auxiliary output the kernel approximation is far from exact",
        )
    },
    check=check,
    recheck=recheck,
    examples=_examples,
    draws=50,
    quick_draws=10,
    not_exact="solutions for infinitely many outputs are known in floating point only",
    trusted={
        Rung.CERTIFIED: files("kernel_limit", SPACE, MEASURES),
    },
)
