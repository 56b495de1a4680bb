"""Fits of one input: knots are generated, a Newton method finds multipliers, passes over the data find the next knots."""
