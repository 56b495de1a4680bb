"""Fitting noisy data with shared kinks.

The VV norm is a group penalty: a neuron serves all outputs or none. A joint fit of three noisy curves bends where all of
them bend; three separate fits each choose kinks of their own.
"""

import matplotlib.pyplot as plt
import numpy as np

import vvnorm

rng = np.random.default_rng(3)
x = np.sort(rng.uniform(0, 3, 80))
truth = np.column_stack([np.abs(x - 1), np.maximum(x - 2, 0) - np.abs(x - 1), 2 * np.maximum(x - 2, 0)])
Y = truth + 0.1 * rng.standard_normal(truth.shape)

lam = 0.1 * vvnorm.lambda_max(x, Y)
joint = vvnorm.fit(x, Y, lam)
separate = [vvnorm.fit(x, column, lam) for column in Y.T]
assert joint.verify()
assert len(joint.knots) < sum(len(fit.knots) for fit in separate)

# %%
# Knots of the joint fit, and of the separate ones below.
_, (top, bottom) = plt.subplots(2, 1, sharex=True, height_ratios=(4, 1), layout="constrained")
joint.plot(top)
for row, fit in enumerate([joint, *separate]):
    bottom.plot(fit.knots, np.full(len(fit.knots), -row), "D", ms=4)
bottom.set_yticks([0, -1, -2, -3], ["joint", "y0", "y1", "y2"])
plt.show()
