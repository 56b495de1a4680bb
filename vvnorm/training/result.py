"""The result of training with the plain squared loss."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vvnorm._internal.callbacks import RoundCallback
from vvnorm._internal.deadline import Deadline, as_time_limit
from vvnorm._internal.drawing import Course, Trained
from vvnorm._internal.words import count, lines
from vvnorm.api.certification import best_certificate, optimal_dual
from vvnorm.api.fits import fit
from vvnorm.api.interpolation import interpolate
from vvnorm.float64 import Rows
from vvnorm.network import ReLUNetwork, row_norms
from vvnorm.results.interpolant import Interpolant
from vvnorm.results.minimiser_distance import MinimiserDistance
from vvnorm.results.multivariate import MultivariateSolution
from vvnorm.results.univariate_fit import Fit
from vvnorm.training.execution import certification_bar
from vvnorm.training.reoptimisation import cost_of, polish
from vvnorm.validation import Array
from vvnorm.verifier.budget import additions_in, within_additions
from vvnorm.verifier.check import Certificate, FitCertificate

_POOLED_COST = 1e-3  # neurons of smaller cost, relative to the most expensive neuron of their network, are left out
_POOLED_TOL = 1e-3  # kinks nearer to each other than this are merged
_MOST_POOLED = 600  # neurons; the time of the convex problem grows with the cube of their number


@dataclass(frozen=True, eq=False)
class TrainingResult(Trained):
    """S networks trained on one data set: one for each learning rate, lam and seed, in this order, seeds fastest.

    Attributes
    ----------
    networks : list of ReLUNetwork
        Balanced (||w_k|| = ||v_k||), float64, in the caller's coordinates.
    seeds : tuple of int
        The seed of each network.
    lams, lrs : (S,) arrays
        For each network, lam of the objective, in label units times input units, and the first learning rate (NaN for
        optimisers that choose their own step sizes).
    history : dict of arrays
        R records. 'step' has shape (R,), and the following have shape (R, S). 'lam': in the caller's units (in the whitened
        metric, the lam with the same lam / lam_max). 'loss': sum of squares / 2 in squared label units, with the best
        affine part. 'vv_norm': in label units per input unit, with the biases if they are penalised. 'gap': relative gap of
        loss + lam VV at the final lam; a bound for one input with a skip connection, else an estimate, or NaN if unknown.
        'excess': VV / R - 1, where R is the least cost of the fitted values; NaN unless there is one input with a skip
        connection.
    finish : dict of (S,) arrays
        VV norms after each stage: 'trained', then those requested of 'polished', 'pruned' and 'exact'.
    notes : tuple of str
        Warnings, for instance of divergence or an impossible exact fit.
    settings : dict
        Hyper-parameters, change of coordinates, lam_max, versions and seconds, as plain numbers, words and lists. The entry
        'judged_as' names the problem for which `certificates` certifies networks: 'interpolant' or 'fit'.
    X, Y : (N, d) and (N, T) arrays
        The data; NaN = missing.
    """

    networks: list[ReLUNetwork]
    seeds: tuple[int, ...]
    lams: Array
    lrs: Array
    history: dict[str, NDArray[Any]] = field(repr=False)
    finish: dict[str, Array] = field(repr=False)
    notes: tuple[str, ...]
    settings: dict[str, Any] = field(repr=False)
    X: Array = field(repr=False)
    Y: Array = field(repr=False)

    def __repr__(self) -> str:
        run, kept = self.best_run, self.settings
        size = f"{count(len(self.X), 'point')}, {count(self.X.shape[1], 'input')}, {count(self.Y.shape[1], 'output')}"
        gap = float(self.history["gap"][-1, run]) if len(self.history["gap"]) else math.nan
        return lines(
            f"TrainingResult: {count(len(self.networks), 'network')} on {size}; {kept['optimizer']}, "
            f"{count(kept['steps'], 'step')}",
            f"best: seed {self.seeds[run]}, objective {self.objectives[run]:.6g} at lam {self.lams[run]:.6g}, "
            f"VV norm {self.costs[run]:.6g}, {count(self.best.n_neurons, 'neuron')}",
            f"relative gap {gap:.2g} during training; not certified yet: certificates() judges {kept['judged_as']}s",
            f"{count(len(self.notes), 'note')}: {self.notes[0]}" if self.notes else "",
        )

    def course(self) -> Course:
        """Return the relative gaps that training recorded, or the objectives if no gap is known."""
        gaps = self.history["gap"]
        if np.isfinite(gaps).any():
            return Course("relative gap", self.history["step"], gaps)
        return Course("objective", self.history["step"], self.history["loss"] + self.lams * self.history["vv_norm"])

    @property
    def lam(self) -> float:
        """The lam of all networks; ValueError if they differ."""
        if not np.all(self.lams == self.lams[0]):
            raise ValueError(f"the networks have different lam ({self.lams.min():.3g} to {self.lams.max():.3g}); see lams")
        return float(self.lams[0])

    @cached_property
    def costs(self) -> Array:
        """The cost of every network, (S,): its VV norm, with the biases inside it if training penalised them."""
        return np.array([cost_of(network, self.settings["penalise_bias"]) for network in self.networks])

    @cached_property
    def objectives(self) -> Array:
        """The objective of every network, (S,): sum of squares / 2 plus lam times the cost."""
        losses = [float(np.nansum((network(self.X) - self.Y) ** 2)) / 2 for network in self.networks]
        objectives: Array = np.array(losses) + self.lams * self.costs
        return objectives

    @property
    def best_run(self) -> int:
        """The index of the network of least objective, among those of the least lam."""
        least = np.flatnonzero(self.lams == self.lams.min())
        return int(least[np.argmin(self.objectives[least])])

    @property
    def best(self) -> ReLUNetwork:
        """The network of least objective, among those of the least lam."""
        return self.networks[self.best_run]

    def certificates(
        self, *, time_limit: float | None = None, progress: bool = True
    ) -> list[Certificate | FitCertificate]:  # fmt: skip
        """Certify how far every network is from the optimum that it was trained for.

        If lam was given, the optimum is the best fit at that lam. If lam is the default or 0, or if `exact` was requested,
        the optimum is the interpolant of least VV norm. Labels that differ at an input cannot be interpolated; then
        networks are judged as fits.

        The lower bound comes from the dual array of the optimum (`vvnorm.certify`). If its computation would take long, the
        dual array of the convex problem over the kinks of all networks replaces it, and the verifier bounds its response
        over all neurons. For fits the dual array that follows from the network itself is tried, too.

        Parameters
        ----------
        time_limit : float, optional
            Approximate limit in seconds for all networks, half for dual arrays and half for proofs. Bounds stay valid, but
            may be further from the optimum.
        progress : bool
            Whether to show a progress bar, on interactive terminals only.

        Raises
        ------
        ValueError
            For interpolants, if there is only one distinct input.
        """
        convention = {"skip": self.settings["skip"], "penalise_bias": self.settings["penalise_bias"]}
        lams = self._judged_lams
        seconds, duals, judged = as_time_limit(time_limit), dict[float, Rows | None](), list[Certificate | FitCertificate]()
        share = None if seconds is None else seconds / 2 / len(set(lams))

        def propose(lam: float) -> Rows | None:
            if lam not in duals:
                duals[lam] = self._dual(lam, share, solving)
            return duals[lam]

        budget = additions_in(None if seconds is None else seconds / 4 / len(lams))  # up to two proofs of each network
        with certification_bar(len(lams), progress) as (solving, ended), within_additions(budget):
            for network, lam in zip(self.networks, lams, strict=True):
                judged.append(best_certificate(network, self.X, self.Y, partial(propose, lam), lam=lam, **convention))
                ended()
        return judged

    def distances_to_minimisers(
        self,
        points: ArrayLike,
        outputs: int | Sequence[int] | None = None,
        *,
        progress: bool = False,
        jobs: int = 1,
    ) -> list[MinimiserDistance]:
        """Bound the distance of every network from every minimiser of the problem of `certificates`, at points.

        The problem is solved, and its minimisers are enclosed, once for each lam.

        Parameters
        ----------
        points : array-like, shape (n,) or (n, d)
        outputs, progress, jobs
            As for `MultivariateSolution.band`; without effect for interpolants of one input with a skip connection and all
            labels, whose minimisers are known in closed form.
        """
        convention = {"skip": self.settings["skip"], "penalise_bias": self.settings["penalise_bias"]}
        known: dict[float, MinimiserDistance] = {}
        made = []
        for network, lam in zip(self.networks, self._judged_lams, strict=True):
            if lam not in known:
                solution = fit(self.X, self.Y, lam, **convention) if lam else interpolate(self.X, self.Y, **convention)
                assert isinstance(solution, Interpolant | Fit | MultivariateSolution)
                known[lam] = solution.distance_to_minimisers(points, network, outputs, progress=progress, jobs=jobs)
            made.append(known[lam].of(network))
        return made

    @property
    def _judged_lams(self) -> list[float]:
        """The lam that each network is judged with: 0 for interpolants."""
        lams: list[float] = (self.lams if self.settings["judged_as"] == "fit" else np.zeros(len(self.lams))).tolist()
        return lams

    def _dual(self, lam: float, seconds: float | None, callback: RoundCallback) -> Rows | None:
        """Return the dual array of the optimum, or one from the networks' kinks if the former would take long."""
        skip, penalise_bias = self.settings["skip"], self.settings["penalise_bias"]
        deadline = Deadline(seconds)
        best = optimal_dual(
            self.X, self.Y, lam=lam, skip=skip, penalise_bias=penalise_bias, time_limit=seconds, callback=callback
        )
        if best is not None or (self.X.shape[1] == 1 and not penalise_bias):
            return best
        return self._pooled_dual(lam, deadline)

    def _pooled_dual(self, lam: float, deadline: Deadline) -> Array | None:
        """Return a dual array (N, T) from the kinks of all networks; None if these cannot interpolate."""
        skip, penalise_bias = self.settings["skip"], self.settings["penalise_bias"]
        pool = _pooled([network for network in self.networks if network.n_neurons], skip)
        if pool is None:
            return None
        try:
            convention = {"skip": skip, "penalise_bias": penalise_bias and lam > 0}
            return polish(pool, self.X, self.Y, lam, **convention, time_limit=deadline.left).dual
        except ValueError:
            return None


def _pooled(networks: list[ReLUNetwork], skip: bool) -> ReLUNetwork | None:
    """Return a network with the most expensive kinks of all networks, in both orientations without a skip connection."""
    kinks, cost = [], []
    for network in networks:
        unit = network.normalised()
        size = row_norms(unit.V.T) / network.vv_norm
        expensive = size > _POOLED_COST * size.max()
        kinks.append(np.column_stack([unit.W, unit.b])[expensive])
        cost.append(size[expensive])
    if not kinks:
        return None
    Wb, share = np.vstack(kinks), np.concatenate(cost)
    pool = ReLUNetwork(Wb[:, :-1], Wb[:, -1], share[None])
    merged = pool.simplified(_POOLED_TOL)
    most_expensive = np.argsort(-merged.V[0], kind="stable")[:_MOST_POOLED]
    W, b = merged.W[most_expensive], merged.b[most_expensive]
    if not skip:
        W, b = np.vstack([W, -W]), np.append(b, -b)
    return ReLUNetwork(W, b, np.zeros((networks[0].n_outputs, len(b))))
