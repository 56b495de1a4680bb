"""What has to be trusted for the verdicts of claims, by file: groups of files that several claims share.

`tests/claims/test_rungs.py` runs rechecks and exact decisions, and compares the files whose code they enter with these.
Compiled code is entered unseen: it is found by the imports of named files.
"""

from typing import Final

_CONTRACT: Final = ("proofs_checks/support.py", "vvnorm/claims/contract.py", "vvnorm/claims/verdict.py")
_VALUES: Final = ("vvnorm/float64.py", "vvnorm/losses.py", "vvnorm/network.py", "vvnorm/validation.py")


def _verifier(*names: str) -> tuple[str, ...]:
    return tuple(f"vvnorm/verifier/{name}.py" for name in names)


_INTERPOLANTS: Final = (
    "vvnorm/_internal/deadline.py",
    "vvnorm/api/certification.py",
    *_verifier("arithmetic", "budget", "certificates", "check", "interpolants"),
)

LINE: Final = (*_VALUES, *_INTERPOLANTS, *_verifier("double_double", "line", "line_kernels"))
"""Interpolants of one input, certified in floating point."""

SPACE: Final = (*_VALUES, *_INTERPOLANTS, *_verifier("shifts", "space"))
"""Interpolants of several inputs, certified in floating point."""

NEURON_BOUND: Final = (
    *_VALUES,
    "vvnorm/_internal/sorting.py",
    *_verifier("branch_and_bound", "budget", "cell_enumeration", "double_double", "laplacian_bound"),
    *_verifier("neuron_bound", "planar_response", "planar_response_precise"),
)
"""Bounds on the response of every neuron in two and more inputs, in floating point."""

LINE_FIT: Final = (
    *_VALUES,
    "vvnorm/solvers/univariate/interpolation/closed_form.py",
    "vvnorm/solvers/univariate/interpolation/curvature_scans.py",
    *_verifier("arithmetic", "check", "double_double", "fits", "line_fit", "line_fit_kernels", "units"),
)
"""Fits of one input, certified in floating point; connect-the-dots of their values comes from the solver's closed form."""

SPACE_FIT: Final = (
    *NEURON_BOUND,
    *_verifier("arithmetic", "check", "fits", "losses", "shifts", "space", "space_fit", "units"),
)
"""Fits of several inputs, certified in floating point."""

NETWORKS: Final = ("vvnorm/float64.py", "vvnorm/network.py", "vvnorm/validation.py")
"""Evaluation of networks, and their cost."""

EXCESS: Final = ("proofs_checks/kernel_excess.py",)
GATED: Final = ("proofs_checks/gated_programs.py", "vvnorm/float64.py", "vvnorm/network.py", "vvnorm/validation.py")
NOISE_RISKS: Final = ("proofs_checks/noise_risks.py",)
PATH_NORMS: Final = ("proofs_checks/path_norms.py",)
REGULARISED: Final = ("proofs_checks/regularised.py",)
GRADIENTS: Final = ("proofs_checks/task_gradients.py", "vvnorm/multitask/tasks.py", *_VALUES)
AUXILIARY: Final = ("proofs_checks/auxiliary_outputs.py", "vvnorm/analysis/gradient_integrals.py")
STATISTICS: Final = ("vvnorm/studies/statistics.py",)
MEASURES: Final = ("vvnorm/analysis/measures.py", "vvnorm/analysis/regions.py", "vvnorm/float64.py", "vvnorm/network.py")

FORMAL: Final = ("proofs_checks/formal/Statement.v", "proofs_checks/formal/check.py")
"""Machine-checked theorems: the statements must say what is meant, and nothing else may be assumed. Coq's kernel, too."""

EXACT: Final = (
    "proofs_checks/rational.py",
    *_VALUES,
    *_verifier("exact/line", "exact/rational_network", "exact/rationals"),
)
"""Decisions about one input in rational arithmetic."""

DUAL: Final = _verifier("exact/dual_arrays")
"""Lower bounds by dual arrays in rational arithmetic."""

PLANE: Final = _verifier("exact/corrected", "exact/plane")
"""Responses of all neurons in two inputs, in rational arithmetic."""


def files(claim: str, *groups: tuple[str, ...]) -> tuple[str, ...]:
    """Return the claim's own module, what all claims rest on, and some groups, each file once and in order."""
    return tuple(sorted({f"proofs_checks/{claim}.py", *_CONTRACT, *(file for group in groups for file in group)}))
