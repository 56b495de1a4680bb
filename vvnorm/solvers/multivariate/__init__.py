"""Minimal-VV-norm networks of several inputs: certified by column generation over all neurons."""

from vvnorm.solvers.multivariate.group_lasso_ipm import MasterSolution, group_lasso

__all__ = ["MasterSolution", "group_lasso"]
