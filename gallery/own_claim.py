"""A claim of one's own.

Conjecture: adding an output never lowers the VV norm. A claim draws instances, and returns for each an interval
that is certified to contain the tested quantity; the verdict follows from the interval alone.
"""

import matplotlib.pyplot as plt
import numpy as np

import vvnorm
from vvnorm.claims import conclude

CLAIMED = (1.0, np.inf)  # where the quantity should lie


def draw(rng):
    return {"x": np.cumsum(rng.uniform(0.5, 1.0, 8)), "Y": rng.standard_normal((8, 2))}


def check(instance):
    few, many = (vvnorm.interpolate(instance["x"], Y) for Y in (instance["Y"][:, :1], instance["Y"]))
    interval = many.lower_bound / few.value, many.value / few.lower_bound
    return conclude(CLAIMED, *interval, {"eta": many.dual}, method="closed form")


# %%
# Twenty draws. Registered under `vvnorm.claims`, `vvnorm verify` runs the claim with hypotheses that are broken, rechecks
# by other code, and tampered certificates.
results = [check(draw(np.random.default_rng(seed))) for seed in range(20)]
assert {result.verdict for result in results} == {vvnorm.Verdict.HOLDS}

_, axes = plt.subplots(figsize=(6, 3), layout="constrained")
axes.plot([result.lower for result in results], "o")
axes.axhline(1, color="grey")
axes.set(xlabel="draw", ylabel="norm with / without a second output")
plt.show()
