"""Analysis of networks, whatever made them: gradients, distances, regions of inputs, learned kernels.

- `measures`: gradient norms and distances between networks, averaged or maximised over regions.
- `regions`: boxes, balls and convex hulls, with uniform samples.
- `gradient_integrals`: exact integrals and maxima of gradients in one and two dimensions.
- `feature_kernels`: the kernel of a network's features, and regression with it.
"""
