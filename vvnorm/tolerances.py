"""All tolerances of the toolkit, with reasons. They are relative. No other module defines one."""

from typing import Final

EPS: Final = 2.0**-52
"""Spacing of float64 at 1."""

LABEL_ROUNDING: Final = 16 * EPS
"""Assumed relative accuracy of labels and inputs. Labels that are collinear (or curvatures that are aligned) in exact
arithmetic are so only up to a few roundings after they are computed or read from a file in decimals; 16 covers an affine
expression that is evaluated in float64 and then rounded to decimals of 16 digits."""

HALF_ULP: Final = EPS / 2
"""Largest relative change of a decimal number when it is read into float64. A property that such changes can alter is not
decided by the data, since labels and inputs given in decimals are known only to this accuracy."""

LAST_DIGITS: Final = 2 * EPS
"""Assumed relative accuracy of labels whose range is small beside their size: larger differences between them count as
real. 2 covers labels that were computed near 0 and then shifted, and the rounding of a fit's value there."""

STRAIGHTENING: Final = 1e-9
"""Largest change of a label, relative to its output's range, when nearly collinear labels are replaced by a line: the
verifier's bound `GAP` on the relative residual must still hold."""

ALIGNMENT_CAP: Final = 1e-7
"""Largest distance of two unit vectors that may count as aligned, however coarse the labels. At this distance the error
from treating them as equal is of second order, 1e-14 / 2, below the rounding of the VV norm."""

GAP: Final = 1e-6
"""Relative duality gap, and relative residual, up to which a solution counts as certified unless the caller asks
for another. Closed forms reach 1e-12; first-order and interior-point solvers reach this comfortably."""

TRAINED: Final = 0.01
"""Relative gap, and relative residual, up to which a network trained by gradient descent counts as optimal unless the
caller asks for another; the claim `trained_networks` uses it. With default settings training ends far below it for one
input, and with polishing for several inputs."""

FLAT: Final = 64 * EPS
"""Points lie in an affine subspace up to rounding if their distances from it are below this times the number of points,
relative to their spread. Coordinates have one rounding each, and singular values one per point; 64 covers inputs that were
computed, or read from a file in decimals."""

KINK: Final = 1e-10
"""Distance, relative to the largest offset, up to which kinks are merged on request."""

CLAIM: Final = 1e-9
"""Relative half-width inside which a claim's equality counts as confirmed: far above the rounding of the closed forms
(1e-13), far below any effect that breaking a hypothesis has (1e-3 and more)."""
