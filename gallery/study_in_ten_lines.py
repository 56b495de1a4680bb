"""A study in ten lines.

Do auxiliary outputs make the first output smoother on average? Each data set is solved with and without them, and the
paired ratios get a confidence interval. `vvnorm sweep` does the same for large studies, with stores and many processes.
"""

import matplotlib.pyplot as plt
import numpy as np

import vvnorm
from vvnorm.studies.statistics import paired_ratio

box, norms = vvnorm.Box([-1, -1], [1, 1]), []
for seed in range(12):
    rng = np.random.default_rng(seed)
    X, y = rng.uniform(-1, 1, (9, 2)), rng.standard_normal(9)
    problems = y, vvnorm.gaussian_auxiliary(y, m=8, sigma=1.0, rng=rng)
    networks = [vvnorm.interpolate(X, labels, tol=1e-4).network for labels in problems]
    norms.append([vvnorm.mean_gradient_norm(network, box, output=0, n=500, rng=0).mean for network in networks])
alone, joint = np.array(norms).T
ratio = paired_ratio(joint, alone)
print(ratio)
assert ratio.low < np.exp(np.mean(np.log(joint / alone))) < ratio.high

# %%
# Each dot is a data set.
_, axes = plt.subplots(figsize=(4, 4), layout="constrained")
axes.plot(alone, joint, "o")
axes.axline((1, 1), slope=1, color="grey")
axes.set(xlabel="mean gradient norm, one output", ylabel="with 8 auxiliary outputs", xscale="log", yscale="log")
axes.set_title(f"ratio {ratio.ratio:.2f}, 95 % interval {ratio.low:.2f} to {ratio.high:.2f}")
plt.show()
