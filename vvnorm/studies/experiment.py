"""One run of a study: draws its data, solves or trains, certifies, and measures.

Runs that differ only in their auxiliary outputs share the data of the first output. Auxiliary labels come from one array of
standard Gaussian draws per data set: m Gaussian outputs are its first m columns, times sigma; m Bernoulli outputs are the
signs of these columns, times sigma. So runs are also paired over m, sigma and the kind of label.
"""

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from vvnorm.analysis.measures import Estimate, max_gradient_norm, mean_gradient_norm, test_train_distances
from vvnorm.analysis.regions import Hull, Region
from vvnorm.api.certification import certify
from vvnorm.network import ReLUNetwork, row_norms
from vvnorm.results.infinite_auxiliary import InfiniteAuxiliary
from vvnorm.results.multivariate import MultivariateSolution
from vvnorm.results.solution import Solution
from vvnorm.studies.run import INFINITE, Run
from vvnorm.studies.targets import TARGETS, Sample
from vvnorm.validation import Array, as_positive
from vvnorm.verifier.check import Certificate

__all__ = ["SETTINGS", "TARGETS", "auxiliary_labels", "perform"]

SETTINGS: Mapping[str, Mapping[str, Any]] = {
    "certified": {"tol": 1e-6, "prove": True, "time_limit": 600.0},
    "trained": {
        "width": 512,
        "steps": 5000,
        "lam": 1e-8,
        "penalty": "path_norm",
        "polish": False,
        "exact": False,
        "initialisation": "kinks",
        "schedule": "geometric",
        "tol": 0.02,
        "prove": True,
        "optimum_tol": 1e-6,
        "time_limit": 600.0,
    },
}
"""Settings of each solver with their defaults.

tol : relative gap, and relative residual, up to which a run is accepted; for `certified` also the solver's tolerance.
prove : whether to make a certificate. In four or more dimensions it takes up to half a minute and proves little. Without
    a certificate a run is not accepted, and has only the solver's own estimate of its gap.
optimum_tol : a trained network is compared with the lower bound of the solver at this tolerance. Reported gaps are too
    large by at most this much. Choose a larger value where many inputs make the solver slow.
time_limit : seconds after which the solver returns its best network so far. Only problems with many points or inputs take
    so long.
width, steps, penalty, polish, exact, initialisation, schedule : as for `vvnorm.train`.
lam : strength of the regularisation, in units of `vvnorm.lambda_max`.
"""

_EXACT_INPUTS = 2  # largest input dimension for exact averages over regions
_HULL_INPUTS = 7  # largest input dimension for sampling from hulls
_NORMAL = 1.96  # standard deviations on each side of the mean of a test sample: 95 %


def perform(run: Run) -> dict[str, Any]:
    """Do one run; the same run gives the same outcome, up to rounding and `cpu_seconds`.

    Returns
    -------
    dict
        Numbers, texts and None (not applicable or unknown) by name. They are about the first output unless they say that
        they are about all outputs.

        accepted : whether the verifier accepts the network as a minimal-VV-norm interpolant of all outputs, up to `tol`.
        certified_gap : relative gap that the verifier proves, None without a certificate. In two and three dimensions it
            uses the lower bound of the certified optimum. From four dimensions on, the verifier's bound on the response
            of neurons is loose, and proves little.
        estimated_gap : relative gap to the solver's own lower bound. In two and three dimensions it equals `certified_gap`.
            From four on it relies on neurons from a local search, and is an estimate; a negative value shows that it
            failed.
        residual : largest distance between values and labels, all outputs, relative to half the labels' largest range.
        excess : upper bound on the relative excess of the cost of all outputs over the least cost of the same values.
        value, vv_norm : the objective, and the network's cost. In the limit of infinitely many outputs `value` is the cost
            of the auxiliary outputs per unit of their standard deviation, and the network has the first output only.
        first_vv_norm : cost of the network's first output alone, sum_k ||w_k|| |v_1k|.
        neurons : number of neurons.
        region, mean_gradient, mean_gradient_low, mean_gradient_high : mean of ||grad f_1|| over the training points' hull
            (over the domain beyond seven dimensions) with its 95 % interval from sampling; exact in two dimensions.
        mean_gradient_domain, .._low, .._high : the same over the cube, or real data's test points.
        centred_gradient, .._low, .._high : mean of ||grad f_1 - its mean|| over the region of `mean_gradient`. The affine
            part, which costs nothing, does not count.
        max_gradient, max_gradient_high : largest value seen in the region, and an upper bound if there is one.
        output_distance_*, representation_distance_*, test_error_* : mean and max of `vvnorm.test_train_distances`; real
            data's test error is against labels.
        relative_representation_distance_* : representation distances divided by the root mean square distance between
            two training points in the same representation. Without that they grow with the cost of all outputs.
        cpu_seconds : seconds of processor time.

    Raises
    ------
    ValueError
        If the configuration has an unknown name, or a number out of range.
    """
    began = time.process_time()
    if run.target not in TARGETS:
        raise ValueError(f"target must be one of {', '.join(TARGETS)}, got {run.target!r}")
    settings = _settings(run)
    sample = TARGETS[run.target].draw(run.inputs, run.points, run.seed)
    measured = (_solved if run.solver == "certified" else _trained)(run, settings, sample)
    return {
        **measured.facts,
        **_gradients(measured.network, sample, run.seed),
        **_distances(measured, sample),
        "cpu_seconds": time.process_time() - began,
    }


