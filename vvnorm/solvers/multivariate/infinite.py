"""The limit of infinitely many auxiliary outputs.

With m Gaussian auxiliary outputs of variance 1 / m the sum over outputs tends to an expectation: for points with an
orthonormal basis Q (N, n) of the complement of the affine functions, the design weights solve

    min over eta >= 0 of  (tr G^-1 + sum_k eta_k) / 2,       G = sum_k eta_k b_k b_k',   b_k = Q' phi_k,

an A-optimal design, for every label of interest. This is the interpolation problem with labels Q. Its solution has
output weights V = diag(eta) B' G^-1, so the label y, with y = Q z + affine, gets the output weights V z: kernel
interpolation with k(x, x') = sum_k eta_k relu(w_k.x + b_k) relu(w_k.x' + b_k) and a free affine part.
"""

import numpy as np

from vvnorm.network import ReLUNetwork
from vvnorm.solvers.multivariate.affine_elimination import Convention, Inputs, Reduction
from vvnorm.validation import Array, has_missing, levels, refuse_conflicts


class InfiniteLimit:
    """The limit for labels Y (N, T) at points X (N, d), as an interpolation problem: the design.

    Attributes
    ----------
    points : Inputs
        Distinct points.
    basis : (n, m) array
        Labels of the design at the distinct points: an orthonormal basis of the complement of the affine functions.

    Raises
    ------
    ValueError
        For missing labels; labels that differ at one point; points on which every label is affine.
    """

    def __init__(self, X: Array, Y: Array, convention: Convention) -> None:
        if has_missing(Y):
            raise ValueError("Y has missing labels (NaN): infinitely many auxiliary outputs have none")
        self.points = points = Inputs(X, convention)
        self.basis = points.complement
        if self.basis.shape[1] == 0:
            raise ValueError(
                f"X has {len(points)} distinct points: every label is affine there, and nothing depends on outputs"
            )
        refuse_conflicts(X, Y)
        self._labels = Y[points.first]

    def network(self, design: ReLUNetwork) -> ReLUNetwork:
        """Return the interpolant of the labels that the design, an interpolant of the basis, implies."""
        points, level = self.points, levels(self._labels)
        labels = self._labels - level
        z = self.basis.T @ (labels - labels.mean(axis=0))
        rest = Reduction(points, np.ones(labels.shape), labels - design(points.X) @ z, 0.0)
        A, c = points.free_part(rest.best_affine())
        return ReLUNetwork(design.W, design.b, z.T @ design.V, z.T @ design.A + A, z.T @ design.c + c + level)
