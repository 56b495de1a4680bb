"""Every tolerance of the toolkit, relative, with its reason. Nothing else holds a number like these."""

from typing import Final

EPS: Final = 2.0**-52
"""Spacing of float64 at 1."""

LABEL_ROUNDING: Final = 16 * EPS
"""Relative accuracy at which labels, and inputs, are taken to be known. Labels that lie on a line (or curvatures that point
one way) in exact arithmetic do so only up to a few roundings once they are computed or read from a file in decimals; 16
covers an affine expression evaluated in float64 and then rounded to decimals of 16 digits."""

HALF_ULP: Final = EPS / 2
"""What reading a number in decimals changes it by, at most, relative to it. What is not decided within that is not decided
by the data: labels and inputs that are decimal numbers are no better known than this."""

LAST_DIGITS: Final = 2 * EPS
"""The same for labels that all lie far from 0, beside their range: digits beyond this one tell them apart, so that they are
no rounding. 2 covers labels that were computed next to 0 and then moved there, and a fit's value there."""

STRAIGHTENING: Final = 1e-9
"""Making a stretch straight never moves a label by more than this part of its output's range, however coarse the labels:
a verifier that asks for a relative residual of `GAP` must not notice."""

ALIGNMENT_CAP: Final = 1e-7
"""Two unit vectors further apart than this are never called aligned, however coarse the labels. At this distance the
cost of treating them as one direction is of second order, 1e-14 / 2, below the rounding of the VV norm itself."""

GAP: Final = 1e-6
"""Relative duality gap, and relative residual, up to which a solution counts as certified unless the caller asks
for another. Closed forms reach 1e-12; first-order and interior-point solvers reach this comfortably."""

TRAINED: Final = 0.01
"""Relative gap, and relative residual, up to which a network trained by gradient descent counts as optimal unless the
caller asks for another: what claim `trained_networks` says of them. Training with default settings ends far below it where
kinks need not turn (one input), and polishing brings it there for several."""

FLAT: Final = 64 * EPS
"""Times the number of points: points whose distances from an affine subspace are below this part of their spread lie in it
up to rounding. Their coordinates carry one rounding each, and singular values one per point; 64 covers inputs that were
computed, or read from a file in decimals."""

KINK: Final = 1e-10
"""Two kinks closer than this, relative to the largest offset, are one when a caller asks for merging."""

CLAIM: Final = 1e-9
"""Relative half-width inside which a claim's equality counts as confirmed: far above the rounding of the closed forms
(1e-13), far below any effect that breaking a hypothesis has (1e-3 and more)."""
