"""For noise, random auxiliary outputs do not bring test points nearer to training points in the hidden layer.

Claim. Let d = 2, with 25 points and labels that are noise. Consider the mean over test points of the distance between the
hidden activations at x_test and at the nearest training point, relative to the root-mean-square distance between two
training points in the same hidden layer. Adding 16 auxiliary outputs of Gaussian noise with the same standard deviation
does not make it smaller by more than 5 %: the geometric mean of the ratio is at least 0.95.

Hypothesis. The auxiliary labels are random: they differ between nearest points as much as between any two.

Source. New. It contradicts the second of three readings of Nakhleh, Shenouda and Nowak (arXiv 2410.21696), who say that
smooth solutions "tend to have smaller average and maximum distance between test and training data points". Absolute
distances grow (by a factor of 2.7 in the pilot): activations have a factor sqrt(||v_k||), where v_k has the output weights
of all tasks, whatever f_1 does.

What breaks. One auxiliary output that a single neuron computes, 100000 times as large as the first, leaves a hidden layer
that is nearly one number: relative distances fall by 10 to 26 % (1000 times: 3 to 18 %, which the bound leaves open).

Experiment. 48 data sets; training points and 256 test points are uniform in a square. The same points and first labels are
used with and without auxiliary outputs. The interval is the 99 % interval of the mean log-ratio. Bound and sample size were
set after a pilot of 33 other data sets (ratio 1.02, standard deviation of the log-ratio 0.04) and a first experiment (1.01
and 0.07). For a ratio of 1 and a standard deviation of 0.07 the interval of 48 data sets lies above 0.95 in 99 of 100
experiments. (The maximum over test points in place of the mean: 0.94, standard deviation 0.12; smaller, as the source has
it.)

Quick runs. A pilot (`auxiliary_outputs.smaller`) found: 64 auxiliary outputs of 0.1 times the standard deviation, ratio
1.02, standard deviation of the log-ratio 0.07. So 32 data sets are drawn in this way. The output of a single neuron has the
48 of a full run, as its ratio, 0.81, varies by 0.22.

Certificate. Each network with the dual array that proves its cost minimal. Activations are those of balanced neurons, as
weight decay leaves them. For one output solutions need not be unique: the claim is about the solutions that the solver
returns.
"""

import numpy as np

from proofs_checks.auxiliary_outputs import (
    TEST_POINTS,
    Comparison,
    claim_about_averages,
    is_random,
    points,
    representation_distance,
    representation_distance_again,
    smaller,
    sparse_networks,
    with_gaussian,
)
from vvnorm.claims import Instance, Quick, Verdict
from vvnorm.validation import Array

SAMPLE = 48
COMPARISON = Comparison((0.95, np.inf), SAMPLE, representation_distance, representation_distance_again, rounding=1e-9)

_MANY, _LARGER = 16, 100000.0


def draw(rng: np.random.Generator, sample: int = SAMPLE, m: int = _MANY, sigma: float = 1.0) -> Instance:
    """Draw noise with 16 auxiliary outputs of the same standard deviation."""
    X = points(rng, sample)
    return _experiment(rng, X, with_gaussian(rng, rng.standard_normal(X.shape[:2]), m, sigma))


def draw_shared(rng: np.random.Generator) -> Instance:
    """Draw the same points with a single auxiliary output: that of one neuron, 100000 times as large as the first."""
    X = points(rng, SAMPLE)
    (kink,) = sparse_networks(rng, X, neurons=1)
    return _experiment(rng, X, np.stack([rng.standard_normal(X.shape[:2]), _LARGER * kink], axis=2))


def _experiment(rng: np.random.Generator, X: Array, Y: Array) -> Instance:
    return {"X": X, "Y": Y, "outputs": np.array([1, Y.shape[2]]), "X_test": points(rng, len(X), TEST_POINTS)}


CLAIM = claim_about_averages(
    "representation_distance",
    COMPARISON,
    statement=(
        "With two inputs and noise as labels, 16 Gaussian auxiliary outputs do not bring test points nearer to training "
        "points in the hidden layer (by more than 5 %)."
    ),
    formula=(
        r"\frac{\mathrm{mean}\, \lVert \phi^{(16)}(x_{\mathrm{test}}) - \phi^{(16)}(x_{\mathrm{train}}) "
        r"\rVert}{\mathrm{mean}\, \lVert \phi^{(0)}(x_{\mathrm{test}}) - \phi^{(0)}(x_{\mathrm{train}}) "
        r"\rVert} \ge 0.95"
    ),
    source="new; contradicts one reading of Nakhleh, Shenouda and Nowak (arXiv 2410.21696)",
    quantity=(
        "ratio to one output of the relative distance of hidden activations to the nearest training point's, 48 data sets"
    ),
    hypotheses={"random_auxiliary": lambda instance: is_random(instance["X"], instance["Y"][:, :, 1:])},
    draw=draw,
    violate={"random_auxiliary": draw_shared},
    on_violation={
        "random_auxiliary": (
            Verdict.NOT_SUPPORTED,
            "a large output of one neuron leaves a hidden layer that is nearly one number",
        )
    },
    quick=Quick(draw=smaller(draw, 32, m=64, sigma=0.1)),
)
