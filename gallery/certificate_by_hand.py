"""A certificate checked by hand.

The proof that connect-the-dots is optimal fits in two lines of NumPy. Let delta be the changes of slope of the data, and
eta any array of row norms at most 1 that is 0 at both ends. Every interpolating network costs at least <eta, delta>.
"""

import matplotlib.pyplot as plt
import numpy as np

import vvnorm

x = np.array([0.0, 1.0, 2.5, 3.0, 4.0])
Y = np.array([[0.0, 1.0], [1.0, 0.5], [0.5, 0.0], [2.0, 1.0], [2.0, 3.0]])
solution = vvnorm.interpolate(x, Y)
eta = solution.dual

# %%
# The check: the array is admissible, and its bound equals the cost of the network.
slopes = np.diff(Y, axis=0) / np.diff(x)[:, None]
delta = np.diff(slopes, axis=0)
assert np.all(np.linalg.norm(eta, axis=1) <= 1 + 1e-15)
assert not eta[[0, -1]].any()
bound = np.sum(eta[1:-1] * delta)
cost = np.sum(np.abs(solution.network.W[:, 0]) * np.linalg.norm(solution.network.V, axis=0))
assert abs(bound - cost) <= 1e-12 * cost

# %%
# Left the solution, right the norm of eta: it is 1 where the solution bends.
_, (left, right) = plt.subplots(1, 2, figsize=(8, 3), layout="constrained")
solution.plot(left)
solution.certificate.plot(right, X=x)
plt.show()
