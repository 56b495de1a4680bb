"""The univariate theory: everything about minimal-VV-norm interpolation with one input feature, in closed form."""

from vvnorm.solvers.univariate.interpolation.closed_form import ConnectTheDots, connect, connect_the_dots, doubtful
from vvnorm.solvers.univariate.interpolation.solution_set import (
    aligned_runs,
    band,
    moving_outputs,
    sample_minimisers,
    sparsest,
)
from vvnorm.solvers.univariate.interpolation.stability import distance_bound

__all__ = [
    "ConnectTheDots",
    "aligned_runs",
    "band",
    "connect",
    "connect_the_dots",
    "distance_bound",
    "doubtful",
    "moving_outputs",
    "sample_minimisers",
    "sparsest",
]
