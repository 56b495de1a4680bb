"""For noise, one large random auxiliary output makes the interpolant rougher, not smoother.

Claim. Let d = 2, with 25 points and labels that are noise. Add one auxiliary output of Gaussian noise with 10 times the
standard deviation. The mean of ||grad f_1|| over the points' hull is then larger than for the minimal-VV-norm interpolant
of the first output alone: the geometric mean of the ratio is at least 1.05.

Hypotheses. The auxiliary output is large, 5 times the first or more. It is the only one.

Source. New. It contradicts Nakhleh, Shenouda and Nowak (arXiv 2410.21696) where they say, without such conditions, that
auxiliary outputs make the first output smoother, depending on their variance. The dependence is so strong that the effect
is reversed. A neuron costs the norm of its weights for both outputs. Where the large output has a neuron, a weight for the
small output adds little to the cost, so the small output has a kink there, too.

What breaks. With equal standard deviations the ratio is 0.94. With 16 large outputs it is 0.84: these have neurons
everywhere.

Experiment. 64 data sets; points are uniform in a square. The same points and first labels are used with and without the
auxiliary output. The interval is the 99 % interval of the mean log-ratio. Effect and sample size were set after a pilot of
33 other data sets (ratio 1.14, standard deviation of the log-ratio 0.17) and a first experiment of 32 (1.24 and 0.13). For
a ratio of 1.17 and a standard deviation of 0.16 the interval of 64 data sets lies above 1.05 in 99 of 100 experiments.

Quick runs. A pilot (`auxiliary_outputs.smaller`) found: an auxiliary output of 100 times the standard deviation, ratio
1.66, standard deviation of the log-ratio 0.21; of 0.1 times, 0.95 and 0.05; 64 large outputs, 0.85 and 0.10. So 12 data
sets are drawn in each of these ways.

Certificate. Each network with the dual array that proves its cost minimal. For one output solutions need not be unique: the
claim is about the solutions that the solver returns.
"""

import numpy as np

from proofs_checks.auxiliary_outputs import (
    Comparison,
    claim_about_averages,
    mean_gradient,
    mean_gradient_along_lines,
    points,
    smaller,
    with_gaussian,
)
from vvnorm.claims import Instance, Quick, Verdict

SAMPLE, LARGE = 64, 5.0
COMPARISON = Comparison((1.05, np.inf), SAMPLE, mean_gradient, mean_gradient_along_lines, rounding=1e-9)

_SIGMA, _MANY = 10.0, 16


def draw(rng: np.random.Generator, sample: int = SAMPLE, sigma: float = _SIGMA) -> Instance:
    """Draw noise with one auxiliary output of 10 times its standard deviation."""
    return _experiment(rng, sample, 1, sigma)


def draw_equal(rng: np.random.Generator, sample: int = SAMPLE, sigma: float = 1.0) -> Instance:
    """Draw the same with equal standard deviations."""
    return _experiment(rng, sample, 1, sigma)


def draw_many(rng: np.random.Generator, sample: int = SAMPLE, m: int = _MANY) -> Instance:
    """Draw the same with 16 large auxiliary outputs."""
    return _experiment(rng, sample, m, _SIGMA)


def _experiment(rng: np.random.Generator, sample: int, m: int, sigma: float) -> Instance:
    X = points(rng, sample)
    Y = with_gaussian(rng, rng.standard_normal(X.shape[:2]), m, sigma)
    return {"X": X, "Y": Y, "outputs": np.array([1, 1 + m])}


def _large(instance: Instance) -> bool:
    size = np.std(instance["Y"], axis=(0, 1))
    return bool(np.all(size[1:] >= LARGE * size[0]))


CLAIM = claim_about_averages(
    "smoothness_in_sigma",
    COMPARISON,
    statement=(
        "With two inputs and noise as labels, one Gaussian auxiliary output with 10 times the standard deviation makes the "
        "minimal-VV-norm interpolant rougher, by 5 % or more."
    ),
    formula=(
        r"\frac{\mathrm{mean}\, \lVert \nabla f_1^{(1, \sigma = 10)} \rVert}{\mathrm{mean}\, \lVert \nabla "
        r"f_1^{(0)} \rVert} \ge 1.05"
    ),
    source="new; contradicts Nakhleh, Shenouda and Nowak (arXiv 2410.21696)",
    quantity="ratio of the mean of ||grad f_1|| over the hull to that of f_1 alone, geometric mean over 64 data sets",
    hypotheses={"large": _large, "one_output": lambda instance: int(instance["outputs"][1]) == 2},
    draw=draw,
    violate={"large": draw_equal, "one_output": draw_many},
    on_violation={
        "large": (Verdict.NOT_SUPPORTED, "an output of equal size makes the first one slightly smoother"),
        "one_output": (Verdict.NOT_SUPPORTED, "many outputs have neurons everywhere, large or not"),
    },
    quick=Quick(
        draw=smaller(draw, 12, sigma=100.0),
        violate={"large": smaller(draw_equal, 12, sigma=0.1), "one_output": smaller(draw_many, 12, m=64)},
    ),
)
