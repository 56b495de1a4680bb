"""Several tasks that share a network: their data, weights of their losses, and Pareto fronts."""
