"""One input feature: closed forms in `interpolation`, iterative solvers in `fits`."""
