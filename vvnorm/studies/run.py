"""The configuration of one run of a study: data, auxiliary outputs and solver."""

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

INFINITE = math.inf
"""Stands for the limit of infinitely many auxiliary outputs; the limit is computed, not extrapolated."""


@dataclass(frozen=True)
class Run:
    """The full configuration of one run; runs that differ in `auxiliary`, `sigma`, `labels` or `solver` alone are paired.

    Attributes
    ----------
    target : str
        The first output: a name in `vvnorm.studies.experiment.TARGETS`.
    inputs : int
        Input dimension d.
    points : int
        Training points N.
    auxiliary : float
        Number m of auxiliary outputs, a whole number or `INFINITE`.
    sigma : float
        Standard deviation of the auxiliary labels, in units of the standard deviation of the first output's labels. It is
        0 if `auxiliary` is 0 or infinite, since it has no meaning then.
    labels : str
        Distribution of the auxiliary labels: gaussian, or bernoulli (values -sigma and sigma with equal probability). It is
        gaussian if `auxiliary` is 0 or infinite.
    solver : str
        certified or trained.
    seed : int
        Seed of data, auxiliary labels and training. Data depend on no other random choice, so that runs with the same seed
        are paired.
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
        """Solver, inputs, points and auxiliary outputs; runs that agree in these take about the same time."""
        return self.solver, self.inputs, self.points, float(self.auxiliary)

    def configuration(self) -> dict[str, Any]:
        """Return what determines the outcome besides the code, as plain values in canonical form (4 outputs, not 4.0)."""
        values = {entry.name: getattr(self, entry.name) for entry in fields(self)}
        values["auxiliary"] = "infinite" if math.isinf(self.auxiliary) else int(self.auxiliary)
        return values | {"sigma": float(self.sigma), "settings": dict(self.settings)}

    def key(self, code: str) -> str:
        """Return the SHA-256 hash, in hexadecimal, of the configuration and the code version: the run's key in a store."""
        return fingerprint({"code": code, "run": self.configuration()})


def fingerprint(value: Any) -> str:
    """Return the SHA-256 hash, in hexadecimal, of plain values as canonical JSON: sorted keys, no spaces, ASCII."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()
