"""Several inputs: interpolants and fits of least VV norm by column generation over all neurons.

1. `affine_elimination` turns data into a reduced problem: equal inputs are merged; affine functions, which cost nothing,
   are eliminated; outputs are rotated to the least number that the labels span. It also maps a solution back to a network
   and a dual array.
2. `column_generation` alternates between the master problem over the current neurons and a search for neurons whose
   response to the dual array of the master problem is too large. These are added. If there are none, the solution is
   optimal.
3. The *master problem* is a group lasso: `group_lasso_newton` takes Newton steps on one weight per neuron;
   `group_lasso_ipm` is an interior-point method for one output, where the set of solutions may be a face.
4. `neuron_search` finds the neurons of largest response: exactly in the plane (`planar_search`, or
   `planar_search_compensated` where points are close to each other), exactly or locally in more dimensions
   (`exact_search`).

`convex_losses` solves fits with logistic and Huber losses by a sequence of such problems. `spanning_tree_slopes` keeps the
equations of interpolation independent if points are close. `sparsify` reduces the number of neurons of a solution.
"""

from vvnorm.solvers.multivariate.group_lasso_ipm import MasterSolution, group_lasso

__all__ = ["MasterSolution", "group_lasso"]