def auxiliary_labels(run: Run) -> Array:
    """Return labels (N, m) of the auxiliary outputs; m = 0 in the limit, which needs no draws.

    Raises
    ------
    ValueError
        If the run's number, standard deviation or kind of auxiliary outputs is invalid.
    """
    m = 0 if run.auxiliary == INFINITE else run.auxiliary
    if not (m >= 0 and m == int(m)):
        raise ValueError(f"auxiliary must be a whole number or infinite, got {run.auxiliary!r}")
    if run.labels not in ("gaussian", "bernoulli"):
        raise ValueError(f"labels must be gaussian or bernoulli, got {run.labels!r}")
    if m:
        as_positive(run.sigma, "sigma")
    rng = TARGETS[run.target].generator(run.inputs, run.points, run.seed, "auxiliary")
    units = rng.standard_normal((int(m), run.points)).T  # drawn output by output: the first outputs are the same for any m
    return run.sigma * (np.sign(units) if run.labels == "bernoulli" else units)


def _settings(run: Run) -> dict[str, Any]:
    if run.solver not in SETTINGS:
        raise ValueError(f"solver must be one of {', '.join(SETTINGS)}, got {run.solver!r}")
    known = SETTINGS[run.solver]
    for name in run.settings:
        if name not in known:
            raise ValueError(f"settings of solver {run.solver} are {', '.join(known)}; got {name!r}")
    return {**known, **run.settings}


# --- solving and training ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class _MeasuredNetwork:
    """The network whose first output is measured, the network whose neurons represent inputs, and entries of the row."""

    network: ReLUNetwork
    features: ReLUNetwork
    facts: dict[str, Any]


def _solved(run: Run, settings: Mapping[str, Any], sample: Sample) -> _MeasuredNetwork:
    from vvnorm.api.interpolation import interpolate

    limit = run.auxiliary == INFINITE
    Y = np.hstack([sample.y, auxiliary_labels(run)])
    options = {name: settings[name] for name in ("tol", "time_limit")}
    solution = interpolate(sample.X, Y, auxiliary="infinite" if limit else None, **options)
    finite = solution.design if isinstance(solution, InfiniteAuxiliary) else solution
    certificate: Any = None
    accepted = False
    if settings["prove"]:
        certificate, accepted = finite.certificate, bool(solution.verify())
    facts = _judged(finite.network, finite.X, finite.Y, certificate, _solvers_bound(finite))
    return _MeasuredNetwork(solution.network, finite.network, {"accepted": accepted, **facts, **_costs(solution.network)})


def _trained(run: Run, settings: Mapping[str, Any], sample: Sample) -> _MeasuredNetwork:
    from vvnorm.api.fits import lambda_max
    from vvnorm.api.interpolation import interpolate
    from vvnorm.training import train

    if run.auxiliary == INFINITE:
        raise ValueError("auxiliary must be finite for solver trained: the limit cannot be trained")
    X, Y = sample.X, np.hstack([sample.y, auxiliary_labels(run)])
    names = ("width", "steps", "penalty", "polish", "exact", "initialisation", "schedule")
    options = {name: settings[name] for name in names}
    lam = settings["lam"] * lambda_max(X, Y)
    network = train(X, Y, lam=lam, seeds=[run.seed], progress=False, **options).networks[0]
    optimum = interpolate(X, Y, tol=settings["optimum_tol"], time_limit=settings["time_limit"])
    certificate, accepted = None, False
    if settings["prove"]:
        certificate = certify(network, X, Y, dual=optimum.dual if run.inputs > 1 else None)
        accepted = certificate.complaints(network, X, Y, tol=settings["tol"]) == []
    facts = _judged(network, X, Y, certificate, _solvers_bound(optimum))
    return _MeasuredNetwork(network, network, {"accepted": accepted, **facts, **_costs(network)})


