"""The problem in several input features: convex programs over finite sets of neurons."""

from vvnorm.multivariate.master import MasterSolution, group_lasso

__all__ = ["MasterSolution", "group_lasso"]
