"""How far is my torch model from the optimum?

Train any `Sequential(Linear, ReLU, Linear)` with weight decay as usual. `certify` reads it, says what it assumes, and
proves how far its objective is above the least one.
"""

import matplotlib.pyplot as plt
import numpy as np
import torch

import vvnorm

torch.manual_seed(0)
x, lam = np.linspace(-1, 1, 12), 0.05
y = np.abs(x) + 0.1 * np.sin(9 * x)
X, Y = (torch.tensor(values, dtype=torch.float32)[:, None] for values in (x, y))
model = torch.nn.Sequential(torch.nn.Linear(1, 20), torch.nn.ReLU(), torch.nn.Linear(20, 1))

# %%
# The penalty lam / 2 * (squared weights) is the VV norm of a balanced network. Biases are free.
optimiser = torch.optim.Adam(model.parameters(), lr=0.02)
for _ in range(400):
    penalty = model[0].weight.square().sum() + model[2].weight.square().sum()
    loss = (model(X) - Y).square().sum() / 2 + lam / 2 * penalty
    optimiser.zero_grad()
    loss.backward()
    optimiser.step()
certificate = vvnorm.certify(model, x, y, lam=lam)
print(certificate)
assert 0 < certificate.gap < 0.5

# %%
# The optimum, and what training reached. The bound in the certificate holds for networks of any width.
axes = vvnorm.fit(x, y, lam).plot()
axes.plot(x, model(X).detach(), "--", color="black", label=f"torch, gap {certificate.gap:.1%}")
axes.legend()
plt.show()
