"""The univariate theory: everything about minimal-VV-norm interpolation with one input feature, in closed form."""

from vvnorm.solvers.univariate.interpolation.closed_form import ConnectTheDots, connect, connect_the_dots, doubtful
from vvnorm.solvers.univariate.interpolation.path_norm import critical_exponent, lp_minimiser, matching_weights
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
    "critical_exponent",
    "distance_bound",
    "doubtful",
    "lp_minimiser",
    "matching_weights",
    "moving_outputs",
    "sample_minimisers",
    "sparsest",
]
