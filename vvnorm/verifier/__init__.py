"""Proofs of how close to optimal a network is, and the code that checks them. No solver is imported.

Every proof is weak duality. Let no neuron of norm 1 respond to a dual array by more than 1. Then the pairing of the array
with the values of any network at the data is at most the VV norm of the network. So the pairing with the labels bounds the
cost of all interpolants from below. Together with the conjugates of the losses it bounds the objective of all fits.

- `check`: the entry point. Judges networks, and checks, saves and loads certificates.
- `line`, `line_fit`: the bounds for one input, interpolants and regularised fits, with their compiled passes `line_kernels`
  and `line_fit_kernels`.
- `space`, `space_fit`: the same for several inputs.
- `neuron_bound`: the largest response of one neuron to a dual array. Two inputs: `planar_response`, and
  `planar_response_precise` for points that are close to each other. More: `cell_enumeration`, `branch_and_bound`.
- `front`: points of Pareto fronts of several tasks.
- `certificates`, `serialization`: what is recorded, and its files. `verification`: what `verify()` returns.
- `losses`, `units`, `arithmetic`, `double_double`, `shifts`, `flat_inputs`, `interpolants`, `fits`, `budget`: shared parts.
- `exact`: proofs in rational numbers.
"""
