"""Several tasks that share a network: their definition, their data, and Pareto fronts of their losses.

- `tasks`: a `Task` is a group of outputs with a loss; `as_tasks` reads the argument `tasks`. Labels, weights, inputs.
- `task_data`: data sets of several tasks, built in or from CSV files, and the test metric of each task.
- `task_losses`: losses of tasks for fitted values, and losses of the best constants.
- `least_norm`: the point of least norm in the convex hull of vectors, for the direction of MGDA and Pareto stationarity.
- `pareto`: the Pareto front of the task losses at a fixed VV norm, with proofs that `vvnorm.verifier.front` checks.

Gradient training of several tasks is in `vvnorm.training`, which imports this package; nothing here imports training.
"""
