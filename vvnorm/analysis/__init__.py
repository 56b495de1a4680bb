"""Measures of networks: gradients, distances between functions, regions of inputs, kernels of features."""
