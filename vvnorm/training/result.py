"""What training returns."""

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vvnorm.certify import Certificate, certify
from vvnorm.data import Array
from vvnorm.duals import optimal_dual
from vvnorm.network import ReLUNetwork, row_norms
from vvnorm.training.polish import polish

_POOLED_COST = 1e-3  # neurons cheaper than this part of their network's dearest tell little of the dual
_POOLED_TOL = 1e-3  # kinks this near each other are one
_MOST_POOLED = 600  # neurons: the convex problem takes their number cubed


@dataclass(frozen=True, eq=False)
class TrainingResult:
    """S networks trained on one data set: one for each learning rate, lam and seed, in this order, seeds fastest.

    Attributes
    ----------
    networks : list of ReLUNetwork
        Balanced (the two sides of a neuron are of one size), float64, in the caller's coordinates.
    seeds : tuple of int
        Of each network.
    lams, lrs : (S,) arrays
        Of each network: lam of the objective, in label units times input units, and the first learning rate (NaN for
        optimisers that find their own).
    history : dict of arrays
        What was recorded R times along the run: 'step' (R,); and, each (R, S): 'lam', in the caller's units (in the
        whitened metric: the lam of equal lam / lam_max); 'loss', sum of squares / 2 in squared label units, with the best
        affine part; 'vv_norm', in label units per input unit, with the biases if they are penalised; 'gap', relative, of
        loss + lam VV at the final lam (a bound for one input with a skip connection, else an estimate; NaN if neither);
        'excess', VV / R - 1 where R is the least cost of the fitted values (NaN but for one input with a skip connection).
    finish : dict of (S,) arrays
        VV norms after each stage: 'trained', then those asked for of 'polished', 'pruned' and 'exact'.
    notes : tuple of str
        What went wrong or is worth knowing: divergence, an exact fit that is out of reach.
    settings : dict
        Hyper-parameters, change of coordinates, lam_max, versions and seconds, as plain numbers, words and lists.
    X, Y : (N, d) and (N, T) arrays
        The data.
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

    @property
    def lam(self) -> float:
        """The lam of all networks; ValueError if they differ."""
        if not np.all(self.lams == self.lams[0]):
            raise ValueError(f"the networks have different lam ({self.lams.min():.3g} to {self.lams.max():.3g}); see lams")
        return float(self.lams[0])

    @cached_property
    def costs(self) -> Array:
        """Cost of every network, (S,): its VV norm, with the biases inside it if training penalised them."""
        with_bias = self.settings["penalise_bias"]
        return np.array([f.vv_norm_with_bias if with_bias else f.vv_norm for f in self.networks])

    @cached_property
    def objectives(self) -> Array:
        """Sum of squares / 2 plus lam times the cost of every network, shape (S,)."""
        losses = [float(np.sum((network(self.X) - self.Y) ** 2)) / 2 for network in self.networks]
        objectives: Array = np.array(losses) + self.lams * self.costs
        return objectives

    @property
    def best(self) -> ReLUNetwork:
        """The network of least objective, among those of the least lam."""
        least = np.flatnonzero(self.lams == self.lams.min())
        return self.networks[int(least[np.argmin(self.objectives[least])])]

    def certificates(self) -> list[Certificate]:
        """Certify every network as a minimal-VV-norm interpolant of the data.

        For one input the dual certificate is that of the closed form. For several it is that of the certified optimum
        (`vvnorm.duals`); where that would take long it comes from the convex problem over the kinks that all networks
        learned together. The verifier then bounds it over all neurons.

        Raises
        ------
        ValueError
            For one distinct input only, or labels that differ at one input.
        """
        convention = {"skip": self.settings["skip"], "penalise_bias": self.settings["penalise_bias"]}
        dual = None
        if self.X.shape[1] > 1 or convention["penalise_bias"]:
            dual = optimal_dual(self.X, self.Y, **convention)
            dual = self._pooled_dual if dual is None else dual
        return [certify(network, self.X, self.Y, dual=dual, **convention) for network in self.networks]

    @cached_property
    def _pooled_dual(self) -> Array | None:
        """A dual candidate (N, T) from the kinks of all networks; None if they cannot interpolate."""
        skip = self.settings["skip"]
        pool = _pooled([network for network in self.networks if network.n_neurons], skip)
        if pool is None:
            return None
        try:
            return polish(pool, self.X, self.Y, skip=skip).dual
        except ValueError:
            return None


def _pooled(networks: list[ReLUNetwork], skip: bool) -> ReLUNetwork | None:
    """Return one network with the dearest kinks of all; without a skip connection in both orientations."""
    kinks, cost = [], []
    for network in networks:
        unit = network.normalised()
        size = row_norms(unit.V.T) / network.vv_norm
        dear = size > _POOLED_COST * size.max()
        kinks.append(np.column_stack([unit.W, unit.b])[dear])
        cost.append(size[dear])
    if not kinks:
        return None
    Wb, share = np.vstack(kinks), np.concatenate(cost)
    pool = ReLUNetwork(Wb[:, :-1], Wb[:, -1], share[None])
    merged = pool.simplified(_POOLED_TOL)
    dearest = np.argsort(-merged.V[0], kind="stable")[:_MOST_POOLED]
    W, b = merged.W[dearest], merged.b[dearest]
    if not skip:
        W, b = np.vstack([W, -W]), np.append(b, -b)
    return ReLUNetwork(W, b, np.zeros((networks[0].n_outputs, len(b))))
