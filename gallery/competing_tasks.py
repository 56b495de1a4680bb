"""Two tasks that compete for one norm.

All networks of a given VV norm share one Pareto front of task losses. Every point on it is proved: no network of that norm
is in the grey region. A network that was trained on one mixture of the tasks can be compared with the front.
"""

import matplotlib.pyplot as plt
import numpy as np

import vvnorm

x = np.linspace(0, 1, 15)
Y = np.column_stack([np.sin(2 * np.pi * x), np.cos(3 * np.pi * x)])
front = vvnorm.pareto_front(x, Y, vv_norm=15.0, mixtures=9)
assert front.verify()

# %%
# A network that was not fitted with care: twice the losses of a point on the front.
losses = 2 * front.losses[4]
lower, upper = front.excess(losses)
assert 0.3 < lower[0] <= upper[0] < 0.7

axes = front.plot()
axes.plot(*losses, "s", color="red", label=f"both losses could be {lower[0]:.0%} lower")
axes.legend()
plt.show()
