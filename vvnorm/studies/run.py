"""One run of a study: which data, which auxiliary outputs, which solver."""

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

INFINITE = math.inf
"""Number of auxiliary outputs in the limit, which is solved for and not extrapolated."""


@dataclass(frozen=True)
class Run:
    """The full configuration of one run; runs that differ in `auxiliary`, `sigma`, `labels` or `solver` alone are paired.

    Attributes
    ----------
    target : str
        What the first output is: a name in `vvnorm.studies.experiment.TARGETS`.
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

    @property
    def size(self) -> tuple[str, int, int, float]:
        """Solver, inputs, points and auxiliary outputs: runs that agree in these take about equally long."""
        return self.solver, self.inputs, self.points, float(self.auxiliary)

    def configuration(self) -> dict[str, Any]:
        """All that decides the outcome of the run but the code, in plain values of one form each: 4, not 4.0, outputs."""
        values = {entry.name: getattr(self, entry.name) for entry in fields(self)}
        values["auxiliary"] = "infinite" if math.isinf(self.auxiliary) else int(self.auxiliary)
        return values | {"sigma": float(self.sigma), "settings": dict(self.settings)}

    def key(self, code: str) -> str:
        """Sha256, in hexadecimal, of the configuration and the code version: what a run is known by in a store."""
        return fingerprint({"code": code, "run": self.configuration()})


def fingerprint(value: Any) -> str:
    """Sha256, in hexadecimal, of the canonical JSON of plain values: sorted keys, no spaces, shortest numbers, ASCII."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()
