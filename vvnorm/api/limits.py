"""Problem sizes up to which a solver is called that the user did not ask for: for a dual array, or as a second solver."""

from typing import Final

MAX_POINTS: Final = 300
"""Most points of several inputs: in the plane the solver then takes some seconds."""

MAX_PROGRAM_LABELS: Final = 100_000
"""Most labels of one input for which a convex program is solved, where there is no skip connection or, in interpolation,
where labels are missing: that takes up to half a minute."""
