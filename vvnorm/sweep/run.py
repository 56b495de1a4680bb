"""One run of a study: which data, which auxiliary outputs, which solver."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

INFINITE = math.inf
"""Number of auxiliary outputs in the limit, which is solved for and not extrapolated."""


@dataclass(frozen=True)
class Run:
    """The full configuration of one run; runs that differ in `auxiliary`, `sigma`, `labels` or `solver` alone are paired.

    Attributes
    ----------
    target : str
        What the first output is: a name in `vvnorm.sweep.experiment.TARGETS`.
    inputs : int
        Input dimension d.
    points : int
        Training points N.
    auxiliary : float
        Number m of auxiliary outputs, a whole number or `INFINITE`.
    sigma : float
        Standard deviation of the auxiliary labels, in units of the standard deviation of the first output's labels; 0
        where `auxiliary` is 0 or infinite, since it says nothing there.
    labels : str
        What the auxiliary labels are: gaussian or bernoulli (centred, values -sigma and sigma with equal probability);
        gaussian where `auxiliary` is 0 or infinite.
    solver : str
        certified or trained.
    seed : int
        Data, auxiliary labels and training depend on it: data on nothing else, so that runs of one seed are paired.
    settings : mapping of str to number, str or bool
        Options of the solver.
    """

    target: str
    inputs: int
    points: int
    auxiliary: float
    sigma: float
    labels: str
    solver: str
    seed: int
    settings: Mapping[str, Any] = field(default_factory=dict, hash=False)
