"""For noise, many random auxiliary outputs make the interpolant smoother.

Claim. Let d = 2, with 25 points and labels that are noise. Add 64 auxiliary outputs of Gaussian noise with 0.1, 1 or 10
times the standard deviation. The mean of ||grad f_1|| over the points' hull is then smaller than for the minimal-VV-norm
interpolant of the first output alone: the geometric mean of the ratio is at most 0.95.

Hypotheses. The first labels are noise. There are more than 16 auxiliary outputs.

Source. Nakhleh, Shenouda and Nowak (arXiv 2410.21696) say so of Gaussian auxiliary outputs in general, from experiments.
Certified optima support less, which both hypotheses express.

What breaks. Labels of a ReLU network of four neurons are interpolated by nearly that network in both cases: the ratio is
0.98. A single auxiliary output with 10 times the standard deviation makes the first output rougher, by about 15 %: the
first output has kinks where the large output has them (claim `smoothness_in_sigma`).

Experiment. 32 data sets; points are uniform in a square. The same points and first labels are used with and without
auxiliary outputs. The interval is the 99 % interval of the mean log-ratio. Effect and sample size were set after a pilot of
33 other data sets for each standard deviation: ratio 0.80, standard deviation of the log-ratio 0.10 to 0.14. (With 16
outputs the ratio was 0.81 to 0.84, and 0.92 in a first experiment with the largest standard deviation. Therefore the claim
has 64 outputs.) For a ratio of 0.86 the interval of 32 data sets lies below 0.95 in 92 of 100 experiments, for 0.84 in 99.

Quick runs. A pilot (`auxiliary_outputs.smaller`) found: auxiliary outputs of 0.1 times the standard deviation, ratio 0.81,
standard deviation of the log-ratio 0.14; labels of a single neuron, 1.07 and 0.03; one auxiliary output of 100 times the
standard deviation, 1.66 and 0.21. So 20, 8 and 14 data sets are drawn in these ways.

Certificate. Each network with the dual array that proves its cost minimal. For one output solutions need not be unique: the
claim is about the solutions that the solver returns.
"""

import numpy as np

from proofs_checks.auxiliary_outputs import (
    Comparison,
    claim_about_averages,
    first_labels_are_noise,
    mean_gradient,
    mean_gradient_along_lines,
    points,
    smaller,
    sparse_networks,
    with_gaussian,
)
from vvnorm.claims import Instance, Quick, Verdict

SAMPLE, LEAST = 32, 16
COMPARISON = Comparison((0.0, 0.95), SAMPLE, mean_gradient, mean_gradient_along_lines, rounding=1e-9)

_MANY, _SIGMAS = 64, (0.1, 1.0, 10.0)


def draw(rng: np.random.Generator, sample: int = SAMPLE, sigma: float | None = None) -> Instance:
    """Draw noise with 64 auxiliary outputs of 0.1, 1 or 10 times its standard deviation."""
    X = points(rng, sample)
    y = rng.standard_normal(X.shape[:2])
    Y = with_gaussian(rng, y, _MANY, float(rng.choice(_SIGMAS)) if sigma is None else sigma)
    return {"X": X, "Y": Y, "outputs": np.array([1, 1 + _MANY])}


def draw_sparse(rng: np.random.Generator, sample: int = SAMPLE, neurons: int = 4) -> Instance:
    """Draw labels of sparse networks with 64 auxiliary outputs of the same standard deviation."""
    X = points(rng, sample)
    (y,) = sparse_networks(rng, X, neurons=neurons)
    return {"X": X, "Y": with_gaussian(rng, y, _MANY, 1.0), "outputs": np.array([1, 1 + _MANY])}


def draw_one_large(rng: np.random.Generator, sample: int = SAMPLE, sigma: float = 10.0) -> Instance:
    """Draw noise with one auxiliary output of 10 times its standard deviation."""
    X = points(rng, sample)
    return {"X": X, "Y": with_gaussian(rng, rng.standard_normal(X.shape[:2]), 1, sigma), "outputs": np.array([1, 2])}


CLAIM = claim_about_averages(
    "smoothness_mean_gradient",
    COMPARISON,
    statement=(
        "With two inputs and noise as labels, 64 Gaussian auxiliary outputs make the minimal-VV-norm interpolant smoother, "
        "by 5 % or more on average."
    ),
    formula=(
        r"\frac{\mathrm{mean}\, \lVert \nabla f_1^{(64)} \rVert}{\mathrm{mean}\, \lVert \nabla f_1^{(0)} "
        r"\rVert} \le 0.95"
    ),
    source="Nakhleh, Shenouda and Nowak (arXiv 2410.21696), in general; here for noise and many outputs",
    quantity="ratio of the mean of ||grad f_1|| over the hull to that of f_1 alone, geometric mean over 32 data sets",
    hypotheses={
        "noise": first_labels_are_noise,
        "many_outputs": lambda instance: int(instance["outputs"][1]) > LEAST,
    },
    draw=draw,
    violate={"noise": draw_sparse, "many_outputs": draw_one_large},
    on_violation={
        "noise": (
            Verdict.NOT_SUPPORTED,
            "the few neurons that made the labels are recovered with and without auxiliary outputs",
        ),
        "many_outputs": (Verdict.NOT_SUPPORTED, "the first output has kinks where the large auxiliary output has them"),
    },
    quick=Quick(
        draw=smaller(draw, 20, sigma=0.1),
        violate={"noise": smaller(draw_sparse, 8, neurons=1), "many_outputs": smaller(draw_one_large, 14, sigma=100.0)},
    ),
)
