"""Verifies, with proofs of optimality, what theory says about minimal-norm multi-output ReLU networks.

The public names below load on first use, so that importing the package is quick and pulls in neither torch nor cvxpy.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vvnorm.certify import Certificate, certify
    from vvnorm.certify_regularised import FitCertificate, certify_fit
    from vvnorm.claims import Claim, Result, Verdict
    from vvnorm.data import (
        Dataset,
        aligned_dataset,
        bernoulli_auxiliary,
        builtin_dataset,
        collinear_dataset,
        gaussian_auxiliary,
        load_dataset,
        random_dataset,
        two_squares,
    )
    from vvnorm.estimators import VVNormClassifier, VVNormInterpolator, VVNormRegressor, VVNormRegressorCV
    from vvnorm.fitting import Fit, fit, fit_path, lambda_max
    from vvnorm.front import ParetoFront, pareto_front
    from vvnorm.learned_kernel import FeatureKernel, feature_kernel, kernel_solution
    from vvnorm.losses import Loss
    from vvnorm.measures import (
        Bounds,
        Distance,
        Estimate,
        function_distance,
        max_gradient_norm,
        mean_gradient_norm,
        sup_distance,
        test_train_distances,
    )
    from vvnorm.multivariate.infinite import InfiniteAuxiliary
    from vvnorm.multivariate.solution import MultivariateSolution
    from vvnorm.network import ReLUNetwork
    from vvnorm.piecewise import PiecewiseLinear
    from vvnorm.regions import Ball, Box, Hull
    from vvnorm.solution import Interpolant, Solution, interpolate
    from vvnorm.task_data import TaskData, builtin_task_data, load_task_data
    from vvnorm.tasks import Standardisation, Task
    from vvnorm.training import TaskTraining, TrainingResult, train, train_tasks
    from vvnorm.univariate import connect_the_dots

__version__ = "0.1.0"

_HOMES = {
    "certify": ("Certificate", "certify"),
    "certify_regularised": ("FitCertificate", "certify_fit"),
    "claims": ("Claim", "Result", "Verdict"),
    "data": (
        "Dataset",
        "aligned_dataset",
        "bernoulli_auxiliary",
        "builtin_dataset",
        "collinear_dataset",
        "gaussian_auxiliary",
        "load_dataset",
        "random_dataset",
        "two_squares",
    ),
    "estimators": ("VVNormClassifier", "VVNormInterpolator", "VVNormRegressor", "VVNormRegressorCV"),
    "fitting": ("Fit", "fit", "fit_path", "lambda_max"),
    "front": ("ParetoFront", "pareto_front"),
    "losses": ("Loss",),
    "learned_kernel": ("FeatureKernel", "feature_kernel", "kernel_solution"),
    "measures": (
        "Bounds",
        "Distance",
        "Estimate",
        "function_distance",
        "max_gradient_norm",
        "mean_gradient_norm",
        "sup_distance",
        "test_train_distances",
    ),
    "multivariate.infinite": ("InfiniteAuxiliary",),
    "multivariate.solution": ("MultivariateSolution",),
    "network": ("ReLUNetwork",),
    "piecewise": ("PiecewiseLinear",),
    "regions": ("Ball", "Box", "Hull"),
    "solution": ("Interpolant", "Solution", "interpolate"),
    "task_data": ("TaskData", "builtin_task_data", "load_task_data"),
    "tasks": ("Standardisation", "Task"),
    "training": ("TaskTraining", "TrainingResult", "train", "train_tasks"),
    "univariate": ("connect_the_dots",),
}
_HOME = {name: module for module, names in _HOMES.items() for name in names}

__all__ = [
    "Ball",
    "Bounds",
    "Box",
    "Certificate",
    "Claim",
    "Dataset",
    "Distance",
    "Estimate",
    "FeatureKernel",
    "Fit",
    "FitCertificate",
    "Hull",
    "InfiniteAuxiliary",
    "Interpolant",
    "Loss",
    "MultivariateSolution",
    "ParetoFront",
    "PiecewiseLinear",
    "ReLUNetwork",
    "Result",
    "Solution",
    "Standardisation",
    "Task",
    "TaskData",
    "TaskTraining",
    "TrainingResult",
    "VVNormClassifier",
    "VVNormInterpolator",
    "VVNormRegressor",
    "VVNormRegressorCV",
    "Verdict",
    "__version__",
    "aligned_dataset",
    "bernoulli_auxiliary",
    "builtin_dataset",
    "builtin_task_data",
    "certify",
    "certify_fit",
    "collinear_dataset",
    "connect_the_dots",
    "feature_kernel",
    "fit",
    "fit_path",
    "function_distance",
    "gaussian_auxiliary",
    "interpolate",
    "kernel_solution",
    "lambda_max",
    "load_dataset",
    "load_task_data",
    "max_gradient_norm",
    "mean_gradient_norm",
    "pareto_front",
    "random_dataset",
    "sup_distance",
    "test_train_distances",
    "train",
    "train_tasks",
    "two_squares",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'vvnorm' has no attribute {name!r}")
    return getattr(import_module(f"vvnorm.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