def _solvers_bound(solution: Solution) -> float:
    """Return the solver's own lower bound on the cost; an estimate if the solver finds neurons by local search."""
    if not isinstance(solution, MultivariateSolution):
        return solution.lower_bound  # one input: a closed form
    return solution.history[-1][1] if solution.history else 0.0


def _judged(network: ReLUNetwork, X: Array, Y: Array, certificate: Certificate | None, bound: float) -> dict[str, Any]:
    """Return the gaps, residual and excess cost of a network, against the best interpolant of all outputs."""
    cost, spread = network.vv_norm, float(np.ptp(Y, axis=0).max()) / 2
    return {
        "certified_gap": None if certificate is None else certificate.gap,
        "estimated_gap": 1 - bound / cost if cost > 0 else 0.0,
        "residual": float(row_norms(network(X) - Y).max()) / spread,
        "excess": None if certificate is None else certificate.excess / (cost or 1.0),
        "value": cost,
    }


def _costs(network: ReLUNetwork) -> dict[str, Any]:
    first = float(np.sum(row_norms(network.W) * np.abs(network.V[0])))
    return {"vv_norm": network.vv_norm, "first_vv_norm": first, "neurons": network.n_neurons}


# --- measuring --------------------------------------------------------------------------------------------------------


def _gradients(network: ReLUNetwork, sample: Sample, seed: int) -> dict[str, Any]:
    d, largest_bound = network.n_inputs, None

    def mean(region: Region, centred: bool = False) -> Estimate:
        return mean_gradient_norm(network, region, exact=d <= _EXACT_INPUTS, centred=centred, rng=seed)

    if sample.domain is None:
        (domain, largest), (centred, _) = (_over_points(network, sample.X_test, taken) for taken in (False, True))
    else:
        domain = mean(sample.domain)
    region = Hull(sample.X) if d <= _HULL_INPUTS else sample.domain
    if region is not None:
        centred = mean(region, centred=True)
        bounds = max_gradient_norm(network, region, rng=seed)
        largest, largest_bound = bounds.low, bounds.high
    return {
        "region": "hull" if d <= _HULL_INPUTS else "domain",
        **_interval("mean_gradient", mean(region) if isinstance(region, Hull) else domain),
        **_interval("mean_gradient_domain", domain),
        **_interval("centred_gradient", centred),
        "max_gradient": largest,
        "max_gradient_high": largest_bound,
    }


def _over_points(network: ReLUNetwork, X: Array, centred: bool) -> tuple[Estimate, float]:
    """Return the mean of ||grad f_1|| over the distribution of which X is a sample, and the largest value at X.

    With `centred` the mean gradient at X is taken off first.
    """
    gradients = network.gradient(X)[:, 0]
    sizes = row_norms(gradients - gradients.mean(axis=0) if centred else gradients)
    mean, half = float(sizes.mean()), _NORMAL * float(sizes.std()) / math.sqrt(len(sizes))
    return Estimate(mean, mean - half, mean + half, len(sizes), "sample"), float(sizes.max())


def _interval(name: str, estimate: Estimate) -> dict[str, float]:
    return {name: estimate.mean, f"{name}_low": estimate.low, f"{name}_high": estimate.high}


def _distances(measured: _MeasuredNetwork, sample: Sample) -> dict[str, Any]:
    """Return the distances between test and training points in three readings, and the test errors."""
    outputs = test_train_distances(measured.network, sample.X, sample.X_test, truth=sample.truth)
    represented = test_train_distances(measured.features, sample.X, sample.X_test)["representation"]
    spread = _representation_spread(measured.features, sample.X)
    readings = {
        "output_distance": outputs["output"],
        "representation_distance": represented,
        "relative_representation_distance": {name: value / (spread or 1.0) for name, value in represented.items()},
        "test_error": outputs.get("error", {"mean": None, "max": None}),
    }
    return {f"{name}_{kind}": value for name, reading in readings.items() for kind, value in reading.items()}


def _representation_spread(network: ReLUNetwork, X: Array) -> float:
    """Return the root mean square distance between the hidden activations of two different training points."""
    f = network.balanced()
    hidden = np.maximum(X @ f.W.T + f.b, 0.0)
    return float(np.sqrt(2 * np.sum(np.var(hidden, axis=0)) * len(X) / (len(X) - 1)))
