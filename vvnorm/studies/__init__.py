"""Studies: many runs over a grid of data, auxiliary outputs and solvers, kept in a store that survives interruption."""
