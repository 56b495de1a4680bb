"""Overfitting cured by an auxiliary output.

Labels are pure noise. With one output some minimisers overshoot between the points, beside short gaps by much. With an
auxiliary output connect-the-dots is the only minimiser: it never leaves the range of neighbouring labels.
"""

import matplotlib.pyplot as plt
import numpy as np

import vvnorm

rng = np.random.default_rng(8)
x = np.sort(rng.uniform(0, 10, 60))
y = rng.standard_normal(60)
alone = vvnorm.interpolate(x, y)
pair = vvnorm.interpolate(x, vvnorm.gaussian_auxiliary(y, m=1, sigma=1.0, rng=1))
assert pair.unique_outputs[0]

# %%
# The truth is 0, so the mean square of the function is its risk.
t = np.linspace(x[0], x[-1], 20_000)
low, high = (side[:, 0] for side in alone.band(t))
farthest = np.where(np.abs(low) > np.abs(high), low, high)
risks = np.mean(farthest**2), np.mean(pair(t)[:, 0] ** 2)
assert risks[1] < risks[0]

_, axes = plt.subplots(figsize=(8, 3), layout="constrained")
axes.fill_between(t, low, high, alpha=0.4, label=f"one output: all minimisers, risk up to {risks[0]:.2g}")
axes.plot(t, pair(t)[:, 0], lw=1, label=f"with an auxiliary output, risk {risks[1]:.2g}")
axes.plot(x, y, "k.", ms=4)
axes.legend()
plt.show()
