"""One input: `interpolation` in closed form, `fits` by knot generation, Newton steps and passes over the data."""
