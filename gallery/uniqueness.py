"""Uniqueness in one picture.

One output: all solutions lie in the blue band, and there are many. One Gaussian auxiliary output leaves a single one.
"""

import matplotlib.pyplot as plt
import numpy as np

import vvnorm

x = np.arange(9.0)
y = np.array([1.0, 0.1, 0.2, 1.1, 0.9, 0.0, -0.1, 0.6, 0.7])
alone = vvnorm.interpolate(x, y)
pair = vvnorm.interpolate(x, vvnorm.gaussian_auxiliary(y, m=1, sigma=1.0, rng=0))
assert not alone.unique
assert pair.unique

# %%
# The grey curves are random solutions of the same VV norm.
_, (left, right) = plt.subplots(1, 2, figsize=(8, 3), sharey=True, layout="constrained")
t = np.linspace(-0.3, 8.3, 500)
for network in alone.sample(5, rng=1):
    left.plot(t, network(t), color="grey", lw=0.7)
alone.plot(left).set_title("one output")
pair.plot(right, output=0).set_title("with an auxiliary output")
plt.show()
