"""Exact solvers for networks of least VV norm and for fits with the VV norm as penalty. They make no certificates.

A solver takes validated arrays and returns a network with a dual array. `vvnorm.verifier`, which shares no code with this
package, turns the pair into a certificate. Solvers import neither the verifier nor `vvnorm.results` or `vvnorm.api`.

- `univariate.interpolation`: one input, complete labels. The solution is known in closed form.
- `univariate.fits`: one input, losses plus lam times the VV norm. Knot generation, Newton steps on one multiplier per knot,
  and passes over the data that locate missing knots.
- `multivariate`: several inputs. Column generation: a master problem over finitely many neurons, and an exact or a local
  search over all neurons for those to add.
- `reference`: the problems as CVXPY programs, for comparison; slow, and independent of the other solvers.
- `array_kernels`: compiled functions that the univariate solvers share.
"""
