"""A counterexample, found and proved.

Is the hypothesis of the uniqueness theorem needed? The search drops it, goes through small integer data, and returns the
smallest data set with two minimisers. Both are then proved optimal in rational numbers.
"""

import matplotlib.pyplot as plt
import numpy as np

import vvnorm

search = vvnorm.falsify("uniqueness", drop="no_aligned_neighbours", seconds=5)
assert search.refuted
print(search.counterexample)

# %%
# Two networks through these data with the same VV norm.
x, Y = (np.array(search.counterexample.data[name], dtype=float) for name in ("x", "Y"))
first = vvnorm.interpolate(x, Y)
second = first.sparsify()
assert first.network.n_neurons != second.network.n_neurons
for solution in (first, second):
    assert solution.prove().proved

# %%
# The picture.
axes = first.plot()
t = np.linspace(x.min(), x.max(), 400)
axes.plot(t, second.network(t), "--", color="red", label=f"the same norm with {second.network.n_neurons} neuron")
axes.legend()
plt.show()
