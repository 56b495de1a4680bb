"""The band in the plane.

Eight points, the corners of two squares: label 1 inside, 0 outside. Which values can nearly optimal networks take along a
line? Outer ends are proved by dual arrays. One auxiliary output makes the band twenty times narrower.
"""

import matplotlib.pyplot as plt
import numpy as np

import vvnorm

data = vvnorm.two_squares()
line = np.column_stack([np.linspace(-0.8, 0.8, 3), np.zeros(3)])

_, axes = plt.subplots(1, 2, figsize=(8, 3), sharey=True, layout="constrained")
widths = []
for panel, Y in zip(axes, (data.Y, vvnorm.gaussian_auxiliary(data.Y, m=1, sigma=1.0, rng=0)), strict=True):
    solution = vvnorm.interpolate(data.X, Y)
    low, high = solution.band(line, excess=1e-3, outputs=0).outer[:, 0].T
    panel.vlines(line[:, 0], low, high, lw=6, alpha=0.5, label="all networks within 0.1 % of the optimum")
    panel.plot(line[:, 0], solution(line)[:, 0], "k_", ms=12, label="an optimal network")
    panel.set(xlabel="first input, second = 0", title=f"outputs: {Y.shape[1]}")
    widths.append(high - low)
axes[0].legend()
assert widths[0][1] > 20 * widths[1][1]
plt.show()
