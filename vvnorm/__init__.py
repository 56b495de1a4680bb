"""Verifies the theory of minimal-norm multi-output ReLU networks, numerically and with proofs of optimality.

The public names below load on first use, so that importing the package is quick and pulls in neither torch nor cvxpy.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from vvnorm._internal.drawing import register_artist

if TYPE_CHECKING:
    from vvnorm.analysis.feature_kernels import FeatureKernel, feature_kernel, kernel_solution
    from vvnorm.analysis.measures import (
        Bounds,
        Distance,
        Estimate,
        function_distance,
        max_gradient_norm,
        mean_gradient_norm,
        sup_distance,
        test_train_distances,
    )
    from vvnorm.analysis.regions import Ball, Box, Hull
    from vvnorm.api.certification import certify
    from vvnorm.api.fits import fit, fit_path, lambda_max
    from vvnorm.api.interpolation import interpolate
    from vvnorm.claims import Claim, Result, Verdict
    from vvnorm.datasets import (
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
    from vvnorm.falsification.search import Falsification, falsify
    from vvnorm.losses import Loss
    from vvnorm.multitask.pareto import ParetoFront, pareto_front
    from vvnorm.multitask.task_data import TaskData, builtin_task_data, load_task_data
    from vvnorm.multitask.tasks import Standardisation, Task
    from vvnorm.network import ReLUNetwork
    from vvnorm.piecewise import PiecewiseLinear
    from vvnorm.results.band import Band
    from vvnorm.results.contacts import Contacts
    from vvnorm.results.infinite_auxiliary import InfiniteAuxiliary
    from vvnorm.results.interpolant import Interpolant
    from vvnorm.results.minimiser_distance import MinimiserDistance
    from vvnorm.results.multivariate import MultivariateSolution
    from vvnorm.results.path import FitPath
    from vvnorm.results.solution import Solution
    from vvnorm.results.univariate_fit import Fit
    from vvnorm.solvers.univariate.interpolation import connect_the_dots
    from vvnorm.training import TaskTraining, TrainingResult, train, train_tasks
    from vvnorm.verifier.check import Certificate, FitCertificate, certify_fit
    from vvnorm.verifier.verification import Verification

__version__ = "0.1.0"

_HOMES = {
    "results.solution": ("Solution",),
    "results.interpolant": ("Interpolant",),
    "results.univariate_fit": ("Fit",),
    "results.multivariate": ("MultivariateSolution",),
    "results.path": ("FitPath",),
    "results.band": ("Band",),
    "results.contacts": ("Contacts",),
    "results.minimiser_distance": ("MinimiserDistance",),
    "results.infinite_auxiliary": ("InfiniteAuxiliary",),
    "api.interpolation": ("interpolate",),
    "api.fits": ("fit", "fit_path", "lambda_max"),
    "api.certification": ("certify",),
    "verifier.check": ("Certificate", "FitCertificate", "certify_fit"),
    "verifier.verification": ("Verification",),
    "claims": ("Claim", "Result", "Verdict"),
    "datasets": (
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
    "falsification.search": ("Falsification", "falsify"),
    "estimators": ("VVNormClassifier", "VVNormInterpolator", "VVNormRegressor", "VVNormRegressorCV"),
    "multitask.pareto": ("ParetoFront", "pareto_front"),
    "losses": ("Loss",),
    "analysis.feature_kernels": ("FeatureKernel", "feature_kernel", "kernel_solution"),
    "analysis.measures": (
        "Bounds",
        "Distance",
        "Estimate",
        "function_distance",
        "max_gradient_norm",
        "mean_gradient_norm",
        "sup_distance",
        "test_train_distances",
    ),
    "network": ("ReLUNetwork",),
    "piecewise": ("PiecewiseLinear",),
    "analysis.regions": ("Ball", "Box", "Hull"),
    "multitask.task_data": ("TaskData", "builtin_task_data", "load_task_data"),
    "multitask.tasks": ("Standardisation", "Task"),
    "training": ("TaskTraining", "TrainingResult", "train", "train_tasks"),
    "solvers.univariate.interpolation": ("connect_the_dots",),
}
# Results draw themselves by this module; they lie below it and do not import it.
register_artist("vvnorm.plotting.objects")

# IPython calls them for `%load_ext vvnorm` and `%unload_ext vvnorm`.
_HOOKS = {"load_ipython_extension": "load", "unload_ipython_extension": "unload"}

_HOME = {name: module for module, names in _HOMES.items() for name in names}

__all__ = [
    "Ball",
    "Band",
    "Bounds",
    "Box",
    "Certificate",
    "Claim",
    "Contacts",
    "Dataset",
    "Distance",
    "Estimate",
    "Falsification",
    "FeatureKernel",
    "Fit",
    "FitCertificate",
    "FitPath",
    "Hull",
    "InfiniteAuxiliary",
    "Interpolant",
    "Loss",
    "MinimiserDistance",
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
    "Verification",
    "__version__",
    "aligned_dataset",
    "bernoulli_auxiliary",
    "builtin_dataset",
    "builtin_task_data",
    "certify",
    "certify_fit",
    "collinear_dataset",
    "connect_the_dots",
    "falsify",
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
    if name in _HOOKS:
        return getattr(import_module("vvnorm._internal.notebooks"), _HOOKS[name])
    if name not in _HOME:
        raise AttributeError(f"module 'vvnorm' has no attribute {name!r}")
    return getattr(import_module(f"vvnorm.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
