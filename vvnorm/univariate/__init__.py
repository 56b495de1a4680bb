"""The univariate theory: everything about minimal-VV-norm interpolation with one input feature, in closed form."""

from vvnorm.univariate.interpolation import ConnectTheDots, connect, connect_the_dots, doubtful
from vvnorm.univariate.solution_set import aligned_runs, band, moving_outputs, sample_minimisers, sparsest
from vvnorm.univariate.stability import distance_bound

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
