"""Fits of one input: losses plus lam times the VV norm. Start at `dispatch`.

The solution is a piecewise linear function with kinks at few inputs (its knots), for any number of rows. Three parts work
together, in rounds:

1. *Knot generation* (`knot_generation`, `knot_selection`) keeps the knots. It begins with evenly spaced rows, adds the row
   of every segment that violates optimality most, and drops knots without a kink.
2. *Newton steps on multipliers* solve the problem with kinks at these knots only, in one multiplier per knot for any
   number of outputs: `newton_dense` for few knots, `newton_banded` for many. Both evaluate a function for given
   multipliers with `kalman_smoother`.
3. *Passes over the data* evaluate losses and the dual variable Z at all rows. Z, the double cumulative sum of the dual
   values, must satisfy ||Z|| <= lam everywhere; where it does not, a knot is missing. `block_summaries` reads the rows
   once and then works on blocks of rows; `loss_passes` reads every entry, with the losses of `compiled_losses`.

`squared_loss` runs the rounds for squared losses of complete labels, `any_loss` for all other problems: there each round
also replaces the losses by quadratic models. `constant_fit` solves problems with one distinct input. `problem` defines
their input, `Problem`, and their result, `KnotSolution`.
"""
